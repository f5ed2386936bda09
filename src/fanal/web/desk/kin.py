"""The kin of a report: links with their reasons, and the small graph beside them."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from django.utils.translation import get_language

from fanal.accounts import queries as accounts
from fanal.crosscheck.domain.because import because_of
from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.views import KinLink
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.intake import queries as intake
from fanal.intake.domain.number import spoken
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.web.desk.content import selector_link

_KINDS = frozenset(kind.value for kind in SelectorKind)
_DRAWN = 24  # reports in the small graph; the list holds all


def kin_of(
    record: HarmonisedReport,
    links: Sequence[KinLink],
    suggested: Mapping[UUID, object],
    *,
    actor: Actor,
) -> dict[str, object]:
    """Return the links of a report with what may be shown of the other side, and their graph.

    `suggested` holds what is suggested or was answered of a link, by the other report.
    """
    own = [link for link in links if link.other_id is not None]
    others = [link.other_id for link in own if link.other_id]
    facts = intake.get_reports(actor=actor, report_ids=others)
    cases = oriented.get_cases(actor=actor, report_ids=others)
    desks = accounts.desk_names(desk_ids={link.desk_id for link in links if not link.other_id})
    kin = [
        {
            "link": link,
            "percent": percent(link.score or 0),
            "reference": spoken(facts[link.other_id].reference, link.other_id),
            "case": cases.get(link.other_id),
            "facts": facts[link.other_id],
            "reasons": reasons_of(link.reasons),
            "found": suggested.get(link.other_id),
        }
        for link in own
        if link.other_id in facts
    ]
    return {
        "kin": kin,
        "elsewhere": sorted(set(desks.values())),
        "kin_graph": _graph(
            record, own[:_DRAWN], {i: spoken(f.reference, i) for i, f in facts.items()}
        ),
    }


def percent(share: float) -> str:
    """Return a share of one as people write it in the page's language."""
    space = "" if get_language() == "en" else "\u00a0"
    return f"{round(share * 100)}{space}%"


def points(weight: float) -> str:
    """Return the points of a reason as people write them in the page's language; one point is certain."""
    text = f"{weight:.2f}".replace("-", "\u2212")
    return text if get_language() == "en" else text.replace(".", ",")


def reasons_of(reasons: Sequence[Reason]) -> list[dict[str, object]]:
    """Return reasons with what a page shows of each."""
    return [
        {
            "reason": reason,
            "points": points(reason.weight),
            "whole": points(reason.weight / reason.kept) if reason.kept else None,
            "because": because_of(reason),
            # What has no value of its own (a name, a conflict) is told by its words alone.
            "href": selector_link(reason.kind, reason.value) if reason.kind in _KINDS else "",
            "valued": bool(reason.value) and reason.kind in _KINDS,
        }
        for reason in reasons
    ]


def _graph(
    record: HarmonisedReport, links: Sequence[KinLink], references: Mapping[UUID, str]
) -> dict[str, object]:
    """Return nodes and edges as cytoscape reads them: this report in the middle."""
    here = str(record.report_id)
    label = spoken(record.reference, record.report_id)
    nodes: list[object] = [{"data": {"id": here, "label": label, "here": True}}]
    edges: list[object] = []
    for link in links:
        if link.other_id is not None and link.other_id in references:
            other = str(link.other_id)
            nodes.append({"data": {"id": other, "label": references[link.other_id]}})
            edges.append({"data": {"source": here, "target": other, "score": link.score or 0}})
    return {"nodes": nodes, "edges": edges}
