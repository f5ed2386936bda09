"""The timeline chart of a dossier: events of its reports by lane and period, and the layout of the chart.

`chart_of` is pure: it maps days to positions in percent of the chart's width, so that the chart fits any
width.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from django.utils.translation import gettext as _
from msgspec import Struct

from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.calendar import paris_day, read_aware
from fanal.web.components.words import monday, month


class TimelineLane(StrEnum):
    """The lanes of a dossier's timeline, from the facts to what the desk did.

    FACTS: stated times of the facts, and of places. TALK: quoted messages. TRACES: dated identifiers and
    payments. RECEIVED: receipt of the reports. ACTS: decisions, and the opening and sending of removal
    requests and referrals.
    """

    FACTS = "FACTS"
    TALK = "TALK"
    TRACES = "TRACES"
    RECEIVED = "RECEIVED"
    ACTS = "ACTS"


class TimelineEvent(NamedTuple):
    """A day (in Paris) on which something happened in a report, and the lane of the timeline for it."""

    report_id: UUID
    lane: TimelineLane
    day: date


class Period(Struct, frozen=True, kw_only=True):
    """A column of the timeline chart: a period of days.

    `first` and `last` are both included. `words` names the period in full, `tick` in short, for the axis.
    """

    first: date
    last: date
    words: str
    tick: str


class Bar(Struct, frozen=True, kw_only=True):
    """The reports with an event in a lane and period, as a bar.

    `x` is its left end, `middle` its centre, `width` its width, in percent of the chart's width; `height` is
    in pixels.
    """

    period: Period
    x: float
    middle: float
    width: float
    height: int
    reports: frozenset[UUID]

    @property
    def count(self) -> int:
        """The number of reports with an event in the bar's lane and period."""
        return len(self.reports)


class ChartLane(Struct, frozen=True, kw_only=True):
    """A lane of the chart: number of reports in it, and its bars; `top` is in pixels."""

    lane: TimelineLane
    count: int
    top: int
    bars: tuple[Bar, ...]

    @property
    def floor(self) -> int:
        """The vertical position of the line on which the bars stand, in pixels."""
        return self.top + _LANE - 6


class Tick(NamedTuple):
    """A label on the time axis: its left end (`x`) in percent of the width, and its text (`words`)."""

    x: float
    words: str


class Chart(Struct, frozen=True, kw_only=True):
    """The layout of a dossier's timeline: its lanes, the labels of its axis (`ticks`), its height in pixels.

    `rows` is the same as a table: period, then the number of reports in each lane.
    """

    lanes: tuple[ChartLane, ...]
    ticks: tuple[Tick, ...]
    height: int
    rows: tuple[tuple[Period, tuple[int, ...]], ...]


class Width(NamedTuple):
    """A size of the timeline chart: its least width in pixels, and the greatest number of columns in it."""

    pixels: int
    columns: int


WIDE, NARROW = Width(580, 24), Width(264, 11)
_LANE, _BAR, _TOP = 60, 24, 4
_CHARACTER = 7.5
"""Pixels of a character of the axis, at most."""
_VAGUE = frozenset(("MONTH", "YEAR"))
_FEW = 50
"""Events from which a fiftieth, the earliest, may share one column."""
_UNITS = (1, 7, 30, 91, 365, 1826, 3652)
"""Days of a column, about: day, week, month, quarter, year, five years, ten years."""


def events_of(
    records: Mapping[UUID, HarmonisedReport], received: Mapping[UUID, datetime]
) -> list[TimelineEvent]:
    """Return the events of a dossier's reports for the timeline.

    `records` are the reports in the internal format, `received` their times of receipt, both by report id. In
    order of report id, then lane, then day; each once.
    """
    found = {
        TimelineEvent(report_id, lane, paris_day(when))
        for report_id, record in records.items()
        for lane, at in _told(record)
        if (when := read_aware(at)) is not None
    }
    found |= {TimelineEvent(i, TimelineLane.RECEIVED, paris_day(at)) for i, at in received.items()}
    return sorted(found)


def _told(record: HarmonisedReport) -> Iterator[tuple[TimelineLane, str | None]]:
    if record.occurred is not None:
        yield TimelineLane.FACTS, record.occurred.earliest
        if (
            record.occurred.precision not in _VAGUE
        ):  # the last day of a year is no time of the facts
            yield TimelineLane.FACTS, record.occurred.latest
    for place in record.places:
        if place.time is not None:
            yield TimelineLane.FACTS, place.time.earliest
    for message in record.conversation:
        yield TimelineLane.TALK, message.at
    for selector in record.selectors:
        yield TimelineLane.TRACES, selector.at
    for payment in record.payments:
        yield TimelineLane.TRACES, payment.at


def chart_of(events: Sequence[TimelineEvent], lang: str, width: Width) -> Chart | None:
    """Return the layout of the events in a chart of `width`, with the axis in `lang`; None without events.

    The columns are the shortest calendar periods that fit; lanes without events are left out. If a few events
    long before all others would make the columns longer, they share the first column.
    """
    if not events:
        return None
    periods = _periods(sorted(event.day for event in events), lang, width)
    starts = [period.first for period in periods]
    held: dict[tuple[TimelineLane, int], set[UUID]] = defaultdict(set)
    for event in events:
        held[event.lane, bisect_right(starts, event.day) - 1].add(event.report_id)
    step = 100 / len(periods)
    lanes: list[ChartLane] = []
    for lane in TimelineLane:
        columns = {n: reports for (of, n), reports in held.items() if of is lane}
        if not columns:
            continue
        most = max(map(len, columns.values()))
        bars = tuple(
            Bar(
                period=periods[n],
                x=round(n * step + step * 0.06, 2),
                middle=round((n + 0.5) * step, 2),
                width=round(step * 0.88, 2),
                height=max(4, round(_BAR * len(reports) / most)),
                reports=frozenset(reports),
            )
            for n, reports in sorted(columns.items())
        )
        lanes.append(
            ChartLane(
                lane=lane,
                count=len(set().union(*columns.values())),
                top=_TOP + _LANE * len(lanes),
                bars=bars,
            )
        )
    shown = [each.lane for each in lanes]
    return Chart(
        lanes=tuple(lanes),
        ticks=tuple(_ticks(periods, lang, width)),
        height=_TOP + _LANE * len(lanes) + 22,
        rows=tuple(
            (period, tuple(len(held.get((lane, n), ())) for lane in shown))
            for n, period in enumerate(periods)
            if any((lane, n) in held for lane in shown)
        ),
    )


def _periods(days: Sequence[date], lang: str, width: Width) -> list[Period]:
    first, last = days[0], days[-1]
    unit = _unit(first, last, width.columns)
    early = days[len(days) // 50] if len(days) >= _FEW else first
    finer = _unit(early, last, width.columns - 1)
    before = finer < unit
    if before:
        unit = finer
    starts = list(_starts(early if before else first, last, unit))
    ends = [start - timedelta(days=1) for start in starts[1:]] + [_after(starts[-1], unit)]
    found = [
        Period(
            first=start,
            last=end,
            words=_words(start, end, unit, lang),
            tick=_tick(start, unit, lang),
        )
        for start, end in zip(starts, ends, strict=True)
    ]
    if before:
        words = _("before %(day)s") % {"day": monday(starts[0], lang)}
        last = starts[0] - timedelta(days=1)
        found.insert(0, Period(first=first, last=last, words=words, tick=_("before")))
    return found


def _unit(first: date, last: date, columns: int) -> int:
    """Return the shortest period, as an index of `_UNITS`, of which at most `columns` cover the days.

    The last index if even its period needs more columns.
    """
    for unit, length in enumerate(_UNITS):
        if (last - first).days / length <= columns + 2 and columns >= sum(
            1 for _start in _starts(first, last, unit)
        ):
            return unit
    return len(_UNITS) - 1


def _starts(first: date, last: date, unit: int) -> Iterator[date]:
    start = _start(first, unit)
    while start <= last:
        yield start
        end = _after(start, unit)
        if end >= last:
            return  # the last day of all dates has none after it
        start = end + timedelta(days=1)


def _start(day: date, unit: int) -> date:
    if unit == 0:
        return day
    if unit == 1:
        return day - timedelta(days=day.weekday())
    if unit == 2:
        return day.replace(day=1)
    if unit == 3:
        return day.replace(month=day.month - (day.month - 1) % 3, day=1)
    years = {4: 1, 5: 5, 6: 10}[unit]
    return date(max(1, day.year - day.year % years), 1, 1)


def _after(start: date, unit: int) -> date:
    """Return the last day of the period of `unit` that begins on `start`."""
    if unit < 2:
        return start + min(timedelta(days=6 * unit), date.max - start)
    months = {2: 1, 3: 3, 4: 12, 5: 60, 6: 120}[unit]
    end = start.year * 12 + start.month - 1 + months
    if end // 12 > date.max.year:
        return date.max
    return date(end // 12, end % 12 + 1, 1) - timedelta(days=1)


def _words(start: date, end: date, unit: int, lang: str) -> str:
    if unit == 0:
        return monday(start, lang)
    if unit == 1:
        return _("week of %(day)s") % {"day": monday(start, lang)}
    if unit == 2:
        return month(start, lang)
    if unit == 3:
        return _quarter(start)
    return str(start.year) if unit == 4 else f"{start.year}\u2013{end.year}"


def _quarter(start: date) -> str:
    return _("Q%(quarter)s %(year)s") % {"quarter": (start.month + 2) // 3, "year": start.year}


def _ticks(periods: Sequence[Period], lang: str, width: Width) -> Iterator[Tick]:
    """Yield the labels of the time axis, leaving out as many as needed so that no two overlap."""
    texts = [period.tick for period in periods]
    column = width.pixels / len(periods)
    room = max(map(len, texts)) * _CHARACTER + 10
    every = int(-(-room // column))
    for n in range(0, len(periods), every):
        if n == 0 or n * column + len(texts[n]) * _CHARACTER <= width.pixels:
            yield Tick(round(100 * n / len(periods), 2), texts[n])


def _tick(start: date, unit: int, lang: str) -> str:
    if unit < 2:
        return monday(start, lang, short=True)
    if unit == 2:
        return month(start, lang, short=True)
    return _quarter(start) if unit == 3 else str(start.year)


def span_of(days: Iterable[date], lang: str) -> str:
    """Return the first and the last of `days` in words: `5 oct. 2026 – 2 nov. 2026`; a single day once.

    "" if there are no days.
    """
    found = sorted(days)
    if not found:
        return ""
    return " \u2013 ".join(dict.fromkeys(monday(day, lang) for day in (found[0], found[-1])))
