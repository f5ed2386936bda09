"""Raw SQL as the desk's program reaches no dereferencing that the rules do not allow, in any order of steps."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, given, settings, strategies as st

from fanal import reference
from fanal.casework import queries as casework
from fanal.casework.domain.records import ActStep, Event
from fanal.measures.dereferencing.kind import STATES
from fanal.measures.domain.clocks import search_check_due
from fanal.measures.domain.records import DoubtCause, LiftOutcome
from fanal.measures.operations import milestones
from fanal.orient.domain.clocks import desk_deadline
from tests.integration.measures.blockings import COLLEAGUE, DAY, HOUR, SUPERVISOR, ago, received
from tests.integration.measures.dereferencings import (
    act_of,
    approved,
    drafted,
    file_of,
    notified,
    take,
    view,
)
from tests.integration.measures.racing import refused_meanwhile
from tests.integration.measures.raw import CHECK, PRIVILEGE, RESTRICT, approve, sqlstate
from tests.integration.measures.stories import ANALYST, OFFICER
from tests.integration.measures.test_blocking_sql import step

PEOPLE = (ANALYST, OFFICER, COLLEAGUE, SUPERVISOR)
BEFORE = 121
"""Days since the receipt of the removal request."""
SEQUENCES = 40
_OUTCOMES = {"doubt": list(map(str, DoubtCause)), "lift": list(map(str, LiftOutcome))}
LIKELY = ("submit", "approve", "notify", "confirm", "check", "doubt", "keep", "check", "notify")
Drawn = tuple[int, int, int]


def test_nobody_approves_their_own_draft_and_nothing_is_skipped() -> None:
    act_id = drafted(received(ago(2)), ago(1), actor=OFFICER)
    assert step(act_id, "notify", "DRAFT", "NOTIFIED") == CHECK
    take(act_id, "submit", ago(1))
    assert step(act_id, "notify", "APPROVED", "NOTIFIED") == CHECK
    assert approve(act_id, by=OFFICER.person_id) == CHECK
    assert step(act_id, "approve", "TO_SECOND", "APPROVED") == CHECK
    assert approve(act_id, by=COLLEAGUE.person_id) == ""
    assert step(act_id, "approve", "TO_SECOND", "APPROVED", by=ANALYST.person_id) == CHECK
    assert step(act_id, "approve", "TO_SECOND", "APPROVED", by=COLLEAGUE.person_id) == ""
    assert step(act_id, "notify", "APPROVED", "NOTIFIED", by=ANALYST.person_id) == CHECK
    assert step(act_id, "notify", "APPROVED", "NOTIFIED") == ""


@pytest.mark.parametrize(
    "changed",
    [
        {"host": "other.example"},
        {"removal_id": str(uuid4())},
        {"revision": 7},
        {"targets": []},
        {"targets": "https://pictures.example/a"},
        {"targets": ["https://pictures.example/a", "https://other.example/"]},
        {"addressee": {}},
    ],
)
def test_the_bytes_name_addresses_of_the_request(changed: dict[str, object]) -> None:
    document = json.loads(file_of(drafted(received(ago(2)), ago(1))).content or b"")
    made = uuid4()
    removal_id = UUID(document["dereferencing"]["removal_id"])
    document["dereferencing"] |= {"act_id": str(made), **changed}
    columns = "desk_id, subject_id, report_ids, decision_id, addressee, basis, level, author_id"
    with transaction.atomic():
        sqlstate(
            f"INSERT INTO casework_act (id, kind, state, created_at, {columns}) SELECT %s,"
            f" 'dereferencing', 'DRAFT', now(), {columns} FROM casework_act WHERE id = %s",
            [made, removal_id],
        )
        refused = sqlstate(
            "INSERT INTO casework_document (act_id, revision, content, author_id, written_at)"
            " VALUES (%s, 1, %s, %s, now())",
            [made, json.dumps(document).encode(), ANALYST.person_id],
        )
        transaction.set_rollback(True)
    assert refused == CHECK


def test_no_instant_moves_and_no_row_goes() -> None:
    act_id = notified(2)
    for statement in (
        "UPDATE measures_dereferencing SET checked_at = now() WHERE act_id = %s",
        "UPDATE measures_dereferencing SET recipient = 'a' WHERE act_id = %s",
        "DELETE FROM measures_dereferencing WHERE act_id = %s",
        "INSERT INTO measures_dereferencing VALUES (%s, 'a', 'a', %s)",
        "UPDATE casework_step SET happened_at = now() WHERE act_id = %s",
    ):
        values = [act_id] * statement.count("%s")
        assert sqlstate(statement, values) in {PRIVILEGE, RESTRICT}


def test_no_step_dated_earlier_prolongs_what_has_lapsed() -> None:
    act_id, early = notified(93), ago(50)
    for transition in ("confirm", "check"):
        refused = step(act_id, transition, "NOTIFIED", "IN_FORCE", at=early, recorded=early)
        assert refused == CHECK
    assert step(act_id, "doubt", "NOTIFIED", "DOUBTED", at=early, outcome="OTHER") == ""
    colleague = COLLEAGUE.person_id
    assert step(act_id, "keep", "DOUBTED", "IN_FORCE", by=colleague, at=early) == CHECK
    assert step(act_id, "lift", "DOUBTED", "LIFTING", outcome="LAPSED") == ""


def test_who_freed_does_not_review_and_nothing_ends_unreviewed() -> None:
    act_id, analyst, colleague = notified(2), ANALYST.person_id, COLLEAGUE.person_id
    assert step(act_id, "free", "NOTIFIED", "FREED", by=analyst, reason=" ") == CHECK
    assert step(act_id, "free", "NOTIFIED", "FREED", by=analyst) == ""
    assert step(act_id, "ask", "FREED", "RESTORING", by=analyst) == ""
    assert step(act_id, "restore", "RESTORING", "LIFTED") == CHECK
    assert step(act_id, "review", "RESTORING", "RESTORING", by=analyst) == CHECK
    assert step(act_id, "review", "RESTORING", "RESTORING", by=colleague) == ""
    assert step(act_id, "review", "RESTORING", "RESTORING", by=colleague) == CHECK
    assert step(act_id, "restore", "RESTORING", "LIFTED") == ""


def test_who_doubted_does_not_keep_and_nothing_is_restored_unasked() -> None:
    act_id = notified(2)
    assert step(act_id, "doubt", "NOTIFIED", "DOUBTED", outcome="OTHER") == ""
    assert step(act_id, "keep", "DOUBTED", "IN_FORCE") == CHECK
    assert step(act_id, "lift", "DOUBTED", "LIFTING", outcome="GONE") == ""
    assert step(act_id, "restore", "LIFTING", "LIFTED") == CHECK
    assert step(act_id, "review", "LIFTING", "LIFTING", by=COLLEAGUE.person_id) == CHECK


@pytest.mark.django_db(transaction=True)
def test_a_notification_and_an_execution_run_one_after_the_other() -> None:
    at = ago(2)
    removal_id = received(at)
    act_id = approved(drafted(removal_id, at), at)
    event, now = Event(happened_at=ago(0), proof="mail"), datetime.now(UTC)

    def execute() -> None:
        milestones.record_execution(actor=OFFICER, measure_id=removal_id, event=event, now=now)

    refused = refused_meanwhile(execute, lambda: take(act_id, "notify", now))
    assert refused == ["REMOVAL_ENDED"]
    assert act_of(act_id).state == "APPROVED"


def last(steps: Sequence[ActStep], *names: str) -> ActStep | None:
    """The newest of the steps with one of these names."""
    return next((one for one in reversed(steps) if one.transition in names), None)


def may_last(steps: Sequence[ActStep], *, now: datetime) -> bool:
    """Whether the addresses may stay out of results at `now`, by the rules of the README."""
    sending, approval = last(steps, "notify"), last(steps, "approve")
    if sending is None or approval is None:
        return False
    assert approval.actor_id != ANALYST.person_id  # who wrote it
    if last(steps, "restore"):
        assert last(steps, "ask") is not None
        freeing, review = last(steps, "free"), last(steps, "review")
        assert freeing is None or (review and review.actor_id != freeing.actor_id)
    if last(steps, "free", "lift"):
        return False
    ends = search_check_due(
        catalogue=reference.load(), since=(last(steps, "check") or sending).happened_at
    )
    doubt, kept = last(steps, "doubt"), last(steps, "doubt", "keep")
    if doubt is not None and kept is doubt:
        answer = desk_deadline(
            catalogue=reference.load(), stage="DECIDE", level="HIGH", start=doubt.happened_at
        )
        ends = min(ends, answer)
    return now < ends


def one_step(act_id: UUID, drawn: Drawn, at: datetime) -> None:
    """Take a step that the state allows or, now and then, any other; PostgreSQL may refuse it."""
    choice, person, extra = drawn
    actor, state = PEOPLE[person % len(PEOPLE)].person_id, act_of(act_id).state
    moves = [(one, source) for one in STATES.transitions for source in sorted(one.sources)]
    allowed = [(one, source) for one, source in moves if source == state and one.name != "amend"]
    likely = [move for move in allowed if move[0].name in LIKELY]
    wanted = (moves if extra % 7 == 0 else likely if extra % 7 < 4 else allowed) or moves
    move, source = wanted[choice % len(wanted)]
    if move.name == "approve":
        approve(act_id, by=actor)
    outcomes = _OUTCOMES.get(move.name, [""])
    outcome = outcomes[extra % len(outcomes)]
    step(
        act_id,
        move.name,
        source,
        move.target,
        at=at,
        recorded=at,
        by=actor,
        outcome=outcome,
    )


def test_no_order_of_steps_keeps_addresses_out_of_results_wrongly() -> None:
    act_id = drafted(received(ago(BEFORE)), ago(BEFORE))
    seen: set[tuple[bool, str]] = set()
    number = st.integers(0, 10_000)

    @settings(max_examples=SEQUENCES, deadline=None, suppress_health_check=[HealthCheck.too_slow])
    @given(
        st.lists(st.tuples(number, number, number), min_size=4, max_size=14),
        st.lists(st.integers(0, BEFORE * 24), min_size=14, max_size=14),
    )
    def check(drawn: list[Drawn], hours: list[int]) -> None:
        lapsed = False
        with transaction.atomic():
            for one, before in zip(drawn, sorted(hours, reverse=True), strict=False):
                one_step(act_id, one, datetime.now(UTC) - before * HOUR)
                now = datetime.now(UTC)
                steps = casework.steps_of(act_ids=[act_id]).get(act_id, ())
                found = view(act_id, now)
                lasts = found.lapses_at is not None and not found.lapsed
                assert lasts is may_last(steps, now=now)
                assert not (lasts and lapsed)
                assert (found.due_at is None) is (found.act.state in STATES.final)
                assert (not found.asked) is (found.act.state in STATES.final)
                lapsed = lapsed or (last(steps, "notify") is not None and not lasts)
                seen.add((lasts, found.act.state))
            transaction.set_rollback(True)

    check()
    assert {lasts for lasts, _ in seen} == {True, False}


def test_the_quarter_is_the_same_as_that_of_blockings() -> None:
    at = ago(1)
    with connection.cursor() as cursor:
        cursor.execute("SELECT measures_check_due(%s)", [at])
        [due] = cursor.fetchone()
    assert due == search_check_due(catalogue=reference.load(), since=at) > at + 88 * DAY
