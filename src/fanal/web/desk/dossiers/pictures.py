"""The graph, timeline and maps of a dossier's page, with the chosen reports marked in each of them."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import get_language
from msgspec import Struct

from fanal.crosscheck.domain.records import DossierView
from fanal.judicial import queries as judicial
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.measures import queries as measures
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.desk.dossiers.chosen import Chosen, choose, digest, facets_of, lane_name
from fanal.web.desk.dossiers.graph import Elements, elements_of, shared_values
from fanal.web.desk.dossiers.places import NamedPlace, PlaceMap, codes_by_report, maps_of, short
from fanal.web.desk.dossiers.timeline import (
    NARROW,
    WIDE,
    Bar,
    Chart,
    ChartLane,
    TimelineEvent,
    TimelineLane,
    chart_of,
)

_GROUPS = 12


class Told(NamedTuple):
    """The data from which a dossier's graph, timeline and maps are drawn.

    `own` are the ids of its reports that the reader may see. `events` are those of the timeline, `places` the
    places that reports name. `references` (as displayed) and `cases` (rows of the queue) are by report id.
    """

    own: Sequence[UUID]
    events: Sequence[TimelineEvent]
    places: Sequence[NamedPlace]
    references: Mapping[UUID, str]
    cases: Mapping[UUID, Case]


class ShownBar(NamedTuple):
    """A bar of the timeline for the template.

    `y` is its top in pixels, `short` the number of reports in at most three characters, `query` the URL query
    that chooses its reports, `is_picked` whether one of them is chosen.
    """

    bar: Bar
    y: int
    short: str
    query: str
    is_picked: bool


class ShownLane(NamedTuple):
    """A lane of the timeline for the template: its layout, its name in the page's language and its bars."""

    lane: ChartLane
    name: str
    bars: list[ShownBar]


class ShownChart(NamedTuple):
    """A timeline chart for the template, its rows being `lanes`, for pages of one `size`: wide or narrow."""

    size: str
    chart: Chart
    lanes: list[ShownLane]


class Group(NamedTuple):
    """The reports of a dossier with the same `value`, the value cited most often behind their links.

    `digest` is that of the value, for URLs (`chosen.digest`); `number` counts the reports.
    """

    value: str
    digest: str
    number: int


class Pictures(Struct, frozen=True, kw_only=True):
    """The graph, timeline and maps of a dossier, for the template.

    `chosen` are the reports chosen on the page, None without a choice; graph, timeline and maps mark them.
    `codes` are the places of the chosen reports. `graph` are the elements for cytoscape.js, `charts` the
    timeline for wide and narrow pages, `maps` the maps, `places` all places named. `groups` are the most
    frequent shared values, at most twelve.
    """

    chosen: Chosen | None
    codes: frozenset[str]
    graph: Elements
    charts: list[ShownChart]
    maps: list[PlaceMap]
    places: Sequence[NamedPlace]
    groups: list[Group]

    @property
    def reports(self) -> frozenset[UUID]:
        """The chosen reports; empty if none are chosen."""
        return self.chosen.reports if self.chosen else frozenset()

    @property
    def rows(self) -> list[tuple[str, list[int]]]:
        """The timeline as a table: period in words, number of reports in each lane of the wide chart."""
        found = self.charts[0].chart.rows if self.charts else ()
        return [(period.words, list(counts)) for period, counts in found]


def pictures_of(
    query: QueryDict, view: DossierView, told: Told, *, desks: Mapping[int, str]
) -> Pictures:
    """Return the pictures of a dossier with the choice in `query`; `desks`: names of other desks by id.

    `view` is the dossier, `told` the data from which the pictures are drawn.
    """
    shared = shared_values(view)
    codes = codes_by_report(told.places)
    facets = facets_of(told.own, told.events, codes, shared)
    chosen = choose(query, facets, told.references)
    picked = chosen.reports if chosen else frozenset()
    graph = elements_of(view, told.references, told.cases, desks=desks)
    by_id = {str(report_id): of for report_id, of in facets.items()}
    for node in graph["nodes"]:
        if (of := by_id.get(str(node["data"]["id"]))) is not None:
            node["data"] |= {"places": of.places, "days": of.days, "value": of.value}
    counts = Counter(shared[i] for i in told.own if i in shared)
    return Pictures(
        chosen=chosen,
        codes=frozenset().union(*(codes[i] for i in picked if i in codes)),
        graph=graph,
        charts=list(_charts(told.events, picked)),
        maps=maps_of(told.places),
        places=told.places,
        groups=[Group(v, digest(v), n) for v, n in counts.most_common(_GROUPS)],
    )


def acts_of(own: Sequence[UUID], *, actor: Actor) -> list[TimelineEvent]:
    """Return decisions, removal requests and referrals on reports as events of the timeline, by their days.

    Acts that the actor may not read are left out. In no particular order, each event once.
    """
    decided = oriented.decisions_of(actor=actor, report_ids=own)
    found = {(i, one.decided_at) for i, decisions in decided.items() for one in decisions}
    # Both follow a decision: of a large dossier only the decided reports are asked for.
    for acts in (
        measures.measures_of(actor=actor, report_ids=list(decided)),
        judicial.referrals_of(actor=actor, report_ids=list(decided)),
    ):
        found |= {
            (i, at)
            for i, of in acts.items()
            for act in of
            for at in (act.created_at, act.sent_at)
            if at is not None
        }
    return [TimelineEvent(i, TimelineLane.ACTS, paris_day(at)) for i, at in found]


def _charts(events: Sequence[TimelineEvent], picked: frozenset[UUID]) -> Iterator[ShownChart]:
    for size, width in (("wide", WIDE), ("narrow", NARROW)):
        chart = chart_of(events, get_language() or "fr", width)
        if chart is not None:
            yield ShownChart(size, chart, [_lane(lane, picked) for lane in chart.lanes])


def _lane(lane: ChartLane, picked: frozenset[UUID]) -> ShownLane:
    bars = [
        ShownBar(
            bar,
            lane.floor - bar.height,
            short(bar.count),
            urlencode({"lane": lane.lane, "from": bar.period.first, "to": bar.period.last}),
            not picked.isdisjoint(bar.reports),
        )
        for bar in lane.bars
    ]
    return ShownLane(lane, lane_name(lane.lane), bars)
