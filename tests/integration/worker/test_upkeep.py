"""Next months and years are made ahead, while people deposit: what is in use waits, not whoever uses it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import psycopg
import pytest

from fanal.db.numbering import NumberingFailed, give_missing
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import numbers_of
from fanal.kernel.actors import system_actor
from fanal.worker import jobs
from fanal.worker.upkeep import make_counts, make_partitions
from tests.server import WAITING_FOR_ME

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.role("worker")]
Connect = Callable[[str], psycopg.Connection[tuple[object, ...]]]


def test_a_table_in_use_is_left_for_the_next_try_and_keeps_nobody_waiting(as_role: Connect) -> None:
    until = datetime.now(UTC) + timedelta(days=400)  # beyond what any other test makes
    with as_role("app") as reader, reader.transaction():
        reader.execute("SELECT count(*) FROM intake_report")
        others = make_partitions(until=until, tries=1)
        assert reader.execute(WAITING_FOR_ME).fetchone() == (0,)
    left = make_partitions(until=until, tries=1)
    assert others > 0
    assert left > 0
    assert make_partitions(until=until, tries=1) == 0


def test_the_counts_of_the_next_year_are_made_ahead_by_the_worker_alone(as_role: Connect) -> None:
    year = datetime.now(UTC).year + 1
    until = datetime(year, 1, 20, tzinfo=UTC)
    for role in ("app", "intake"):
        with as_role(role) as other, pytest.raises(psycopg.errors.InsufficientPrivilege):
            other.execute("SELECT fanal_counts_ahead(%s::date)", [until.date()])
    make_counts(until=until)
    assert make_counts(until=until) == 0
    with as_role("owner") as owner:
        assert _counts(owner, year) == 3


def test_a_report_is_taken_although_it_gets_no_number_and_has_one_the_next_night(
    as_role: Connect,
) -> None:
    now = datetime.now(UTC)
    give_missing(since=now - timedelta(days=7))
    with as_role("owner") as owner:
        name = f"fanal_number_r_{now.astimezone(ZoneInfo('Europe/Paris')).year}"
        make_counts(until=now)
        owner.execute(f"ALTER SEQUENCE {name} RENAME TO aside")
        owner.execute(f"CREATE VIEW {name} AS SELECT 1 AS one")
    try:
        report_id = _receive(now)
    finally:
        with as_role("owner") as owner:
            owner.execute(f"DROP VIEW {name}")
            owner.execute(f"ALTER SEQUENCE aside RENAME TO {name}")
    assert numbers_of(report_ids=[report_id]) == {}
    assert give_missing(since=now - timedelta(days=7)) == 1
    assert report_id in numbers_of(report_ids=[report_id])


def test_a_migrated_database_has_the_counts_of_the_years_around_today(as_role: Connect) -> None:
    """A session of the web that created one would be ended: it would hold a strong lock (`db.hoarding`)."""
    year = datetime.now(UTC).year
    with as_role("owner") as owner:
        assert [_counts(owner, n) for n in (year - 2, year - 1, year, year + 1)] == [3, 3, 3, 3]


def test_a_report_never_creates_a_count_that_is_missing_the_worker_does(as_role: Connect) -> None:
    now = datetime.now(UTC)
    year = now.astimezone(ZoneInfo("Europe/Paris")).year
    give_missing(since=now - timedelta(days=7))
    with as_role("owner") as owner:
        owner.execute(f"ALTER SEQUENCE fanal_number_r_{year} RENAME TO aside")
        try:
            report_id = _receive(now)
            assert _counts(owner, year) == 2
        finally:
            owner.execute(f"DROP SEQUENCE IF EXISTS fanal_number_r_{year}")
            owner.execute(f"ALTER SEQUENCE aside RENAME TO fanal_number_r_{year}")
    assert give_missing(since=now - timedelta(days=7)) == 1
    assert report_id in numbers_of(report_ids=[report_id])


@pytest.mark.parametrize("state", ["missing", "behind", "fresh"])
def test_a_count_that_is_missing_or_behind_its_table_starts_after_its_largest_number(
    as_role: Connect, state: str
) -> None:
    """As in a copy of the tables without the sequences: every report then failed to get a number."""
    now = datetime.now(UTC)
    year = now.astimezone(ZoneInfo("Europe/Paris")).year
    count = f"fanal_number_r_{year}"
    with as_role("owner") as owner:
        owner.execute(f"ALTER SEQUENCE {count} RESTART WITH 1")
    before = [_receive(now) for _ in range(3)]
    with as_role("owner") as owner:
        if state == "behind":
            owner.execute(f"SELECT setval('{count}', 1)")
        else:
            owner.execute(f"DROP SEQUENCE {count}")
        if state == "fresh":
            owner.execute(f"CREATE SEQUENCE {count}")
    late = _receive(now)
    assert numbers_of(report_ids=[late]) == {}
    make_counts(until=now)
    assert give_missing(since=now - timedelta(days=7)) == 1
    after = _receive(now)
    largest = max(_number(each) for each in before)
    assert [_number(late), _number(after)] == [largest + 1, largest + 2]


def test_one_numbering_that_fails_stops_no_other(as_role: Connect) -> None:
    now = datetime.now(UTC)
    year = now.astimezone(ZoneInfo("Europe/Paris")).year
    give_missing(since=now - timedelta(days=7))
    with as_role("owner") as owner:
        owner.execute(f"ALTER SEQUENCE fanal_number_r_{year} RENAME TO aside")
        report_id = _receive(now)
        owner.execute(f"ALTER SEQUENCE aside RENAME TO fanal_number_r_{year}")
        owner.execute("ALTER FUNCTION intake_number_missing RENAME TO aside")
        dossier_id = _dossier_without_number(owner, now)
    try:
        with pytest.raises(NumberingFailed, match="intake_number"):
            give_missing(since=now - timedelta(days=7))
    finally:
        with as_role("owner") as owner:
            owner.execute("ALTER FUNCTION aside RENAME TO intake_number_missing")
    with as_role("owner") as owner:
        asked = "SELECT count(*) FROM crosscheck_number WHERE dossier_id = %s"
        assert owner.execute(asked, [dossier_id]).fetchone() == (1,)
    assert give_missing(since=now - timedelta(days=7)) == 1
    assert report_id in numbers_of(report_ids=[report_id])


def test_a_count_that_was_missing_for_weeks_is_made_up_for(as_role: Connect) -> None:
    now = datetime.now(UTC)
    weeks = now - timedelta(days=50)
    give_missing(since=weeks - timedelta(days=1))
    count = f"fanal_number_r_{weeks.astimezone(ZoneInfo('Europe/Paris')).year}"
    with as_role("owner") as owner:
        owner.execute(f"ALTER SEQUENCE {count} RENAME TO aside")
        report_id = _receive(weeks)
        owner.execute(f"ALTER SEQUENCE aside RENAME TO {count}")
    assert numbers_of(report_ids=[report_id]) == {}
    jobs.make_partitions(timestamp=0)
    assert report_id in numbers_of(report_ids=[report_id])


def _dossier_without_number(owner: psycopg.Connection[tuple[object, ...]], now: datetime) -> UUID:
    dossier_id = uuid4()
    owner.execute("ALTER TABLE crosscheck_dossier DISABLE TRIGGER crosscheck_number_given")
    owner.execute(
        "INSERT INTO crosscheck_dossier (id, anchor_id, desk_id, opened_at) VALUES (%s, %s, 1, %s)",
        [dossier_id, uuid4(), now],
    )
    owner.execute("ALTER TABLE crosscheck_dossier ENABLE TRIGGER crosscheck_number_given")
    return dossier_id


def _number(report_id: UUID) -> int:
    return int(numbers_of(report_ids=[report_id])[report_id].split("-")[2])


def _receive(now: datetime) -> UUID:
    body = b'{"kind": "OTHER"}'
    sent = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=body, canonical=body, desk_id=1
    )
    (answer,) = receive_reports(actor=system_actor("test"), submissions=[sent], now=now)
    assert answer.report_id is not None
    return answer.report_id


def _counts(owner: psycopg.Connection[tuple[object, ...]], year: int) -> int:
    """Return how many sequences of numbers there are for `year`."""
    found = owner.execute(
        "SELECT count(*) FROM pg_class WHERE relkind = 'S' AND relname LIKE %s",
        [f"fanal_number_%_{year}"],
    ).fetchone()
    assert found is not None
    return int(str(found[0]))
