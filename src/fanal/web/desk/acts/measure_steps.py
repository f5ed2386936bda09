"""Forms of a removal measure: amend, submit, approve, refuse, record events with their proofs."""

from collections.abc import Callable
from datetime import datetime
from functools import partial
from uuid import UUID

from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from fanal.accounts.routes import needs
from fanal.casework.domain.records import Event
from fanal.measures import queries
from fanal.measures.operations import drafts
from fanal.measures.operations.milestones import record_first_contact, record_step
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk.acts import pages as acts
from fanal.web.desk.acts.measures import FOLLOWING, PAGES, amend as amended
from fanal.web.forms import Parsed, PostedForm, text

_CAUSED = ("suspend", "lift")


@require_POST
@needs("measure.propose")
def amend(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Change a removal measure, and submit it for approval when the form asks for that."""

    def act() -> None:
        amended(request, measure_id)
        if request.POST.get("submit") == "1":
            request.kept = True  # type: ignore[attr-defined]
            _submit(request, measure_id)

    return acts.record(PAGES, request, measure_id, act)


@require_POST
@needs("measure.propose")
def submit(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Submit a draft removal measure for the approval of a second person."""
    return _record(request, measure_id, drafts.submit_measure, _WarnedForm)


@require_POST
@needs("measure.propose")
def withdraw(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Withdraw a removal measure, with the cause."""
    return _record(request, measure_id, drafts.withdraw_measure, _WithdrawalForm)


@require_POST
@needs("measure.approve")
def approve(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Approve a removal measure as the second person: exactly the bytes that the page showed."""
    return _record(request, measure_id, drafts.approve_measure, _ApprovalForm)


@require_POST
@needs("measure.approve")
def refuse(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Return a removal measure to its proposer, with a reason."""
    return _record(request, measure_id, drafts.refuse_measure, acts.RefusalForm)


@require_POST
@needs("measure.send")
def step(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record an event of an approved removal measure: sent, received, executed, suspended and so on."""

    def act() -> None:
        named = _StepForm(request, kind="measure").checked().cleaned_data
        record_step(
            actor=actor_of(request),
            measure_id=measure_id,
            transition=named.pop("transition"),
            event=Event(**named),
            now=now_of(request),
        )

    return acts.record(PAGES, request, measure_id, act)


@require_POST
@needs("measure.send")
def contact(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record that a measure's recipient was informed beforehand of procedures and delays (LCEN 6-2 I).

    Raises:
        Http404: no such measure.
    """

    def act() -> None:
        actor = actor_of(request)
        found = queries.get_measure(actor=actor, measure_id=measure_id)
        if found is None:
            raise Http404
        record_first_contact(
            actor=actor,
            recipient=found.measure.request.recipient,
            event=Event(**acts.EventForm(request, kind="measure").checked().cleaned_data),
            now=now_of(request),
        )

    return acts.record(PAGES, request, measure_id, act)


class _StepForm(acts.EventForm):
    """A step, by the name of its transition, with its event; a suspension and its lifting have a cause.

    NO_INSTANT: the instant of a sending that was not recorded in its time must be given.
    """

    transition = Parsed({name: name for name in (*FOLLOWING, "leave")}.get, posted="move")
    reason = text(posted="cause")
    field_order = ("transition",)

    def clean_happened_at(self) -> datetime:
        """Return the time of the event."""
        leaves = self.cleaned_data.get("transition") == "leave"
        if leaves and self.cleaned_data["happened_at"] is None:
            raise ValidationError("", code="NO_INSTANT")
        return super().clean_happened_at()

    def clean_reason(self) -> str:
        """Return the cause of a transition that has one."""
        caused = self.cleaned_data.get("transition") in _CAUSED
        return self.cleaned_data["reason"] if caused else ""


class _WithdrawalForm(PostedForm):
    """The withdrawal of a measure, with its cause."""

    cause = text()


class _WarnedForm(PostedForm):
    """The tokens of the warnings that the page showed, and the person's reason to proceed.

    The operation refuses when a warning has arisen that the page did not show.
    """

    seen = Parsed(str.split)
    reason = text()


class _ApprovalForm(_WarnedForm, acts.ApprovalForm):
    """The approval of a measure, in view of its warnings."""


def _submit(request: HttpRequest, measure_id: UUID) -> None:
    drafts.submit_measure(
        actor=actor_of(request),
        measure_id=measure_id,
        now=now_of(request),
        **_WarnedForm(request).checked().cleaned_data,
    )


def _record(
    request: HttpRequest, measure_id: UUID, act: Callable[..., None], form: type[PostedForm]
) -> HttpResponse:
    """Run `act`, an operation on a measure, with the fields of a form; return the measure's page."""
    step = partial(act, actor=actor_of(request), measure_id=measure_id, now=now_of(request))
    return acts.record(
        PAGES, request, measure_id, lambda: step(**form(request).checked().cleaned_data)
    )
