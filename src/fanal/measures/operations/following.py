"""What happens to an approved measure, as people record it with proofs. Nothing here sends by itself."""

from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Reason, Refused, may
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.measures.domain.clocks import (
    Suspension,
    first_contact_from,
    legal_deadline,
    non_disclosure_end,
    suspensions_of,
)
from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.domain.records import Event, SuspensionCause
from fanal.measures.domain.states import MEASURE_STATES, MeasureState
from fanal.measures.models import Contact, StoredMeasure
from fanal.measures.operations.moving import (
    Fields,
    advance,
    locked,
    locked_on_ground,
    locked_with_ground,
)
from fanal.orient import queries as oriented

RIGHT = "measure.send"


def record_first_contact(*, actor: Actor, host: str, event: Event, now: datetime) -> datetime:
    """Record that a host was informed of procedures and delays (LCEN 6-2 I); the first time stays.

    Returns when it was first informed.

    Raises:
        Refused: the actor records steps of measures nowhere.
        MeasureRefused: EVENT_IN_FUTURE.
    """
    if not may(actor, RIGHT):
        raise Refused(RIGHT, Reason.NO_RULE)
    if event.happened_at > now:
        raise MeasureRefused("EVENT_IN_FUTURE")
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


def record_sent(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that an approved request left the desk.

    Raises:
        MeasureRefused: FIRST_CONTACT_MISSING or FIRST_CONTACT_TOO_RECENT, EVENT_IN_FUTURE, EVENT_TOO_EARLY,
            GROUND_GONE.
        TransitionRefused: it is not approved.
    """
    with transaction.atomic():
        row = locked_on_ground(actor, measure_id, right=RIGHT)
        if fault := _first_contact_fault(row, event.happened_at):
            raise MeasureRefused(fault)
        _not_before(event.happened_at, row.approved_at)
        advance(actor, row, "send", now=now, event=event, fields=_sent(row, event))


def record_left(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that a seconded request had left although it may no longer be sent: a fact, and marked as one.

    Its report was opened again or decided anew, or it was withdrawn, before anybody recorded the sending. It
    is then SENT; the step keeps since when it could no longer be sent, and as its cause what the host's first
    information lacked. Nothing is sent by it.

    Raises:
        MeasureRefused: NO_PROOF, EVENT_IN_FUTURE, EVENT_TOO_EARLY (before it was seconded), GROUND_STANDS
            (record the sending), NEVER_APPROVED, ALREADY_SENT.
        TransitionRefused: it is neither approved nor withdrawn.
    """
    if not event.proof.strip():
        raise MeasureRefused("NO_PROOF")
    with transaction.atomic():
        row, stands = locked_with_ground(actor, measure_id, right=RIGHT)
        MEASURE_STATES.apply(MeasureState(row.state), "leave")
        gone_at = _gone_at(actor, row, stands=stands)
        if row.sent_at is not None:
            raise MeasureRefused("ALREADY_SENT")
        if row.approved_at is None:
            raise MeasureRefused("NEVER_APPROVED")
        _not_before(event.happened_at, row.approved_at)
        advance(
            actor,
            row,
            "leave",
            now=now,
            event=msgspec.structs.replace(event, ground_gone_at=gone_at),
            cause=_first_contact_fault(row, event.happened_at),
            fields=_sent(row, event),
        )


def record_receipt(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the addressee received the request: the legal 24 hours start there (decisions 26).

    Raises:
        MeasureRefused: NO_PROOF, EVENT_IN_FUTURE, EVENT_TOO_EARLY.
        TransitionRefused: it was not sent.
    """
    if not event.proof.strip():
        raise MeasureRefused("NO_PROOF")
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        _not_before(event.happened_at, row.sent_at)
        advance(actor, row, "receive", now=now, event=event)


def suspend_clock(
    *, actor: Actor, measure_id: UUID, cause: SuspensionCause, event: Event, now: datetime
) -> None:
    """Record that the legal clock stops (LCEN 6-2).

    Raises:
        MeasureRefused: EVENT_IN_FUTURE, EVENT_TOO_EARLY.
        TransitionRefused: no legal clock runs.
    """
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        _not_before(event.happened_at, row.received_at)
        advance(actor, row, "suspend", now=now, event=event, cause=cause.value)


def resume_clock(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the impediment ended, or that the addressee received the clarification.

    Raises:
        MeasureRefused: EVENT_IN_FUTURE, EVENT_TOO_EARLY.
        TransitionRefused: the clock is not stopped.
    """
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        stops = _stops(row)
        _not_before(event.happened_at, stops[-1].since if stops else row.received_at)
        advance(actor, row, "resume", now=now, event=event)


def record_execution(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that the content was removed.

    Raises:
        MeasureRefused: NO_PROOF, EVENT_IN_FUTURE, EVENT_TOO_EARLY.
        TransitionRefused: it was not sent.
    """
    if not event.proof.strip():
        raise MeasureRefused("NO_PROOF")
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        _not_before(event.happened_at, row.sent_at)
        advance(actor, row, "execute", now=now, event=event)


def expire_measure(*, actor: Actor, measure_id: UUID, now: datetime) -> None:
    """Record that 24 hours have passed without removal: blocking may then be considered.

    Raises:
        MeasureRefused: NOT_DUE.
        TransitionRefused: no legal clock runs.
    """
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        due = legal_deadline(
            catalogue=reference.load(),
            received_at=row.received_at,
            suspensions=_stops(row),
        )
        if due is None or now < due:
            raise MeasureRefused("NOT_DUE")
        advance(actor, row, "expire", now=now)


def lift_measure(
    *, actor: Actor, measure_id: UUID, cause: str, event: Event, now: datetime
) -> None:
    """Record that an executed measure ended (content no longer illegal, check, recommendation)."""
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        advance(actor, row, "lift", now=now, event=event, cause=cause)


def annul_measure(*, actor: Actor, measure_id: UUID, event: Event, now: datetime) -> None:
    """Record that a court annulled the request; the proof is the ruling.

    Raises:
        MeasureRefused: NO_PROOF.
    """
    if not event.proof.strip():
        raise MeasureRefused("NO_PROOF")
    with transaction.atomic():
        row = locked(actor, measure_id, right=RIGHT)
        advance(actor, row, "annul", now=now, event=event)


def _stops(row: StoredMeasure) -> tuple[Suspension, ...]:
    return suspensions_of(step.record() for step in row.steps.order_by("db_at"))


def _sent(row: StoredMeasure, event: Event) -> Fields:
    if not row.asked().non_disclosure:
        return {}
    end = non_disclosure_end(catalogue=reference.load(), decided_at=event.happened_at)
    return {"non_disclosure_until": end}


def _gone_at(actor: Actor, row: StoredMeasure, *, stands: bool) -> datetime:
    """Return since when a measure could no longer be sent: the end of its decision, or its withdrawal.

    Raises:
        MeasureRefused: GROUND_STANDS.
    """
    withdrawn = row.steps.filter(move="withdraw").values_list("happened_at", flat=True)
    instants = list(withdrawn)
    if stands and not instants:
        raise MeasureRefused("GROUND_STANDS")
    if not stands:
        ended = oriented.decision_ended(
            actor=actor, report_id=row.report_id, decision_id=row.decision_id
        )
        instants += [ended] if ended else []
    # What nobody can date any more is taken for gone from the start.
    return min(instants, default=row.created_at)


def _first_contact_fault(row: StoredMeasure, sent_at: datetime) -> str:
    """Return the code of what the host's first information lacks (LCEN 6-2 I), empty if nothing."""
    informed = Contact.objects.filter(host=row.host).values_list("informed_at", flat=True).first()
    earlier = StoredMeasure.objects.filter(host=row.host, sent_at__lt=sent_at).exclude(id=row.id)
    if earlier.exists():
        return ""
    if informed is None:
        return "FIRST_CONTACT_MISSING"
    if sent_at < first_contact_from(catalogue=reference.load(), informed_at=informed):
        return "FIRST_CONTACT_TOO_RECENT"
    return ""


def _not_before(happened_at: datetime, earliest: datetime | None) -> None:
    if earliest is not None and happened_at < earliest:
        raise MeasureRefused("EVENT_TOO_EARLY")
