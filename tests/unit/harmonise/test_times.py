"""Times with their stated precision, clock changes included."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from fanal.harmonise.domain.values.times import instant, is_rfc3339, read_time
from fanal.kernel.calendar import PARIS

VECTORS = Path(__file__).resolve().parents[2] / "vectors" / "formats"


def cases(name: str) -> list[tuple[str, bool]]:
    groups = json.loads((VECTORS / f"{name}.json").read_text())
    return [
        (test["data"], test["valid"])
        for group in groups
        for test in group["tests"]
        if isinstance(test["data"], str)
    ]


def test_every_public_date_time_case() -> None:
    assert [text for text, valid in cases("date-time") if is_rfc3339(text) != valid] == []
    assert [t for t, valid in cases("date-time") if valid and read_time(t) is None] == []


def test_every_public_date_case() -> None:
    # A date, and none that anything could be counted from.
    assert [t for t, valid in cases("date") if valid and read_time(t) is None] == ["0001-01-01"]
    wrong = [t for t, v in cases("date") if not v and len(t) == 10 and read_time(t) is not None]
    assert wrong == []


@pytest.mark.parametrize(
    ("text", "earliest", "latest", "precision"),
    [
        ("2026", "2025-12-31T23:00:00Z", "2026-12-31T22:59:59Z", "YEAR"),
        ("2024-02", "2024-01-31T23:00:00Z", "2024-02-29T22:59:59Z", "MONTH"),
        ("2026-11-20", "2026-11-19T23:00:00Z", "2026-11-20T22:59:59Z", "DAY"),
        ("2026-07-01T21", "2026-07-01T19:00:00Z", "2026-07-01T19:59:59Z", "HOUR"),
        ("2026-11-20 21:14", "2026-11-20T20:14:00Z", "2026-11-20T20:14:59Z", "MINUTE"),
        ("2026-11-20T24:00:00", "2026-11-20T23:00:00Z", "2026-11-20T23:00:00Z", "SECOND"),
    ],
)
def test_without_zone_paris_is_assumed_and_marked(
    text: str, earliest: str, latest: str, precision: str
) -> None:
    read = read_time(text)
    assert read is not None
    assert (read.range.earliest, read.range.latest) == (earliest, latest)
    assert read.range.precision == precision
    assert (read.range.zone, read.range.zone_assumed) == ("Europe/Paris", True)


@pytest.mark.parametrize(
    ("text", "moment", "zone"),
    [
        ("2026-11-20T21:14:00+01:00", "2026-11-20T20:14:00Z", "+01:00"),
        ("2026-11-20T21:14:00Z", "2026-11-20T21:14:00Z", "Z"),
        ("2026-11-20t21:14:00.25z", "2026-11-20T21:14:00.250000Z", "Z"),
        ("2026-11-20 21:14:00-0530", "2026-11-21T02:44:00Z", "-0530"),
        ("2026-11-20T21:14:00+08", "2026-11-20T13:14:00Z", "+08"),
    ],
)
def test_a_stated_zone_gives_one_instant(text: str, moment: str, zone: str) -> None:
    read = read_time(text)
    assert read is not None
    assert read.range.earliest == read.range.latest == moment
    assert (read.range.zone, read.range.zone_assumed) == (zone, False)
    assert instant(text) == moment


def test_an_hour_that_clocks_skip_widens_to_both_readings() -> None:
    read = read_time("2026-03-29T02:30:00")
    assert read is not None
    assert (read.range.earliest, read.range.latest) == (
        "2026-03-29T00:30:00Z",
        "2026-03-29T01:30:00Z",
    )
    assert read.warning == "TIME_SKIPPED_BY_CLOCKS"


def test_an_hour_that_clocks_repeat_widens_to_both_readings() -> None:
    read = read_time("2026-10-25T02:30:00")
    assert read is not None
    assert (read.range.earliest, read.range.latest) == (
        "2026-10-25T00:30:00Z",
        "2026-10-25T01:30:00Z",
    )
    assert read.warning == "TIME_REPEATED_BY_CLOCKS"


def test_the_day_of_a_clock_change_has_its_own_length() -> None:
    read = read_time("2026-10-25")
    assert read is not None
    first = datetime.fromisoformat(read.range.earliest)
    last = datetime.fromisoformat(read.range.latest)
    assert (last - first).total_seconds() == 25 * 3600 - 1
    assert read.warning is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "2026-13",
        "2026-02-30",
        "20/11/2026",
        "2026-11-20T25:00",
        "2026-11-20T10:61",
        "2026-11-20T21:14:00+25:00",
        "2026-11-20T24:00:01",
        "２０２６-01-01",
        "2026-1-1",
        "12026-01-01",
    ],
)
def test_what_is_no_time_is_none(text: str) -> None:
    assert read_time(text) is None


@pytest.mark.parametrize(
    "text", ["0001", "0001-01-01", "9999", "9999-12-31", "9999-12-31T23:59:59Z"]
)
def test_the_ends_of_the_calendar_are_no_times(text: str) -> None:
    """Databases write them for "unknown", and no delay can be counted from them."""
    assert read_time(text) is None


@pytest.mark.parametrize(
    "text", ["0002", "9998", "0002-01-01T00:00:00+23:59", "9998-12-31T23:59:59-23:59"]
)
def test_what_lies_next_to_them_can_be_counted_from(text: str) -> None:
    read = read_time(text)
    assert read is not None
    assert read.range.earliest <= read.range.latest
    day = timedelta(days=1)
    for bound in (read.range.earliest, read.range.latest):
        assert datetime.fromisoformat(bound).astimezone(PARIS) + day - day


@given(st.text(alphabet="0123456789-:+.TtZz ", max_size=35))
def test_any_text_gives_ordered_bounds_or_nothing(text: str) -> None:
    read = read_time(text)
    if read is not None:
        assert read.range.earliest <= read.range.latest
        assert read_time(read.range.earliest) is not None


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 12, 31), timezones=st.just(UTC)))
def test_a_written_instant_comes_back(moment: datetime) -> None:
    text = moment.isoformat()
    assert instant(text) == moment.replace(tzinfo=None).isoformat() + "Z"
