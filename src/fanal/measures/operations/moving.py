"""One move of a measure: lock, apply the table, write the row, the step and the ledger entry."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.domain.records import Event
from fanal.measures.domain.states import MEASURE_STATES, MeasureState
from fanal.measures.models import StoredMeasure, StoredStep
from fanal.orient import operations as orient
from fanal.orient.domain.deciding import UNSTORABLE

MAX_TEXT = 2000
_ACTIONS = {
    "approve": "measure.approve",
    "refuse": "measure.refuse",
    "withdraw": "measure.withdraw",
    "send": "measure.notify",
}
_WAITING = (MeasureState.DRAFT, MeasureState.TO_SECOND)


class MeasureUnknown(Exception):
    """No such measure."""


def locked(actor: Actor, measure_id: UUID, *, right: str) -> StoredMeasure:
    """Return a measure, locked until the transaction ends, on which the actor has `right`.

    Raises:
        MeasureUnknown: no such measure.
        Refused: the policy refuses (own act, other desk, no role).
    """
    row = StoredMeasure.objects.select_for_update(no_key=True).filter(id=measure_id).first()
    if row is None:
        raise MeasureUnknown(str(measure_id))
    require(actor, right, Resource(desk_id=row.desk_id, owner_id=row.proposer_id))
    return row


def advance(
    actor: Actor,
    row: StoredMeasure,
    name: str,
    *,
    now: datetime,
    event: Event | None = None,
    cause: str = "",
    fields: Mapping[str, datetime | bytes | int | UUID | str | None] | None = None,
) -> StoredMeasure:
    """Apply move `name` to a locked measure, with its step and ledger entry; return it as it stands.

    Raises:
        TransitionRefused: the table holds no such move.
        MeasureRefused: EVENT_IN_FUTURE, where what is recorded would lie after `now`; TEXT_UNREADABLE.
    """
    happened = event or Event(happened_at=now)
    if happened.happened_at > now:
        raise MeasureRefused("EVENT_IN_FUTURE")
    if len(happened.proof) > MAX_TEXT or UNSTORABLE.search(happened.proof + cause):
        raise MeasureRefused("TEXT_UNREADABLE")
    source = MeasureState(row.state)
    target = MEASURE_STATES.apply(source, name)
    with transaction.atomic():
        row.state = target
        for field, value in (fields or {}).items():
            setattr(row, field, value)
        row.save(update_fields=["state", *(fields or {})])
        StoredStep.objects.create(
            id=new_id(now),
            measure_id=row.id,
            move=name,
            source=source,
            target=target,
            actor_id=actor.person_id,
            happened_at=happened.happened_at,
            recorded_at=now,
            cause=cause,
            proof=happened.proof,
            proof_digest=happened.proof_digest,
        )
        ledger.record(
            actor=actor,
            action=_ACTIONS.get(name, "measure.step"),
            at=now,
            objects=refs(row),
            detail={"move": name, "revision": row.revision},
            motive=actor.motive or "MEASURE",
        )
    return row


def refs(row: StoredMeasure) -> list[ObjectRef]:
    """Return what a ledger entry names of a measure: the report, and the measure with its bytes' digest."""
    digest = keyed_digest(kind="measure", object_id=row.id, content=bytes(row.request))
    return [
        ObjectRef(kind="report", id=row.report_id),
        ObjectRef(kind="measure", id=row.id, digest=digest),
    ]


def settle_if_done(actor: Actor, report_id: UUID, *, now: datetime) -> None:
    """Tell orient when no measure of a report waits any more for its second person."""
    waiting = StoredMeasure.objects.filter(report_id=report_id, state__in=_WAITING)
    if not waiting.exists():
        orient.settle_case(actor=actor, report_id=report_id, now=now)
