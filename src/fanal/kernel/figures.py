"""What stages hand to statistics: counts of a day and lengths of a step. No object, no person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

Counted = tuple[date, str, str, int]
"""A day in Europe/Paris, two codes (empty where there is none), and how many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delay:
    """How long a step took. `median` and `p90` are seconds, None where `count` is 0."""

    count: int
    median: float | None = None
    p90: float | None = None


def delay_of(count: int, deciles: Sequence[float | None] | None) -> Delay:
    """Return the delay of `count` cases whose (median, ninth decile) are `deciles`."""
    if not count or deciles is None:
        return Delay(count=0)
    return Delay(count=count, median=deciles[0], p90=deciles[1])
