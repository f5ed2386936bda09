"""Terms of appeals: elapsed hours, days and months that end at midnight in Paris, each with its source."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.kernel.calendar import PARIS, paris_day
from fanal.measures.appeal.kind import AppealState
from fanal.measures.appeal.rules import AppealFacts, asked_of, due_at, terms_of
from fanal.measures.domain.clocks import term_end
from fanal.reference import MeasureClock

CATALOGUE = reference.load()
CODES = ("TA_48H", "TA_RULING_72H", "CAA_10D", "CAA_RULING_1M")
INSTANTS = st.datetimes(
    datetime(2025, 7, 1), datetime(2040, 1, 1), timezones=st.just(UTC), allow_imaginary=False
)


def paris(text: str) -> datetime:
    """An instant by the local time in Paris."""
    return datetime.fromisoformat(text).replace(tzinfo=PARIS)


@pytest.mark.parametrize(
    ("code", "since", "end"),
    [
        ("TA_48H", "2026-03-28T10:00", "2026-03-30T11:00"),  # summer time begins: 48 hours elapse
        ("TA_RULING_72H", "2026-10-24T10:00", "2026-10-27T09:00"),  # it ends
        ("CAA_10D", "2026-12-02T00:01", "2026-12-13T00:00"),
        ("CAA_10D", "2026-12-02T23:59", "2026-12-13T00:00"),
        ("CAA_10D", "2026-12-22T09:00", "2027-01-02T00:00"),  # holidays count
        ("CAA_RULING_1M", "2027-01-31T12:00", "2027-03-01T00:00"),
    ],
)
def test_a_term_ends_when_the_law_says(code: str, since: str, end: str) -> None:
    assert term_end(code, catalogue=CATALOGUE, since=paris(since)) == paris(end)


@given(since=INSTANTS)
def test_hours_are_elapsed_and_days_end_at_midnight(since: datetime) -> None:
    for code, hours in (("TA_48H", 48), ("TA_RULING_72H", 72)):
        assert term_end(code, catalogue=CATALOGUE, since=since) - since == timedelta(hours=hours)
    end = term_end("CAA_10D", catalogue=CATALOGUE, since=since).astimezone(PARIS)
    assert (end.hour, end.minute) == (0, 0)
    assert end.date() - paris_day(since) == timedelta(days=11)


def test_each_term_is_data_with_its_article_and_source() -> None:
    for code in CODES:
        clock = CATALOGUE.by_code(MeasureClock, code, paris_day(paris("2026-12-02T10:00")))
        assert clock is not None
        assert clock.value.article == "LCEN 6-1 II"
        assert clock.source[0].title
        assert not clock.unchecked(paris_day(paris("2026-12-02T10:00")))


def test_a_term_is_met_late_or_waived() -> None:
    at = paris("2026-12-02T10:00").astimezone(UTC)
    day = timedelta(days=1)
    facts = AppealFacts(state=AppealState.FILED, created_at=at, known_at=at - 3 * day, filed_at=at)
    filing, ruling = terms_of(facts, catalogue=CATALOGUE)
    assert filing.late(at)  # filed after 48 hours: the court judges it
    assert not ruling.late(at + 2 * day)
    assert ruling.late(at + 3 * day)
    assert due_at(facts, catalogue=CATALOGUE) == at + 3 * day
    assert (asked_of(facts, late=False), asked_of(facts, late=True)) == ("OFFICER", "SUPERVISOR")
    dropped = AppealFacts(state=AppealState.CLOSED, created_at=at, filed_at=at)
    (waived,) = terms_of(dropped, catalogue=CATALOGUE)
    assert not waived.late(at + 9 * day)
    assert due_at(dropped, catalogue=CATALOGUE) is None
    assert asked_of(dropped, late=False) == ""
