"""The second person: approves or refuses exactly the bytes that were shown."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts import queries as accounts
from fanal.accounts.domain.policy import roles_at_desk
from fanal.casework.domain.lifecycle import APPROVE, REFUSE, Lifecycle
from fanal.casework.domain.records import Event, Verdict
from fanal.casework.models import Act, Approval, Document
from fanal.casework.operations.locking import lock_act, step
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.deciding import UNSTORABLE

MAX_REASON = 2000


def approve_act(
    *, actor: Actor, lifecycle: Lifecycle, act_id: UUID, digest: bytes, now: datetime
) -> None:
    """Approve an act. `digest` is that of the bytes the person read (`ActFile.digest`).

    Raises:
        Refusal: GROUND_GONE, NOT_WAITING, OWN_BYTES, GRANTED_BY_PROPOSER, BYTES_CHANGED.
        Refused: the actor proposed it, or approves no such acts at that desk.
    """
    with transaction.atomic():
        right = lifecycle.requirements[APPROVE].right
        row, in_force = lock_act(actor, lifecycle, act_id, right=right)
        if not in_force:
            raise Refusal(lifecycle.kind, "GROUND_GONE")
        _sign(actor, lifecycle, row, Verdict.APPROVED, digest=digest, reason="", now=now)
        step(actor, lifecycle, row, APPROVE, event=Event(happened_at=now), now=now)


def refuse_act(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    digest: bytes,
    reason: str,
    now: datetime,
) -> None:
    """Send an act back to its author, with a reason.

    Raises:
        Refusal: NO_REASON, NOT_WAITING, OWN_BYTES, GRANTED_BY_PROPOSER, BYTES_CHANGED.
        Refused: the actor proposed it, or approves no such acts at that desk.
    """
    said = reason.strip()
    if not said or len(said) > MAX_REASON or UNSTORABLE.search(said):
        raise Refusal(lifecycle.kind, "NO_REASON")
    with transaction.atomic():
        right = lifecycle.requirements[REFUSE].right
        row, _ = lock_act(actor, lifecycle, act_id, right=right)
        _sign(actor, lifecycle, row, Verdict.REFUSED, digest=digest, reason=said, now=now)
        step(actor, lifecycle, row, REFUSE, event=Event(happened_at=now), now=now)


def _sign(
    actor: Actor,
    lifecycle: Lifecycle,
    row: Act,
    verdict: Verdict,
    *,
    digest: bytes,
    reason: str,
    now: datetime,
) -> None:
    kind = lifecycle.kind
    written = Document.objects.filter(act_id=row.id, revision=row.revision).first()
    transition = APPROVE if verdict is Verdict.APPROVED else REFUSE
    if written is None or transition not in lifecycle.allowed(row.state):
        raise Refusal(kind, "NOT_WAITING")
    if actor.person_id in (row.author_id, written.author_id):
        raise Refusal(kind, "OWN_BYTES")
    if accounts.granted_by_alone(
        person_id=actor.person_id,
        desk_id=row.desk_id,
        roles=roles_at_desk(lifecycle.requirements[transition].right),
        proposers={row.author_id, written.author_id},
        now=now,
    ):
        raise Refusal(kind, "GRANTED_BY_PROPOSER")
    if bytes(written.digest) != digest:
        raise Refusal(kind, "BYTES_CHANGED")
    Approval.objects.create(
        act_id=row.id,
        revision=row.revision,
        verdict=verdict,
        digest=digest,
        approver_id=actor.person_id,
        approved_at=now,
        reason=reason,
    )
