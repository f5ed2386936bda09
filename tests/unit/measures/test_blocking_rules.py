"""The due instants of a blocking, its expiry, and who is asked, state by state."""

from datetime import UTC, datetime, timedelta

import pytest

from fanal import reference
from fanal.measures.blocking.kind import BLOCKS, STATES, BlockingState
from fanal.measures.blocking.rules import (
    BlockingFacts,
    asked_of,
    due_at,
    expiry_of,
    longest_doubt,
)
from fanal.measures.domain.clocks import check_due

CATALOGUE = reference.load()
AT = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
S = BlockingState


def facts(state: BlockingState, **values: object) -> BlockingFacts:
    """A blocking of the level HIGH that took its steps an hour apart."""
    known = {"level": "HIGH", "protected": False, "created_at": AT}
    return BlockingFacts(state=state, **(known | values))  # type: ignore[arg-type]


LISTED = {"approved_at": AT, "listed_at": AT + HOUR}
DUE = {
    S.DRAFT: ({}, AT + 4 * HOUR),
    S.TO_SECOND: ({}, AT + 4 * HOUR),
    S.APPROVED: ({"approved_at": AT, "removal_due": AT + 30 * DAY}, AT + 30 * DAY),
    S.VOUCHED: ({"approved_at": AT, "removal_due": AT + 30 * DAY}, AT + 30 * DAY),
    S.LISTED: (LISTED, AT + HOUR + DAY),
    S.IN_FORCE: (LISTED | {"checked_at": AT + 9 * DAY}, datetime(2027, 3, 3, 9, 0, tzinfo=UTC)),
    S.DOUBTED: (LISTED | {"doubted_at": AT + 2 * HOUR}, AT + 2 * HOUR + DAY),
    S.FREED: (LISTED | {"ended_at": AT + 3 * HOUR}, AT + 3 * HOUR + DAY),
    S.LIFTING: (LISTED | {"ended_at": AT + 3 * HOUR}, AT + 3 * HOUR + DAY),
    S.LIFTED: (LISTED | {"ended_at": AT + 3 * HOUR}, None),
    S.WITHDRAWN: ({}, None),
}


@pytest.mark.parametrize("state", list(BlockingState))
def test_each_state_but_the_last_has_one_due_instant_and_somebody_asked(state: S) -> None:
    values, wanted = DUE[state]
    found = facts(state, **values)
    assert due_at(found, catalogue=CATALOGUE) == wanted
    assert bool(asked_of(found, late=False)) is (state not in STATES.final)
    assert (expiry_of(found, catalogue=CATALOGUE) is not None) is (state in BLOCKS)


def test_a_doubt_never_ends_after_the_check() -> None:
    late = facts(S.DOUBTED, listed_at=AT, doubted_at=AT + 89 * DAY, level="LOW")
    assert expiry_of(late, catalogue=CATALOGUE) == check_due(catalogue=CATALOGUE, since=AT)


def test_who_is_asked_changes_with_protection_and_lateness() -> None:
    protected = facts(S.APPROVED, protected=True)
    assert asked_of(protected, late=False) == "THIRD"
    assert asked_of(facts(S.APPROVED), late=False) == "OFFICER"
    for state in (S.IN_FORCE, S.DOUBTED):
        assert asked_of(facts(state), late=True) == "SUPERVISOR"


@pytest.mark.parametrize(
    ("since", "wanted"),
    [
        (datetime(2026, 11, 30, 9, 0), datetime(2027, 2, 28, 9, 0)),  # the end of a shorter month
        (
            datetime(2026, 7, 25, 0, 30),
            datetime(2026, 10, 25, 0, 30),
        ),  # the first of two such hours
        (datetime(2026, 7, 1, 9, 0), datetime(2026, 10, 1, 9, 0)),
        (datetime(2026, 8, 15, 8, 0), datetime(2026, 11, 15, 8, 0)),  # 92 days, before local time
        (datetime(2026, 1, 15, 9, 0), datetime(2026, 4, 15, 8, 0)),  # the same hour in Paris
    ],
)
def test_the_check_is_due_after_three_months_or_92_days(since: datetime, wanted: datetime) -> None:
    found = check_due(catalogue=CATALOGUE, since=since.replace(tzinfo=UTC))
    assert found == wanted.replace(tzinfo=UTC)


def test_the_longest_answer_to_a_doubt_is_that_of_the_reference_data() -> None:
    longest = {
        level: longest_doubt(level, catalogue=CATALOGUE, on=AT.date())
        for level in ("DANGER", "HIGH", "NORMAL", "LOW")
    }
    assert (longest["DANGER"], longest["HIGH"]) == (HOUR / 2, DAY)
    assert 7 * DAY <= longest["NORMAL"] < 12 * DAY
    assert 28 * DAY <= longest["LOW"] < 36 * DAY
