"""The period of a statistics page, read from its address: latest months, a quarter, a year, or free months.

`?period=13-months`, `?period=2026-Q3`, `?period=2026`, `?from=2026-02&to=2026-05` (both included). `today` is
the day in Europe/Paris.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final

from django.utils.translation import gettext as _

from fanal.kernel.calendar import add_months, first_of_month, months_until
from fanal.web.components import words

FIRST_YEAR: Final = 2009
"""First year with published figures."""
DEFAULT: Final = 13
"""Months of the page without a choice: the current one and the twelve before."""
_LATEST: Final = (1, 3, DEFAULT, 24)
_QUARTER: Final = 3
_YEAR: Final = 12
_NAMES: Final = re.compile(
    r"(?P<latest>[1-9]\d{0,2})-months?|(?P<year>\d{4})(?:-Q(?P<quarter>[1-4]))?", re.ASCII
)
_MONTH: Final = re.compile(r"\d{4}-\d{2}", re.ASCII)


class PeriodInvalid(ValueError):
    """Error: the page's address names no valid period."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StatisticsPeriod:
    """Consecutive months, oldest first (first days), and the `query` of the address that names them.

    `length` is the number of months of the whole period; `months` has no month after the current one. `unit`
    is `months`, `quarter`, `year` or `free`.
    """

    months: tuple[date, ...]
    query: str
    length: int
    unit: str

    @property
    def first(self) -> date:
        """The first month of the period, as its first day."""
        return self.months[0]

    @property
    def last(self) -> date:
        """The last month of the period, as its first day."""
        return self.months[-1]

    @property
    def until(self) -> date:
        """The month after the last one, for files whose end is excluded."""
        return add_months(self.last, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodChoice:
    """A link of the period picker: its text, its URL query; `is_current`: the page shows this period."""

    text: str
    query: str
    is_current: bool


def read_period(asked: Mapping[str, str], *, today: date) -> StatisticsPeriod:
    """Return the period that a query asks for; by default the current month and the twelve before.

    Months of free choice may come in either order, and one may be left out.

    Raises:
        PeriodInvalid: an unknown form, a month after the current one, or one before 2009.
    """
    name, first, last = (asked.get(key, "").strip() for key in ("period", "from", "to"))
    if name:
        return _named(name, today)
    if not first and not last:
        return _named(f"{DEFAULT}-months", today)
    ends = sorted((_read_month(first or last), _read_month(last or first)))
    return _free(ends[0], ends[1], today)


def label_of(period: StatisticsPeriod, lang: str) -> str:
    """Return a period in words: `2026`, `T3 2026`, `novembre 2026` or `février 2026 – mai 2026`."""
    if period.unit == "year":
        return str(period.first.year)
    if period.unit == "quarter":
        return words.quarter(period.first, lang)
    ends = dict.fromkeys(words.month(month, lang) for month in (period.first, period.last))
    return " – ".join(ends)


def choices(period: StatisticsPeriod, lang: str, *, today: date) -> list[PeriodChoice]:
    """Return the links of the picker: latest months, this quarter and the last, this year and the last."""
    month = first_of_month(today)
    quarter = month.replace(month=(month.month - 1) // _QUARTER * _QUARTER + 1)
    quarters = (quarter, add_months(quarter, -_QUARTER))
    offered = [
        *((_latest_text(n), _named(f"{n}-months", today)) for n in _LATEST),
        *((words.quarter(q, lang), _named(_quarter_name(q), today)) for q in quarters),
        *((str(y), _named(str(y), today)) for y in (today.year, today.year - 1)),
    ]
    return [
        PeriodChoice(text=text, query=each.query, is_current=each.query == period.query)
        for text, each in offered
    ]


def neighbours(
    period: StatisticsPeriod, *, today: date
) -> tuple[StatisticsPeriod | None, StatisticsPeriod | None]:
    """Return the period of equal length before this one and the one after it, None where there is none.

    A period that ends with the current month has none after it. The neighbours of a period of latest months
    have the unit `free`.
    """
    found: list[StatisticsPeriod | None] = []
    for step in (-period.length, period.length):
        first = add_months(period.first, step)
        try:
            if period.unit == "quarter":
                found.append(_named(_quarter_name(first), today))
            elif period.unit == "year":
                found.append(_named(str(first.year), today))
            else:
                found.append(_free(first, add_months(first, period.length - 1), today))
        except PeriodInvalid:
            found.append(None)
    return found[0], found[1]


def offered_months(
    began: date, lang: str, *, today: date
) -> list[tuple[int, list[tuple[str, str]]]]:
    """Return the months of free choice by year, the newest first, each as value (`2026-11`) and text.

    They run from the month `began`, and over one year at least.
    """
    month = first_of_month(today)
    oldest = min(began, add_months(month, -_YEAR))
    count = (month.year - oldest.year) * 12 + month.month - oldest.month + 1
    months = reversed(months_until(month, count=count))
    return [
        (year, [(_value(each), words.month(each, lang)) for each in group])
        for year, group in groupby(months, key=lambda each: each.year)
    ]


def _named(name: str, today: date) -> StatisticsPeriod:
    found = _NAMES.fullmatch(name)
    if found is None:
        raise PeriodInvalid(name)
    if found["latest"]:
        length, unit = int(found["latest"]), "months"
        first = add_months(first_of_month(today), 1 - length)
        name = f"{length}-months"
    elif found["quarter"]:
        length, unit = _QUARTER, "quarter"
        first = _first(int(found["year"]), (int(found["quarter"]) - 1) * _QUARTER + 1)
    else:
        length, unit, first = _YEAR, "year", _first(int(found["year"]), 1)
    return _period(first, length, f"period={name}", unit, today)


def _free(first: date, last: date, today: date) -> StatisticsPeriod:
    if last > first_of_month(today):
        raise PeriodInvalid(_value(last))
    length = (last.year - first.year) * 12 + last.month - first.month + 1
    return _period(first, length, f"from={_value(first)}&to={_value(last)}", "free", today)


def _period(first: date, length: int, query: str, unit: str, today: date) -> StatisticsPeriod:
    if not date(FIRST_YEAR, 1, 1) <= first <= today:
        raise PeriodInvalid(query)
    months = (add_months(first, n) for n in range(length))
    begun = tuple([month for month in months if month <= today])
    return StatisticsPeriod(months=begun, query=query, length=length, unit=unit)


def _first(year: int, month: int) -> date:
    try:
        return date(year, month, 1)
    except ValueError as error:
        raise PeriodInvalid(str(error)) from error


def _read_month(text: str) -> date:
    if not _MONTH.fullmatch(text):
        raise PeriodInvalid(text)
    return _first(int(text[:4]), int(text[5:]))


def _value(month: date) -> str:
    return month.isoformat()[:7]


def _quarter_name(first: date) -> str:
    return f"{first.year}-Q{(first.month - 1) // _QUARTER + 1}"


def _latest_text(count: int) -> str:
    if count == 1:
        return _("This month")
    return _("Last %(long)s months") % {"long": count}
