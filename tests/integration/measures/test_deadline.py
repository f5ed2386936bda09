"""The end of a removal's legal time: PostgreSQL counts as the program, also over October's clock change."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.db import connection, transaction
from hypothesis import example, given, settings, strategies as st

from fanal import reference
from fanal.casework import queries as acts
from fanal.casework.domain.records import Event
from fanal.measures.domain.clocks import legal_deadline, suspensions_of
from fanal.measures.operations import milestones
from tests.integration.measures.raw import CHECK, sqlstate
from tests.integration.measures.stories import OFFICER, RECIPIENT, decide, seconded

BEFORE = datetime(2026, 10, 23, 9, 0, tzinfo=UTC)
"""Two days before the night in which an hour is repeated in Paris."""
HOUR, MINUTE, SECOND = timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1)
STEP = (
    "INSERT INTO casework_step (id, act_id, transition, source, target, actor_id, happened_at, recorded_at,"
    " addressee, revision, proof, reason)"
    " SELECT gen_random_uuid(), id, %s, %s, %s, %s, %s, now(), addressee, revision, 'mail 12', %s"
    " FROM casework_act WHERE id = %s"
)
MOVES = {
    "receive": ("SENT", "RECEIVED"),
    "suspend": ("RECEIVED", "SUSPENDED"),
    "resume": ("SUSPENDED", "RECEIVED"),
    "expire": ("RECEIVED", "EXPIRED"),
}


def sent() -> UUID:
    (measure_id,) = decide(now=BEFORE, at=BEFORE).opened["measure"]
    seconded(measure_id, now=BEFORE)
    told = Event(happened_at=BEFORE, proof="mail 11")
    milestones.record_first_contact(actor=OFFICER, recipient=RECIPIENT, event=told, now=BEFORE)
    at = BEFORE + 12 * HOUR
    event = Event(happened_at=at, proof="mail 12")
    milestones.record_sent(actor=OFFICER, measure_id=measure_id, event=event, now=at)
    return measure_id


def step(measure_id: UUID, transition: str, at: datetime) -> str:
    """Take a step as the desk's program, past every operation; return why it is refused, empty where it is not."""
    source, target = MOVES[transition]
    values = [transition, source, target, OFFICER.person_id, at, "FORCE_MAJEURE", measure_id]
    return sqlstate(STEP, values)


def by_postgresql(measure_id: UUID) -> datetime | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_user, measures_removal_deadline(%s)", [measure_id])
        user, due = cursor.fetchone()
    assert user == "fanal_app"
    return due


def by_the_program(measure_id: UUID) -> datetime | None:
    steps = acts.steps_of(act_ids=[measure_id])[measure_id]
    received = [one.happened_at for one in steps if one.transition == "receive"]
    return legal_deadline(
        catalogue=reference.load(),
        received_at=received[-1] if received else None,
        suspensions=suspensions_of(steps),
    )


def test_postgresql_counts_as_the_program_and_holds_the_end_to_it() -> None:
    measure_id = sent()
    assert by_postgresql(measure_id) is by_the_program(measure_id) is None
    begun = BEFORE + 12 * HOUR

    @settings(max_examples=60)
    @given(st.lists(st.integers(0, 2_000), min_size=1, max_size=7), st.integers(0, 59))
    @example([60 * 18], 30)
    @example([60 * 27, 1, 1, 60 * 20], 0)
    def check(minutes: list[int], seconds: int) -> None:
        with transaction.atomic():
            at = begun
            for number, passed in enumerate(minutes):
                at += passed * MINUTE + seconds * SECOND
                moved = "receive" if number == 0 else ("resume", "suspend")[number % 2]
                assert step(measure_id, moved, at) == ""
                due = by_the_program(measure_id)
                assert by_postgresql(measure_id) == due
                assert (due is None) is (moved == "suspend")
            if due is not None:
                assert step(measure_id, "expire", max(at, due - SECOND)) == CHECK
                assert step(measure_id, "expire", due) == ""
            transaction.set_rollback(True)

    check()


def test_nothing_ends_that_was_not_received_or_is_suspended() -> None:
    measure_id = sent()
    assert step(measure_id, "expire", BEFORE + 90 * HOUR) == CHECK
    assert step(measure_id, "receive", BEFORE + 13 * HOUR) == ""
    assert step(measure_id, "suspend", BEFORE + 14 * HOUR) == ""
    assert step(measure_id, "expire", BEFORE + 90 * HOUR) == CHECK


@pytest.mark.parametrize("hours", [13, 36.99])
def test_no_one_ends_the_time_early_in_sql(hours: float) -> None:
    measure_id = sent()
    assert step(measure_id, "receive", BEFORE + 13 * HOUR) == ""
    assert step(measure_id, "expire", BEFORE + hours * HOUR) == CHECK
    assert step(measure_id, "expire", BEFORE + 37 * HOUR) == ""
