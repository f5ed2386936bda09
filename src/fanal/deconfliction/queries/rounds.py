"""Rounds with their counts, and the messages that are still kept."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import Resource, may, require
from fanal.deconfliction.domain.records import Round
from fanal.deconfliction.domain.states import MessageKind, RoundState, Side
from fanal.kernel.actors import Actor

_COLUMNS = (
    "id", "counterpart_id", "side", "state", "instruction_id", "started_at", "expires_at", "closed_at",
    "held", "shown", "asked", "met", "error",
)  # fmt: skip
_SELECT = f"SELECT {', '.join('r.' + name for name in _COLUMNS)} FROM deconfliction_round r"  # noqa: S608


def list_rounds(
    *, actor: Actor, counterpart_id: UUID | None = None, limit: int = 100
) -> list[Round]:
    """Return the newest rounds, of one counterpart or of all.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "deconfliction.read")
    return _rows(
        "WHERE %s::uuid IS NULL OR r.counterpart_id = %s ORDER BY r.started_at DESC, r.id DESC LIMIT %s",
        [counterpart_id, counterpart_id, limit],
    )


def open_rounds(
    *, actor: Actor, state: RoundState, counterpart_id: UUID | None = None
) -> list[Round]:
    """Return the rounds in a state that is not final, oldest first.

    Raises:
        Refused: the actor runs no rounds.
    """
    require(actor, "deconfliction.run")
    return _rows(
        "WHERE r.state = %s AND r.closed_at IS NULL AND (%s::uuid IS NULL OR r.counterpart_id = %s)"
        " ORDER BY r.started_at, r.id",
        [state, counterpart_id, counterpart_id],
    )


def get_round(*, actor: Actor, round_id: UUID) -> Round | None:
    """Return a round; of a body's program only one of its own.

    Raises:
        Refused: the actor may not see rounds.
    """
    if not may(actor, "deconfliction.read"):
        require(actor, "deconfliction.exchange", Resource(partner_id=actor.partner_id))
        where = (
            "JOIN deconfliction_counterpart c ON c.id = r.counterpart_id AND c.organisation_id = %s"
            " AND c.closed_at IS NULL WHERE r.id = %s AND r.side = 'ANSWERING'"
        )
        return next(iter(_rows(where, [actor.partner_id, round_id])), None)
    return next(iter(_rows("WHERE r.id = %s", [round_id])), None)


def message_body(*, round_id: UUID, kind: MessageKind) -> bytes | None:
    """Return the bytes of a message, None where there is none or its time is over.

    Whoever calls has asked `get_round` before.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.body FROM deconfliction_message m WHERE m.round_id = %s AND m.kind = %s",
            [round_id, kind],
        )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def undelivered(*, round_id: UUID) -> bytes | None:
    """Return our conclusion of a round where nothing says yet that it arrived.

    Whoever calls has asked `get_round` before.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.body FROM deconfliction_message m WHERE m.round_id = %s"
            " AND m.kind = 'CONCLUSION' AND m.ours AND m.delivered_at IS NULL",
            [round_id],
        )
        row = cursor.fetchone()
    return None if row is None or row[0] is None else bytes(row[0])


def last_started(*, counterpart_id: UUID) -> datetime | None:
    """Return when we last began a round with a counterpart."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT max(started_at) FROM deconfliction_round"
            " WHERE counterpart_id = %s AND side = 'OFFERING'",
            [counterpart_id],
        )
        found: datetime | None = cursor.fetchone()[0]
    return found


def _rows(rest: str, parameters: Sequence[str | int | UUID | None]) -> list[Round]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {rest}", parameters)
        return [_round(row) for row in cursor.fetchall()]


def _round(row: tuple[object, ...]) -> Round:
    found = dict(zip(_COLUMNS, row, strict=True))
    sides = {"side": Side(str(found["side"])), "state": RoundState(str(found["state"]))}
    return Round(**found | sides)  # type: ignore[arg-type]
