"""Changes of a desk's duty roster: a person adds and removes lines; each change is an entry in the ledger.

No second person approves a change, because no change can leave an alarm without a call: FANAL_DUTY is called
when the roster has nobody, and when nobody acknowledges.
"""

from datetime import datetime, time
from typing import Final
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.duty import DutyKind, NewDuty, instants, is_sound
from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.domain.records import is_person_name
from fanal.accounts.operations.desks import require_open_desk
from fanal.accounts.queries.duty import people_for_duty
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.typed import is_mail_address
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef

_MOST: Final = 200
_INSERT: Final = """
INSERT INTO accounts_duty (id, desk_id, kind, rank, person_id, name, address, zone, weekdays, first_day,
    last_day, starts, ends, added_by, added_at)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s::smallint[], %s, %s, %s, %s, %s, %s)
"""
_SAME: Final = """
SELECT d.id FROM accounts_duty d WHERE d.desk_id = %s
    AND (d.kind, d.rank, d.zone, d.weekdays, d.first_day, d.starts, d.ends)
        = (%s, %s, %s, %s::smallint[], %s, %s, %s)
    AND d.last_day IS NOT DISTINCT FROM %s AND d.person_id IS NOT DISTINCT FROM %s AND d.address = %s
    AND NOT EXISTS (SELECT FROM accounts_duty_end e WHERE e.line_id = d.id)
"""
"""Finds an equal line in force, so that a form sent twice adds a single line."""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('accounts_duty ' || %s, 0))"
_STANDING: Final = """
SELECT count(*) FROM accounts_duty d WHERE d.desk_id = %s
    AND NOT EXISTS (SELECT FROM accounts_duty_end e WHERE e.line_id = d.id)
"""


def add_duty(*, actor: Actor, desk_id: int, line: NewDuty, now: datetime) -> UUID:
    """Add a line to a desk's roster and return its id; alarms use it within seconds.

    If the roster has an equal line already, its id is returned and nothing is added.

    Raises:
        Refused: the actor may not change the roster of this desk.
        Refusal: of kind `duty`: WHO (neither a person of the desk nor a name with an address), ADDRESS or
            NAME (invalid), DAYS (a weekly line without a day), HOURS (the end is not after the start, or
            is more than a year later), PAST (it has ended already), TOO_MANY (the roster has 200 lines).
            Of kind `desk`: CLOSED.
    """
    require(actor, "duty.manage", Resource(desk_id=desk_id))
    _check(actor, desk_id, line, now)
    line_id = new_id(now)
    with transaction.atomic():
        require_open_desk(desk_id=desk_id)
        sql.run(_LOCK, [desk_id])
        days = sorted(line.weekdays)
        name, address = ("", "") if line.person_id else (line.name, line.address)
        same = sql.row(
            _SAME,
            [desk_id, line.kind.value, line.rank, line.zone, days, line.first_day, line.starts,
             line.ends, line.last_day, line.person_id, address],
        )  # fmt: skip
        if same:
            return UUID(str(same[0]))
        if sql.one(_STANDING, [desk_id])[0] >= _MOST:
            raise Refusal("duty", "TOO_MANY")
        sql.run(
            _INSERT,
            [line_id, desk_id, line.kind.value, line.rank, line.person_id, name, address, line.zone,
             days, line.first_day, line.last_day, line.starts, line.ends, actor.person_id, now],
        )  # fmt: skip
        detail = {"desk": desk_id, "kind": line.kind.value, "rank": line.rank, "line": str(line_id)}
        _record(actor, "duty.add", now, line.person_id, **detail)
    return line_id


def end_duty(*, actor: Actor, desk_id: int, line_id: UUID, now: datetime) -> None:
    """Remove a line from a desk's roster; alarms no longer use it.

    Raises:
        Refused: the actor may not change the roster of this desk.
        Refusal: duty: GONE: the desk has no such line, or it is removed already.
    """
    require(actor, "duty.manage", Resource(desk_id=desk_id))
    with transaction.atomic():
        found = sql.row(
            "SELECT kind, rank, person_id FROM accounts_duty WHERE id = %s AND desk_id = %s",
            [line_id, desk_id],
        )
        ended = found and sql.run(
            "INSERT INTO accounts_duty_end (line_id, ended_by, ended_at) VALUES (%s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [line_id, actor.person_id, now],
        )
        if not found or not ended:
            raise Refusal("duty", "GONE")
        kind, rank, person_id = found
        detail = {"desk": desk_id, "kind": kind, "rank": rank, "line": str(line_id)}
        _record(actor, "duty.end", now, person_id, **detail)


def _record(
    actor: Actor, action: str, now: datetime, person_id: UUID | None, **detail: str | int
) -> None:
    people = [ObjectRef(kind="person", id=person_id)] if person_id else []
    ledger.record(actor=actor, action=action, at=now, objects=people, detail=detail)


def _check(actor: Actor, desk_id: int, line: NewDuty, now: datetime) -> None:
    if line.person_id is None:
        _check_address(line)
    elif line.person_id not in {
        person_id for person_id, _, _ in people_for_duty(actor=actor, desk_id=desk_id, now=now)
    }:
        raise Refusal("duty", "WHO")
    if line.kind is DutyKind.WEEKLY and not line.weekdays:
        raise Refusal("duty", "DAYS")
    if not is_sound(line):
        raise Refusal("duty", "HOURS")
    if line.last_day is not None and instants(line.zone, line.last_day, time.max)[1] <= now:
        raise Refusal("duty", "PAST")


def _check_address(line: NewDuty) -> None:
    if not line.name or not line.address:
        raise Refusal("duty", "WHO")
    if not is_mail_address(line.address):
        raise Refusal("duty", "ADDRESS")
    if not is_person_name(line.name):
        raise Refusal("duty", "NAME")
