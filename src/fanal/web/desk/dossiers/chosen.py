"""The selection of reports on a dossier's page: by report, place, shared value, or period of the timeline.

The selection is in the query of the page's URL, so that it works without JavaScript, survives a reload and
can be sent to a colleague. `desk-dossier.js` makes the same selection from the same data, without loading the
page.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import get_language, gettext as _
from msgspec import Struct

from fanal import reference
from fanal.kernel.calendar import read_day
from fanal.kernel.typed import identifier
from fanal.web.desk.dossiers.timeline import TimelineEvent, TimelineLane, span_of


class Facets(Struct, frozen=True, kw_only=True):
    """The properties of a report by which it can be selected on a dossier's page.

    `places` are the codes of its places (départements and countries), `days` its events as (lane of the
    timeline, day in Paris), `value` the digest of the value that it shares with others, "" without one.
    """

    places: tuple[str, ...] = ()
    days: tuple[tuple[TimelineLane, date], ...] = ()
    value: str = ""


class Chosen(Struct, frozen=True, kw_only=True):
    """The reports chosen on a dossier's page, with the criterion in words and as a URL query."""

    reports: frozenset[UUID]
    words: str
    query: str


def facets_of(
    reports: Sequence[UUID],
    events: Sequence[TimelineEvent],
    places: Mapping[UUID, set[str]],
    shared: Mapping[UUID, str],
) -> dict[UUID, Facets]:
    """Return the facets of each report, by report id.

    `events` are those of the timeline; `places` (codes) and `shared` (the value behind most of its links) are
    by report id.
    """
    days: dict[UUID, list[tuple[TimelineLane, date]]] = {i: [] for i in reports}
    for event in events:
        if event.report_id in days:
            days[event.report_id].append((event.lane, event.day))
    return {
        i: Facets(
            places=tuple(sorted(places.get(i, ()))),
            days=tuple(days[i]),
            value=digest(shared[i]) if i in shared else "",
        )
        for i in reports
    }


def digest(value: str) -> str:
    """Return a short digest of a shared value (16 hexadecimal digits), for a URL.

    A URL must not hold the value itself, which may identify a person.
    """
    return sha256(value.encode()).hexdigest()[:16]


def choose(
    query: QueryDict, facets: Mapping[UUID, Facets], names: Mapping[UUID, str]
) -> Chosen | None:
    """Return the reports chosen by the query of a dossier page's URL; None without a valid choice.

    Parameters, one of: `report` (id), `place` (code), `value` (digest), or `from` and `to` (days, inclusive;
    one may be absent) with or without `lane`. `facets`: the places, days and values of each report, by id;
    `names`: display references by report id.
    """
    report_id = identifier(query.get("report", ""))
    if report_id is not None and report_id in facets:
        return _chosen({report_id}, names.get(report_id, ""), report=report_id)
    if code := query.get("place", ""):
        found = {i for i, of in facets.items() if code in of.places}
        return _chosen(found, place_name(code), place=code) if found else None
    if value := query.get("value", ""):
        found = {i for i, of in facets.items() if value == of.value}
        return _chosen(found, _("shared value"), value=value) if found else None
    return _period(query, facets)


def _period(query: QueryDict, facets: Mapping[UUID, Facets]) -> Chosen | None:
    first, last = read_day(query.get("from")), read_day(query.get("to"))
    if first is None and last is None:
        return None
    lane = query.get("lane", "")
    lanes = {TimelineLane(lane)} if lane in set(TimelineLane) else set(TimelineLane)
    start, end = first or date.min, last or date.max
    found = {
        i
        for i, of in facets.items()
        if any(each in lanes and start <= day <= end for each, day in of.days)
    }
    words = span_of((day for day in (first, last) if day), get_language() or "fr")
    if len(lanes) == 1:
        words = f"{lane_name(*lanes)} · {words}"
    named = {"lane": lane, "from": first, "to": last}
    return _chosen(found, words, **{k: v for k, v in named.items() if v})


def _chosen(found: set[UUID], words: str, **query: object) -> Chosen:
    return Chosen(reports=frozenset(found), words=words, query=urlencode(query))


def place_name(code: str) -> str:
    """Return the name of a département or country by its code, in the page's language."""
    kind = "departement" if code[:1].isdigit() else "country"
    return reference.label(kind, code, get_language() or "fr")


def lane_name(lane: TimelineLane) -> str:
    """Return the name of a lane of the timeline, in the page's language."""
    return {
        TimelineLane.FACTS: _("Facts and meetings"),
        TimelineLane.TALK: _("Conversations"),
        TimelineLane.TRACES: _("Connections and payments"),
        TimelineLane.RECEIVED: _("Reports received"),
        TimelineLane.ACTS: _("Decisions and acts"),
    }[lane]
