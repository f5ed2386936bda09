"""Records for statistics: counts by day, and durations of the steps of a procedure.

They hold numbers and codes only, no id of a report or a person.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

Counted = tuple[date, str, str, int]
"""A day in Europe/Paris, two codes (empty if not applicable), and a count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """The distribution of a step's duration over `count` cases.

    `median`, `p90` (the ninth decile) and `mean` are in seconds; all three are None if `count` is 0.
    """

    count: int
    median: float | None = None
    p90: float | None = None
    mean: float | None = None


def delay_of(
    count: int, deciles: Sequence[float | None] | None, mean: float | None = None
) -> Delay:
    """Return the distribution of the duration of `count` cases as a `Delay`.

    `deciles` holds their median and ninth decile, `mean` is their mean, in seconds. Without cases, or with
    `deciles` None, the result has `count` 0.
    """
    if not count or deciles is None:
        return Delay(count=0)
    return Delay(count=count, median=deciles[0], p90=deciles[1], mean=mean)
