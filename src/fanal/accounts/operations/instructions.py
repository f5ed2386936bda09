"""Standing instructions: proposed by a person, approved by a second person, revoked by any authorised one."""

import hashlib
from datetime import datetime
from uuid import UUID

from django.db import DatabaseError, transaction

from fanal.accounts.domain.instructions import (
    InstructionKind,
    InstructionState,
    NewInstruction,
    StandingInstruction,
    checked,
    checked_reason,
)
from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.models import Instruction, InstructionEnd, InstructionSecond, Organisation
from fanal.accounts.queries.instructions import get_instruction
from fanal.accounts.queries.people import granted_by_alone
from fanal.kernel.actors import Actor, Role
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

_OF_BODIES = frozenset({InstructionKind.FEEDBACK})
"""Kinds whose `names` must be organisations known to the accounts package."""
_SECOND = frozenset({Role.SUPERVISOR})


def propose_instruction(*, actor: Actor, instruction: NewInstruction, now: datetime) -> UUID:
    """Propose a standing instruction and return its id; it awaits approval by a second person.

    Raises:
        Refusal: GROUNDS, BASIS, NAMES, MEMBERS or DATES: an invalid field (limits: `checked`); UNKNOWN_NAME:
            no organisation has the name of a member, or for FEEDBACK that of a provider; PAST: it would
            already have expired.
        Refused: the actor may not propose instructions.
    """
    require(actor, "instruction.propose")
    asked = checked(instruction)
    if asked.expires_at <= now:
        raise Refusal("instruction", "PAST")
    bodies = asked.names if asked.kind in _OF_BODIES else asked.members
    if Organisation.objects.filter(name__in=bodies).count() != len(bodies):
        raise Refusal("instruction", "UNKNOWN_NAME")
    with transaction.atomic():
        made = Instruction.objects.create(
            id=new_id(now),
            kind=asked.kind,
            names=list(asked.names),
            members=list(asked.members),
            grounds=asked.grounds,
            basis=asked.basis,
            valid_from=asked.valid_from,
            expires_at=asked.expires_at,
            proposer_id=actor.person_id,
            proposed_at=now,
        )
        _log(actor=actor, action="instruction.propose", now=now, row=made)
    return made.id


def second_instruction(*, actor: Actor, instruction_id: UUID, now: datetime) -> None:
    """Approve a standing instruction as second person (contreseing); it takes effect within its dates.

    Raises:
        Refusal: NOT_FOUND (no instruction has this id); NOT_WAITING: already approved, expired or revoked;
            GRANTED_BY_PROPOSER: the actor's supervisor role was granted by the proposer alone.
        Refused: the actor proposed it, or may not approve instructions.
    """
    found = _found(actor, instruction_id)
    require(actor, "instruction.second", Resource(owner_id=found.proposer_id))
    if found.state(now) is not InstructionState.WAITING:
        raise Refusal("instruction", "NOT_WAITING")
    if granted_by_alone(
        person_id=actor.person_id, roles=_SECOND, proposers={found.proposer_id}, now=now
    ):
        raise Refusal("instruction", "GRANTED_BY_PROPOSER")
    try:
        with transaction.atomic():
            InstructionSecond.objects.create(
                instruction_id=found.id,
                proposer_id=found.proposer_id,
                second_id=actor.person_id,
                seconded_at=now,
            )
            _log(actor=actor, action="instruction.second", now=now, row=found)
    except DatabaseError as error:  # approved or revoked in the meantime
        raise Refusal("instruction", "NOT_WAITING") from error


def revoke_instruction(*, actor: Actor, instruction_id: UUID, reason: str, now: datetime) -> None:
    """Revoke a standing instruction, approved or not; a single person is enough to stop transmissions.

    Raises:
        Refusal: NOT_FOUND (no instruction has this id); REASON (no reason, or too long); ENDED: already
            expired or revoked; ENDS_LATER: its revocation is recorded at an instant after `now`, and stays
            there.
        Refused: the actor may not revoke instructions.
    """
    require(actor, "instruction.revoke")
    found, words = _found(actor, instruction_id), checked_reason(reason)
    if found.state(now) in {InstructionState.EXPIRED, InstructionState.REVOKED}:
        raise Refusal("instruction", "ENDED")
    if found.revoked_at is not None:
        raise Refusal("instruction", "ENDS_LATER")
    try:
        with transaction.atomic():
            InstructionEnd.objects.create(
                instruction_id=found.id, revoked_by=actor.person_id, revoked_at=now, reason=words
            )
            _log(actor=actor, action="instruction.revoke", now=now, row=found)
    except DatabaseError as error:
        raise Refusal("instruction", "ENDED") from error


def _found(actor: Actor, instruction_id: UUID) -> StandingInstruction:
    found = get_instruction(actor=actor, instruction_id=instruction_id)
    if found is None:
        raise Refusal("instruction", "NOT_FOUND")
    return found


def _log(
    *, actor: Actor, action: str, now: datetime, row: Instruction | StandingInstruction
) -> None:
    """Record in the ledger what was done (`action`) with a standing instruction, and its keyed digest.

    The digest covers the content, so that a later change of the row is detectable.
    """
    body = "\x1f".join(
        [
            row.kind,
            row.basis,
            row.valid_from.isoformat(),
            row.expires_at.isoformat(),
            row.grounds,
            *row.names,
            *(["\x1e", *row.members] if row.members else []),
        ]
    )
    content = hashlib.sha256(body.encode()).digest()
    digest = ledger.keyed_digest(kind="instruction", object_id=row.id, content=content)
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="instruction", id=row.id, digest=digest)],
        detail={"kind": row.kind},
    )
