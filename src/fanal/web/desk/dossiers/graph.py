"""The graph of a dossier (reports as nodes, links as edges), for the page and as a GraphML file."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET
from lxml import etree

from fanal import reference
from fanal.accounts.queries.desks import desk_names
from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierView, LinkReason
from fanal.crosscheck.dossiers.queries import dossier_view
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of
from fanal.web.components.words import identifier
from fanal.web.reading import consult

Elements = dict[str, list[dict[str, dict[str, object]]]]
_UNWRITABLE = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_GRAPHML = "http://graphml.graphdrawing.org/xmlns"
_KEYS = (
    ("label", "node", "string"),
    ("level", "node", "string"),
    ("shared", "node", "string"),
    ("service", "node", "string"),
    ("month", "node", "string"),
    ("away", "node", "boolean"),
    ("score", "edge", "double"),
    ("reasons", "edge", "string"),
)


def elements_of(
    view: DossierView,
    references: Mapping[UUID, str],
    cases: Mapping[UUID, Case],
    *,
    desks: Mapping[int, str],
) -> Elements:
    """Return the graph of a dossier (`view`) as cytoscape.js elements: nodes (reports) and edges (links).

    `references`: display references of the reports that the reader may see; `cases`: their queue rows, by
    report id. Attributes of a node: `shared`, the value behind most of its links; `service`, the platform,
    else the name of the channel of receipt; `month` of receipt; `away`: a report of another desk, which shows
    only that desk's name, from `desks` (names by desk id).
    """
    language = get_language() or "fr"
    shared = shared_values(view)
    nodes: list[dict[str, dict[str, object]]] = []
    for number, node in enumerate(view.nodes):
        case = cases.get(node.report_id) if node.report_id else None
        known = node.report_id if node.report_id in references else None
        data: dict[str, object] = {
            "id": str(known or f"desk-{node.desk_id}-{number}"),
            "label": references[known] if known else desks.get(node.desk_id, ""),
            "level": case.level if case else "",
            "away": int(known is None),
        }
        if case is not None and known is not None:
            data |= {
                "shared": shared.get(known, ""),
                "service": case.platform
                or reference.label("channel", case.channel or "OTHER", language),
                "month": f"{case.received_at:%Y-%m}",
            }
        nodes.append({"data": data})
    edges: list[dict[str, dict[str, object]]] = [
        {
            "data": {
                "id": f"{edge.report_id}-{edge.other_id}",
                "source": str(edge.report_id),
                "target": str(edge.other_id),
                "score": round(edge.score, 3),
                "reasons": " · ".join(_told(reason) for reason in edge.reasons[:3]),
            }
        }
        for edge in view.edges
        if edge.report_id in references and edge.other_id in references
    ]
    return {"nodes": nodes, "edges": edges}


@never_cache
@require_GET
@needs("dossier.read")
def graphml(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Send the graph of a dossier's linked reports as GraphML.

    Addresses are defanged, reports of other desks bear the desk's name only.

    Raises:
        Http404: no such dossier at the person's desks.
    """
    actor = actor_of(request)
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Http404
    own = [node.report_id for node in view.nodes if node.report_id]
    consult(request, "dossier", [view.id], reports=own)
    cases = oriented.get_cases(actor=actor, report_ids=own)
    elements = elements_of(view, references_of(own, actor=actor), cases, desks=other_desks(view))
    answer = HttpResponse(_graphml(elements), content_type="application/graphml+xml")
    answer["Content-Disposition"] = f'attachment; filename="dossier-{view.id}.graphml"'
    return answer


def other_desks(view: DossierView) -> dict[int, str]:
    """Return the names, by id, of the desks whose reports in the dossier `view` the reader may not see."""
    return desk_names(desk_ids={n.desk_id for n in view.nodes if n.report_id is None})


def references_of(report_ids: Sequence[UUID], *, actor: Actor) -> dict[UUID, str]:
    """Return the displayed reference of each report that the actor may see, by report id."""
    facts = get_reports(actor=actor, report_ids=report_ids)
    return {i: facts[i].spoken for i in report_ids if i in facts}


def shared_values(view: DossierView) -> dict[UUID, str]:
    """Return, by report id, the shared value most often cited as first reason of its links, as text.

    `view`: the dossier with its links. Of equally frequent values, the first in alphabetical order is taken.
    Reports without links have no key.
    """
    votes: dict[UUID, Counter[str]] = {}
    for edge in view.edges:
        if edge.reasons:
            told = _told(edge.reasons[0])
            for end in (edge.report_id, edge.other_id):
                votes.setdefault(end, Counter())[told] += 1
    return {
        report_id: min(found.items(), key=lambda item: (-item[1], item[0]))[0]
        for report_id, found in votes.items()
    }


def _told(reason: LinkReason) -> str:
    return identifier(reason.kind, reason.value)


def _graphml(elements: Elements) -> bytes:
    root = etree.Element("graphml", nsmap={None: _GRAPHML})  # type: ignore[dict-item]
    for name, whose, kind in _KEYS:
        etree.SubElement(
            root, "key", {"id": name, "for": whose, "attr.name": name, "attr.type": kind}
        )
    graph = etree.SubElement(root, "graph", edgedefault="undirected")
    for node in elements["nodes"]:
        _element(graph, "node", {"id": str(node["data"]["id"])}, node["data"])
    for edge in elements["edges"]:
        ends = {end: str(edge["data"][end]) for end in ("source", "target")}
        _element(graph, "edge", ends, edge["data"])
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")


def _element(
    graph: etree._Element, kind: str, attributes: dict[str, str], data: Mapping[str, object]
) -> None:
    element = etree.SubElement(graph, kind, attributes)
    for name, whose, type_ in _KEYS:
        if whose == kind and name in data:
            value = str(bool(data[name])).lower() if type_ == "boolean" else str(data[name])
            etree.SubElement(element, "data", key=name).text = _clean(value)


def _clean(text: str) -> str:
    """Return text without the characters that XML 1.0 forbids (section 2.2)."""
    return _UNWRITABLE.sub("", text)
