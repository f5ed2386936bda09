"""Every figure on PostgreSQL: counted from the stages, the same whether the closed days are held or not."""

from datetime import UTC, date, datetime, timedelta

import msgspec
import pytest

from fanal.accounts import row_scope
from fanal.accounts.domain.policy import Refused
from fanal.casework.domain.records import Event
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import Actor, Role, public_actor, system_actor
from fanal.measures.operations.drafts import approve_measure
from fanal.measures.operations.milestones import record_first_contact, record_sent
from fanal.statistics import operations, queries
from fanal.statistics.models import Counted, Daily, Published
from tests.integration.measures.stories import OFFICER, decide, measure
from tests.integration.orient.people import person

STATISTICIAN = person(Role.STATISTICIAN)
SYSTEM = system_actor("statistics")
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def receive(at: datetime, n: int = 1, **values: object) -> None:
    for _ in range(n):
        body = msgspec.json.encode({"reference": f"R{at}{n}{values}"})
        submission = Submission(
            arrival=values.get("arrival", Arrival.API),
            format=Format.REPORT,
            body=body,
            canonical=body,
            finish=values.get("finish", True),
            urgent=values.get("urgent", False),
            is_test=values.get("is_test", False),
        )
        receive_reports(actor=SYSTEM, submissions=[submission], now=at)


def value(table: object, *keys: str) -> int:
    return sum(r.value for r in table.rows if set(keys) <= set(r.keys))


def before(table: object, *keys: str) -> int:
    return sum(r.before for r in table.rows if set(keys) <= set(r.keys))


def received(now: datetime = NOW) -> object:
    """Return the figure as its page reads it: the database shows no row of a desk to a statistician."""
    with row_scope.shown_to(STATISTICIAN):
        return queries.series(actor=STATISTICIAN, figure="RECEIVED", now=now)


@pytest.fixture(params=["at once", "held"])
def counted(request: pytest.FixtureRequest):
    """Whether closed days are held when the figure is read: both must give the same."""

    def run(now: datetime = NOW) -> None:
        if request.param == "held":
            operations.refresh_days(actor=SYSTEM, now=now)
            assert Counted.objects.count() == len(queries.DAILY | queries.TRENDS)

    return run


def test_reports_by_door_and_emergency_without_tests_and_unfinished(counted) -> None:
    receive(NOW - timedelta(days=2), 3)
    receive(NOW - timedelta(days=2), urgent=True, arrival=Arrival.FORM)
    receive(NOW - timedelta(days=2), is_test=True)
    receive(NOW - timedelta(days=2), finish=False)
    counted()
    receive(NOW)  # the present day is always counted at once
    table = received()
    assert value(table, "2026-11") == 5
    assert value(table, "2026-11", "API", "ORDINARY") == 4
    assert value(table, "2026-11", "FORM", "URGENT") == 1


def test_months_and_years_turn_at_midnight_in_paris(counted) -> None:
    receive(datetime(2026, 9, 30, 21, 59, tzinfo=UTC))  # 23:59 in Paris, summer time
    receive(datetime(2026, 9, 30, 22, 0, tzinfo=UTC))  # 1 October
    receive(datetime(2026, 10, 31, 22, 59, tzinfo=UTC))  # 23:59, winter time
    receive(datetime(2026, 10, 31, 23, 0, tzinfo=UTC))  # 1 November
    receive(datetime(2025, 12, 31, 22, 59, tzinfo=UTC))  # 23:59, the last of the year
    receive(datetime(2025, 12, 31, 23, 0, tzinfo=UTC))  # 2026
    counted()
    table = received()
    assert [value(table, m) for m in ("2026-09", "2026-10", "2026-11")] == [1, 2, 1]
    assert [value(table, m) for m in ("2025-12", "2026-01")] == [1, 1]


def test_the_night_of_a_time_change_loses_and_doubles_nothing(counted) -> None:
    for hour in range(26):  # 25 October 2026 lasts 25 hours in Paris
        receive(datetime(2026, 10, 24, 22, 0, tzinfo=UTC) + timedelta(hours=hour))
    counted()
    if Daily.objects.exists():
        assert Daily.objects.get(figure="RECEIVED", day=date(2026, 10, 25)).n == 25
        assert Daily.objects.get(figure="RECEIVED", day=date(2026, 10, 26)).n == 1
    assert value(received(), "2026-10") == 26


def test_the_year_before_stops_at_the_same_day(counted) -> None:
    receive(datetime(2025, 11, 24, 12, tzinfo=UTC), 2)
    receive(datetime(2025, 11, 25, 12, tzinfo=UTC), 4)
    receive(datetime(2025, 10, 31, 12, tzinfo=UTC), 1)
    receive(datetime(2026, 11, 2, 12, tzinfo=UTC), 3)
    receive(datetime(2026, 9, 3, 12, tzinfo=UTC), 1)
    counted()
    table = received()
    assert (value(table, "2026-11"), before(table, "2026-11")) == (3, 2)
    assert before(table, "2026-10") == 1
    # Two reports are no base for a percentage, and September 2025 is no month without reports: there
    # was no desk.
    assert next(r for r in table.rows if r.keys[0] == "2026-11").change is None
    assert next(r for r in table.rows if r.keys[0] == "2026-09").before is None


def test_decisions_kinds_measures_and_delays(counted) -> None:
    recorded = decide(now=NOW - timedelta(days=1))
    waiting = queries.waiting(actor=STATISTICIAN, now=NOW)
    assert value(waiting, "MEASURES", "TO_SECOND") == 1
    assert value(waiting, "DESK", "TO_SECOND") == 1
    assert value(waiting, "REFERRALS", "UNSENT") == 1
    [measure_id] = recorded.opened["measure"]
    day = NOW - timedelta(hours=12)
    digest = measure(measure_id).digest
    approve_measure(actor=OFFICER, measure_id=measure_id, digest=digest, now=day)
    record_first_contact(
        actor=OFFICER,
        recipient=measure(measure_id).request.recipient,
        now=day,
        event=Event(happened_at=day - timedelta(hours=13), proof="mail"),
    )
    record_sent(
        actor=OFFICER,
        measure_id=measure_id,
        now=day + timedelta(hours=1),
        event=Event(happened_at=day + timedelta(hours=1), proof="mail"),
    )
    counted()
    month = "2026-11"
    with row_scope.shown_to(STATISTICIAN):
        kinds = queries.series(actor=STATISTICIAN, figure="ORIENTED", now=NOW)
        assert value(kinds, month, "ABUSE_MATERIAL") == 1
        tracks = queries.series(actor=STATISTICIAN, figure="DECIDED", now=NOW)
        assert value(tracks, month, "JUDICIAL+MEASURES") == 1
        assert value(queries.series(actor=STATISTICIAN, figure="SENT", now=NOW), "REMOVAL") == 1
        days = {"since": date(2026, 11, 1), "until": date(2026, 12, 1), "now": NOW}
        outcomes = queries.period(actor=STATISTICIAN, figure="OUTCOMES", **days)
        assert value(outcomes, "REMOVAL", "SENT") == 1
        referred = queries.period(actor=STATISTICIAN, figure="REFERRED", **days)
        assert value(referred, "DRAFT") == 1
        found = queries.delays(actor=STATISTICIAN, **days)
        assert value(found, "SECOND", "MEDIAN") == 12 * 3600
        assert value(found, "SEND", "P90") == 3600
        assert [r.value for r in found.rows if r.keys == ("EXECUTE", "COUNT")] == [0]
        assert [r.value for r in found.rows if r.keys == ("EXECUTE", "MEDIAN")] == [None]


def test_a_retraction_of_an_old_report_is_seen_the_next_night() -> None:
    receive(NOW - timedelta(days=20))
    operations.refresh_days(actor=SYSTEM, now=NOW)
    Daily.objects.filter(figure="RECEIVED").update(n=9)
    operations.refresh_days(actor=SYSTEM, now=NOW)
    assert value(received(), "2026-11") == 9
    operations.refresh_days(actor=SYSTEM, now=NOW, whole=True)
    assert value(received(), "2026-11") == 1


def test_what_is_older_than_400_days_is_not_counted_again() -> None:
    receive(NOW - timedelta(days=390))
    operations.refresh_days(actor=SYSTEM, now=NOW)
    later = NOW + timedelta(days=60)
    Daily.objects.filter(figure="RECEIVED").update(n=7)
    operations.refresh_days(actor=SYSTEM, now=later, whole=True)
    assert Daily.objects.get(figure="RECEIVED").n == 7


@pytest.mark.role("worker")
def test_public_figures_hide_what_is_small_and_hold_no_open_month() -> None:
    receive(datetime(2026, 10, 5, tzinfo=UTC), 6)
    receive(datetime(2026, 9, 5, tzinfo=UTC), 3)
    receive(NOW)
    assert operations.publish(actor=SYSTEM, now=NOW) > 0
    assert operations.publish(actor=SYSTEM, now=NOW) == 0
    found, at = queries.published(actor=public_actor())
    assert at == NOW
    totals = found["RECEIVED"]
    assert totals[date(2026, 9, 1), "TOTAL"] is None
    assert (date(2026, 11, 1), "TOTAL") not in totals
    assert not Published.objects.filter(n__gt=0, n__lt=5).exists()


@pytest.mark.django_db(transaction=True)
def test_a_public_node_reads_the_published_figures_and_nothing_else(as_role) -> None:
    import psycopg

    node = as_role("intake")
    assert node.execute("SELECT count(*) FROM statistics_published").fetchone() == (0,)
    for table in ("statistics_daily", "statistics_counted"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            node.execute(f"SELECT * FROM {table}")


@pytest.mark.parametrize(
    "actor",
    [public_actor(), person(Role.PARTNER), person(Role.LABORATORY), person(Role.ADMINISTRATOR)],
)
def test_nobody_else_reads_statistics(actor: Actor) -> None:
    for read in (
        lambda: queries.series(actor=actor, figure="RECEIVED", now=NOW),
        lambda: queries.waiting(actor=actor, now=NOW),
        lambda: queries.delays(actor=actor, since=NOW.date(), until=NOW.date(), now=NOW),
    ):
        with pytest.raises(Refused):
            read()
