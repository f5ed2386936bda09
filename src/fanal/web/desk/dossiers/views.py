"""Dossiers: the list, and the page of one with graph, timeline, table, map and judgements."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from fanal import reference
from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierLine, DossierView
from fanal.crosscheck.dossiers.domain import next_act
from fanal.crosscheck.dossiers.queries import dossier_view, list_dossiers, members_of
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical
from fanal.kernel.calendar import read_aware
from fanal.orient import queries as oriented
from fanal.reference.departements import departement_of
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history, notes
from fanal.web.desk.deconfliction import withholding
from fanal.web.desk.dossiers import graph as dossier_graph
from fanal.web.desk.dossiers.related import percent, reasons_of
from fanal.web.desk.queue.views import rows_of
from fanal.web.reading import consult

# Places in reports: a map of French départements, overseas ones as tiles, other countries in a list.

_HOME = "FR"
_OVERSEAS = ("971", "972", "973", "974", "975", "976", "977", "978", "986", "987", "988")
"""Overseas départements, in the order of their tiles."""
_MAINLAND = (*(f"{n:02d}" for n in range(1, 96) if n != 20), "2A", "2B")
"""Codes of the outlines on the map."""


def places_of(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str]
) -> dict[str, object]:
    """Return the template context of the places that reports name: the list, and the map of France.

    `records` and `references` (display references): by report id.
    """
    held: dict[tuple[str, str], dict[UUID, set[str]]] = defaultdict(lambda: defaultdict(set))
    for report_id, record in records.items():
        for place, role in _named(record):
            held[place][report_id].add(role)
    language = get_language() or "fr"
    lines = [
        {
            "kind": kind,
            "code": code,
            "name": reference.label(kind, code, language),
            "count": len(found),
            "reports": [
                (report_id, references.get(report_id, ""), sorted(roles))
                for report_id, roles in found.items()
            ],
        }
        for (kind, code), found in held.items()
    ]
    lines.sort(
        key=lambda line: (
            line["kind"] != "departement",
            -int(str(line["count"])),
            str(line["code"]),
        )
    )
    known = {str(line["code"]): line for line in lines if line["kind"] == "departement"}
    return {
        "places": lines,
        "has_home": bool(known),
        "land": _MAINLAND,
        "mainland": [line for code, line in known.items() if code not in _OVERSEAS],
        "overseas": [
            {"code": code, "x": 44 * place, "count": known[code]["count"] if code in known else 0}
            for place, code in enumerate(_OVERSEAS)
        ],
    }


def _named(record: HarmonisedReport) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield each place of a report as (group of labels, code), with PLACE or the role of the person there."""
    if record.place is not None:
        for place in _place(record.place.country, record.place.postcode):
            yield place, "PLACE"
    for person in record.persons:
        for place in _place(person.country, person.postcode):
            yield place, person.role


def _place(country: str | None, postcode: str | None) -> Iterator[tuple[str, str]]:
    code = departement_of(postcode) if (country or _HOME).upper() == _HOME else None
    if code is not None:
        yield "departement", code
    elif country:
        yield "country", country.upper()


_LISTED = 50
_LINKS = 200
_UNDATED = datetime.min.replace(tzinfo=UTC)
ACTS = ("ACCEPT", "ATTACH", "UNLINK", "SPLIT", "MERGE", "REJECT")
"""Judgements that a person may make on the reports of a dossier, in the order of the form."""


@never_cache
@require_GET
@needs("dossier.list")
def dossiers(request: HttpRequest) -> HttpResponse:
    """Show the dossiers that hold a report of the person's desks, the largest first."""
    actor = actor_of(request)
    lines = list_dossiers(actor=actor, limit=_LISTED)
    consult(request, "dossier", [line.id for line in lines], action="dossier.list")
    context = {"dossiers": [_line(line, actor=actor) for line in lines]}
    return render(request, "desk/dossiers.html", context)


@never_cache
@require_GET
@needs("dossier.read")
def show(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Show a dossier; the id of a merged dossier redirects to the one it was merged into."""
    view = dossier_view(actor=actor_of(request), dossier_id=dossier_id)
    if view is None:
        raise Http404
    if view.id != dossier_id:
        return redirect("desk:dossier", dossier_id=view.id)
    return render(request, "desk/dossier.html", _page(request, view))


def _page(request: HttpRequest, view: DossierView, refused: str = "") -> dict[str, object]:
    actor = actor_of(request)
    own = [node.report_id for node in view.nodes if node.report_id]
    consult(request, "dossier", [view.id], reports=own)
    cases = oriented.get_cases(actor=actor, report_ids=own)
    shown = [i for i in own if i in cases]
    rows = rows_of([cases[i] for i in shown], actor=actor, now=now_of(request))
    names = person_names(person_ids={j.author_id for j in view.judgements})
    desks = dossier_graph.other_desks(view)
    references = dossier_graph.references_of(shown, actor=actor)
    records = harmonised.get_records(actor=actor, report_ids=own)
    return {
        "dossier": view,
        "rows": rows,
        "elsewhere": sorted(desks.values(), key=alphabetical),
        "edges": [
            {
                "edge": edge,
                "percent": percent(edge.score),
                "one": references.get(edge.report_id, ""),
                "two": references.get(edge.other_id, ""),
                "reasons": reasons_of(edge.reasons),
            }
            for edge in view.edges[:_LINKS]
        ],
        "not_listed": view.links - len(view.edges[:_LINKS]),
        "not_drawn": view.links - len(view.edges),
        "graph": dossier_graph.elements_of(view, references, cases, desks=desks),
        "conduct": next_act(view.state),
        "timeline": _timeline(records, references),
        **places_of(records, references),
        "judgements": [(j, names.get(j.author_id, "")) for j in view.judgements],
        "may_judge": may(actor, "dossier.judge"),
        "acts": ACTS,
        "others": [d for d in list_dossiers(actor=actor, limit=_LISTED) if d.id != view.id],
        "refused": refused,
        "typed": {name: request.POST.get(name, "") for name in ("act", "attach", "reason")},
        **withholding.shown(request, view),
        **notes.shown(request, own, dossier=True),
        "history": history.lines_of(view.id, actor=actor),
    }


def _timeline(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str]
) -> list[dict[str, object]]:
    """Return the reports of a dossier in order of their event, those without a known date last.

    `references`: display references by report id.
    """
    events: list[tuple[tuple[bool, datetime, str], dict[str, object]]] = []
    for report_id, record in records.items():
        at = read_aware(record.occurred.earliest) if record.occurred else None
        event = {
            "report_id": report_id,
            "reference": references.get(report_id, ""),
            "at": at,
            "precision": record.occurred.precision if record.occurred and at else "",
            "record": record,
        }
        events.append(((at is None, at or _UNDATED, str(report_id)), event))
    return [event for _place, event in sorted(events, key=lambda each: each[0])]


def _line(line: DossierLine, *, actor: Actor) -> dict[str, object]:
    members = members_of(actor=actor, dossier_id=line.id)
    cases = list(oriented.get_cases(actor=actor, report_ids=members).values())
    first = max(cases, key=lambda c: c.score, default=None)
    return {
        "line": line,
        "first": first,
        "kinds": sorted({c.kind for c in cases}),
        "platforms": sorted({c.platform for c in cases if c.platform}, key=alphabetical),
        "newest": max((c.received_at for c in cases), default=None),
        "open": sum(c.state in {"TO_ASSESS", "CLAIMED"} for c in cases),
    }


def say(request: HttpRequest, view: DossierView, words: str, status: HTTPStatus) -> HttpResponse:
    """Return the dossier's page with the message `words`, the reason of a refusal."""
    return render(request, "desk/dossier.html", _page(request, view, words), status=status)
