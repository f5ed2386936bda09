"""Pages for acts on several reports at once, which are selected in the queue.

A first page states what the act would change; the act is then done by a series of requests for some reports
each (`portions`).
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from uuid import UUID, uuid4

from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from msgspec import Struct

from fanal.accounts.domain.policy import Resource, may
from fanal.accounts.routes import needs
from fanal.casework.operations.deciding import close_without_action
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of, members_of
from fanal.crosscheck.operations.judge import MOST_NAMED, judge
from fanal.harmonise import queries as harmonised
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import identifier
from fanal.orient import queries as oriented
from fanal.orient.assignment.domain import Load
from fanal.orient.assignment.operations import assign_report, return_report, take_back
from fanal.orient.assignment.queries import assignments_of, list_loads
from fanal.orient.domain.deciding import check_reason
from fanal.orient.domain.records import Case
from fanal.orient.domain.selection import MOST, MOST_CLAIMED, LeftOut, SelectionAct
from fanal.orient.feedback.domain import FeedbackVerdict
from fanal.orient.feedback.operations import NothingToJudge, give_feedback
from fanal.orient.folding.operations.unfolding import NotFolded
from fanal.orient.folding.queries import folded_of
from fanal.orient.queue import operations as orient
from fanal.orient.queue.queries import list_queue
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.naming import Unclear, named_report
from fanal.web.desk.queue.filters import filters_of, place_of, view_of
from fanal.web.desk.queue.place import to_queue
from fanal.web.desk.queue.portions import (
    charge_shown,
    charges_shown,
    go_through,
    left_out_of,
    posted,
    tell,
)
from fanal.web.desk.queue.views import QueueRow, rows_of
from fanal.web.failures import reason_of
from fanal.web.forms import digest_of
from fanal.web.reading import consult

_SHOWN = 20
_FOLDED = 100
"""Most duplicates decided with a report, as on its own page; others return to the queue as one."""
REASONS = ("DEALT_WITH", "TOO_LITTLE", "NO_OFFENCE")
"""Codes of the templates of a reason why reports need no action."""

VERDICTS = (FeedbackVerdict.USEFUL, FeedbackVerdict.DUPLICATE)
"""Feedback that can be given on several reports: what data each lacks is said on its own page."""


_GIVING = (SelectionAct.ASSIGN, SelectionAct.RELEASE, SelectionAct.TAKE_BACK)


class Prepared(Struct, frozen=True, kw_only=True):
    """The announced effect of an act on the selected reports, shown before it is done.

    `count`: number of reports to which it applies. `left_out`: ids of the others; `left`: pairs of the reason
    (a `LeftOut`) and the number of reports. `folded`: number of duplicates grouped with those to which it
    applies; `folds`: their groups, as a hidden form field. `moved`: number of those that a colleague has in
    charge. `shown`: who is in charge of each, as a hidden form field (`charges_shown`).
    """

    act: SelectionAct
    left_out: Sequence[UUID]
    count: int
    left: Sequence[tuple[LeftOut, int]]
    folded: int
    folds: str
    moved: int
    shown: str


class Selection(Struct, frozen=True, kw_only=True):
    """The selected reports on a page: all their ids and the first rows.

    `acts` has the announced effect of each act that the person may do, by `SelectionAct`.
    """

    ids: Sequence[UUID]
    rows: Sequence[QueueRow]
    acts: Mapping[str, Prepared]


@never_cache
@require_POST
@needs("report.list")
def selected(request: HttpRequest) -> HttpResponse:
    """Show the selected reports and what each act would change, before anything is changed.

    Form: `report` (once each) or `reports` (ids with spaces); with `whole`, the first thousand of the view
    that the query names. Without a report, show the queue.

    Raises:
        Http404: none of the reports is within the person's reach, or no such view.
    """
    ids = _whole_view(request) if request.POST.get("whole") else posted(request)
    if not ids:
        messages.info(request, _("Select reports first."))
        return to_queue(request)
    return _page(request, ids)


@require_POST
@needs("report.claim")
def claim_selected(request: HttpRequest) -> HttpResponse:
    """Claim the free ones of the selected reports, at most fifty. Form and answer: see `go_through`.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not claim at the desk of one.
    """

    def claim(case: Case) -> None:
        orient.claim_case(actor=actor_of(request), report_id=case.report_id, now=now_of(request))

    return go_through(request, SelectionAct.CLAIM, claim)


@require_POST
@needs("report.claim")
def release_selected(request: HttpRequest) -> HttpResponse:
    """Return the selected reports that the person has claimed to the queue.

    Form: see `go_through`.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not claim at the desk of one.
    """

    def release(case: Case) -> None:
        actor, now = actor_of(request), now_of(request)
        token, report_id = case.claim_token, case.report_id
        if not orient.release_case(actor=actor, report_id=report_id, claim_token=token, now=now):
            shown = charge_shown(request, case)
            return_report(actor=actor, report_id=report_id, now=now, shown=shown)

    return go_through(request, SelectionAct.RELEASE, release)


@require_POST
@needs("report.claim")
def assign_selected(request: HttpRequest) -> HttpResponse:
    """Assign the selected reports to one person, or hand over those in the actor's charge.

    Form: see `go_through`; `to` (a person's id), `words` (a note) and `act` (the id of this act, to undo it).

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not claim at the desk of one.
    """
    to, act = identifier(request.POST.get("to", "")), identifier(request.POST.get("act", ""))
    if to is None:
        words = reason_of(Refusal("assignment", "NOT_HERE"))
        return _page(request, posted(request), refused=words, of=SelectionAct.ASSIGN)

    def assign(case: Case) -> None:
        assign_report(
            actor=actor_of(request),
            report_id=case.report_id,
            to=to,
            note=request.POST.get("words", ""),
            act_id=act,
            now=now_of(request),
            shown=charge_shown(request, case),
        )

    return go_through(request, SelectionAct.ASSIGN, assign)


@require_POST
@needs("report.claim")
def take_back_selected(request: HttpRequest) -> HttpResponse:
    """End the assignments of the selected reports, so that they return to the queue.

    Form: see `go_through`.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not claim at the desk of one.
    """

    def take(case: Case) -> None:
        take_back(
            actor=actor_of(request),
            report_id=case.report_id,
            now=now_of(request),
            shown=charge_shown(request, case),
        )

    return go_through(request, SelectionAct.TAKE_BACK, take)


@require_POST
@needs("dossier.judge")
def attach_selected(request: HttpRequest) -> HttpResponse:
    """Attach the selected reports that are in no dossier to the dossier of one report, then show the dossier.

    Form: the ids (`report`, `reports`, `left_out`), `anchor`: number or reference of a report of the dossier
    (if it is in none, a dossier of it and the selected ones is made), and `reason`. This is one judgement,
    which is undone as a whole; the ledger names each report.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not judge dossiers at the desk of one.
    """
    ids, actor, act = posted(request), actor_of(request), SelectionAct.ATTACH
    cases = oriented.get_cases(actor=actor, report_ids=ids)
    if not cases:
        raise Http404
    for desk_id in {case.desk_id for case in cases.values()}:
        require_declared(request, Resource(desk_id=desk_id))
    try:
        anchor = named_report(request, request.POST.get("anchor", "").strip())
        dossier_id = dossier_of(actor=actor, report_id=anchor)
        own = members_of(actor=actor, dossier_id=dossier_id) if dossier_id else [anchor]
        why = left_out_of(request, act, ids, cases, told=True)
        applies = [one for one in ids if why[one] is None and one != anchor]
        attached = applies[: max(0, MOST_NAMED - len(own))]
        if not attached:
            raise Unclear(_("None of the selected reports can be attached to this dossier."))
        judge(
            actor=actor,
            act=JudgementAct.MERGE,
            reason=request.POST.get("reason", ""),
            now=now_of(request),
            left=own,
            right=attached,
            apart=True,
        )
    except (Unclear, Refusal) as refused:
        words = refused.words if isinstance(refused, Unclear) else reason_of(refused)
        return _page(request, ids, refused=words, of=act)
    tally: Counter[str] = Counter(reason for reason in why.values() if reason)
    tally["DONE"], tally[LeftOut.ROOM] = len(attached), len(applies) - len(attached)
    tell(request, act, +tally)
    now_in = dossier_of(actor=actor, report_id=anchor)
    return redirect("desk:dossier", dossier_id=now_in) if now_in else to_queue(request)


@require_POST
@needs("report.decide")
def close_selected(request: HttpRequest) -> HttpResponse:
    """Decide that the selected reports need no action, with one `reason`. Form: see `go_through`.

    `folded`: also the duplicates grouped with them that its page counted (`Prepared.folds`); a report whose
    group is another one now is left out. `duplicate`: tell their providers that they are duplicates.

    Raises:
        Http404: none of the reports is within the person's reach.
        Refused: the person may not decide at the desk of one.
    """
    reason = request.POST.get("reason", "").strip()
    try:
        check_reason(reason)
    except Refusal as refused:
        return _page(request, posted(request), refused=reason_of(refused), of=SelectionAct.CLOSE)
    actor, now = actor_of(request), now_of(request)
    duplicate, ticked = request.POST.get("duplicate"), request.POST.get("folded", "").split()
    shown = {each.partition(":")[0]: each for each in ticked}

    def close(case: Case) -> None:
        folded: list[UUID] = []
        if shown:
            groups = folded_of(actor=actor, head_ids=[case.report_id], limit=_FOLDED)
            if _folds(groups) != shown.get(str(case.report_id), ""):
                raise NotFolded  # another group than its page counted
            folded = groups.get(case.report_id, [])
        records = harmonised.get_records(actor=actor, report_ids=[case.report_id, *folded])
        report = records.pop(case.report_id, None)
        if report is None:
            raise orient.CaseUnknown  # erased meanwhile
        with transaction.atomic():
            close_without_action(
                actor=actor,
                report=report,
                folded=list(records.values()),
                reason=reason,
                now=now,
            )
            if duplicate:
                _tell_duplicate(request, case)

    return go_through(request, SelectionAct.CLOSE, close)


@require_POST
@needs("feedback.give")
def judge_selected(request: HttpRequest) -> HttpResponse:
    """Give the providers of the selected reports the feedback of the form (`verdict`: USEFUL, DUPLICATE).

    Form: see `go_through`.

    Raises:
        Http404: none of the reports is within the person's reach, or another verdict.
        Refused: the person may not give feedback at the desk of one.
    """
    try:
        verdict = FeedbackVerdict(request.POST.get("verdict", ""))
    except ValueError:
        raise Http404 from None
    if verdict not in VERDICTS:
        raise Http404

    def judge(case: Case) -> None:
        give_feedback(
            actor=actor_of(request),
            report_id=case.report_id,
            verdict=verdict,
            now=now_of(request),
        )

    return go_through(request, SelectionAct.FEEDBACK, judge)


def _whole_view(request: HttpRequest) -> list[UUID]:
    page = list_queue(
        actor=actor_of(request),
        view=view_of(request.GET),
        filters=filters_of(request.GET),
        now=now_of(request),
        after=None,
        limit=MOST,
    )
    return [case.report_id for case in page.cases]


def _page(
    request: HttpRequest,
    ids: Sequence[UUID],
    *,
    refused: str = "",
    of: SelectionAct | None = None,
) -> HttpResponse:
    """Return the page of a selection; `refused`: why the act `of` was refused, in words."""
    actor, now = actor_of(request), now_of(request)
    cases = oriented.get_cases(actor=actor, report_ids=ids)
    if not cases:
        raise Http404
    known = [cases[one] for one in ids if one in cases]
    shown = known[:_SHOWN]
    consult(request, "report", [case.report_id for case in shown], action="report.list")
    rights = {
        SelectionAct.CLAIM: "report.claim",
        SelectionAct.RELEASE: "report.claim",
        SelectionAct.ASSIGN: "report.claim",
        SelectionAct.TAKE_BACK: "report.claim",
        SelectionAct.ATTACH: "dossier.judge",
        SelectionAct.CLOSE: "report.decide",
        SelectionAct.FEEDBACK: "feedback.give",
    }
    acts = {
        act.value: _prepared(request, act, ids, cases)
        for act, action in rights.items()
        if may(actor, action)
    }
    context = {
        "selection": Selection(ids=ids, rows=rows_of(shown, actor=actor, now=now), acts=acts),
        "known": len(known),
        "reasons": REASONS,
        "verdicts": VERDICTS,
        "query": place_of(request.GET),
        "typed": request.POST.get("reason", ""),
        "colleagues": _colleagues(request, cases),
        "own_id": actor.person_id,
        "act_id": uuid4(),
        "anchor": request.POST.get("anchor", ""),
        "refused": refused,
        "refused_act": of,
    }
    return render(request, "desk/selection.html", context, status=422 if refused else 200)


def _prepared(
    request: HttpRequest, act: SelectionAct, ids: Sequence[UUID], cases: Mapping[UUID, Case]
) -> Prepared:
    why = left_out_of(request, act, ids, cases)
    applies = [one for one in ids if why[one] is None]
    left = [one for one in ids if why[one] is not None]
    counts = Counter(reason for reason in why.values() if reason)
    if act is SelectionAct.CLAIM and len(applies) > MOST_CLAIMED:
        counts[LeftOut.BEYOND] = len(applies) - MOST_CLAIMED
        applies = applies[:MOST_CLAIMED]
    heads = [one for one in applies if cases[one].folded and act is SelectionAct.CLOSE]
    groups = folded_of(actor=actor_of(request), head_ids=heads, limit=_FOLDED) if heads else {}
    return Prepared(
        act=act,
        left_out=left,
        count=len(applies),
        left=counts.most_common(),
        folded=sum(cases[one].folded for one in heads),
        folds=_folds(groups),
        moved=_moved(request, applies) if act is SelectionAct.ASSIGN else 0,
        shown=charges_shown(request, (cases[one] for one in applies)) if act in _GIVING else "",
    )


def _folds(groups: Mapping[UUID, Sequence[UUID]]) -> str:
    """Return the text by which a form records the groups of duplicates that its page counted.

    It is `id:digest` for each, separated by spaces: id of the head report, digest of its duplicates.
    """
    return " ".join(f"{head}:{digest_of(members)}" for head, members in groups.items())


def _moved(request: HttpRequest, ids: Sequence[UUID]) -> int:
    actor = actor_of(request)
    given = assignments_of(actor=actor, report_ids=ids)
    return sum(one.person_id != actor.person_id for one in given.values())


def _colleagues(request: HttpRequest, cases: Mapping[UUID, Case]) -> list[tuple[str, Load]]:
    """Return the people to whom selected reports can be assigned, of each desk once: (name, load)."""
    actor, now = actor_of(request), now_of(request)
    found = {
        load.person_id: (name, load)
        for desk_id in sorted({case.desk_id for case in cases.values()})
        for name, load in list_loads(actor=actor, desk_id=desk_id, now=now)
    }
    return list(found.values())


def _tell_duplicate(request: HttpRequest, case: Case) -> None:
    with suppress(NothingToJudge):
        give_feedback(
            actor=actor_of(request),
            report_id=case.report_id,
            verdict=FeedbackVerdict.DUPLICATE,
            now=now_of(request),
        )
