"""Sparklines: the course of a figure over some months, as points of a small SVG. Pure.

`templates/components/sparkline.html` draws one. Its text says the same to screen readers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from django.utils.translation import gettext as _

from fanal.web.components import words

WIDTH: Final = 120
HEIGHT: Final = 32
LEAST: Final = 3
"""Fewest known numbers that make a course."""
_MARGIN: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Sparkline:
    """The small line chart of a figure over some months, as points of an SVG (`x,y x,y`, in its units).

    `lines` are the parts between unknown numbers; `open_line` leads to the last number, if its month is not
    over; `areas` are the surfaces below. `end` is the last known point (x, y). `text` says the same in words.
    """

    lines: tuple[str, ...]
    open_line: str
    areas: tuple[str, ...]
    end: tuple[str, str]
    text: str


def sparkline(
    months: Sequence[date], values: Sequence[int | None], lang: str, *, is_open: bool = False
) -> Sparkline | None:
    """Return the sparkline of a figure; None with fewer than three known numbers.

    `values` has a number for each of `months`, None where it is unknown or hidden. `is_open`: the last month
    is not over. The scale begins at zero.
    """
    known = [(n, value) for n, value in enumerate(values) if value is not None]
    if len(known) < LEAST:
        return None
    most = max(value for _n, value in known)
    step = (WIDTH - 2 * _MARGIN) / (len(values) - 1)
    height = HEIGHT - 2 * _MARGIN

    def point(n: int, value: int) -> tuple[str, str]:
        rise = height * value / most if most else 0.0
        return _text(_MARGIN + n * step), _text(HEIGHT - _MARGIN - rise)

    parts: list[list[tuple[str, str]]] = []
    for place, (n, value) in enumerate(known):
        if not place or known[place - 1][0] != n - 1:
            parts.append([])
        parts[-1].append(point(n, value))
    base = _text(HEIGHT - _MARGIN)
    last = parts[-1]
    dashed = is_open and known[-1][0] == len(values) - 1 and len(last) > 1
    whole = [*parts[:-1], last[:-1]] if dashed else parts
    return Sparkline(
        lines=tuple(_joined(part) for part in whole if len(part) > 1),
        open_line=_joined(last[-2:]) if dashed else "",
        areas=tuple(
            _joined([(part[0][0], base), *part, (part[-1][0], base)]) for part in parts if part[1:]
        ),
        end=last[-1],
        text=_told(months, known, most, lang),
    )


def _told(months: Sequence[date], known: Sequence[tuple[int, int]], most: int, lang: str) -> str:
    (first, start), (last, end) = known[0], known[-1]
    highest = next(n for n, value in known if value == most)
    return _(
        "From %(first)s to %(last)s: from %(start)s to %(end)s a month, at most %(most)s (%(month)s)"
    ) % {
        "first": words.month(months[first], lang),
        "last": words.month(months[last], lang),
        "start": words.number(start, lang),
        "end": words.number(end, lang),
        "most": words.number(most, lang),
        "month": words.month(months[highest], lang),
    }


def _joined(points: Sequence[tuple[str, str]]) -> str:
    return " ".join(f"{x},{y}" for x, y in points)


def _text(value: float) -> str:
    return f"{value:.1f}"
