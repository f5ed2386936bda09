"""Forms of a removal measure: amend, submit, approve, refuse, record events with their proofs."""

from collections.abc import Callable
from datetime import datetime
from typing import TypedDict
from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.http import require_POST

from fanal.accounts.routes import needs
from fanal.casework.domain.records import Event
from fanal.kernel.refusal import Refusal
from fanal.measures import operations, queries
from fanal.web.account.actors import actor_of, now_of
from fanal.web.desk import acts
from fanal.web.desk.measures import FOLLOWING, PAGES, amend as amended
from fanal.web.uploads import proof_in

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
    return acts.record(PAGES, request, measure_id, lambda: _submit(request, measure_id))


@require_POST
@needs("measure.propose")
def withdraw(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Withdraw a removal measure, with the cause."""
    return _record(
        request,
        measure_id,
        operations.withdraw_measure,
        cause=request.POST.get("cause", "").strip(),
    )


@require_POST
@needs("measure.approve")
def approve(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Approve a removal measure as the second person: exactly the bytes that the page showed."""
    return _record(
        request,
        measure_id,
        operations.approve_measure,
        digest=acts.digest_in(request),
        **_warned(request),
    )


@require_POST
@needs("measure.approve")
def refuse(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Return a removal measure to its proposer, with a reason."""
    return _record(
        request,
        measure_id,
        operations.refuse_measure,
        digest=acts.digest_in(request),
        reason=request.POST.get("reason", "").strip(),
    )


@require_POST
@needs("measure.send")
def step(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record an event of an approved removal measure: sent, received, executed, suspended and so on."""
    move = request.POST.get("move", "")

    def act() -> None:
        if move not in (*FOLLOWING, "leave"):
            raise ValueError(move)
        if move == "leave" and not request.POST.get("at", "").strip():
            raise Refusal("measure", "NO_INSTANT")
        now = now_of(request)
        operations.record_step(
            actor=actor_of(request),
            measure_id=measure_id,
            transition=move,
            event=event_of(request, now=now, caused=move in _CAUSED),
            now=now,
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
        actor, now = actor_of(request), now_of(request)
        found = queries.get_measure(actor=actor, measure_id=measure_id)
        if found is None:
            raise Http404
        operations.record_first_contact(
            actor=actor,
            recipient=found.measure.request.recipient,
            event=event_of(request, now=now),
            now=now,
        )

    return acts.record(PAGES, request, measure_id, act)


def event_of(request: HttpRequest, *, now: datetime, caused: bool = False) -> Event:
    """Return the event described by a form: its time (Europe/Paris, `now` when empty) and its proof.

    `caused`: also the cause that the person typed.

    Raises:
        Refusal: FILE_TOO_LARGE.
        ValueError: the time cannot be read, or lies before the year 2000.
    """
    post = request.POST
    return Event(
        happened_at=acts.happened_at(request, now=now),
        reason=post.get("cause", "").strip() if caused else "",
        proof=post.get("proof", "").strip(),
        file=proof_in(request, kind="measure"),
    )


def _submit(request: HttpRequest, measure_id: UUID) -> None:
    operations.submit_measure(
        actor=actor_of(request), measure_id=measure_id, now=now_of(request), **_warned(request)
    )


class _Warned(TypedDict):
    seen: list[str]
    reason: str


def _warned(request: HttpRequest) -> _Warned:
    """Return the tokens (ids) of the warnings that the page showed, and the person's reason to proceed.

    The operation refuses when a warning has arisen that the page did not show.
    """
    return {
        "seen": request.POST.get("seen", "").split(),
        "reason": request.POST.get("reason", "").strip(),
    }


def _record(
    request: HttpRequest, measure_id: UUID, act: Callable[..., None], **named: object
) -> HttpResponse:
    """Run `act`, an operation on a measure, as the person; return the measure's page.

    `named`: further arguments of `act`.
    """
    return acts.record(
        PAGES,
        request,
        measure_id,
        lambda: act(actor=actor_of(request), measure_id=measure_id, now=now_of(request), **named),
    )
