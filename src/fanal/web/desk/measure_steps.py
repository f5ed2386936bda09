"""Acts on a measure: complete, submit, second, refuse, and record what happens to it, with proofs."""

from collections.abc import Callable
from datetime import datetime
from http import HTTPStatus
from typing import TypedDict
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext as _
from django.views.decorators.http import require_POST

from fanal import reference
from fanal.accounts.domain.policy import Reason, Refused, Resource
from fanal.accounts.routes import needs
from fanal.kernel.actors import Actor
from fanal.kernel.states import TransitionRefused
from fanal.measures import operations, queries
from fanal.measures.domain.records import Addressee, AddresseeKind, Event, SuspensionCause
from fanal.measures.domain.states import MeasureState
from fanal.web.account.actors import actor_of, now_of
from fanal.web.account.guarded import require_declared
from fanal.web.desk.acts import happened_at
from fanal.web.desk.measures import page_of

Act = Callable[[Actor, datetime], object]


@require_POST
@needs("measure.propose")
def amend(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Complete or change the addressee, the addresses kept, and non-disclosure."""
    post = request.POST
    asks = post.get("submit") == "1"
    kind = post.get("kind", "")
    addressee = Addressee(
        kind=AddresseeKind(kind) if kind in set(AddresseeKind) else AddresseeKind.HOST,
        name=post.get("name", "").strip(),
        contact=post.get("contact", "").strip(),
        language=post.get("language", "fr"),
    )

    def act(actor: Actor, now: datetime) -> None:
        found = queries.get_measure(actor=actor, measure_id=measure_id)
        # Of the bytes that were signed only the digest stays: nobody could record any more that they left.
        if found and found.measure.state is MeasureState.APPROVED and post.get("unsent") != "1":
            raise operations.MeasureRefused("UNSENT_UNSAID")
        operations.amend_measure(
            actor=actor,
            measure_id=measure_id,
            addressee=addressee,
            targets=post.getlist("target"),
            non_disclosure=post.get("non_disclosure") == "1",
            now=now,
        )

    return _do(request, measure_id, act, *([_submitting(request, measure_id)] if asks else []))


@require_POST
@needs("measure.propose")
def submit(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Hand a draft to its second person."""
    return _do(request, measure_id, _submitting(request, measure_id))


@require_POST
@needs("measure.propose")
def withdraw(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Give a measure up, with its cause."""
    cause = request.POST.get("cause", "").strip()
    return _do(
        request,
        measure_id,
        lambda actor, now: operations.withdraw_measure(
            actor=actor, measure_id=measure_id, cause=cause, now=now
        ),
    )


@require_POST
@needs("measure.approve")
def approve(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Second exactly the bytes that were read."""
    digest = _digest(request)
    return _do(
        request,
        measure_id,
        lambda actor, now: operations.approve_measure(
            actor=actor,
            measure_id=measure_id,
            digest=digest,
            now=now,
            **_warned(request),
        ),
    )


@require_POST
@needs("measure.approve")
def refuse(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Send a measure back to its proposer with a reason."""
    digest, reason = _digest(request), request.POST.get("reason", "").strip()
    return _do(
        request,
        measure_id,
        lambda actor, now: operations.refuse_measure(
            actor=actor, measure_id=measure_id, digest=digest, reason=reason, now=now
        ),
    )


@require_POST
@needs("measure.send")
def step(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record what happened to an approved measure: sent, received, executed, and what may follow."""
    move = request.POST.get("move", "")
    return _do(request, measure_id, lambda actor, now: _step(request, measure_id, move, actor, now))


@require_POST
@needs("measure.send")
def contact(request: HttpRequest, measure_id: UUID) -> HttpResponse:
    """Record that the host was first informed of procedures and delays (LCEN 6-2 I)."""

    def act(actor: Actor, now: datetime) -> None:
        found = queries.get_measure(actor=actor, measure_id=measure_id)
        if found is None:
            raise Http404
        operations.record_first_contact(
            actor=actor,
            host=found.measure.request.host,
            event=event_of(request, now=now),
            now=now,
        )

    return _do(request, measure_id, act)


def event_of(request: HttpRequest, *, now: datetime) -> Event:
    """Return the event of a form: when it happened (Europe/Paris; `now` when empty) and its proof.

    Raises:
        ValueError: the time is none.
    """
    proof = request.POST.get("proof", "").strip()
    return Event(happened_at=happened_at(request, now=now), proof=proof)


def _step(request: HttpRequest, measure_id: UUID, move: str, actor: Actor, now: datetime) -> None:
    event, cause = event_of(request, now=now), request.POST.get("cause", "").strip()
    match move:
        case "leave":
            if not request.POST.get("at", "").strip():
                raise operations.MeasureRefused("NO_INSTANT")
            operations.record_left(actor=actor, measure_id=measure_id, event=event, now=now)
        case "send":
            operations.record_sent(actor=actor, measure_id=measure_id, event=event, now=now)
        case "receive":
            operations.record_receipt(actor=actor, measure_id=measure_id, event=event, now=now)
        case "suspend":
            operations.suspend_clock(
                actor=actor,
                measure_id=measure_id,
                cause=SuspensionCause(cause),
                event=event,
                now=now,
            )
        case "resume":
            operations.resume_clock(actor=actor, measure_id=measure_id, event=event, now=now)
        case _:
            _end(measure_id, move, event=event, cause=cause, actor=actor, now=now)


def _end(
    measure_id: UUID, move: str, *, event: Event, cause: str, actor: Actor, now: datetime
) -> None:
    match move:
        case "execute":
            operations.record_execution(actor=actor, measure_id=measure_id, event=event, now=now)
        case "expire":
            operations.expire_measure(actor=actor, measure_id=measure_id, now=now)
        case "lift":
            operations.lift_measure(
                actor=actor, measure_id=measure_id, cause=cause, event=event, now=now
            )
        case "annul":
            operations.annul_measure(actor=actor, measure_id=measure_id, event=event, now=now)
        case _:
            raise ValueError(move)


def _submitting(request: HttpRequest, measure_id: UUID) -> Act:
    return lambda actor, now: operations.submit_measure(
        actor=actor, measure_id=measure_id, now=now, **_warned(request)
    )


class _Warned(TypedDict):
    seen: list[str]
    reason: str


def _warned(request: HttpRequest) -> _Warned:
    """Return which warnings the page had shown, and why the person goes on."""
    return {
        "seen": request.POST.get("seen", "").split(),
        "reason": request.POST.get("reason", "").strip(),
    }


def _digest(request: HttpRequest) -> bytes:
    try:
        return bytes.fromhex(request.POST.get("digest", ""))
    except ValueError:
        return b""


def _do(request: HttpRequest, measure_id: UUID, *acts: Act) -> HttpResponse:
    """Run acts, each for itself, and return to the measure; a refusal is shown there, in words."""
    actor = actor_of(request)
    found = queries.get_measure(actor=actor, measure_id=measure_id)
    if found is None:
        raise Http404
    require_declared(request, Resource(desk_id=found.measure.desk_id))
    for kept, act in enumerate(acts):
        refusal = _refusal(request, act)
        if refusal:
            words, status = refusal
            context = page_of(request, measure_id, words) | {"kept": kept}
            return render(request, "desk/measure.html", context, status=status)
    messages.success(request, _("It is recorded."))
    return redirect("desk:measure", measure_id=measure_id)


def _refusal(request: HttpRequest, act: Act) -> tuple[str, HTTPStatus] | None:
    """Run an act and return why it was refused, None where it was not."""
    try:
        act(actor_of(request), now_of(request))
    except operations.MeasureRefused as refused:
        words = reference.label("measure_refusal", refused.code, get_language() or "fr")
    except TransitionRefused:
        words = _("The measure has moved on since this page was made: read it again.")
    except ValueError:
        words = _("A date or a choice cannot be read.")
    except Refused as refused:
        if refused.reason_code is not Reason.OWN_ACT:
            raise
        words = _("You proposed this measure: another person must second it.")
        return words, HTTPStatus.FORBIDDEN
    else:
        return None
    return words, HTTPStatus.CONFLICT
