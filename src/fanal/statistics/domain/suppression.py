"""Hiding of small numbers in public tables, so that none can be worked out from the others. Pure.

A table is months × codes; sums over codes and over months can be made by anybody who sees every cell, and
the totals are published beside. A line (one month, or one code) is safe when nothing is hidden in it, or
when at least two numbers are, which together reach the threshold. Zeros are shown: that nothing came is no
secret about somebody.
"""

from collections.abc import Hashable, Iterable, Mapping
from typing import TypeVar

THRESHOLD = 5

R = TypeVar("R", bound=Hashable)
C = TypeVar("C", bound=Hashable)
K = TypeVar("K", bound=Hashable)


def hide_small(
    cells: Mapping[tuple[R, C], int], *, threshold: int = THRESHOLD
) -> dict[tuple[R, C], int | None]:
    """Return the table with None for each number that must not be shown.

    `cells` holds every cell, totals left out. Their line totals may be shown where they reach the
    threshold (see `total_of`).
    """
    hidden = {key for key, n in cells.items() if 0 < n < threshold}
    lines = _lines(cells)
    moved = True
    while moved:
        moved = False
        for line in lines:
            more = _to_hide([(key, cells[key]) for key in line], hidden, threshold)
            moved = moved or bool(more)
            hidden |= more
    return {key: None if key in hidden else n for key, n in cells.items()}


def total_of(numbers: Iterable[int], *, threshold: int = THRESHOLD) -> int | None:
    """Return a sum that may be shown, None where it is itself small."""
    total = sum(numbers)
    return total if total == 0 or total >= threshold else None


def _lines(cells: Mapping[tuple[R, C], int]) -> list[list[tuple[R, C]]]:
    rows: dict[R, list[tuple[R, C]]] = {}
    columns: dict[C, list[tuple[R, C]]] = {}
    for key in cells:
        rows.setdefault(key[0], []).append(key)
        columns.setdefault(key[1], []).append(key)
    return [*rows.values(), *columns.values()]


def _to_hide(numbers: list[tuple[K, int]], hidden: set[K], threshold: int) -> set[K]:
    """Return which further numbers of a line must go: the smallest that are left."""
    gone = [n for key, n in numbers if key in hidden]
    if not gone:
        return set()
    left = sorted(
        ((n, key) for key, n in numbers if key not in hidden and n), key=lambda pair: pair[0]
    )
    more: set[K] = set()
    known, reached = len(gone), sum(gone)
    for n, key in left:
        if known >= 2 and reached >= threshold:
            break
        more.add(key)
        known, reached = known + 1, reached + n
    return more
