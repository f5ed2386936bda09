"""Views of a decision on a report: actions (tracks), legal bases, reason; reopening and closing.

The draft acts that a decision opens are made in the same transaction.
"""

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal import reference
from fanal.accounts.domain.policy import Resource
from fanal.accounts.routes import needs
from fanal.casework.domain.records import RecordedDecision
from fanal.casework.operations.deciding import record_decisions
from fanal.casework.operations.doubts import reopen_report
from fanal.harmonise import queries as harmonised
from fanal.intake.queries.envelopes import get_reports
from fanal.judicial.emergency_call.acts import calls_on
from fanal.judicial.emergency_call.kind import TO_MAKE
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.orient import queries as oriented
from fanal.orient.domain.deciding import check_decision
from fanal.orient.domain.records import Case, Choice, Decision
from fanal.orient.domain.states import DECIDED_STATES
from fanal.orient.folding.operations.unfolding import NotFolded
from fanal.orient.operations.decisions import close_case
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.queue import undo
from fanal.web.desk.queue.filters import at_place
from fanal.web.desk.queue.place import next_of, token_of
from fanal.web.desk.report import folds
from fanal.web.desk.report.proposals import ChoiceForm, FoldedForm
from fanal.web.desk.report.views import refused_page
from fanal.web.failures import reason_of


@require_POST
@needs("report.decide")
def decide(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Record the decision of the person who claimed the report, then show it, or the next one of the view.

    The form is that of `proposals`, with the lease's `token`, the duplicates to which it extends (`folded`),
    and `then`: "next" claims the next report, unless an emergency call (to 17, the police) is still to be
    recorded. If refused, the form is shown again as typed (status 409); if the report is erased, a page with
    the reason and the typed text. If the same decision is sent twice under one lease, the second answer is
    that of the first.

    Raises:
        Http404: no such report or duplicate for the person, or a malformed id of a duplicate.
        Refused: the person may not decide at the report's desk.
    """
    case = _known(request, report_id)
    try:
        recorded = _record(request, report_id)
    except NotFolded:
        return _refused(request, report_id, reason_of(Refusal("decision", "NOT_FOLDED")))
    except Refusal as refused:
        if not _is_recorded(request, report_id):
            return _refused(
                request, report_id, reason_of(_of_duplicate(request, report_id, refused))
            )
        recorded = None
    if recorded is not None:  # else the bar of the first press counts on
        undo.offer(request, undo.DECISION, report_id)
    waiting = calls_on(actor=actor_of(request), report_id=report_id)
    to_call = any(call.state in TO_MAKE for call in waiting)
    if request.POST.get("then") == "next" and not to_call:
        return next_of(
            request, case
        )  # the bar of undoing names the report; messages would seem the next's
    messages.success(request, _("The decision is recorded."))
    if to_call:
        messages.warning(request, _("The call to the 17 is still not recorded."))
    if recorded and recorded.opened["measure"]:
        messages.info(
            request, _("The measure awaits approval by a second person, who cannot be you.")
        )
    return at_place(request, report_id)


@require_POST
@needs("report.decide")
def reopen(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Reopen a decided report in the queue; its decisions are kept. Then show the report.

    A refusal is shown as a message.

    Raises:
        Http404: no such report for the person.
        Refused: the person may not decide at the report's desk.
    """
    return _change(request, report_id, close=False)


@require_POST
@needs("report.decide")
def close(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Close a decided report, then show it; a refusal is shown as a message.

    Raises:
        Http404: no such report for the person.
        Refused: the person may not decide at the report's desk.
    """
    return _change(request, report_id, close=True)


def _known(request: HttpRequest, report_id: UUID) -> Case:
    case = oriented.get_case(actor=actor_of(request), report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    return case


def _record(request: HttpRequest, report_id: UUID) -> RecordedDecision:
    actor = actor_of(request)
    try:
        also = FoldedForm(request).checked().cleaned_data["folded"][: folds.SHOWN]
    except ValueError:
        raise Http404 from None
    records = harmonised.get_records(actor=actor, report_ids=[report_id, *also])
    missing = {report_id, *also} - records.keys()
    if missing:
        envelopes = get_reports(actor=actor, report_ids=list(missing))
        if not all(one in envelopes and envelopes[one].erased_at for one in missing):
            raise Http404
        raise Refusal("decision", "ERASED")
    return record_decisions(
        actor=actor,
        report=records[report_id],
        folded=[records[other] for other in also],
        choice=Choice(**ChoiceForm(request).checked().cleaned_data),
        claim_token=token_of(request),
        now=now_of(request),
    )


def _of_duplicate(request: HttpRequest, report_id: UUID, refused: Refusal) -> Refusal:
    """Return the refusal of a decision; DUPLICATE_ERASED if a duplicate, but not the report, is erased."""
    read = harmonised.get_records(actor=actor_of(request), report_ids=[report_id])
    return Refusal("decision", "DUPLICATE_ERASED") if refused.code == "ERASED" and read else refused


def _is_recorded(request: HttpRequest, report_id: UUID) -> bool:
    """Return whether the report's newest decision is the posted one, by the same person under its lease."""
    actor, choice = actor_of(request), Choice(**ChoiceForm(request).checked().cleaned_data)
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None or case.state not in DECIDED_STATES or case.claim_token != token_of(request):
        return False
    made = oriented.decisions_of(actor=actor, report_ids=[report_id]).get(report_id, ())[-1:]
    return any(one.author_id == actor.person_id and _says(one, choice) for one in made)


def _says(made: Decision, choice: Choice) -> bool:
    """Return whether a decision equals a person's input: tracks, legal bases, authority and reason."""
    try:
        bases = check_decision(choice, catalogue=reference.load(), on=paris_day(made.decided_at))
    except Refusal:
        return False
    return (
        set(made.tracks) == set(choice.tracks)
        and {one.entry_id for one in made.bases} == {one.entry_id for one in bases}
        and (made.body or None) == (choice.body or None)
        and made.reason == choice.reason.strip()
    )


def _refused(request: HttpRequest, report_id: UUID, words: str) -> HttpResponse:
    return refused_page(request, report_id, refused=words)


def _change(request: HttpRequest, report_id: UUID, *, close: bool) -> HttpResponse:
    actor, now = actor_of(request), now_of(request)
    _known(request, report_id)
    act = close_case if close else reopen_report
    try:
        act(actor=actor, report_id=report_id, now=now)
    except TransitionRefused:
        messages.warning(request, _("The report has moved on since this page was made."))
    except Refusal as refused:
        messages.warning(request, reason_of(refused))
    return at_place(request, report_id)
