"""Counterparts with the limits in force, and how much each asked of us."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.deconfliction.domain.limits import Limits
from fanal.deconfliction.domain.records import Counterpart
from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.kernel.actors import Actor
from fanal.kernel.alphabet import alphabetical
from fanal.kernel.calendar import paris_day

_COLUMNS = (
    "id", "name", "our_name", "contact", "public_key", "organisation_id", "url", "login", "secret_id",
    "every_hours", "daily_points", "added_at", "closed_at",
)  # fmt: skip
_SELECT = (
    f"SELECT {', '.join('c.' + name for name in _COLUMNS)}, l.kinds, l.roles, l.desk_ids, l.months"  # noqa: S608
    " FROM deconfliction_counterpart c CROSS JOIN LATERAL (SELECT kinds, roles, desk_ids, months"
    " FROM deconfliction_limit l WHERE l.counterpart_id = c.id ORDER BY l.id DESC LIMIT 1) l"
)


def list_counterparts(*, actor: Actor) -> list[Counterpart]:
    """Return every counterpart: open ones by name, then closed ones.

    Raises:
        Refused: the actor may not see them.
    """
    require(actor, "deconfliction.read")
    found = _rows("", [])
    return sorted(found, key=lambda c: (c.closed_at is not None, alphabetical(c.name), c.id))


def get_counterpart(*, actor: Actor, counterpart_id: UUID) -> Counterpart | None:
    """Return one counterpart, None when there is none.

    Raises:
        Refused: the actor may not see it.
    """
    require(actor, "deconfliction.read")
    return next(iter(_rows("WHERE c.id = %s", [counterpart_id])), None)


def find_counterpart(*, name: str, our_name: str | None = None) -> Counterpart | None:
    """Return the open counterpart of that name, who knows us by `our_name` where it is given."""
    found = _rows("WHERE c.name = %s AND c.closed_at IS NULL", [name])
    return next((c for c in found if our_name is None or c.our_name == our_name), None)


def public_key() -> bytes | None:
    """Return the key by which others know this installation now, None before one was made."""
    return next((key for key, _since in own_keys()), None)


def own_keys() -> list[tuple[bytes, datetime]]:
    """Return every key that this installation has had, and since when each was in force, the newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT public_key, made_at FROM deconfliction_identity"
            " ORDER BY made_at DESC, object_id DESC"
        )
        return [(bytes(key), made_at) for key, made_at in cursor.fetchall()]


def asked_on(*, counterpart_ids: Iterable[UUID], now: datetime) -> dict[UUID, int]:
    """Return how many points each counterpart has shown us on the day of `now` (Paris): its guesses."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.counterpart_id, sum(r.asked) FROM deconfliction_round r"
            " WHERE r.counterpart_id = ANY(%s::uuid[])"
            " AND (r.started_at AT TIME ZONE 'Europe/Paris')::date = %s GROUP BY 1",
            [list(counterpart_ids), paris_day(now)],
        )
        return {counterpart_id: int(asked) for counterpart_id, asked in cursor.fetchall()}


def begun_on(*, counterpart_id: UUID, now: datetime) -> int:
    """Return how many rounds a counterpart has begun with us on the day of `now` (Paris)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM deconfliction_round r WHERE r.counterpart_id = %s"
            " AND r.side = 'ANSWERING' AND (r.started_at AT TIME ZONE 'Europe/Paris')::date = %s",
            [counterpart_id, paris_day(now)],
        )
        return int(cursor.fetchone()[0])


def _rows(rest: str, parameters: list[str | UUID]) -> list[Counterpart]:
    with connection.cursor() as cursor:
        cursor.execute(f"{_SELECT} {rest}", parameters)
        return [_counterpart(row) for row in cursor.fetchall()]


def _counterpart(row: tuple[object, ...]) -> Counterpart:
    named = dict(zip(_COLUMNS, row[: len(_COLUMNS)], strict=True))
    kinds, roles, desks, months = row[len(_COLUMNS) :]
    limits = Limits(
        kinds=tuple(SelectorKind(kind) for kind in kinds),  # type: ignore[attr-defined]
        roles=tuple(SelectorRole(role) for role in roles),  # type: ignore[attr-defined]
        desk_ids=tuple(desks),  # type: ignore[arg-type]
        months=int(str(months)),
    )
    key = bytes(named.pop("public_key"))  # type: ignore[call-overload]
    return Counterpart(**named, public_key=key, limits=limits)  # type: ignore[arg-type]
