"""The map drawings that set-up makes (`scripts/draw_maps.py`): sizes, points of places, captions. Pure.

The shapes are in `vendor/maps.svg`, the point of each in `vendor/maps.json`, both in the map's units.
"""

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

FRANCE_SIZE, WORLD_SIZE = (613, 770), (1000, 440)
"""Width and height of the two maps."""
PARIS = ("75", "92", "93", "94")
"""The départements of the enlargement, in which their marks stand."""
TILES = tuple(
    (code, 56 + 100 * (n % 6), 672 + 84 * (n // 6))
    for n, code in enumerate(
        ("971", "972", "973", "974", "976", "975", "977", "978", "986", "987", "988")
    )
)
"""The captions of the overseas tiles: code, and point in the map's units."""
_POINTS = Path(__file__).parents[1] / "static/vendor/maps.json"

Point = tuple[float, float]


@cache
def points() -> dict[str, Point]:
    """Return the point (x, y) at which to mark each shape of the maps, by the shape's id.

    Raises:
        FileNotFoundError: set-up has not drawn the maps.
    """
    return {code: (x, y) for code, (x, y) in json.loads(_POINTS.read_text()).items()}


def shapes_of(codes: Iterable[str]) -> tuple[str, ...]:
    """Return the ids of the map shapes of places (by code); a place in Paris's enlargement has a second one.

    Unknown codes are skipped; the shapes of the enlargement come last.
    """
    known = [code for code in codes if code in points()]
    return (*known, *(f"p{code}" for code in known if code in PARIS))
