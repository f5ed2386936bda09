"""Where a weekly count has changed its level, and which names are new. Pure.

Method: counts are made comparable by Anscombe's transform, 2·√(n + 3/8), after which chance alone moves
a count by about 1 whatever its size (Anscombe, 1948). The level is the median of up to 26 weeks before, its
spread 1.4826 times the median distance to it, 1 at least: one odd week moves neither. A two-sided CUSUM
(Page, 1954) sums by how much each week lies off the level, less an allowance of 0.75, a week counting 3 at
most; past 5 the level has changed, in the week where the sum left zero. So a single odd week is never a
change, and a lasting one is told after two to six weeks. Behind a change the level is learnt anew, from
twelve weeks on. On counts that chance alone moves it errs once in ten years and series or less.

What it does not do: it knows no seasons. A rise that comes every year is told every year; the number of the
same week a year before stands beside for that.
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
"""Weeks for which a name counts as new; before them the desk must have counted as many."""
NEW_FROM: Final = 3
"""Reports below which a new name is not told: one may be a slip of the pen."""
RECENT: Final = 4


class LevelChange(Struct, frozen=True, kw_only=True):
    """A change of level: in which week (its place), when it could be told, from what to what a week."""

    at: int
    told: int
    before: float
    after: float

    @property
    def direction(self) -> str:
        """UP or DOWN."""
        return "UP" if self.after > self.before else "DOWN"


class Newcomer(Struct, frozen=True, kw_only=True):
    """A name first counted lately: in which week (its place), how often since, and of late."""

    code: str
    first: int
    total: int
    last: int
    earlier: int


class _Direction(Struct):
    """One direction of the CUSUM: its sum, and the week where it left zero."""

    sign: int
    total: float = 0.0
    since: int | None = None

    def take(self, week: int, off: float) -> bool:
        """Add a week; return whether the level has changed."""
        self.total = max(0.0, self.total + self.sign * off - ALLOWANCE)
        if not self.total:
            self.since = None
        elif self.since is None:
            self.since = week
        return self.total > LIMIT


def change_points(counts: Sequence[int], *, start: int = 0) -> tuple[LevelChange, ...]:
    """Return the changes of level of weekly counts, oldest first; weeks before `start` do not count."""
    light = [2 * sqrt(n + 0.375) for n in counts]
    found: list[LevelChange] = []
    sides = (_Direction(sign=1), _Direction(sign=-1))
    for week, value in enumerate(light):
        # The weeks of a running excursion are no part of the level that they are measured by.
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
                )
            )
            start, sides = at, (_Direction(sign=1), _Direction(sign=-1))
    return tuple(found)


def newcomers(series: Mapping[str, Sequence[int]]) -> tuple[Newcomer, ...]:
    """Return the names that were first counted within the last twelve weeks, the most frequent first.

    All series have the same length. Nothing is new while the desk itself has counted for less than
    twelve weeks before.
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
