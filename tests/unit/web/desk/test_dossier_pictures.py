"""The layout of a dossier's pictures: bars and words that do not touch, marks in their frame, one choice for all."""

import math
from datetime import date, timedelta
from itertools import combinations, pairwise
from uuid import UUID

import pytest
from django.http import QueryDict
from django.utils.translation import override

from fanal.formats.report.records import Handle, Person, Place
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.web.desk.dossiers.chosen import Facets, choose, digest, facets_of
from fanal.web.desk.dossiers.overview import people_of
from fanal.web.desk.dossiers.places import codes_by_report, maps_of, named_places, short, spread
from fanal.web.desk.dossiers.timeline import (
    NARROW,
    WIDE,
    TimelineEvent,
    TimelineLane,
    Width,
    chart_of,
    span_of,
)
from scripts.draw_maps import centre, path_of, svg_rings, world

FIRST = date(2026, 1, 5)


def report(number: int) -> UUID:
    return UUID(int=number)


def events(*days: date, lane: TimelineLane = TimelineLane.FACTS) -> list[TimelineEvent]:
    return [TimelineEvent(report(n), lane, day) for n, day in enumerate(days)]


@pytest.mark.parametrize("width", [WIDE, NARROW])
@pytest.mark.parametrize("length", [0, 3, 40, 300, 2_000, 20_000])
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_columns_fit_and_words_of_the_axis_do_not_touch(
    width: Width, length: int, lang: str
) -> None:
    with override(lang):
        chart = chart_of(events(FIRST, FIRST + timedelta(days=length)), lang, width)
    assert chart is not None
    (lane,) = chart.lanes
    assert [bar.count for bar in lane.bars] in ([1, 1], [2])
    assert all(bar.x >= 0 and bar.x + bar.width <= 100 for bar in lane.bars)
    assert all(one.x + one.width < two.x for one, two in pairwise(lane.bars))
    assert lane.bars[0].width * width.pixels / 100 > 18, "its number has no room"
    ends = [(tick.x * width.pixels / 100, len(tick.words) * 7) for tick in chart.ticks]
    assert all(x + long < following for (x, long), (following, _long) in pairwise(ends))
    assert chart.rows[0][0].first <= FIRST <= chart.rows[0][0].last


def test_a_few_early_days_do_not_squeeze_the_others() -> None:
    late = [FIRST + timedelta(days=n % 90) for n in range(200)]
    with override("en"):
        chart = chart_of(events(date(1998, 5, 1), *late), "en", WIDE)
    assert chart is not None
    first, *others = (period for period, _counts in chart.rows)
    assert (first.words, first.tick) == ("before 5 Jan 2026", "before")
    assert all((period.last - period.first).days == 6 for period in others)
    assert [sum(column) for column in zip(*(c for _p, c in chart.rows), strict=True)] == [201]


@pytest.mark.parametrize("day", [date(9990, 6, 1), date(9998, 12, 31), date(9999, 1, 2), date.max])
@pytest.mark.parametrize("other", [date.min, date(2026, 1, 1), date(9990, 1, 1)])
def test_the_last_years_of_all_have_columns_too(day: date, other: date) -> None:
    events = [
        TimelineEvent(UUID(int=n), TimelineLane.FACTS, one) for n, one in enumerate((day, other))
    ]
    for width in (WIDE, NARROW):
        chart = chart_of(events, "fr", width)
        assert chart is not None
        assert sum(bar.count for bar in chart.lanes[0].bars) == 2


def test_a_lane_counts_each_report_once() -> None:
    several = [
        TimelineEvent(report(1), TimelineLane.TALK, FIRST + timedelta(days=n)) for n in range(3)
    ]
    chart = chart_of([*several, TimelineEvent(report(2), TimelineLane.RECEIVED, FIRST)], "fr", WIDE)
    assert chart is not None
    assert [(lane.lane, lane.count) for lane in chart.lanes] == [("TALK", 1), ("RECEIVED", 1)]
    assert chart_of([], "fr", WIDE) is None
    assert span_of([FIRST, FIRST], "fr") == "5 janv. 2026"


@pytest.mark.parametrize("close", [0.0, 3.0, 15.0])
def test_marks_do_not_overlap_and_stay_on_the_map(close: float) -> None:
    points = [(close * (n % 5), close * (n // 5)) for n in range(20)]
    radii = [12 + n % 3 for n in range(20)]
    placed = spread(points, radii, (613, 770))
    for one, two in combinations(range(20), 2):
        assert math.dist(placed[one], placed[two]) >= radii[one] + radii[two] - 1
    assert all(
        r <= x <= 613 - r and r <= y <= 770 - r for (x, y), r in zip(placed, radii, strict=True)
    )
    far = [(100.0, 100.0), (300.0, 300.0)]
    assert spread(far, [12, 12], (613, 770)) == far
    assert [short(n) for n in (7, 999, 12_345)] == ["7", "999", "12k"]


def record(number: int, *people: Person, place: Place | None = None) -> HarmonisedReport:
    return HarmonisedReport(
        report_id=report(number), reference="", kind="OTHER", persons=people, place=place
    )


def test_each_place_has_its_map() -> None:
    records = {
        each.report_id: each
        for each in (
            record(1, place=Place(country="FR", postcode="75011")),
            record(2, place=Place(country="RE")),
            record(3, place=Place(country="FR", locality="Lyon")),
            record(4, place=Place(country="BE")),
        )
    }
    with override("fr"):
        places = named_places(records, {})
        france, world_map = maps_of(places)
    assert {mark.code for mark in france.wide} == {"75", "974"}
    assert "p75" in france.held
    assert {mark.code: mark.count for mark in world_map.wide} == {"FR": 3, "BE": 1}
    assert codes_by_report(places)[report(2)] == {"974", "FR"}
    assert maps_of([]) == []


FACETS = {
    report(1): Facets(places=("75", "FR"), days=((TimelineLane.FACTS, FIRST),), value=digest("a")),
    report(2): Facets(days=((TimelineLane.RECEIVED, FIRST + timedelta(days=9)),)),
}


@pytest.mark.parametrize(
    ("query", "found"),
    [
        (f"report={report(2)}", {2}),
        ("place=FR", {1}),
        (f"value={digest('a')}", {1}),
        ("from=2026-01-05&to=2026-01-05", {1}),
        ("from=2026-01-01", {1, 2}),
        ("lane=RECEIVED&from=2026-01-01", {2}),
        ("lane=TALK&to=2026-02-01", set()),
        ("lane=NONSENSE&to=2026-01-06", {1}),
        ("", None),
        ("place=%00", None),
        (f"report={report(3)}&from=yesterday", None),
    ],
)
def test_a_query_chooses_reports(query: str, found: set[int] | None) -> None:
    chosen = choose(QueryDict(query), FACETS, {})
    assert (None if chosen is None else {i.int for i in chosen.reports}) == found


def test_facets_are_those_of_the_readers_reports() -> None:
    told = [
        TimelineEvent(report(1), TimelineLane.FACTS, FIRST),
        TimelineEvent(report(9), TimelineLane.FACTS, FIRST),
    ]
    facets = facets_of([report(1)], told, {report(1): {"FR"}}, {report(9): "hidden"})
    assert facets == {report(1): Facets(places=("FR",), days=((TimelineLane.FACTS, FIRST),))}


def test_people_who_share_an_identifier_are_one() -> None:
    def suspect(*names: str) -> Person:
        return Person(role="SUSPECT", handles=tuple(Handle(value=name) for name in names))

    people = (suspect("a"), suspect("b"), suspect("a", "b"), suspect("c"))
    child = Person(role="VICTIM", name="Lina", birth_date="2014-02-03")
    found = people_of([record(1, *people, child), record(2, child, Person(role="VICTIM"))])
    assert dict(found) == {"SUSPECT": 2, "VICTIM": 2}


def test_shapes_are_drawn_from_the_installed_packages() -> None:
    (square,) = svg_rings("m 1,1 2,0 0,2 -2,0 z")
    assert (centre([square]), path_of([square])) == ((2.0, 2.0), "M1,1 3,1 3,3 1,3z")
    over = [(170.0, 10.0), (-170.0, 10.0), (-170.0, -10.0), (170.0, -10.0)]
    halves = world({"XX": [over]})["XX"]
    assert len(halves) == 2
    assert all(max(x for x, _y in half) - min(x for x, _y in half) < 50 for half in halves)
