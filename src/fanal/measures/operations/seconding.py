"""The second person: approves or refuses exactly the bytes that were shown."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.kernel.actors import Actor
from fanal.measures.domain.drafting import MeasureRefused
from fanal.measures.domain.records import Verdict
from fanal.measures.domain.states import MeasureState
from fanal.measures.models import StoredApproval, StoredMeasure
from fanal.measures.operations.moving import (
    advance,
    locked,
    locked_on_ground,
    settle_if_done,
)
from fanal.orient.domain.deciding import UNSTORABLE


def approve_measure(*, actor: Actor, measure_id: UUID, digest: bytes, now: datetime) -> None:
    """Second a measure. `digest` is that of the bytes the person read (`Measure.digest`).

    Raises:
        Refused: the actor proposed it, or may not second at that desk.
        MeasureRefused: GROUND_GONE, OWN_BYTES, NOT_WAITING, BYTES_CHANGED.
    """
    _give(actor, measure_id, verdict=Verdict.APPROVED, digest=digest, reason="", now=now)


def refuse_measure(
    *, actor: Actor, measure_id: UUID, digest: bytes, reason: str, now: datetime
) -> None:
    """Send a measure back to its proposer, with a reason.

    Raises:
        Refused: the actor proposed it, or may not second at that desk.
        MeasureRefused: NO_REASON, OWN_BYTES, NOT_WAITING, BYTES_CHANGED.
    """
    if not reason.strip() or UNSTORABLE.search(reason):
        raise MeasureRefused("NO_REASON")
    _give(actor, measure_id, verdict=Verdict.REFUSED, digest=digest, reason=reason, now=now)


def _give(
    actor: Actor, measure_id: UUID, *, verdict: Verdict, digest: bytes, reason: str, now: datetime
) -> None:
    with transaction.atomic():
        lock = locked_on_ground if verdict is Verdict.APPROVED else locked
        row = lock(actor, measure_id, right="measure.approve")
        _check(actor, row, digest)
        StoredApproval.objects.create(
            measure_id=row.id,
            revision=row.revision,
            verdict=verdict,
            digest=digest,
            proposer_id=row.proposer_id,
            approver_id=actor.person_id,
            at=now,
            reason=reason,
        )
        if verdict is Verdict.APPROVED:
            advance(actor, row, "approve", now=now, fields={"approved_at": now})
            settle_if_done(actor, row.report_id, now=now)
        else:
            advance(actor, row, "refuse", now=now, fields={"submitted_at": None})


def _check(actor: Actor, row: StoredMeasure, digest: bytes) -> None:
    if row.author_id == actor.person_id:
        raise MeasureRefused("OWN_BYTES")
    if row.state != MeasureState.TO_SECOND:
        raise MeasureRefused("NOT_WAITING")
    if bytes(row.digest) != digest:
        raise MeasureRefused("BYTES_CHANGED")
