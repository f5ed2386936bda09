"""Queries on standing instructions: the instruction in force for a transmission, and lists for people."""

from collections.abc import Collection, Mapping
from datetime import datetime
from uuid import UUID

from django.db.models import Q, QuerySet

from fanal.accounts.domain.instructions import InstructionKind, StandingInstruction
from fanal.accounts.domain.policy import require
from fanal.accounts.models import Instruction
from fanal.db import sql
from fanal.kernel.actors import Actor


def standing_in_force(
    *,
    kind: InstructionKind,
    scope: str | None,
    now: datetime,
    member: str | None = None,
    since: datetime | None = None,
) -> StandingInstruction | None:
    """Return the standing instruction that permits a transmission of `kind` at `now`, or None.

    Args:
        kind: what would be sent or fetched.
        scope: name of the provider, recipient or list; None requires an instruction for every name. An
            instruction that names `scope` precedes one for every name; of those with equal `names`, the
            latest expiry comes first.
        now: the instant.
        member: require an instruction that names this organisation among the readers of its lists.
        since: when the present holder of the name was registered; an instruction approved earlier does not
            count, since another organisation had the name then.

    An operation that sends something cites the instruction in the ledger: `detail=found.cited`, and
    `found.reference` among the objects.
    """
    reaches = Q(names=[])
    if scope is not None:
        reaches |= Q(names__contains=[scope])
    rows = _running(kind=kind, now=now, member=member).filter(reaches)
    if since is not None:
        rows = rows.filter(second__seconded_at__gte=since)
    row = rows.first()
    return None if row is None else _record(row)


def standing_for_each(
    *,
    kind: InstructionKind,
    scopes: Collection[str],
    now: datetime,
    member: str | None = None,
    since: Mapping[str, datetime] | None = None,
) -> dict[str, StandingInstruction]:
    """Return the standing instruction in force for each name of `scopes`; names without one are left out.

    Of several, as `standing_in_force` chooses. A single query. `kind` is what would be sent or fetched; with
    `member`, only instructions that name this organisation among the readers of its lists. `since` maps a
    name to the registration of its present holder: an instruction that names it and was approved earlier does
    not apply.
    """
    reaches = Q(names=[]) | Q(names__overlap=list(scopes))
    rows = list(_running(kind=kind, now=now, member=member).filter(reaches)) if scopes else []
    made = since or {}
    first = {
        scope: next((row for row in rows if _reaches(row, scope, made.get(scope))), None)
        for scope in scopes
    }
    return {scope: _record(row) for scope, row in first.items() if row is not None}


def _reaches(row: Instruction, scope: str, made: datetime | None) -> bool:
    if not row.names:
        return True
    return scope in row.names and (made is None or row.second.seconded_at >= made)


def standing_id(*, kind: InstructionKind, scope: str | None, now: datetime) -> UUID | None:
    """Return the id of the instruction that `standing_in_force` finds for `kind` and `scope`, or None.

    It also works on public nodes, which may not read instructions.
    """
    found: UUID | None = sql.one("SELECT accounts_standing(%s, %s, %s)", [kind, scope, now])[0]
    return found


def _running(
    *, kind: InstructionKind, now: datetime, member: str | None
) -> QuerySet[Instruction, Instruction]:
    """Return a query of standing instructions of a kind in force at `now`; those for all names last.

    These have empty `names`. With `member` (an organisation), only instructions in which it is a reader of
    the lists.
    """
    rows = Instruction.objects.filter(
        kind=kind, valid_from__lte=now, expires_at__gt=now, second__seconded_at__lte=now
    )
    if member is not None:
        rows = rows.filter(members__contains=[member])
    return (
        rows.exclude(end__revoked_at__lte=now)
        .select_related("second", "end")
        .order_by("-names", "-expires_at", "id")
    )


def list_instructions(*, actor: Actor) -> list[StandingInstruction]:
    """Return every standing instruction, the newest first.

    Raises:
        Refused: the actor may not read instructions.
    """
    require(actor, "instruction.read")
    rows = Instruction.objects.select_related("second", "end").order_by("-proposed_at", "-id")
    return [_record(row) for row in rows]


def get_instruction(*, actor: Actor, instruction_id: UUID) -> StandingInstruction | None:
    """Return the standing instruction with this id; None if there is none.

    Raises:
        Refused: the actor may not read instructions.
    """
    require(actor, "instruction.read")
    found = Instruction.objects.select_related("second", "end").filter(id=instruction_id).first()
    return None if found is None else _record(found)


def _record(row: Instruction) -> StandingInstruction:
    second, end = getattr(row, "second", None), getattr(row, "end", None)
    return StandingInstruction(
        id=row.id,
        kind=InstructionKind(row.kind),
        names=tuple(row.names),
        members=tuple(row.members),
        grounds=row.grounds,
        basis=row.basis,
        valid_from=row.valid_from,
        expires_at=row.expires_at,
        proposer_id=row.proposer_id,
        proposed_at=row.proposed_at,
        second_id=second.second_id if second else None,
        seconded_at=second.seconded_at if second else None,
        revoked_by=end.revoked_by if end else None,
        revoked_at=end.revoked_at if end else None,
        revocation_reason=end.reason if end else "",
    )
