"""Dossiers: the list, and one as graph, timeline and table in step, with its judgements."""

from collections.abc import Mapping
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal import reference
from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import may
from fanal.accounts.routes import needs
from fanal.crosscheck import operations, queries
from fanal.crosscheck.domain.access import AccessRefused
from fanal.crosscheck.domain.dossiers import Act
from fanal.crosscheck.domain.views import DossierLine, DossierView
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.number import spoken
from fanal.kernel.actors import Actor
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history, notes
from fanal.web.desk.content import instant
from fanal.web.desk.kin import percent, reasons_of
from fanal.web.desk.queue import rows_of
from fanal.web.reading import consult

_LISTED = 50
ACTS = ("ACCEPT", "UNLINK", "SPLIT", "MERGE", "REJECT")
"""What a person may say of a dossier, in the order of the form."""


@never_cache
@require_GET
@needs("dossier.list")
def dossiers(request: HttpRequest) -> HttpResponse:
    """Show the dossiers that hold a report of the person's desks, the largest first."""
    actor = actor_of(request)
    lines = queries.list_dossiers(actor=actor, limit=_LISTED)
    consult(request, "dossier", [line.id for line in lines], action="dossier.list")
    context = {"dossiers": [_line(line, actor=actor) for line in lines]}
    return render(request, "desk/dossiers.html", context)


@never_cache
@require_GET
@needs("dossier.read")
def show(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Show a dossier; an older id leads to the dossier it was merged into."""
    view = queries.dossier_view(actor=actor_of(request), dossier_id=dossier_id)
    if view is None:
        raise Http404
    if view.id != dossier_id:
        return redirect("desk:dossier", dossier_id=view.id)
    return render(request, "desk/dossier.html", _page(request, view))


@require_POST
@needs("dossier.judge")
def judge(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Accept, unlink, split, merge, reject, or undo, with a reason; always by a new judgement."""
    actor = actor_of(request)
    view = queries.dossier_view(actor=actor, dossier_id=dossier_id)
    if view is None:
        raise Http404
    try:
        act, left, right, undoes = _judgement(request, view)
        operations.judge(
            actor=actor,
            act=act,
            reason=request.POST.get("reason", "").strip(),
            now=now_of(request),
            left=left,
            right=right,
            undoes=undoes,
        )
    except operations.JudgementRefused as refused:
        words = reference.label("judgement_refused", refused.code, get_language() or "fr")
        return _say(request, view, words, HTTPStatus.CONFLICT)
    except ValueError:
        return _say(request, view, _("Choose what you judge."), HTTPStatus.CONFLICT)
    except AccessRefused:
        words = _("One judges links between reports of one’s own desk only.")
        return _say(request, view, words, HTTPStatus.FORBIDDEN)
    messages.success(request, _("The judgement is recorded."))
    return _after(view, actor=actor)


def _after(view: DossierView, *, actor: Actor) -> HttpResponse:
    """Go to the dossier that the first report is in now; a judgement may have dissolved the old one."""
    first = next(node.report_id for node in view.nodes if node.report_id)
    now_in = queries.dossier_of(actor=actor, report_id=first)
    if now_in is None:
        return redirect("desk:dossiers")
    return redirect("desk:dossier", dossier_id=now_in)


def _judgement(
    request: HttpRequest, view: DossierView
) -> tuple[Act, list[UUID], list[UUID], UUID | None]:
    """Return the judgement that a form says.

    Raises:
        ValueError: the form says none.
    """
    own = [node.report_id for node in view.nodes if node.report_id]
    chosen = [i for i in own if str(i) in set(request.POST.getlist("report"))]
    rest = [i for i in own if i not in chosen]
    match request.POST.get("act", ""):
        case "ACCEPT":
            return Act.LINK, own[:1], own[1:], None
        case "UNLINK":
            return Act.UNLINK, chosen[:1], chosen[1:], None
        case "SPLIT":
            return Act.SPLIT, chosen, rest, None
        case "REJECT":
            return Act.REJECT, own, [], None
        case "MERGE":
            other = UUID(request.POST.get("other", ""))
            return (
                Act.MERGE,
                own,
                queries.members_of(actor=actor_of(request), dossier_id=other),
                None,
            )
        case "UNDO":
            return Act.UNDO, [], [], UUID(request.POST.get("undoes", ""))
        case _:
            raise ValueError


def _page(request: HttpRequest, view: DossierView, refused: str = "") -> dict[str, object]:
    actor = actor_of(request)
    own = [node.report_id for node in view.nodes if node.report_id]
    consult(request, "dossier", [view.id], reports=own)
    cases = oriented.get_cases(actor=actor, report_ids=own)
    shown = [i for i in own if i in cases]
    rows = rows_of([cases[i] for i in shown], actor=actor, now=now_of(request))
    names = accounts.person_names(person_ids={j.author_id for j in view.judgements})
    away = {node.desk_id for node in view.nodes if node.report_id is None}
    references: dict[str, object] = {
        str(i): spoken(str(row["reference"]), i) for i, row in zip(shown, rows, strict=True)
    }
    return {
        "dossier": view,
        "rows": rows,
        "elsewhere": sorted(accounts.desk_names(desk_ids=away).values()),
        "edges": [
            {
                "edge": edge,
                "percent": percent(edge.score),
                "one": references.get(str(edge.report_id), ""),
                "two": references.get(str(edge.other_id), ""),
                "reasons": reasons_of(edge.reasons),
            }
            for edge in view.edges
        ],
        "graph": _graph(view, references, cases),
        "timeline": _timeline(own, references, actor=actor),
        "judgements": [(j, names.get(j.author_id, "")) for j in view.judgements],
        "may_judge": may(actor, "dossier.judge"),
        "acts": ACTS,
        "others": [d for d in queries.list_dossiers(actor=actor, limit=_LISTED) if d.id != view.id],
        "refused": refused,
        "typed": {"act": request.POST.get("act", ""), "reason": request.POST.get("reason", "")},
        **notes.shown(request, own, dossier=True),
        "history": history.lines_of(view.id, actor=actor),
    }


def _graph(
    view: DossierView, references: Mapping[str, object], cases: Mapping[UUID, Case]
) -> dict[str, object]:
    levels = {str(i): case.level for i, case in cases.items()}
    graph = view.graph()
    for node in graph["nodes"]:
        data = node["data"]
        key = str(data["id"])
        data["label"] = str(references.get(key, ""))
        data["level"] = levels.get(key, "")
        data["away"] = int(key not in references)
    return {"nodes": graph["nodes"], "edges": graph["edges"]}


def _timeline(
    own: list[UUID], references: dict[str, object], *, actor: Actor
) -> list[dict[str, object]]:
    """Return the reports by the time of their facts, or of their receipt where the facts have none."""
    records = harmonised.get_records(actor=actor, report_ids=own)
    events = []
    for report_id, record in records.items():
        at = instant(record.occurred.earliest) if record.occurred else None
        events.append(
            {
                "report_id": report_id,
                "reference": references.get(str(report_id), ""),
                "at": at,
                "precision": record.occurred.precision if record.occurred and at else "",
                "record": record,
            }
        )
    return sorted(events, key=lambda e: (e["at"] is None, str(e["at"]), str(e["report_id"])))


def _line(line: DossierLine, *, actor: Actor) -> dict[str, object]:
    members = queries.members_of(actor=actor, dossier_id=line.id)
    cases = list(oriented.get_cases(actor=actor, report_ids=members).values())
    first = max(cases, key=lambda c: c.score, default=None)
    return {
        "line": line,
        "first": first,
        "kinds": sorted({c.kind for c in cases}),
        "platforms": sorted({c.platform for c in cases if c.platform}),
        "newest": max((c.received_at for c in cases), default=None),
        "open": sum(c.state in {"TO_ASSESS", "CLAIMED"} for c in cases),
    }


def _say(  # noqa: PLR0917 - where, what, how
    request: HttpRequest, view: DossierView, words: str, status: HTTPStatus
) -> HttpResponse:
    return render(request, "desk/dossier.html", _page(request, view, words), status=status)
