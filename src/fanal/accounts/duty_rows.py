"""The duty roster lines in force, as SQL query and row reader; `fanal doctor` uses them without Django."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, datetime, time
from typing import Final
from uuid import UUID

from msgspec import convert

from fanal.accounts.domain.duty import DutyLine
from fanal.accounts.domain.policy import roles_at_desk

_FIELDS: Final = [field.name for field in fields(DutyLine)]

# A person has an address while their account is open and a role that acknowledges alarms at the desk is in
# force: nobody else could take the alarm, and the call must reach somebody who can. A line without a person
# whose address expiry has erased (`[…]`) counts as removed.
LINES: Final = """
SELECT d.kind, d.rank, d.person_id, coalesce(p.name, d.name),
    CASE WHEN d.person_id IS NULL THEN d.address ELSE coalesce((
        SELECT u.email FROM accounts_user u
        WHERE u.person_id = d.person_id AND u.is_active AND u.email <> ''
            AND EXISTS (
                SELECT FROM accounts_habilitation h
                LEFT JOIN accounts_revocation r ON r.habilitation_id = h.id
                LEFT JOIN accounts_habilitation_approval a ON a.habilitation_id = h.id
                WHERE h.person_id = d.person_id AND h.desk_id = d.desk_id AND h.role = ANY (%(roles)s)
                    AND h.valid_from <= %(now)s AND h.valid_until > %(now)s
                    AND (r.revoked_at IS NULL OR r.revoked_at > %(now)s)
                    AND (NOT h.needs_approval OR a.approved_at <= %(now)s))
        ORDER BY u.id LIMIT 1), '') END,
    d.zone, d.weekdays, d.first_day, d.last_day, d.starts, d.ends,
    d.id, d.desk_id
FROM accounts_duty d
JOIN accounts_desk k ON k.id = d.desk_id AND k.closed_at IS NULL
LEFT JOIN accounts_person p ON p.id = d.person_id
WHERE NOT EXISTS (SELECT FROM accounts_duty_end e WHERE e.line_id = d.id)
    AND d.address <> '[…]'
    AND (%(desk)s::integer IS NULL OR d.desk_id = %(desk)s)
ORDER BY d.desk_id, d.rank, d.kind DESC, d.first_day, d.starts, d.id
"""


def asked(*, now: datetime, desk_id: int | None = None) -> dict[str, object]:
    """Return the parameters of the SQL query `LINES`, which reads the lines of duty rosters.

    `desk_id` restricts it to the roster of a desk; None for all open desks. A person's mail address is given
    if they have, at `now`, a role that may acknowledge alarms.
    """
    roles = sorted(role.value for role in roles_at_desk("alarm.acknowledge"))
    return {"desk": desk_id, "now": now, "roles": roles}


def lines_of(rows: Iterable[tuple[object, ...]]) -> list[DutyLine]:
    """Return the lines of the rows that `LINES` gives, in their order."""
    named = (dict(zip(_FIELDS, row, strict=True)) for row in rows)
    return [convert(one, DutyLine, builtin_types=(UUID, date, time)) for one in named]
