"""Events after the approval of a removal request, recorded by people with proofs.

No operation here sends anything. `event` says when a step happened, with its proof (text or file) and reason.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Reason, Refused, may, require
from fanal.casework import queries as acts
from fanal.casework.domain.records import Act, Event
from fanal.casework.operations import approvals as casework
from fanal.casework.operations.acts import take_step
from fanal.casework.operations.doubts import raise_doubts
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import TransitionRefused
from fanal.ledger import operations as ledger
from fanal.measures.domain.clocks import first_contact_from, legal_deadline, suspensions_of
from fanal.measures.domain.records import SuspensionCause
from fanal.measures.models import Contact, StoredRequest
from fanal.measures.removal.kind import REMOVAL

RIGHT = "measure.send"
_ENDS = frozenset({"suspend", "execute", "lift", "annul"})
"""Transitions that put what rests on a removal request in doubt: its time stops, or it has ended.

A court's annulment lifts what rests on it at once.
"""


def record_first_contact(*, actor: Actor, recipient: str, event: Event, now: datetime) -> datetime:
    """Record that a recipient was informed of procedures and delays (LCEN 6-2 I); return the first instant.

    `recipient` is the key of a removal request (`Request.recipient`); `event` holds the instant and the
    proof. An earlier record is kept unchanged.

    Raises:
        Refused: the actor may not record steps of measures at any desk.
        Refusal: EVENT_IN_FUTURE (dated after `now`).
    """
    if not may(actor, RIGHT):
        raise Refused(RIGHT, Reason.NO_RULE)
    if event.happened_at > now:
        raise Refusal("measure", "EVENT_IN_FUTURE")
    with transaction.atomic():
        contact, created = Contact.objects.get_or_create(
            recipient=recipient,
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
    """Record a transition of an approved removal request, made by a measures officer or by the addressee.

    `event` holds its instant, proof and reason. The functions below record one transition each and raise the
    same exceptions.

    Raises:
        ActUnknown: no measure has this id.
        Refusal: EVENT_IN_FUTURE (dated after `now`), EVENT_TOO_EARLY (before the step that it follows),
            TEXT_UNREADABLE (a text is too long, or has a NUL or lone surrogate), NO_PROOF (the step needs a
            text or file as proof), FILE_EMPTY (the proof is an empty file), FILE_TOO_LARGE (over 10 MB),
            GROUND_GONE (its decision is no longer in force), FIRST_CONTACT_MISSING or
            FIRST_CONTACT_TOO_RECENT (the provider was not informed of its duties twelve hours before) for a
            sending, GROUND_STANDS (its decision is still in force) or ALREADY_SENT for a late record of it,
            NO_CAUSE (none given) for a suspension, NOT_DUE (before the deadline) for an expiry.
        TransitionRefused: the measure's state allows no such transition, or no officer may record it.
        Refused: the actor may not record steps of measures at that desk.
    """
    requirement = REMOVAL.requirements.get(transition)
    if requirement is None or requirement.right != RIGHT:
        raise TransitionRefused(REMOVAL.states.name, "any state", transition)
    with transaction.atomic():
        report_id = take_step(
            actor=actor,
            lifecycle=REMOVAL,
            act_id=measure_id,
            transition=transition,
            event=event,
            before=_BEFORE.get(transition),
            now=now,
        )
        if transition in _ENDS:
            annulled = transition == "annul"
            raise_doubts(
                actor=actor,
                report_id=report_id,
                act_id=measure_id,
                cause="ANNULLED" if annulled else "REMOVAL_ENDED",
                proof=event.proof or str(measure_id) if annulled else "",
                now=now,
            )


def record_sent(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that an approved removal request was sent (`event`: when, and the proof kept, if any).

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: FIRST_CONTACT_MISSING (the provider was never informed of its duties),
            FIRST_CONTACT_TOO_RECENT (informed less than twelve hours before); the event has a wrong instant,
            text or file (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    record_step(actor=actor, measure_id=measure_id, transition="send", event=event, now=now)


def record_left(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record late that a removal request was sent, though its basis had lapsed or it was withdrawn meanwhile.

    Its report was reopened or decided again, or the request withdrawn, before somebody recorded the sending.
    The state becomes SENT; nothing is sent by this operation. The step keeps the date of lapse and, as its
    reason, any fault in the first contact with the recipient.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event lacks a proof or has a wrong instant (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    record_step(actor=actor, measure_id=measure_id, transition="leave", event=event, now=now)


def record_receipt(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the addressee received a removal request (`event`: when); it starts the legal 24 hours.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event lacks a proof or has a wrong instant (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    record_step(actor=actor, measure_id=measure_id, transition="receive", event=event, now=now)


def suspend_clock(
    *, actor: Actor, measure_id: UUID, cause: SuspensionCause, event: Event, now: datetime
) -> None:
    """Record that the 24 hours for removal are suspended, for a legal cause (LCEN 6-2).

    `event` holds the instant and the proof.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event has a wrong instant, text or file (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    event = msgspec.structs.replace(event, reason=cause.value)
    record_step(actor=actor, measure_id=measure_id, transition="suspend", event=event, now=now)


def resume_clock(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record the end of a suspension of the 24 hours for removal: impediment over, or clarification received.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event has a wrong instant, text or file (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    record_step(actor=actor, measure_id=measure_id, transition="resume", event=event, now=now)


def record_execution(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the addressee removed the content (`event`: when, with which proof).

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event lacks a proof or has a wrong instant (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    record_step(actor=actor, measure_id=measure_id, transition="execute", event=event, now=now)


def expire_measure(*, actor: Actor, measure_id: UUID, now: datetime) -> None:
    """Record that the legal 24 hours ended without removal: blocking may then be considered.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: NOT_DUE, before their end (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    event = Event(happened_at=now)
    record_step(actor=actor, measure_id=measure_id, transition="expire", event=event, now=now)


def lift_measure(
    *, actor: Actor, measure_id: UUID, cause: str, event: Event, now: datetime
) -> None:
    """Record the end of an executed removal request, with its cause.

    `cause` is the officer's reason, such as that the content has become lawful, the result of a check, or the
    overseer's recommendation. `event` holds the instant and the proof.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event has a wrong instant, text or file (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
    event = msgspec.structs.replace(event, reason=cause)
    record_step(actor=actor, measure_id=measure_id, transition="lift", event=event, now=now)


def annul_measure(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that a court annulled the removal request.

    The proof in `event` is the ruling.

    Raises:
        ActUnknown, TransitionRefused: no such measure, or its state allows no such step.
        Refusal: the event lacks a proof or has a wrong instant (all codes: `record_step`).
        Refused: the actor may not record steps of measures at that desk.
    """
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
"""Additional checks of a step, by transition; they may also complete its event."""


def _first_contact_fault(act: Act, sent_at: datetime) -> str:
    """Return the code of a fault in the first contact with the recipient (LCEN 6-2 I), "" if there is none.

    Faults: FIRST_CONTACT_MISSING, or FIRST_CONTACT_TOO_RECENT at `sent_at`. A recipient of an earlier request
    needs no first contact.
    """
    recipient = StoredRequest.objects.values_list("recipient", flat=True).get(act_id=act.id)
    informed = (
        Contact.objects.filter(recipient=recipient).values_list("informed_at", flat=True).first()
    )
    sent = StoredRequest.objects.filter(recipient=recipient, sent_at__lt=sent_at)
    earlier = sent.exclude(act_id=act.id)
    if earlier.exists():
        return ""
    if informed is None:
        return "FIRST_CONTACT_MISSING"
    if sent_at < first_contact_from(catalogue=reference.load(), informed_at=informed):
        return "FIRST_CONTACT_TOO_RECENT"
    return ""


def erase_words(*, actor: Actor, measure_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts of removal requests and of their oversight; return how many requests had any.

    Kind, states, instants, people and the digest of the sent bytes stay. The first contact with a host is
    erased with the last measure on that host. The caller has already checked retention periods and legal
    holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        erased = casework.erase_words(actor=actor, kind="measure", act_ids=measure_ids, now=now)
        sql.run("SELECT measures_erase_words(%s::uuid[])", [list(measure_ids)])
    return erased
