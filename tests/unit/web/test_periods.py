"""The period of the statistics pages: read from the address, moved, offered. No database."""

from datetime import date

import pytest
from hypothesis import given, strategies as st

from fanal.kernel.calendar import add_months
from fanal.web.desk.statistics.periods import (
    DEFAULT,
    PeriodInvalid,
    StatisticsPeriod,
    choices,
    label_of,
    neighbours,
    offered_months,
    read_period,
)

TODAY = date(2026, 12, 2)


def read(**asked: str) -> StatisticsPeriod:
    return read_period({key.rstrip("_"): text for key, text in asked.items()}, today=TODAY)


@pytest.mark.parametrize(
    ("asked", "first", "last", "text"),
    [
        ({}, date(2025, 12, 1), date(2026, 12, 1), "décembre 2025 – décembre 2026"),
        ({"period": "1-month"}, date(2026, 12, 1), date(2026, 12, 1), "décembre 2026"),
        ({"period": "3-months"}, date(2026, 10, 1), date(2026, 12, 1), "octobre 2026 – décembre 2026"),
        ({"period": "2026-Q3"}, date(2026, 7, 1), date(2026, 9, 1), "T3 2026"),
        ({"period": "2025"}, date(2025, 1, 1), date(2025, 12, 1), "2025"),
        ({"from_": "2026-05", "to": "2026-02"}, date(2026, 2, 1), date(2026, 5, 1), "février 2026 – mai 2026"),
        ({"from_": "2026-05"}, date(2026, 5, 1), date(2026, 5, 1), "mai 2026"),
    ],
)  # fmt: skip
def test_the_address_names_the_period(
    asked: dict[str, str], first: date, last: date, text: str
) -> None:
    period = read(**asked)
    assert (period.first, period.last) == (first, last)
    assert label_of(period, "fr") == text


def test_a_period_that_is_not_over_ends_with_the_present_month() -> None:
    assert read(period="2026-Q4").months[-1] == date(2026, 12, 1)
    early = read_period({"period": "2026"}, today=date(2026, 2, 28))
    assert early.months == (date(2026, 1, 1), date(2026, 2, 1))
    assert early.length == 12


@pytest.mark.parametrize(
    "asked",
    [
        {"period": "2027"},
        {"period": "2008"},
        {"period": "2026-Q5"},
        {"period": "2026-Q3\x00"},
        {"period": "9999-Q4"},
        {"period": "0000"},
        {"period": "999-months"},
        {"period": "٢٠٢٦"},
        {"from_": "2027-01"},
        {"from_": "2026-13"},
        {"to": "0000-00"},
        {"from_": "2026-1"},
    ],
)
def test_an_impossible_period_is_refused(asked: dict[str, str]) -> None:
    with pytest.raises(PeriodInvalid):
        read(**asked)


@given(st.dates(date(2012, 1, 1), date(2030, 12, 31)))
def test_each_choice_and_its_neighbours_read_back_as_themselves(today: date) -> None:
    offered = choices(read_period({}, today=today), "fr", today=today)
    assert sum(choice.is_current for choice in offered) == 1
    for choice in offered:
        asked = dict(part.split("=") for part in choice.query.split("&"))
        period = read_period(asked, today=today)
        assert period.query == choice.query
        earlier, later = neighbours(period, today=today)
        for other, step in ((earlier, -period.length), (later, period.length)):
            if other is not None:
                asked = dict(part.split("=") for part in other.query.split("&"))
                assert read_period(asked, today=today) == other
                assert other.first == add_months(period.first, step)


def test_the_months_offered_run_from_the_first_report_newest_first() -> None:
    years = offered_months(date(2024, 3, 9), "en", today=TODAY)
    assert [year for year, _months in years] == [2026, 2025, 2024]
    assert years[0][1][0] == ("2026-12", "December 2026")
    assert years[-1][1][-1] == ("2024-03", "March 2024")
    assert sum(len(months) for _year, months in offered_months(TODAY, "fr", today=TODAY)) == DEFAULT
