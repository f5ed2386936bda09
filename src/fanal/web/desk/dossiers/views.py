"""Pages on dossiers (groups of linked reports): list; graph, timeline, table and map of one; judgements.

A judgement is a person's decision on the links of a dossier, each stored as a new record.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _, gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_POST

from fanal.accounts.domain.policy import may
from fanal.accounts.queries.people import person_names
from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierLine, DossierView, JudgementAct
from fanal.crosscheck.dossiers.domain import next_act
from fanal.crosscheck.dossiers.names import LONGEST_NAME, NothingToName, name_dossier, names_of
from fanal.crosscheck.dossiers.numbers import dissolved
from fanal.crosscheck.dossiers.queries import (
    digests_of,
    dossier_of,
    dossier_view,
    list_dossiers,
    members_of,
)
from fanal.crosscheck.operations import judge as operations
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import read_aware
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import alphabetical
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import history, notes
from fanal.web.desk.deconfliction import counterparts
from fanal.web.desk.dossiers import graph as dossier_graph, pictures, related, timeline
from fanal.web.desk.dossiers.former import former_page, halves_of
from fanal.web.desk.dossiers.overview import overview_of
from fanal.web.desk.dossiers.pictures import Told
from fanal.web.desk.dossiers.places import named_places
from fanal.web.desk.dossiers.related import judged_of, percent, reasons_of
from fanal.web.desk.dossiers.titles import READ_FOR_A_LIST, made_name
from fanal.web.desk.naming import Unclear, named_report
from fanal.web.desk.queue.views import rows_of
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed, PostedForm, Several, digest_of, text
from fanal.web.reading import consult

_LISTED = 50
_LINKS = 60
_TOLD = 60
_ROWS = 50
_LEVELS = ("DANGER", "HIGH", "NORMAL", "LOW")
_UNDATED = datetime.min.replace(tzinfo=UTC)
ACTS = ("ACCEPT", "ATTACH", "UNLINK", "SPLIT", "MERGE", "REJECT")
"""Judgements that a person may make on the reports of a dossier, in the order of the form."""


@never_cache
@require_GET
@needs("dossier.list")
def dossiers(request: HttpRequest) -> HttpResponse:
    """Show the dossiers (linked reports) that hold a report of the person's desks: the fifty largest."""
    actor = actor_of(request)
    lines = list_dossiers(actor=actor, limit=_LISTED)
    consult(request, "dossier", [line.id for line in lines], action="dossier.list")
    members = {line.id: members_of(actor=actor, dossier_id=line.id) for line in lines}
    names = _names_in_list(members, actor=actor)
    context = {"dossiers": [_line(line, members[line.id], names, actor=actor) for line in lines]}
    return render(request, "desk/dossiers.html", context)


def _names_in_list(members: Mapping[UUID, list[UUID]], *, actor: Actor) -> dict[UUID, str]:
    """Return the name of each dossier by id: the name that a person gave it, else one made from its reports.

    `members` are the ids of the reports of each dossier, oldest first; the newest eight make the name.
    """
    given = names_of(actor=actor, dossier_ids=members)
    newest = {id_: ids[-READ_FOR_A_LIST:] for id_, ids in members.items() if id_ not in given}
    records = harmonised.get_records(
        actor=actor, report_ids=[report_id for ids in newest.values() for report_id in ids]
    )
    made = {
        id_: made_name([records[i] for i in ids if i in records]) for id_, ids in newest.items()
    }
    return given | made


@never_cache
@require_GET
@needs("dossier.read")
def show(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Show a dossier; the id of a merged dossier redirects to the one it was merged into.

    A dossier that a judgement dissolved gets a page that offers its parts, and to undo the judgement.

    Raises:
        Http404: no such dossier at the person's desks.
    """
    view = dossier_view(actor=actor_of(request), dossier_id=dossier_id)
    if view is None:
        return former_page(request, dossier_id)
    if view.id != dossier_id:
        return redirect("desk:dossier", dossier_id=view.id)
    return render(request, "desk/dossier.html", _page(request, view))


def _page(
    request: HttpRequest, view: DossierView, refused: str = "", *, typed_name: str | None = None
) -> dict[str, object]:
    actor, lang = actor_of(request), get_language() or "fr"
    own = [node.report_id for node in view.nodes if node.report_id]
    consult(request, "dossier", [view.id], reports=own)
    cases = oriented.get_cases(actor=actor, report_ids=own)
    names = person_names(person_ids={j.author_id for j in view.judgements})
    desks = dossier_graph.other_desks(view)
    references = dossier_graph.references_of([i for i in own if i in cases], actor=actor)
    records = harmonised.get_records(actor=actor, report_ids=own)
    events = [*pictures.acts_of(own, actor=actor)]
    events += timeline.events_of(records, {i: case.received_at for i, case in cases.items()})
    places = named_places(records, references)
    shown = pictures.pictures_of(
        request.GET, view, Told(own, events, places, references, cases), desks=desks
    )
    ranked = sorted(
        cases.values(),
        key=lambda c: (
            c.report_id not in shown.reports,
            _LEVELS.index(c.level),
            -c.score,
            -c.received_at.timestamp(),
        ),
    )
    page = Paginator(ranked, _ROWS).get_page(request.GET.get("page"))
    others = _others(view, actor=actor)
    names_given = names_of(actor=actor, dossier_ids=[view.id, *(line.id for line, _ in others)])
    given = names_given.get(view.id, "")
    return {
        "dossier": view,
        "name": given or made_name(records.values()),
        "given_name": given if typed_name is None else typed_name,
        "renaming": typed_name is not None,
        "longest_name": LONGEST_NAME,
        "overview": overview_of(records, cases, events, lang),
        "pictures": shown,
        "page": page,
        "rows": rows_of(list(page), actor=actor, now=now_of(request)),
        "halves": halves_of(view.split_off, actor=actor),
        "judged": judged_of(references, cases, actor=actor),
        "series": related.shown_series(records, references, actor=actor),
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
        "conduct": next_act(view.state),
        "timeline": _timeline(records, references)[:_TOLD],
        "not_told": max(0, len(records) - _TOLD),
        "judgements": [(j, names.get(j.author_id, "")) for j in view.judgements],
        "may_judge": may(actor, "dossier.judge"),
        "acts": ACTS,
        "members": digest_of(own),
        "others": [(line, names_given.get(line.id, ""), digest) for line, digest in others],
        "refused": refused,
        "typed": _JudgementForm(request).typed,
        **counterparts.shown(request, view),
        **notes.shown(request, own, dossier=True),
        "history": history.lines_of(view.id, actor=actor),
    }


def _others(view: DossierView, *, actor: Actor) -> list[tuple[DossierLine, str]]:
    """Return the dossiers with which one can be merged, each with the digest of the reports that it holds.

    `view` is the dossier of the page.
    """
    lines = [line for line in list_dossiers(actor=actor, limit=_LISTED) if line.id != view.id]
    digests = digests_of(actor=actor, dossier_ids=[line.id for line in lines])
    return [(line, digests.get(line.id, "")) for line in lines]


def _timeline(
    records: Mapping[UUID, HarmonisedReport], references: Mapping[UUID, str]
) -> list[dict[str, object]]:
    """Return the reports of a dossier in order of their event, those without a known date last.

    `references`: display references by report id. Keys: `report_id`, `reference`, `at` (None if unknown),
    `precision`, `record`.
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


def _line(
    line: DossierLine, members: Sequence[UUID], names: Mapping[UUID, str], *, actor: Actor
) -> dict[str, object]:
    cases = list(oriented.get_cases(actor=actor, report_ids=members).values())
    first = max(cases, key=lambda c: c.score, default=None)
    return {
        "line": line,
        "name": names.get(line.id, ""),
        "first": first,
        "kinds": sorted({c.kind for c in cases}),
        "platforms": sorted({c.platform for c in cases if c.platform}, key=alphabetical),
        "newest": max((c.received_at for c in cases), default=None),
        "open": sum(c.state in {"TO_ASSESS", "CLAIMED"} for c in cases),
    }


def _refused(request: HttpRequest, view: DossierView, words: str) -> HttpResponse:
    """Return the dossier's page with the message `words`, the reason of a refusal (status 409)."""
    page = _page(request, view, words)
    return render(request, "desk/dossier.html", page, status=HTTPStatus.CONFLICT)


@require_POST
@needs("dossier.note")
def rename(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Record the form's `name` as a dossier's name at the person's desk, then show the dossier.

    An empty name removes the name given before. A refused name gives the dossier's page with the reason and
    the name as typed (status 422).

    Raises:
        Http404: no such dossier for the person.
        Refused: the person may not write notes at the desk whose name it would be.
    """
    actor, name = actor_of(request), request.POST.get("name", "")
    try:
        name_dossier(actor=actor, dossier_id=dossier_id, name=name, now=now_of(request))
    except NothingToName:
        raise Http404 from None
    except Refusal as refused:
        view = dossier_view(actor=actor, dossier_id=dossier_id)
        if view is None:
            raise Http404 from None
        page = _page(request, view, reason_of(refused), typed_name=name)
        return render(request, "desk/dossier.html", page, status=HTTPStatus.UNPROCESSABLE_ENTITY)
    messages.success(request, _("The dossier’s name is recorded."))
    return redirect("desk:dossier", dossier_id=dossier_id)


_CHANGED = gettext_lazy(
    "Reports have joined or left this dossier since your page was shown. Nothing is recorded:"
    " look at them, then judge again."
)


def _dossier_shown(typed: str) -> tuple[UUID, str]:
    dossier_id, _space, digest = typed.partition(" ")
    return UUID(dossier_id), digest


class _JudgementForm(PostedForm):
    """Form of a judgement on a dossier: the `act`, and the fields of all acts.

    A malformed id in `other` or `undoes` is read as missing. `other` is a dossier's id and the digest of the
    reports that the page showed in it.
    """

    act = Parsed()
    members = Parsed()
    chosen = Several(posted="report")
    attach = text()
    other = Parsed(_dossier_shown, otherwise=None)
    undoes = Parsed(UUID, otherwise=None)
    reason = text()


Said = tuple[JudgementAct, list[UUID], list[UUID], UUID | None]
"""A judgement, the reports on its two sides, and the judgement that it undoes."""


@require_POST
@needs("dossier.judge")
def judge(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Record a judgement: open, close, accept, attach, unlink, split, merge, reject, or undo.

    The form's `act` names it. Redirects to the resulting dossier; a refused or incomplete one gives the
    dossier's page with the reason (status 409), and so does one whose page showed other reports than the
    dossier has now: it judges what its author has seen.

    Raises:
        Http404: no such dossier.
    """
    actor = actor_of(request)
    view = dossier_view(actor=actor, dossier_id=dossier_id)
    form = _JudgementForm(request).checked()
    if view is None:
        return _undo_of_former(form, dossier_id)
    try:
        act, left, right, undoes = _judgement(form, view)
        operations.judge(
            actor=actor,
            act=act,
            reason=form.cleaned_data["reason"],
            now=now_of(request),
            left=left,
            right=right,
            undoes=undoes,
        )
    except Refusal as refused:
        return _refused(request, view, reason_of(refused))
    except Unclear as unclear:
        if not _joined_before(form, view):
            return _refused(request, view, unclear.words)
    messages.success(request, _("The judgement is recorded."))
    return _after(view, actor=actor)


def _undo_of_former(form: _JudgementForm, dossier_id: UUID) -> HttpResponse:
    """Undo the judgement that dissolved a dossier, and redirect to it; a refusal is shown on its page.

    Raises:
        Http404: no such dossier, or the form does not ask to undo that judgement.
    """
    request, typed = form.request, form.cleaned_data
    former = dissolved(actor=actor_of(request), dossier_id=dossier_id)
    if former is None or (typed["act"], typed["undoes"]) != ("UNDO", former.judgement.id):
        raise Http404
    try:
        operations.judge(
            actor=actor_of(request),
            act=JudgementAct.UNDO,
            reason=typed["reason"],
            now=now_of(request),
            undoes=former.judgement.id,
        )
    except Refusal as refused:
        return former_page(request, dossier_id, refused=reason_of(refused), reason=typed["reason"])
    messages.success(request, _("The judgement is recorded."))
    return redirect("desk:dossier", dossier_id=dossier_id)


def _joined_before(form: _JudgementForm, view: DossierView) -> bool:
    """Return whether the form repeats a merge or attachment that the same person made a few seconds ago.

    A second press of the button sends the form of the old page again, which must not be shown as a refusal.
    """
    typed, request = form.cleaned_data, form.request
    last = max(view.judgements, key=lambda each: each.made_at, default=None)
    return (
        last is not None
        and last.act is JudgementAct.MERGE
        and typed["act"] in {"ATTACH", "MERGE"}
        and last.author_id == actor_of(request).person_id
        and abs(now_of(request) - last.made_at) < operations.AGAIN
        and digest_of(last.left) == typed["members"]
        and _is_joined(form, last.right)
        and last.reason == typed["reason"]
    )


def _is_joined(form: _JudgementForm, joined: Sequence[UUID]) -> bool:
    """Return whether the form names exactly the reports `joined`: another dossier's, or the one to attach."""
    typed = form.cleaned_data
    if typed["act"] == "MERGE":
        return typed["other"] is not None and typed["other"][1] == digest_of(joined)
    with suppress(Unclear):
        return [named_report(form.request, typed["attach"])] == list(joined)
    return False


def _after(view: DossierView, *, actor: Actor) -> HttpResponse:
    """Redirect to the dossier that now contains the first report of `view`, else to the list of dossiers.

    `view` is the dossier before a judgement, which may have dissolved it.
    """
    first = next(node.report_id for node in view.nodes if node.report_id)
    now_in = dossier_of(actor=actor, report_id=first)
    if now_in is None:
        return redirect("desk:dossiers")
    return redirect("desk:dossier", dossier_id=now_in)


def _judgement(form: _JudgementForm, view: DossierView) -> Said:
    """Return the judgement in the form, as (act, reports, other reports, id of a judgement to undo).

    `view`: the dossier. A judgement on one set of reports has no other reports; only UNDO has an id.

    Raises:
        Unclear: no act is named, its fields are incomplete, or the reports have changed since the page was
        made.
    """
    typed, act = form.cleaned_data, form.cleaned_data["act"]
    own = [node.report_id for node in view.nodes if node.report_id]
    chosen = [i for i in own if str(i) in typed["chosen"]]
    rest = [i for i in own if i not in chosen]
    if act in {*ACTS, "OPEN", "CLOSE"} and typed["members"] != digest_of(own):
        raise Unclear(str(_CHANGED))
    said: dict[str, Said] = {
        "OPEN": (JudgementAct.OPEN, own, [], None),
        "CLOSE": (JudgementAct.CLOSE, own, [], None),
        "ACCEPT": (JudgementAct.LINK, own[:1], own[1:], None),
        "UNLINK": (JudgementAct.UNLINK, chosen[:1], chosen[1:], None),
        "SPLIT": (JudgementAct.SPLIT, chosen, rest, None),
        "REJECT": (JudgementAct.REJECT, own, [], None),
    }
    if act in said:
        return said[act]
    if act == "ATTACH":
        return JudgementAct.MERGE, own, [_attached(form.request, typed["attach"], own)], None
    if act == "MERGE":
        if typed["other"] is None:
            raise Unclear(_("Choose the other dossier."))
        other_id, shown = typed["other"]
        others = members_of(actor=actor_of(form.request), dossier_id=other_id)
        if digest_of(others) != shown:
            raise Unclear(str(_CHANGED))
        return JudgementAct.MERGE, own, others, None
    if act == "UNDO" and typed["undoes"] is not None:
        return JudgementAct.UNDO, [], [], typed["undoes"]
    raise Unclear(_("Choose what you judge."))


def _attached(request: HttpRequest, reference_typed: str, own: list[UUID]) -> UUID:
    """Return the id of the report to attach; `own`: the reports of this dossier.

    Raises:
        Unclear: none is named, none or several match, or the report is in a dossier already.
    """
    found = named_report(request, reference_typed)
    if found in own:
        raise Unclear(_("This report is in the dossier already."))
    if dossier_of(actor=actor_of(request), report_id=found) is not None:
        raise Unclear(_("This report is in another dossier: merge the two, or split it off there."))
    return found
