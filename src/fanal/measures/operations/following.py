"""What happens to an approved measure, as people record it with proofs. Nothing here sends by itself."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Reason, Refused, may
from fanal.casework import operations as casework, queries as acts
from fanal.casework.domain.records import Act, Event
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.measures.domain.clocks import first_contact_from, legal_deadline, suspensions_of
from fanal.measures.domain.records import SuspensionCause
from fanal.measures.models import Contact, StoredRequest
from fanal.measures.removal.kind import REMOVAL

RIGHT = "measure.send"


def record_first_contact(*, actor: Actor, host: str, event: Event, now: datetime) -> datetime:
    """Record that a host was informed of procedures and delays (LCEN 6-2 I); the first time stays.

    Returns when it was first informed.

    Raises:
        Refused: the actor records steps of measures nowhere.
        Refusal: EVENT_IN_FUTURE.
    """
    if not may(actor, RIGHT):
        raise Refused(RIGHT, Reason.NO_RULE)
    if event.happened_at > now:
        raise Refusal("measure", "EVENT_IN_FUTURE")
    with transaction.atomic():
        contact, created = Contact.objects.get_or_create(
            host=host,
            defaults={
                "informed_at": event.happened_at,
                "informed_by": actor.person_id,
                "proof": event.proof,
            },
        )
        if created:
            ledger.record(
                actor=actor, action="measure.step", at=now, detail={"move": "first_contact"}
            )
    return contact.informed_at


def record_step(
    *, actor: Actor, measure_id: UUID, transition: str, event: Event, now: datetime
) -> None:
    """Record a transition of an approved measure: what a measures officer did or learnt of.

    Raises:
        Refusal: as `casework.operations.take_step`; FIRST_CONTACT_MISSING or FIRST_CONTACT_TOO_RECENT of a
            sending, NO_CAUSE of a suspension, NOT_DUE of an expiry.
        TransitionRefused: the measure's state allows no such transition, or no officer records one.
        Refused: the actor records no steps of measures at that desk.
    """
    requirement = REMOVAL.requirements.get(transition)
    if requirement is None or requirement.right != RIGHT:
        raise TransitionRefused(REMOVAL.states.name, "any state", transition)
    casework.take_step(
        actor=actor,
        lifecycle=REMOVAL,
        act_id=measure_id,
        transition=transition,
        event=event,
        before=_BEFORE.get(transition),
        now=now,
    )


def record_sent(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that an approved request left the desk."""
    record_step(actor=actor, measure_id=measure_id, transition="send", event=event, now=now)


def record_left(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that an approved request had left although it may no longer be sent: a fact, and marked as one.

    Its report was opened again or decided anew, or it was withdrawn, before anybody recorded the sending. It
    is then SENT; the step keeps since when it could no longer be sent, and as its reason what the host's
    first information lacked. Nothing is sent by it.
    """
    record_step(actor=actor, measure_id=measure_id, transition="leave", event=event, now=now)


def record_receipt(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the addressee received the request: the legal 24 hours start there."""
    record_step(actor=actor, measure_id=measure_id, transition="receive", event=event, now=now)


def suspend_clock(
    *, actor: Actor, measure_id: UUID, cause: SuspensionCause, event: Event, now: datetime
) -> None:
    """Record that the legal clock stops (LCEN 6-2)."""
    event = msgspec.structs.replace(event, reason=cause.value)
    record_step(actor=actor, measure_id=measure_id, transition="suspend", event=event, now=now)


def resume_clock(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the impediment ended, or that the addressee received the clarification."""
    record_step(actor=actor, measure_id=measure_id, transition="resume", event=event, now=now)


def record_execution(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the content was removed."""
    record_step(actor=actor, measure_id=measure_id, transition="execute", event=event, now=now)


def expire_measure(*, actor: Actor, measure_id: UUID, now: datetime) -> None:
    """Record that 24 hours have passed without removal: blocking may then be considered."""
    event = Event(happened_at=now)
    record_step(actor=actor, measure_id=measure_id, transition="expire", event=event, now=now)


def lift_measure(
    *, actor: Actor, measure_id: UUID, cause: str, event: Event, now: datetime
) -> None:
    """Record that an executed measure ended (content no longer illegal, check, recommendation)."""
    event = msgspec.structs.replace(event, reason=cause)
    record_step(actor=actor, measure_id=measure_id, transition="lift", event=event, now=now)


def annul_measure(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that a court annulled the request; the proof is the ruling."""
    record_step(actor=actor, measure_id=measure_id, transition="annul", event=event, now=now)


def _informed(act: Act, event: Event) -> Event:
    if fault := _first_contact_fault(act, event.happened_at):
        raise Refusal("measure", fault)
    return event


def _marked(act: Act, event: Event) -> Event:
    return msgspec.structs.replace(event, reason=_first_contact_fault(act, event.happened_at))


def _caused(_act: Act, event: Event) -> Event:
    if event.reason not in set(SuspensionCause):
        raise Refusal("measure", "NO_CAUSE")
    return event


def _due(act: Act, event: Event) -> Event:
    end = legal_deadline(
        catalogue=reference.load(),
        received_at=StoredRequest.objects.get(act_id=act.id).received_at,
        suspensions=suspensions_of(acts.steps_of(act_ids=[act.id])[act.id]),
    )
    if end is None or event.happened_at < end:
        raise Refusal("measure", "NOT_DUE")
    return event


_BEFORE = {"send": _informed, "leave": _marked, "suspend": _caused, "expire": _due}
"""What is asked of a step besides its requirement, or kept with it."""


def _first_contact_fault(act: Act, sent_at: datetime) -> str:
    """Return the code of what the host's first information lacks (LCEN 6-2 I), empty if nothing."""
    host = StoredRequest.objects.values_list("host", flat=True).get(act_id=act.id)
    informed = Contact.objects.filter(host=host).values_list("informed_at", flat=True).first()
    earlier = StoredRequest.objects.filter(host=host, sent_at__lt=sent_at).exclude(act_id=act.id)
    if earlier.exists():
        return ""
    if informed is None:
        return "FIRST_CONTACT_MISSING"
    if sent_at < first_contact_from(catalogue=reference.load(), informed_at=informed):
        return "FIRST_CONTACT_TOO_RECENT"
    return ""
