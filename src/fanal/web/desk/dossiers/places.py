"""Places that the reports of a dossier name, and the layout of their marks on maps of France and the world.

Positions and lengths are in the units of each map (`web/components/maps.py`).
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from uuid import UUID

from django.utils.translation import get_language
from msgspec import Struct

from fanal import reference
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.reference.departements import departement_of
from fanal.web.components.maps import (
    FRANCE_SIZE,
    PARIS,
    TILES,
    WORLD_SIZE,
    Point,
    points,
    shapes_of,
)

HOME = "FR"
"""The country whose départements have a map of their own."""
OVERSEAS = {
    "GP": "971", "MQ": "972", "GF": "973", "RE": "974", "PM": "975", "YT": "976",
    "BL": "977", "MF": "978", "WF": "986", "PF": "987", "NC": "988",
}  # fmt: skip
"""The French overseas départements and collectivities that are also countries of ISO 3166-1."""
_NUMBERED = 24
"""Most marks on a map: more would cover it. The list has all places."""
_ROUNDS = 60


class NamedPlace(Struct, frozen=True, kw_only=True):
    """A place with the reports that name it: (report id, display reference, roles of the place) of each.

    `kind` (`departement` or `country`) is the group of its label.
    """

    kind: str
    code: str
    name: str
    reports: list[tuple[UUID, str, list[str]]]

    @property
    def count(self) -> int:
        """The number of reports that name the place."""
        return len(self.reports)

    @property
    def roles(self) -> list[tuple[str, int]]:
        """The roles of the place with the number of reports of each, the most frequent first."""
        counts: dict[str, int] = defaultdict(int)
        for _id, _reference, roles in self.reports:
            for role in roles:
                counts[role] += 1
        return sorted(counts.items(), key=lambda each: (-each[1], each[0]))


class MapMark(Struct, frozen=True, kw_only=True):
    """A circle with a number on a map, for one place: how many reports name it.

    `x`, `y` are its centre and `radius` its size; `at_x`, `at_y` are the point of the place itself, from
    which it may have been moved so that marks do not overlap. All in the map's units.
    """

    code: str
    name: str
    count: int
    x: float
    y: float
    radius: float
    at_x: float
    at_y: float

    @property
    def short(self) -> str:
        """The number in the circle, in at most three characters (`820`, `2k`)."""
        return short(self.count)

    @property
    def is_moved(self) -> bool:
        """Whether the circle is so far from its place that the map draws a line between them."""
        return math.dist((self.x, self.y), (self.at_x, self.at_y)) > self.radius


class PlaceMap(Struct, frozen=True, kw_only=True):
    """A map with marks: its `name` in `maps.svg`, and its `width` and `height` in the map's units.

    `held`: codes of the shapes to tint. `wide`, `narrow`: the marks for wide and for narrow pages.
    """

    name: str
    width: int
    height: int
    held: tuple[str, ...]
    wide: tuple[MapMark, ...]
    narrow: tuple[MapMark, ...]

    @property
    def marks(self) -> tuple[tuple[str, tuple[MapMark, ...]], ...]:
        """The marks for each width of page, as pairs (`wide` or `narrow`, marks)."""
        return ("wide", self.wide), ("narrow", self.narrow)

    @property
    def tiles(self) -> tuple[tuple[str, int, int], ...]:
        """Each overseas tile as (code, x, y of its caption); none on the map of the world."""
        return TILES if self.name == "france" else ()


def named_places(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str]
) -> list[NamedPlace]:
    """Return the places that reports name: French départements first, then by number of reports.

    `records` and `references` (display references): by report id.
    """
    held: dict[tuple[str, str], dict[UUID, set[str]]] = defaultdict(lambda: defaultdict(set))
    for report_id, record in records.items():
        for place, role in _named(record):
            held[place][report_id].add(role)
    language = get_language() or "fr"
    lines = [
        NamedPlace(
            kind=kind,
            code=code,
            name=reference.label(kind, code, language),
            reports=[
                (report_id, references.get(report_id, ""), sorted(roles))
                for report_id, roles in found.items()
            ],
        )
        for (kind, code), found in held.items()
    ]
    lines.sort(key=lambda line: (line.kind != "departement", -line.count, line.code))
    return lines


def codes_by_report(places: Sequence[NamedPlace]) -> dict[UUID, set[str]]:
    """Return the codes of the places that each report names, by report id; a département's also as `FR`."""
    found: dict[UUID, set[str]] = defaultdict(set)
    for place in places:
        codes = {place.code, HOME} if place.kind == "departement" else {place.code}
        for report_id, _reference, _roles in place.reports:
            found[report_id] |= codes
    return found


def maps_of(places: Sequence[NamedPlace]) -> list[PlaceMap]:
    """Return the maps that show the places: of France if it is named, of the world if another country is.

    On the map of the world France counts the reports that name it or one of its départements. France first;
    [] if no place is on a map.
    """
    at_home = [place for place in places if place.kind == "departement"]
    counts = {place.code: place.count for place in at_home}
    names = {place.code: place.name for place in places}
    abroad = {place.code: place.count for place in places if place.kind == "country"}
    if at_home and abroad:
        reports = codes_by_report(places)
        abroad[HOME] = sum(HOME in codes for codes in reports.values())
        names[HOME] = reference.label("country", HOME, get_language() or "fr")
    maps = []
    if counts:
        maps.append(_map("france", FRANCE_SIZE, counts, names, radii=(18, 23)))
    if abroad:
        maps.append(_map("world", WORLD_SIZE, abroad, names, radii=(17, 34)))
    return maps


def _map(
    name: str,
    size: tuple[int, int],
    counts: Mapping[str, int],
    names: Mapping[str, str],
    radii: tuple[int, int],
) -> PlaceMap:
    known = sorted((c for c in counts if c in points()), key=lambda code: (-counts[code], code))
    return PlaceMap(
        name=name,
        width=size[0],
        height=size[1],
        held=shapes_of(known),
        wide=_marks(known[:_NUMBERED], counts, names, size, radii[0]),
        narrow=_marks(known[: _NUMBERED // 2], counts, names, size, radii[1]),
    )


def _marks(
    codes: Sequence[str],
    counts: Mapping[str, int],
    names: Mapping[str, str],
    size: tuple[int, int],
    radius: int,
) -> tuple[MapMark, ...]:
    """Return the marks of the places with these codes.

    `counts` and `names` are by code; `size` is the map's width and height, `radius` the radius of the circle
    around a number of one or two digits, both in the map's units.
    """
    places = [points()[f"p{code}" if code in PARIS else code] for code in codes]
    sizes = [radius * (1 + 0.2 * max(0, len(short(counts[code])) - 2)) for code in codes]
    return tuple(
        MapMark(
            code=code,
            name=names[code],
            count=counts[code],
            x=round(x, 1),
            y=round(y, 1),
            radius=round(of, 1),
            at_x=at[0],
            at_y=at[1],
        )
        for code, (x, y), of, at in zip(
            codes, spread(places, sizes, size), sizes, places, strict=True
        )
    )


def short(count: int) -> str:
    """Return a count in at most three characters: `7`, `820`, `2k` for thousands."""
    return str(count) if count < 1000 else f"{count // 1000}k"


def spread(
    points: Sequence[Point], radii: Sequence[float], size: tuple[float, float]
) -> list[Point]:
    """Return the centres of circles moved apart so that they do not overlap, each close to its point.

    `points` are the places, `radii` the radius of each circle. Pairs that overlap are moved apart along the
    line between them, in rounds; circles stay in the frame (`size`: width, height). If overlaps remain after
    sixty rounds, the last positions are returned.
    """
    placed = [(x, y) for x, y in points]
    for _round in range(_ROUNDS):
        moved = False
        order = sorted(range(len(placed)), key=lambda n: placed[n][0])
        widest = 2 * max(radii, default=0)
        for rank, one in enumerate(order):
            for two in order[rank + 1 :]:
                (x1, y1), (x2, y2) = placed[one], placed[two]
                if x2 - x1 > widest:
                    break
                least, apart = radii[one] + radii[two] + 1, math.dist(placed[one], placed[two])
                if apart >= least - 0.01:
                    continue
                # Two marks on one point have no line between them: each pair gets a direction of its own.
                angle = math.atan2(y2 - y1, x2 - x1) if apart else 2.4 * (one + two)
                dx, dy = (math.cos(angle), math.sin(angle))
                step = (least - apart) / 2
                placed[one] = _inside((x1 - dx * step, y1 - dy * step), radii[one], size)
                placed[two] = _inside((x2 + dx * step, y2 + dy * step), radii[two], size)
                moved = True
        if not moved:
            break
    return placed


def _inside(point: Point, radius: float, size: tuple[float, float]) -> Point:
    x, y = point
    return min(max(x, radius), size[0] - radius), min(max(y, radius), size[1] - radius)


def _named(record: HarmonisedReport) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each country or département that a report names, as ((group of labels, code), role).

    The role is PLACE for the report's own place, the role of a stated place, or the role of the person who is
    there.
    """
    if record.place is not None:
        for place in _place(record.place.country, record.place.postcode):
            yield place, "PLACE"
    for stated in record.places:
        codes = record.countries_of(stated.role)
        country = stated.country if stated.country in codes else None
        for place in _place(country, stated.postcode):
            yield place, stated.role
    for person in record.persons:
        for place in _place(person.country, person.postcode):
            yield place, person.role


def _place(country: str | None, postcode: str | None) -> Iterator[tuple[str, str]]:
    land = (country or HOME).upper()
    code = OVERSEAS.get(land) or (departement_of(postcode) if land == HOME else None)
    if code is not None:
        yield "departement", code
    elif country:
        yield "country", land
