"""Opening, changes, closing and reopening of desks.

A desk is the unit to which reports, dossiers and official acts belong.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Final

from django.db import transaction
from django.db.models import Max

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.records import PUBLIC_DESK, DeskDetails, DeskWork
from fanal.accounts.models import Desk
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

_CODE: Final = re.compile(r"[A-Z0-9][A-Z0-9-]{0,39}")
_LONGEST: Final = 200


def add_desk(*, actor: Actor, code: str, details: DeskDetails, now: datetime) -> int:
    """Open a desk and return its number (`desk_id`).

    Raises:
        Refused: the actor may not manage desks.
        Refusal: REFUSED: the code or a detail is invalid, or another desk has the code; the refusal's
            parameter `part` says which.
    """
    require(actor, "desk.manage")
    if not _CODE.fullmatch(code):
        raise Refusal("desk", "REFUSED", part="code")
    _check(details)
    with transaction.atomic():
        sql.run("SELECT pg_advisory_xact_lock(hashtextextended('accounts_desk', 0))")
        if Desk.objects.filter(code=code).exists():
            raise Refusal("desk", "REFUSED", part="code")
        number = (Desk.objects.aggregate(last=Max("id"))["last"] or 0) + 1
        Desk.objects.create(id=number, code=code, **asdict(details))
        ledger.record(actor=actor, action="desk.change", at=now, detail={"code": code})
    return number


def edit_desk(
    *, actor: Actor, desk_id: int, now: datetime, seen: str | None = None, **changes: str | None
) -> None:
    """Change details of a desk: fields of `DeskDetails` by name, None for unchanged.

    Number and code never change. Each changed detail gets an entry of its own in the ledger. `seen` is the
    state that the page showed (`DeskRecord.state`), None for a command.

    Raises:
        Refused: the actor may not manage desks.
        Desk.DoesNotExist: no desk with this number.
        Refusal: REFUSED: a detail is invalid; the refusal's parameter `part` says which. CHANGED: the desk is
            no longer as the page showed it.
    """
    require(actor, "desk.manage")
    with transaction.atomic():
        desk = Desk.objects.select_for_update().get(id=desk_id)
        found = desk.record()
        if seen and seen != found.state:
            raise Refusal("desk", "CHANGED")
        before = asdict(found.details)
        after = before | {name: text for name, text in changes.items() if text is not None}
        _check(DeskDetails(**after))
        changed = [name for name, text in after.items() if text != before[name]]
        if not changed:
            return
        Desk.objects.filter(id=desk_id).update(**after)
        for name in changed:
            detail = {"code": desk.code, "changed": name.upper()}
            ledger.record(actor=actor, action="desk.change", at=now, detail=detail)


def ensure_desk(*, actor: Actor, desk_id: int, code: str, name: str, contact: str = "") -> int:
    """Return `desk_id`; create the desk with this code, name and contact if missing.

    An existing desk stays unchanged.

    Raises:
        Refused: the actor may not manage desks.
    """
    require(actor, "desk.manage")
    Desk.objects.get_or_create(
        id=desk_id, defaults={"code": code, "name": name, "contact": contact}
    )
    return desk_id


def close_desk(
    *,
    actor: Actor,
    desk_id: int,
    left: Callable[[], Mapping[DeskWork, int]],
    now: datetime,
) -> None:
    """Close a desk at which no work is left; `left` returns the number of unfinished items by kind.

    Pages and commands call `fanal.desks.close_desk`, which counts them. The lines of the desk's duty roster
    end with it, each with an entry in the ledger. The desk's row is locked first: a concurrent grant of a
    role at this desk waits, and is refused afterwards.

    Raises:
        Refused: the actor may not manage desks.
        Desk.DoesNotExist: no desk has this number.
        Refusal: FIRST: it is the desk of the public form. CLOSED: it is closed already. LEFT: work is
            left.
    """
    require(actor, "desk.manage")
    if desk_id == PUBLIC_DESK:
        raise Refusal("desk", "FIRST")
    with transaction.atomic():
        desk = Desk.objects.select_for_update().get(id=desk_id)
        if desk.closed_at is not None:
            raise Refusal("desk", "CLOSED")
        if any(left().values()):
            raise Refusal("desk", "LEFT")
        Desk.objects.filter(id=desk_id).update(closed_at=now)
        ledger.record(actor=actor, action="desk.close", at=now, detail={"code": desk.code})
        _end_roster(actor, desk_id, now)


def reopen_desk(*, actor: Actor, desk_id: int, now: datetime) -> None:
    """Open a closed desk again: roles can be granted at it, and reports entered. Its duty roster is empty.

    Raises:
        Refused: the actor may not manage desks.
        Desk.DoesNotExist: no desk with this number.
        Refusal: OPEN: it is open.
    """
    require(actor, "desk.manage")
    with transaction.atomic():
        desk = Desk.objects.select_for_update().get(id=desk_id)
        if desk.closed_at is None:
            raise Refusal("desk", "OPEN")
        # Lines that an earlier version left when it closed the desk.
        _end_roster(actor, desk_id, now)
        Desk.objects.filter(id=desk_id).update(closed_at=None)
        ledger.record(actor=actor, action="desk.reopen", at=now, detail={"code": desk.code})


def require_open_desk(*, desk_id: int) -> None:
    """Check, in the caller's transaction, that a desk is open; it stays open until the transaction ends.

    Raises:
        Refusal: CLOSED: it is closed.
    """
    found = sql.row("SELECT closed_at FROM accounts_desk WHERE id = %s FOR SHARE", [desk_id])
    if found is not None and found[0] is not None:
        raise Refusal("desk", "CLOSED")


def _end_roster(actor: Actor, desk_id: int, now: datetime) -> None:
    ended = sql.rows(
        "SELECT * FROM accounts_end_roster(%s, %s, %s)", [desk_id, actor.person_id, now]
    )
    for line, kind, rank, person_id in ended:
        detail = {"desk": desk_id, "kind": kind, "rank": rank, "line": str(line)}
        people = [ObjectRef(kind="person", id=person_id)] if person_id else []
        ledger.record(actor=actor, action="duty.end", at=now, objects=people, detail=detail)


def _check(details: DeskDetails) -> None:
    for part, text in asdict(details).items():
        empty = part == "name" and not text.strip()
        if empty or len(text) > _LONGEST or not text.isprintable():
            raise Refusal("desk", "REFUSED", part=part)
