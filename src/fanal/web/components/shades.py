"""Shades of heat maps and maps: numbers grouped in at most five steps of the largest. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fanal.web.components import words

STEPS: Final = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Shades:
    """The shades of a heat map or map: steps of numbers, each drawn in one shade.

    `bounds` holds the last number of each step, ascending: shade 1 is up to the first, shade 2 up to the
    second, … Shade 0 is for zero.
    """

    bounds: tuple[int, ...]

    def of(self, number: int) -> int:
        """Return the shade of a number, from 0 to the number of steps."""
        if number <= 0:
            return 0
        return next(
            (n for n, bound in enumerate(self.bounds, 1) if number <= bound), len(self.bounds)
        )

    def legend(self, lang: str) -> list[tuple[int, str]]:
        """Return each shade and the range of its numbers as text: `1–12`, or `7` for a single one.

        The lowest numbers come first.
        """
        first, found = 1, []
        for shade, bound in enumerate(self.bounds, 1):
            ends = dict.fromkeys(words.number(n, lang) for n in (first, bound))
            found.append((shade, "–".join(ends)))
            first = bound + 1
        return found


def shades_of(numbers: Iterable[int]) -> Shades:
    """Return the shades of numbers: five equal steps up to the largest, fewer where it is below five."""
    most = max(numbers, default=0)
    steps = min(STEPS, most)
    return Shades(bounds=tuple(-(-most * n // steps) for n in range(1, steps + 1)))
