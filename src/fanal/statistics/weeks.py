"""Read operations of trends: weekly counts, changes of level, new names.

Closed days come from `statistics_daily`, the few days since are counted live: no page scans reports.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Final

import msgspec
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day, start_of_day
from fanal.statistics import models, queries
from fanal.statistics.domain.definitions import Figure, trends
from fanal.statistics.domain.tabular import Row, Table, as_json, table_csv
from fanal.statistics.domain.trends import LevelChange, Newcomer, change_points, newcomers

KNOWN: Final = 104
"""Number of complete weeks read, from which levels are estimated."""
SHOWN: Final = 52
"""Number of weeks displayed and exported, each with the same week of the previous year."""
_WEEK = timedelta(days=7)
_KINDS = {"KINDS": ("ORIENTED", "first"), "CHANNELS": ("ORIENTED", "second")}


class Trend(Struct, frozen=True, kw_only=True):
    """The weekly counts of a figure, by code (a service, a country, …), with changes of level and new codes.

    `counts` has a number for each of `weeks` (Mondays of complete weeks), `now` that of the current week
    (absent if none), both by code. `changes` are the changes of level detected within the displayed weeks, by
    code. `new` are the codes first counted in the last twelve weeks, at least three times. `made_at` is when
    it was computed.
    """

    figure: Figure
    weeks: tuple[date, ...]
    counts: Mapping[str, tuple[int, ...]]
    now: Mapping[str, int]
    changes: Mapping[str, tuple[LevelChange, ...]]
    new: tuple[Newcomer, ...]
    made_at: datetime

    @property
    def shown(self) -> range:
        """The indices, within `weeks`, of the displayed weeks (the last 52)."""
        return range(len(self.weeks) - SHOWN, len(self.weeks))


@across_desks()  # counts over all desks, never a row
def trend(*, actor: Actor, figure: str, now: datetime) -> Trend:
    """Return the weekly counts of a figure for the last 104 complete weeks, with their changes of level.

    `figure` is a code of `trends.toml`. The last 52 weeks are displayed.

    Raises:
        Refused: the actor may not read statistics.
        KeyError: no trend has this code.
    """
    require(actor, "statistics.read")
    definition = trends()[figure]
    today = paris_day(now)
    monday = today - timedelta(days=today.weekday())
    weeks = tuple([monday - _WEEK * n for n in range(KNOWN, 0, -1)])
    source, column = _KINDS.get(figure, (figure, "first"))
    found = _by_week(actor, source, column, days=(weeks[0], today + timedelta(days=1)))
    codes = {code for _, code in found}
    counts = {code: tuple([found.get((week, code), 0) for week in weeks]) for code in codes}
    first = len(weeks) - SHOWN
    # Weeks before the very first report are excluded from the level: the desk did not exist.
    began = min(
        (place for series in counts.values() for place, n in enumerate(series) if n), default=0
    )
    changes = {
        code: tuple([c for c in change_points(series, start=began) if c.told >= first])
        for code, series in counts.items()
        if code
    }
    return Trend(
        figure=definition,
        weeks=weeks,
        counts=counts,
        now={code: found[monday, code] for code in codes if (monday, code) in found},
        changes={code: points for code, points in changes.items() if points},
        new=newcomers(counts),
        made_at=now,
    )


def table_of(found: Trend) -> Table:
    """Return a trend as a table with a row for each week and code: number, and that of a year before.

    Zeros are included, so that a week in which a code fell to zero has a row.
    """
    rows = [
        Row(
            keys=(found.weeks[place].isoformat(), code),
            value=series[place],
            before=series[place - SHOWN],
        )
        for place in found.shown
        for code, series in sorted(found.counts.items())
    ]
    return Table(
        figure=found.figure,
        rows=tuple(rows),
        since=found.weeks[-SHOWN],
        until=found.weeks[-1] + _WEEK,
        made_at=found.made_at,
    )


def trend_json(found: Trend, *, names: Mapping[str, str] | None = None) -> bytes:
    """Encode a trend as a JSON object: the table (`table_of`), the changes of level, and the new names.

    `names` maps codes that are ids to names; it is included unchanged.
    """
    whole = msgspec.json.decode(as_json(table_of(found)), type=dict[str, object])
    if names:
        whole["names"] = dict(sorted(names.items()))
    whole["changes"] = [
        {
            "code": code,
            "week": found.weeks[change.at],
            "told_in": found.weeks[change.told],
            "direction": change.direction,
            "before": change.before,
            "after": change.after,
        }
        for code, changes in sorted(found.changes.items())
        for change in changes
    ]
    whole["new"] = [
        {
            "code": name.code,
            "first_week": found.weeks[name.first],
            "total": name.total,
            "last_4_weeks": name.last,
            "4_weeks_before": name.earlier,
        }
        for name in found.new
    ]
    return msgspec.json.encode(whole)


def trend_csv(found: Trend, *, names: Mapping[str, str] | None = None) -> str:
    """Encode a trend as CSV; the column `change_of_level` says UP or DOWN in the week of a change.

    `names` maps codes that are ids to names, for an additional last column.
    """
    marks: dict[tuple[str, ...], str] = {
        (found.weeks[change.at].isoformat(), code): change.direction
        for code, changes in found.changes.items()
        for change in changes
    }
    further: dict[str, Callable[[tuple[str, ...]], str]] = {
        "change_of_level": lambda keys: marks.get(keys, "")
    }
    if names:
        further["name"] = lambda keys: names.get(keys[1], "")
    return table_csv(table_of(found), extra=further)


def _by_week(
    actor: Actor, source: str, column: str, *, days: tuple[date, date]
) -> dict[tuple[date, str], int]:
    """Return the counts by (Monday, code) between two days (second excluded), stored ones for past days.

    `source` is the code of the figure, `column` the stored code to use: `first` or `second`.
    """
    since, until = days
    held = models.Counted.objects.filter(figure=source).first()
    first, last = (since, since) if held is None else (max(since, held.first), held.until)
    if not since <= first < last:
        first = last = since
    last = min(last, until)
    found: dict[tuple[date, str], int] = defaultdict(int)
    place = 1 if column == "first" else 2
    count = (queries.DAILY | queries.TRENDS)[source]
    for begin, end in ((since, first), (last, until)):
        if begin >= end:
            continue
        for row in count(actor=actor, since=start_of_day(begin), until=start_of_day(end)):
            day = row[0]
            found[day - timedelta(days=day.weekday()), str(row[place])] += row[3]
    for week, code, n in _held(source, column, first, last):
        found[week, code] += n
    return dict(found)


def _held(source: str, column: str, since: date, until: date) -> list[tuple[date, str, int]]:
    found = sql.rows(
        f"SELECT date_trunc('week', day)::date, {column}, sum(n)::integer"  # noqa: S608 - a name of this module
        " FROM statistics_daily WHERE figure = %s AND day >= %s AND day < %s GROUP BY 1, 2",
        [source, since, until],
    )
    return list(found)
