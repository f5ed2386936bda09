"""Read operations of statistics: figures with their definitions, without any object or person.

The query behind each figure is found by its code.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, timedelta
from typing import Protocol

from django.db.models import Max

from fanal.accounts.domain.policy import require
from fanal.accounts.row_scope import across_desks
from fanal.analyse.signals import queries as reader
from fanal.db import sql
from fanal.intake.domain.records import Withdrawn
from fanal.intake.queries.work import count_received, count_withdrawn, count_work, first_received
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import (
    add_months,
    first_of_month,
    months_until,
    paris_day,
    start_of_day,
    year_before,
)
from fanal.kernel.figures import Counted, Delay
from fanal.measures import queries as measures, removal_times as removals
from fanal.measures.appeal import views as appeals
from fanal.measures.blocking import views as blockings
from fanal.measures.dereferencing import views as dereferencings
from fanal.measures.notice import acts as notices
from fanal.orient import queries as orient
from fanal.statistics import models
from fanal.statistics.domain.definitions import figures
from fanal.statistics.domain.tabular import Row, Table


class DayCount(Protocol):
    """The type of a function that counts the objects of one figure by day, between two instants."""

    def __call__(self, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
        """Return a figure's counts from `since` to before `until`: (day, first code, second code, number)."""


DAILY: dict[str, DayCount] = {
    "RECEIVED": count_received,
    "ORIENTED": orient.count_cases,
    "DECIDED": orient.count_decisions,
    "SENT": measures.count_sent,
}
"""Figures stored by day in `statistics_daily` once the day is over: code and function that counts them."""

TRENDS: dict[str, DayCount] = {
    "SENDERS": orient.count_senders,
    "COUNTRIES": orient.count_countries,
    "PLATFORMS": orient.count_platforms,
    "SIGNALS": orient.count_signals,
    "JUDGED": reader.count_judgements,
    "WRONG": reader.count_wrong,
}
"""Counts displayed only as trends; they are stored in `statistics_daily` too."""

PERIOD: Mapping[str, DayCount] = {
    "DEPARTEMENTS": orient.count_departements,
    "OUTCOMES": measures.count_measures,
    "REMOVED": removals.count_removal_times,
    "REFERRED": judicial.count_referrals,
    "BLOCKED": blockings.count_blockings,
    "MIRRORED": blockings.count_mirrors,
    "DEREFERENCED": dereferencings.count_dereferencings,
    "APPEALED": appeals.count_appeals,
    "NOTIFIED": notices.count_notices,
}
"""Figures on official acts of a period, by the present state of the acts; computed at each reading."""


def _pipeline(actor: Actor) -> dict[str, int]:
    del actor  # the queue of the worker identifies no report
    return count_work()


Waiting = Callable[[Actor], dict[str, int]]

WAITING: Mapping[str, Waiting] = {
    "PIPELINE": _pipeline,
    "DESK": lambda actor: {str(k): n for k, n in orient.count_states(actor=actor).items()},
    "MEASURES": lambda actor: {str(k): n for k, n in measures.count_waiting(actor=actor).items()},
    "BLOCKINGS": lambda actor: blockings.count_waiting(actor=actor),
    "DEREFERENCINGS": lambda actor: dereferencings.count_waiting(actor=actor),
    "APPEALS": lambda actor: appeals.count_waiting(actor=actor),
    "NOTICES": lambda actor: notices.count_waiting(actor=actor),
    "REFERRALS": lambda actor: {"UNSENT": judicial.count_unsent(actor=actor)},
}
"""Queries that count the objects that wait now, by place."""


Keys = tuple[str, ...]
PUBLIC = ("RECEIVED", "ORIENTED", "DECIDED", "SENT", "REMOVED", "BLOCKED")
"""Codes of the public figures, in display order."""

QUARTER = 3
"""Number of months in a public period, except for reports received (one month)."""

CHOICE = 13
"""Default number of months of a series: the current one and the twelve before."""


@across_desks()  # counts over all desks, never a row
def series(
    *, actor: Actor, figure: str, now: datetime, months: Iterable[date] | None = None
) -> Table:
    """Return a daily figure by month, each number with that of the same month of the previous year.

    `months` are first days, oldest first; by default the current month and the twelve before. The current
    month is compared with the same days of the previous year. `Row.before` is None if the desk had no report
    yet in the month of the previous year.

    Raises:
        Refused: the actor may not read statistics.
        KeyError: no daily figure has this code.
    """
    require(actor, "statistics.read")
    definition = figures()[figure]
    today = paris_day(now)
    chosen = tuple(months) if months is not None else months_until(today, count=CHOICE)
    until = min(add_months(chosen[-1], 1), today + timedelta(days=1))
    began = _began(actor)
    current = _by_month(_counted(actor, figure, (chosen[0], until)))
    earlier = _by_month(_counted(actor, figure, (year_before(chosen[0]), _same_end(until))))
    width = len(definition.columns) - 1
    keys = {(month, codes[:width]) for month, codes in current} | {
        (add_months(month, 12), codes[:width]) for month, codes in earlier
    }
    rows = [
        Row(
            keys=(month.isoformat()[:7], *codes),
            value=current.get((month, _padded(codes)), 0),
            before=earlier.get((add_months(month, -12), _padded(codes)), 0)
            if began <= add_months(month, -12)
            else None,
        )
        for month, codes in sorted(keys)
        if month in chosen
    ]
    return Table(
        figure=definition,
        rows=tuple(rows),
        since=chosen[0],
        until=until,
        made_at=now,
        compared_from=_compared_from(began),
    )


@across_desks()  # counts over all desks, never a row
def period(*, actor: Actor, figure: str, since: date, until: date, now: datetime) -> Table:
    """Return a figure on official acts created from `since` to `until` (excluded), by their present state.

    Each number has that of the same period of the previous year, unless the desk's reports began later.

    Raises:
        Refused: the actor may not read statistics.
        KeyError: no period figure has this code.
    """
    require(actor, "statistics.read")
    definition = figures()[figure]
    count = PERIOD[figure]
    width = len(definition.columns)
    found = _sums(count(actor=actor, since=start_of_day(since), until=start_of_day(until)), width)
    before = _sums(
        count(
            actor=actor,
            since=start_of_day(year_before(since)),
            until=start_of_day(_same_end(until)),
        ),
        width,
    )
    began = _began(actor)
    comparable = began <= first_of_month(year_before(since))
    rows = [
        Row(keys=k, value=found.get(k, 0), before=before.get(k, 0) if comparable else None)
        for k in {*found, *before}
    ]
    rows.sort(key=lambda row: row.keys)
    return Table(
        figure=definition,
        rows=tuple(rows),
        since=since,
        until=until,
        made_at=now,
        compared_from=_compared_from(began),
    )


@across_desks()
def withdrawn(*, actor: Actor, since: datetime) -> Withdrawn:
    """Return the numbers of reports that their senders have withdrawn, or never finished, since an instant.

    Test reports are not counted.

    Raises:
        Refused: the actor may not read statistics.
    """
    return count_withdrawn(actor=actor, since=since)


@across_desks()
def delays(*, actor: Actor, since: date, until: date, now: datetime) -> Table:
    """Return the duration of each step in seconds: number of measurements, median, 90th percentile, mean.

    Steps of a report: first proposal (ORIENT) and first decision (DECIDE). Steps of a measure: approval
    (SECOND), sending (SEND), receipt (RECEIPT) and execution (EXECUTE). Each is measured from the step before
    it, the first one from the receipt of the report or the proposal of the measure; REMOVE is the time from
    the sending to the execution. Included are reports received (without tests) and measures proposed from
    `since` to `until` (excluded), at all desks. `now` is recorded as the time of the table.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    first, last = start_of_day(since), start_of_day(until)
    found: Mapping[str, Delay] = orient.delays(
        actor=actor, since=first, until=last
    ) | removals.delays(actor=actor, since=first, until=last)
    rows = [
        Row(keys=(step, statistic), value=value)
        for step, delay in found.items()
        for statistic, value in (
            ("COUNT", delay.count),
            ("MEDIAN", delay.median),
            ("P90", delay.p90),
            ("MEAN", delay.mean),
        )
    ]
    return Table(
        figure=figures()["DELAYS"], rows=tuple(rows), since=since, until=until, made_at=now
    )


@across_desks()
def waiting(*, actor: Actor, now: datetime) -> Table:
    """Return a table of the objects that wait now, with a row for each place and state.

    The keys of a row are the place (processing stages, desk, official acts, …) and the state of the objects.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    rows = [
        Row(keys=(place, state), value=n)
        for place, count in WAITING.items()
        for state, n in count(actor).items()
        if n or place != "PIPELINE"
    ]
    day = paris_day(now)
    return Table(figure=figures()["WAITING"], rows=tuple(rows), since=day, until=day, made_at=now)


def table(*, actor: Actor, figure: str, since: date, until: date, now: datetime) -> Table:
    """Return any figure for the months from `since` to `until` (first days; `until` excluded).

    The figure WAITING counts the present state, whatever the months.

    Raises:
        Refused: the actor may not read statistics.
        KeyError: no figure has this code.
    """
    if figure in DAILY:
        months = []
        month = first_of_month(since)
        while month < until:
            months.append(month)
            month = add_months(month, 1)
        return series(actor=actor, figure=figure, now=now, months=months)
    if figure in PERIOD:
        return period(actor=actor, figure=figure, since=since, until=until, now=now)
    if figure == "DELAYS":
        return delays(actor=actor, since=since, until=until, now=now)
    if figure == "WAITING":
        return waiting(actor=actor, now=now)
    raise KeyError(figure)


def published(
    *, actor: Actor
) -> tuple[dict[str, dict[tuple[date, str], int | None]], datetime | None]:
    """Return the public figures and the instant of their publication (None if never).

    The figures are a mapping: code of the figure → (month, code) → number, None if suppressed.

    Raises:
        Refused: the actor may not read the published figures.
    """
    require(actor, "figures.read")
    found: dict[str, dict[tuple[date, str], int | None]] = defaultdict(dict)
    for row in models.Published.objects.all():
        found[row.figure][row.month, row.code] = row.n
    at = models.Published.objects.aggregate(at=Max("published_at"))["at"]
    return dict(found), at


def _counted(actor: Actor, figure: str, days: tuple[date, date]) -> list[Counted]:
    """Return a figure's counts between two days (second excluded): stored for closed days, else computed.

    The rows are (day, first code, second code, number); stored counts are summed by month, under its first
    day.
    """
    since, until = days
    held = models.Counted.objects.filter(figure=figure).first()
    if held is None or until <= held.first or since >= held.until:
        return _live(actor, figure, days)
    first, last = max(since, held.first), min(until, held.until)
    return [
        *_live(actor, figure, (since, first)),
        *_held(figure, first, last),
        *_live(actor, figure, (last, until)),
    ]


def _live(actor: Actor, figure: str, days: tuple[date, date]) -> list[Counted]:
    since, until = days
    if since >= until:
        return []
    return DAILY[figure](actor=actor, since=start_of_day(since), until=start_of_day(until))


@across_desks()
def first_month(*, actor: Actor) -> date | None:
    """Return the month of the first report (its first day), None without any.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    began = _began(actor)
    return None if began == date.max else began


def _compared_from(began: date) -> date | None:
    return None if began == date.max else add_months(began, 12)


@across_desks()
def _began(actor: Actor) -> date:
    """Return the first day of the month of the first report, from which comparisons are possible.

    `date.max` without any report.
    """
    first = first_received(actor=actor)
    return date.max if first is None else first_of_month(paris_day(first))


def _same_end(until: date) -> date:
    """Return the exclusive end of a period, moved back by a year.

    The last day is moved, so that a period up to 29 February ends with 28 February.
    """
    return year_before(until - timedelta(days=1)) + timedelta(days=1)


def _held(figure: str, since: date, until: date) -> list[Counted]:
    found = sql.rows(
        "SELECT date_trunc('month', day)::date, first, second, sum(n)::integer"
        " FROM statistics_daily WHERE figure = %s AND day >= %s AND day < %s GROUP BY 1, 2, 3",
        [figure, since, until],
    )
    return list(found)


def _by_month(counts: Iterable[Counted]) -> dict[tuple[date, Keys], int]:
    found: dict[tuple[date, Keys], int] = defaultdict(int)
    for day, first, second, n in counts:
        found[first_of_month(day), (first, second)] += n
    return dict(found)


def _padded(codes: Keys) -> Keys:
    return (*codes, "")[:2]


def _sums(counts: Iterable[Counted], width: int) -> dict[Keys, int]:
    found: dict[Keys, int] = defaultdict(int)
    for _day, first, second, n in counts:
        found[(first, second)[:width]] += n
    return dict(found)
