"""Judgements on a dossier (merge, split, attach, accept, …): each is a new record, with a reason."""

from http import HTTPStatus
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.routes import needs
from fanal.crosscheck.domain.records import DossierView, JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of, dossier_view, members_of
from fanal.crosscheck.operations import judge as operations
from fanal.intake.queries.envelopes import find_desk_number, find_references
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.dossiers import views as dossiers
from fanal.web.failures import reason_of
from fanal.web.reading import journal_search


class _Unclear(Exception):
    """The form names no judgement, or an incomplete one; `words` is the message for the person."""

    def __init__(self, words: str) -> None:
        super().__init__(words)
        self.words = words


Said = tuple[JudgementAct, list[UUID], list[UUID], UUID | None]
"""A judgement, the reports on its two sides, and the judgement that it undoes."""


@require_POST
@needs("dossier.judge")
def judge(request: HttpRequest, dossier_id: UUID) -> HttpResponse:
    """Record a judgement: open, close, accept, attach, unlink, split, merge, reject, or undo.

    A refused or incomplete one gives the dossier's page with the reason.

    Raises:
        Http404: no such dossier.
    """
    actor = actor_of(request)
    view = dossier_view(actor=actor, dossier_id=dossier_id)
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
    except Refusal as refused:
        return dossiers.say(request, view, reason_of(refused), HTTPStatus.CONFLICT)
    except _Unclear as unclear:
        return dossiers.say(request, view, unclear.words, HTTPStatus.CONFLICT)
    messages.success(request, _("The judgement is recorded."))
    return _after(view, actor=actor)


def _after(view: DossierView, *, actor: Actor) -> HttpResponse:
    """Redirect to the present dossier of the first report; the judgement may have dissolved the old one.

    `view`: the dossier as it was before. Without a present dossier, redirect to the list.
    """
    first = next(node.report_id for node in view.nodes if node.report_id)
    now_in = dossier_of(actor=actor, report_id=first)
    if now_in is None:
        return redirect("desk:dossiers")
    return redirect("desk:dossier", dossier_id=now_in)


def _judgement(request: HttpRequest, view: DossierView) -> Said:
    """Return the judgement that the form asks for: act, reports on one side and the other, judgement to undo.

    `view`: the dossier. A judgement on one set of reports has an empty other side.

    Raises:
        _Unclear: it asks for none, or is incomplete.
    """
    actor, act = actor_of(request), request.POST.get("act", "")
    own = [node.report_id for node in view.nodes if node.report_id]
    named = set(request.POST.getlist("report"))
    chosen = [i for i in own if str(i) in named]
    rest = [i for i in own if i not in chosen]
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
        return (
            JudgementAct.MERGE,
            own,
            [_attached(request, request.POST.get("attach", "").strip(), own)],
            None,
        )
    if act == "MERGE":
        other = _id(request.POST.get("other", ""), _("Choose the other dossier."))
        return JudgementAct.MERGE, own, members_of(actor=actor, dossier_id=other), None
    if act == "UNDO":
        return (
            JudgementAct.UNDO,
            [],
            [],
            _id(request.POST.get("undoes", ""), _("Choose what you judge.")),
        )
    raise _Unclear(_("Choose what you judge."))


def _attached(request: HttpRequest, reference_typed: str, own: list[UUID]) -> UUID:
    """Return the report to attach, found by its desk number or by the sender's reference.

    `own`: the reports of this dossier. The search is recorded in the ledger.

    Raises:
        _Unclear: nothing typed, none or several match, or the report is in a dossier already.
    """
    if not reference_typed:
        raise _Unclear(_("Type the number or the reference of the report to attach."))
    actor = actor_of(request)
    by_number = find_desk_number(actor=actor, number=reference_typed)
    found = by_number or find_references(actor=actor, reference=reference_typed)
    journal_search(request, kind="REFERENCE", text=reference_typed, reports=found)
    if len(found) != 1:
        raise _Unclear(
            _("Several reports bear this reference: use the number of one.")
            if found
            else _("No report of your desk bears this number or reference.")
        )
    if found[0] in own:
        raise _Unclear(_("This report is in the dossier already."))
    held = dossier_of(actor=actor, report_id=found[0])
    if held is not None:
        raise _Unclear(
            _("This report is in another dossier: merge the two, or split it off there.")
        )
    return found[0]


def _id(text: str, words: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise _Unclear(words) from error
