"""View that opens an emergency call from a report's page, and records the first step that the form holds."""

from functools import partial
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from fanal.accounts.domain.policy import Resource
from fanal.accounts.routes import needs
from fanal.casework.domain.records import Event
from fanal.intake.queries.envelopes import report_number
from fanal.judicial.emergency_call.acts import calls_on, draft_of, open_call, open_recorded
from fanal.judicial.emergency_call.kind import EMERGENCY_CALL
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.kernel.typed import whole_number
from fanal.orient import queries as oriented
from fanal.web.account.actors import actor_of, now_of, require_declared
from fanal.web.desk.acts.emergency_calls import after_step, record_of
from fanal.web.desk.acts.pages import EventForm
from fanal.web.desk.report.views import refused_page
from fanal.web.failures import reason_of
from fanal.web.forms import Parsed

_FIRST_STEPS = frozenset({"answer", "miss", "decline"})


class _FirstStepForm(EventForm):
    """Form of the first step of a call: its event, and the version of the page, for optimistic locking.

    `steps` is the number of the report's calls on that page, `news` the digest that `news_on` gave it.
    """

    steps = Parsed(partial(whole_number, digits=9), otherwise=-1)
    news = Parsed(posted="digest", otherwise="")


@require_POST
@needs("alarm.acknowledge")
def open_one(request: HttpRequest, report_id: UUID) -> HttpResponse:
    """Open an emergency call on a report and show its page; if one is open already, show that one.

    The form's `move`, if any, is the first step of the new call, recorded with it (`proof`, `at`). If the
    report has got another call since its page was made (`steps`), nothing is recorded, and that call is shown
    with a warning. A refusal, also because an alarm or an answer has come since (`digest`), gives the
    report's page with the reason (status 409), or a page with the reason alone if the report is erased.

    Raises:
        Http404: no such report for the person.
        Refused: the person lacks the right at the report's desk.
    """
    actor, move = actor_of(request), request.POST.get("move", "")
    case = oriented.get_case(actor=actor, report_id=report_id)
    if case is None:
        raise Http404
    require_declared(request, Resource(desk_id=case.desk_id))
    now, record = now_of(request), record_of(actor, report_id)
    if move not in _FIRST_STEPS:
        try:
            call_id = open_call(
                actor=actor, report_id=report_id, desk_id=case.desk_id, record=record, now=now
            )
        except Refusal as fault:
            return _refused(request, report_id, reason_of(fault))
        return redirect("desk:emergency_call", call_id)
    try:
        typed = _FirstStepForm(request, kind=EMERGENCY_CALL.kind).checked().cleaned_data
        call_id = open_recorded(
            actor=actor,
            draft=draft_of(
                report_id,
                desk_id=case.desk_id,
                record=record,
                number=report_number(report_id=report_id),
            ),
            shown=typed.pop("steps"),
            news=typed.pop("news"),
            transition=move,
            event=Event(**typed),
            now=now,
        )
    except TransitionRefused:
        return _moved_on(request, report_id)
    except Refusal as fault:
        return _refused(request, report_id, reason_of(fault))
    except ValueError:
        return _refused(request, report_id, _("A date or a choice cannot be read."))
    messages.success(request, _("It is recorded."))
    return after_step(request, move, call_id, report_id)


def _moved_on(request: HttpRequest, report_id: UUID) -> HttpResponse:
    messages.warning(
        request, _("Another call was opened on this report since this page was made: read it.")
    )
    calls = calls_on(actor=actor_of(request), report_id=report_id)
    if not calls:
        return redirect("desk:report", report_id)
    return redirect("desk:emergency_call", calls[-1].id)


def _refused(request: HttpRequest, report_id: UUID, said: str) -> HttpResponse:
    return refused_page(request, report_id, call_refused=said)
