"""Approval by a second person (contreseing) of the exact bytes displayed, and erasure at expiry."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import require, roles_at_desk
from fanal.accounts.queries.people import granted_by_alone
from fanal.casework.domain.lifecycle import APPROVE, REFUSE, Lifecycle
from fanal.casework.domain.records import ApprovalVerdict, Event
from fanal.casework.models import Act, Approval, Document
from fanal.casework.operations.locking import Before, lock_act, step
from fanal.casework.operations.proofs import erase_proofs
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.orient.domain.deciding import UNSTORABLE

# Expiry erases documents, proofs and reasons of acts; states, dates, people and digests stay.


def erase_words(*, actor: Actor, kind: str, act_ids: Sequence[UUID], now: datetime) -> int:
    """Erase the texts of official acts of a kind at their expiry; return how many acts had any.

    Texts are documents, proofs with their files, and reasons. A single ledger entry covers all acts. The
    caller has already checked retention periods and legal holds. The operation is idempotent.

    Raises:
        Refused: the actor may not run the processing stages.
        VaultNotOwn: another installation has taken the vault over.
    """
    require(actor, "pipeline.run")
    if not act_ids:
        return 0
    with transaction.atomic():
        erased = int(sql.one("SELECT casework_erase_words(%s::uuid[])", [list(act_ids)])[0])
        erase_proofs(actor=actor, act_ids=act_ids, now=now)
        ledger.record_batch(
            actor=actor,
            action=f"{kind}.erase",
            at=now,
            kind=kind,
            items=[(act_id, b"") for act_id in act_ids],
            detail={"count": len(act_ids)},
        )
    return erased


def forget_subjects(*, actor: Actor, act_ids: Sequence[UUID]) -> int:
    """Replace `subject_id` of official acts by the zero UUID, after their second retention period.

    They then refer to no report or payer any more. Return how many were changed.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return int(sql.one("SELECT casework_forget_subjects(%s::uuid[])", [list(act_ids)])[0])


MAX_REASON = 2000


def approve_act(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    digest: bytes,
    now: datetime,
    before: Before | None = None,
) -> UUID:
    """Approve an official act as its second person, and return its `subject_id`.

    `lifecycle` is the kind of act. `digest` is the SHA-256 of the document that the person read
    (`ActFile.digest`). `before(act, event)` is a check that the kind of act adds: it refuses, or returns the
    event whose reason and warnings are kept with the approval.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refusal: GROUND_GONE (its decision is no longer in force), NOT_WAITING (for approval), OWN_BYTES (the
            actor wrote them), GRANTED_BY_PROPOSER (the author alone gave the actor this role), BYTES_CHANGED
            (`digest` is not that of the present bytes), EVENT_TOO_EARLY (before the bytes were written).
        Refused: the actor proposed it, or may not approve such acts at that desk.
    """
    with transaction.atomic():
        right = lifecycle.requirements[APPROVE].right
        row, in_force = lock_act(actor, lifecycle, act_id, right=right)
        if not in_force:
            raise Refusal(lifecycle.kind, "GROUND_GONE")
        _check(actor, lifecycle, row, APPROVE, digest=digest, now=now)
        event = Event(happened_at=now)
        event = before(row.record(), event) if before else event
        _sign(actor, row, ApprovalVerdict.APPROVED, digest=digest, event=event)
        step(actor, lifecycle, row, APPROVE, event=event, now=now)
    return row.subject_id


def refuse_act(
    *,
    actor: Actor,
    lifecycle: Lifecycle,
    act_id: UUID,
    digest: bytes,
    reason: str,
    now: datetime,
) -> None:
    """Refuse to approve an official act, with a reason; the act returns to its author as a draft.

    `lifecycle` is the kind of act, `digest` the SHA-256 of the document that the person read.

    Raises:
        ActUnknown: no act of that kind has this id.
        Refusal: NO_REASON (blank), TEXT_UNREADABLE (over `MAX_REASON` characters, or with a NUL or lone
            surrogate); or NOT_WAITING, OWN_BYTES, GRANTED_BY_PROPOSER, BYTES_CHANGED, EVENT_TOO_EARLY as
            `approve_act`.
        Refused: the actor proposed it, or may not approve such acts at that desk.
    """
    said = stripped(reason)
    if not said:
        raise Refusal(lifecycle.kind, "NO_REASON")
    if len(said) > MAX_REASON or UNSTORABLE.search(said):
        raise Refusal(lifecycle.kind, "TEXT_UNREADABLE")
    with transaction.atomic():
        right = lifecycle.requirements[REFUSE].right
        row, _ = lock_act(actor, lifecycle, act_id, right=right)
        _check(actor, lifecycle, row, REFUSE, digest=digest, now=now)
        event = Event(happened_at=now, reason=said)
        _sign(actor, row, ApprovalVerdict.REFUSED, digest=digest, event=event)
        step(actor, lifecycle, row, REFUSE, event=Event(happened_at=now), now=now)


def _check(
    actor: Actor, lifecycle: Lifecycle, row: Act, transition: str, *, digest: bytes, now: datetime
) -> None:
    """Check that the actor may judge an official act's current revision and has read exactly its bytes.

    `row` is the act, `lifecycle` its kind; `digest` the SHA-256 of the bytes read; `transition` that of the
    verdict: approve or refuse.

    Raises:
        Refusal: NOT_WAITING (for a verdict), OWN_BYTES (the actor wrote them), GRANTED_BY_PROPOSER (the
            author alone gave the actor this role), BYTES_CHANGED, EVENT_TOO_EARLY (before the
            bytes were written).
    """
    kind = lifecycle.kind
    written = Document.objects.filter(act_id=row.id, revision=row.revision).first()
    if written is None or transition not in lifecycle.allowed(row.state):
        raise Refusal(kind, "NOT_WAITING")
    if actor.person_id in (row.author_id, written.author_id):
        raise Refusal(kind, "OWN_BYTES")
    if granted_by_alone(
        person_id=actor.person_id,
        desk_id=row.desk_id,
        roles=roles_at_desk(lifecycle.requirements[transition].right),
        proposers={row.author_id, written.author_id},
        now=now,
    ):
        raise Refusal(kind, "GRANTED_BY_PROPOSER")
    if bytes(written.digest) != digest:
        raise Refusal(kind, "BYTES_CHANGED")
    if now < written.written_at:
        raise Refusal(kind, "EVENT_TOO_EARLY")


def _sign(actor: Actor, row: Act, verdict: ApprovalVerdict, *, digest: bytes, event: Event) -> None:
    Approval.objects.create(
        act_id=row.id,
        revision=row.revision,
        verdict=verdict,
        digest=digest,
        approver_id=actor.person_id,
        approved_at=event.happened_at,
        reason=event.reason,
        warnings=list(event.warnings),
    )
