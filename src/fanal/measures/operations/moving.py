"""One move of a measure: lock, apply the table, write the row, the step and the ledger entry."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef, keyed_digest
from fanal.measures.domain.drafting import MAX_TEXT, MeasureRefused
from fanal.measures.domain.records import Event, MeasureWarning
from fanal.measures.domain.states import MEASURE_STATES, MeasureState
from fanal.measures.domain.warnings import Asked
from fanal.measures.models import StoredMeasure, StoredStep
from fanal.measures.queries.warnings import warnings_on
from fanal.orient import operations as orient
from fanal.orient.domain.deciding import UNSTORABLE

Fields = Mapping[str, datetime | bytes | int | UUID | str | None]
"""Columns of a measure with what a move writes there."""

_ACTIONS = {
    "approve": "measure.approve",
    "refuse": "measure.refuse",
    "withdraw": "measure.withdraw",
    "send": "measure.notify",
    "leave": "measure.notify",
}
_WAITING = (MeasureState.DRAFT, MeasureState.TO_SECOND)
_AT_THE_DESK = (*_WAITING, MeasureState.APPROVED)
REPLACED = "REPLACED"
"""Cause of a withdrawal that a new decision on the report made."""


class MeasureUnknown(Exception):
    """No such measure."""


def locked(actor: Actor, measure_id: UUID, *, right: str) -> StoredMeasure:
    """Return a measure, locked until the transaction ends, on which the actor has `right`.

    Raises:
        MeasureUnknown: no such measure.
        Refused: the policy refuses (own act, other desk, no role).
    """
    return locked_with_ground(actor, measure_id, right=right)[0]


def locked_on_ground(actor: Actor, measure_id: UUID, *, right: str) -> StoredMeasure:
    """Return a measure as `locked` does, whose decision stands until the transaction ends.

    Raises:
        MeasureRefused: GROUND_GONE (the report was opened again, or decided anew).
    """
    row, stands = locked_with_ground(actor, measure_id, right=right)
    if not stands:
        raise MeasureRefused("GROUND_GONE")
    return row


def locked_with_ground(actor: Actor, measure_id: UUID, *, right: str) -> tuple[StoredMeasure, bool]:
    """Return a measure as `locked` does, and whether its decision stands until the transaction ends."""
    found = StoredMeasure.objects.filter(id=measure_id).first()
    if found is None:
        raise MeasureUnknown(str(measure_id))
    # The case first, as a new decision takes it: see `withdraw_replaced`.
    stands = orient.hold_decision(
        actor=actor, report_id=found.report_id, decision_id=found.decision_id
    )
    row = StoredMeasure.objects.select_for_update(no_key=True).get(id=measure_id)
    require(actor, right, Resource(desk_id=row.desk_id, owner_id=row.proposer_id))
    return row, stands


def advance(
    actor: Actor,
    row: StoredMeasure,
    name: str,
    *,
    now: datetime,
    event: Event | None = None,
    cause: str = "",
    fields: Fields | None = None,
) -> StoredMeasure:
    """Apply move `name` to a locked measure, with its step and ledger entry; return it as it stands.

    PostgreSQL writes state and instants from the step (`measures_take_step`); `fields` are the other columns.

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
            warnings=msgspec.to_builtins(happened.warnings),
            ground_gone_at=happened.ground_gone_at,
        )
        if fields:
            StoredMeasure.objects.filter(id=row.id).update(**fields)
        row.refresh_from_db()
        ledger.record(
            actor=actor,
            action=_ACTIONS.get(name, "measure.step"),
            at=now,
            objects=refs(row),
            detail={"move": name, "revision": row.revision, **_told(happened)},
            motive=actor.motive or "MEASURE",
        )
    return row


def _told(event: Event) -> dict[str, str | int]:
    """Return what the ledger says beside a move: that warnings stood, or that its ground had gone."""
    told: dict[str, str | int] = {"warnings": len(event.warnings)} if event.warnings else {}
    if event.ground_gone_at is not None:
        after = event.happened_at >= event.ground_gone_at
        told["left"] = "AFTER_GROUND" if after else "BEFORE_GROUND"
    return told


def withdraw_replaced(*, actor: Actor, report_id: UUID, decision_id: UUID, now: datetime) -> None:
    """Withdraw what decisions on a report before `decision_id` asked and nobody was sent yet.

    What was sent stays: its page says that the decision behind it no longer stands. Called in the
    transaction of the new decision, which holds the case.

    Raises:
        Refused: the actor may not propose measures at that desk.
    """
    rows = StoredMeasure.objects.select_for_update(no_key=True).filter(
        report_id=report_id, state__in=_AT_THE_DESK
    )
    for row in rows.exclude(decision_id=decision_id).order_by("id"):
        require(actor, "measure.propose", Resource(desk_id=row.desk_id))
        advance(actor, row, "withdraw", now=now, cause=REPLACED)


def warnings_at(actor: Actor, row: StoredMeasure) -> tuple[MeasureWarning, ...]:
    """Return the warnings that stand on a measure now."""
    asked = Asked(desk_id=row.desk_id, report_id=row.report_id, request=row.asked())
    return warnings_on(actor=actor, asked=[asked]).get(row.id, ())


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
