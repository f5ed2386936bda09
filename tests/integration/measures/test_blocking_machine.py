"""Random steps in raw SQL, by anybody, at any time of the past: no order of them blocks a name wrongly.

A model that knows the rules alone, not the guards, reads the steps that PostgreSQL took and says whether the
name may be in the list; the register is compared with it after each step.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID

from django.db import transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal import reference
from fanal.casework import queries as casework
from fanal.casework.domain.records import ActStep
from fanal.measures.blocking.kind import STATES
from fanal.measures.blocking.register import entries_in_force
from fanal.measures.domain.clocks import check_due
from fanal.measures.domain.records import DoubtCause, LiftOutcome
from fanal.orient.domain.clocks import desk_deadline
from tests.integration.measures.blockings import (
    COLLEAGUE,
    DAY,
    HOUR,
    SUPERVISOR,
    act_of,
    ago,
    drafted,
    received,
)
from tests.integration.measures.raw import approve
from tests.integration.measures.stories import ANALYST, HOST, OFFICER
from tests.integration.measures.test_blocking_sql import PROTECTED, step

PEOPLE = (ANALYST, OFFICER, COLLEAGUE, SUPERVISOR)
RECEIVED = 121
"""Days since the receipt of the removal requests."""
SEQUENCES = 40
"""Sequences of each run of the suite; a longer run found no other outcome."""
_OUTCOMES = {"doubt": list(map(str, DoubtCause)), "lift": list(map(str, LiftOutcome))}
LIKELY = (
    "submit",
    "approve",
    "vouch",
    "list",
    "confirm",
    "check",
    "doubt",
    "keep",
    "check",
    "list",
)
Drawn = tuple[int, int, int]


def last(steps: Sequence[ActStep], *names: str) -> ActStep | None:
    """The newest of the steps with one of these names."""
    return next((one for one in reversed(steps) if one.transition in names), None)


def may_be_blocked(
    steps: Sequence[ActStep], *, protected: bool, due: datetime, now: datetime
) -> bool:
    """Whether the name may be in a list at `now`, by the rules of the README."""
    listing, approval = last(steps, "list"), last(steps, "approve")
    if listing is None or approval is None or last(steps, "free", "lift") is not None:
        return False
    assert listing.happened_at >= due
    assert approval.actor_id != ANALYST.person_id  # who wrote it
    if protected:
        third = last(steps, "vouch")
        assert third is not None
        assert third.actor_id not in {ANALYST.person_id, approval.actor_id}
    ends = check_due(
        catalogue=reference.load(), since=(last(steps, "check") or listing).happened_at
    )
    doubt, kept = last(steps, "doubt"), last(steps, "doubt", "keep")
    if doubt is not None and kept is doubt:
        answer = desk_deadline(
            catalogue=reference.load(), stage="DECIDE", level="HIGH", start=doubt.happened_at
        )
        ends = min(ends, answer)
    return now < ends


def one_step(blocking_id: UUID, drawn: Drawn, at: datetime) -> None:
    """Take a step that the state allows or, now and then, any other; PostgreSQL may refuse it."""
    choice, person, extra = drawn
    actor, state = PEOPLE[person % len(PEOPLE)].person_id, act_of(blocking_id).state
    moves = [(one, source) for one in STATES.transitions for source in sorted(one.sources)]
    allowed = [(one, source) for one, source in moves if source == state and one.name != "amend"]
    likely = [move for move in allowed if move[0].name in LIKELY]
    wanted = (moves if extra % 7 == 0 else likely if extra % 7 < 5 else allowed) or moves
    move, source = wanted[choice % len(wanted)]
    if move.name == "approve":
        approve(blocking_id, by=actor)
    outcomes = _OUTCOMES.get(move.name, [""])
    step(
        blocking_id,
        move.name,
        source,
        move.target,
        at=at,
        recorded=at,
        by=actor,
        outcome=outcomes[extra % len(outcomes)],
    )


def test_no_order_of_steps_blocks_a_name_wrongly() -> None:
    due, names = ago(RECEIVED) + DAY, {HOST: False, PROTECTED: True}
    acts = {
        name: drafted(received(ago(RECEIVED), name), ago(RECEIVED) + HOUR, name=name)
        for name in names
    }
    seen: set[bool] = set()
    number = st.integers(0, 10_000)

    @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.sampled_from(sorted(names)),
        st.lists(st.tuples(number, number, number), min_size=4, max_size=14),
        st.lists(st.integers(0, RECEIVED * 24), min_size=14, max_size=14),
    )
    def check(name: str, drawn: list[Drawn], hours: list[int]) -> None:
        blocking_id, lapsed = acts[name], False
        with transaction.atomic():
            for one, before in zip(drawn, sorted(hours, reverse=True), strict=False):
                one_step(blocking_id, one, datetime.now(UTC) - before * HOUR)
                now = datetime.now(UTC)
                steps = casework.steps_of(act_ids=[blocking_id]).get(blocking_id, ())
                wanted = may_be_blocked(steps, protected=names[name], due=due, now=now)
                blocked = name in {entry.name for entry in entries_in_force(now=now)}
                assert blocked is wanted
                assert not (blocked and lapsed)
                lapsed = lapsed or (last(steps, "list") is not None and not blocked)
                seen.add(blocked)
            transaction.set_rollback(True)

    check()
    assert seen == {True, False}
