"""The second person: approves or refuses exactly the bytes that were shown."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection, transaction

from fanal.accounts import queries as accounts
from fanal.kernel.actors import Actor, Role
from fanal.measures.domain.drafting import MAX_TEXT, MeasureRefused
from fanal.measures.domain.records import Event, Verdict
from fanal.measures.domain.states import MeasureState
from fanal.measures.domain.warnings import check_warned
from fanal.measures.models import StoredApproval, StoredMeasure
from fanal.measures.operations.moving import (
    advance,
    locked,
    locked_on_ground,
    settle_if_done,
    warnings_at,
)
from fanal.orient.domain.deciding import UNSTORABLE

_SECONDS = (Role.SUPERVISOR, Role.MEASURES_OFFICER)
_LOCK = 7310421
"""First half of the advisory locks that approvals take, one for each host."""


def approve_measure(
    *,
    actor: Actor,
    measure_id: UUID,
    digest: bytes,
    now: datetime,
    seen: Collection[str] = (),
    reason: str = "",
) -> None:
    """Second a measure. `digest` is that of the bytes the person read (`Measure.digest`).

    Where warnings stand, `seen` are the tokens of those that the person was shown, and `reason` says why it
    is seconded all the same; both stay with the approval.

    Raises:
        Refused: the actor proposed it, or may not second at that desk.
        MeasureRefused: GROUND_GONE, OWN_BYTES, NOT_WAITING, GRANTED_BY_PROPOSER, BYTES_CHANGED,
            WARNINGS_CHANGED, NO_REASON, TEXT_UNREADABLE.
    """
    with transaction.atomic():
        row = locked_on_ground(actor, measure_id, right="measure.approve")
        _check(actor, row, digest=digest, now=now)
        _hold_host(row)
        warnings = warnings_at(actor, row)
        written = check_warned(warnings, seen=seen, reason=reason)
        event = Event(happened_at=now, warnings=warnings)
        _sign(actor, row, Verdict.APPROVED, event=event, reason=written)
        advance(actor, row, "approve", now=now, event=event, cause=written)
        settle_if_done(actor, row.report_id, now=now)


def refuse_measure(
    *, actor: Actor, measure_id: UUID, digest: bytes, reason: str, now: datetime
) -> None:
    """Send a measure back to its proposer, with a reason.

    Raises:
        Refused: the actor proposed it, or may not second at that desk.
        MeasureRefused: NO_REASON, TEXT_UNREADABLE, OWN_BYTES, NOT_WAITING, GRANTED_BY_PROPOSER,
            BYTES_CHANGED.
    """
    if not reason.strip() or UNSTORABLE.search(reason):
        raise MeasureRefused("NO_REASON")
    if len(reason) > MAX_TEXT:
        raise MeasureRefused("TEXT_UNREADABLE")
    with transaction.atomic():
        row = locked(actor, measure_id, right="measure.approve")
        _check(actor, row, digest=digest, now=now)
        _sign(actor, row, Verdict.REFUSED, event=Event(happened_at=now), reason=reason)
        advance(actor, row, "refuse", now=now)


def _sign(actor: Actor, row: StoredMeasure, verdict: Verdict, *, event: Event, reason: str) -> None:
    StoredApproval.objects.create(
        measure_id=row.id,
        revision=row.revision,
        verdict=verdict,
        digest=bytes(row.digest),
        proposer_id=row.proposer_id,
        approver_id=actor.person_id,
        at=event.happened_at,
        reason=reason,
        warnings=msgspec.to_builtins(event.warnings),
    )


def _hold_host(row: StoredMeasure) -> None:
    """Let one approval after the other look at a host: each sees what the one before approved."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCK, row.host])


def _check(actor: Actor, row: StoredMeasure, *, digest: bytes, now: datetime) -> None:
    if row.author_id == actor.person_id:
        raise MeasureRefused("OWN_BYTES")
    if row.state != MeasureState.TO_SECOND:
        raise MeasureRefused("NOT_WAITING")
    if accounts.granted_by_alone(
        person_id=actor.person_id,
        desk_id=row.desk_id,
        roles=_SECONDS,
        proposers={row.proposer_id, row.author_id},
        now=now,
    ):
        raise MeasureRefused("GRANTED_BY_PROPOSER")
    if bytes(row.digest) != digest:
        raise MeasureRefused("BYTES_CHANGED")
