"""Detection of changes of level in weekly counts (CUSUM), and of new names. Pure.

Method: counts are made comparable by Anscombe's transform, 2·√(n + 3/8), which gives Poisson counts a
standard deviation of about 1 (Anscombe, 1948). The level is the median of up to 26 earlier weeks; the spread
is 1.4826 times the median absolute deviation, 1 at least: a single outlier moves neither. A two-sided CUSUM
(Page, 1954) sums the deviation of each week from the level, less an allowance of 0.75, limited to 3 for each
week. Above 5 the level has changed, in the week in which the sum became positive. A single outlier is
therefore never a change; a lasting change is detected after two to six weeks. After a change the level is
estimated again from twelve weeks on. On random counts, false alarms are at most one in ten years for each
series.

Limit: no seasonal model. A rise that recurs every year is reported every year; the number of the same week
of the previous year is displayed for comparison.
"""

from collections.abc import Mapping, Sequence
from math import sqrt
from statistics import median
from typing import Final

from msgspec import Struct

ALLOWANCE: Final = 0.75
LIMIT: Final = 5.0
MOST_A_WEEK: Final = 3.0
WINDOW: Final = 26
LEARNING: Final = 12
NEW_WITHIN: Final = 12
"""Number of weeks during which a name counts as new; as many weeks of counts must precede them."""
NEW_FROM: Final = 3
"""Minimum number of reports with a new name: a single one may be a typing error."""
RECENT: Final = 4


class LevelChange(Struct, frozen=True, kw_only=True):
    """A change of level in weekly counts, as indices of the list of counts.

    `at` is the first week at the new level, `told` the later week in which the test detects the change.
    `before` and `after` are the median counts at the two levels. `direction` is UP or DOWN, the side to which
    the weeks deviate. It does not follow from the medians, which may be equal when single weeks are high.
    """

    at: int
    told: int
    before: float
    after: float
    direction: str


class Newcomer(Struct, frozen=True, kw_only=True):
    """A name (`code` of a service, a country, …) that appeared recently in weekly counts.

    `first` is the index of its first week in the list of counts, `total` its count since then, `last` that of
    the last four weeks, `earlier` that of the four weeks before these.
    """

    code: str
    first: int
    total: int
    last: int
    earlier: int


class _Direction(Struct):
    """One side of a two-sided CUSUM: its sum in units of the spread, positive since the week `since`.

    `sign` is 1 for rises, -1 for falls.
    """

    sign: int
    total: float = 0.0
    since: int | None = None

    def take(self, week: int, off: float) -> bool:
        """Add the deviation `off` of a week (its index) from the level; return whether the level has changed.

        `off` is in units of the spread (a robust standard deviation).
        """
        self.total = max(0.0, self.total + self.sign * off - ALLOWANCE)
        if not self.total:
            self.since = None
        elif self.since is None:
            self.since = week
        return self.total > LIMIT


def change_points(counts: Sequence[int], *, start: int = 0) -> tuple[LevelChange, ...]:
    """Return the changes of level in weekly counts, oldest first; weeks before index `start` are ignored.

    The result is empty for fewer than thirteen weeks: the level is estimated from twelve. `at` and `told` are
    indices of `counts`.
    """
    light = [2 * sqrt(n + 0.375) for n in counts]
    found: list[LevelChange] = []
    sides = (_Direction(sign=1), _Direction(sign=-1))
    for week, value in enumerate(light):
        # The weeks of a current excursion are excluded from the level against which they are measured.
        calm = min((side.since for side in sides if side.since is not None), default=week)
        past = light[max(start, calm - WINDOW) : calm]
        if len(past) < LEARNING:
            continue
        level = median(past)
        spread = max(1.0, 1.4826 * median(abs(v - level) for v in past))
        off = min(MOST_A_WEEK, max(-MOST_A_WEEK, (value - level) / spread))
        changed = [side for side in sides if side.take(week, off)]
        if changed and changed[0].since is not None:
            at = changed[0].since
            found.append(
                LevelChange(
                    at=at,
                    told=week,
                    before=float(median(counts[max(start, at - WINDOW) : at])),
                    after=float(median(counts[at : week + 1])),
                    direction="UP" if changed[0].sign > 0 else "DOWN",
                )
            )
            start, sides = at, (_Direction(sign=1), _Direction(sign=-1))
    return tuple(found)


def newcomers(series: Mapping[str, Sequence[int]]) -> tuple[Newcomer, ...]:
    """Return the names that first occur in the last twelve weeks, with a count of three at least.

    `series` maps names to weekly counts of equal length. The most frequent name comes first, equal ones in
    alphabetical order. Nothing is new unless there are counts for twelve earlier weeks; the name "" (unknown)
    is never new.
    """
    firsts = {
        code: next(week for week, n in enumerate(counts) if n)
        for code, counts in series.items()
        if any(counts)
    }
    if not firsts:
        return ()
    length = len(next(iter(series.values())))
    began, new_from = min(firsts.values()), length - NEW_WITHIN
    if new_from - began < NEW_WITHIN:
        return ()
    found = [
        Newcomer(
            code=code,
            first=first,
            total=sum(series[code]),
            last=sum(series[code][-RECENT:]),
            earlier=sum(series[code][-2 * RECENT : -RECENT]),
        )
        for code, first in firsts.items()
        if code and first >= new_from and sum(series[code]) >= NEW_FROM
    ]
    return tuple(sorted(found, key=lambda n: (-n.total, n.code)))
