"""The lines in force of duty rosters as rows of the database; `fanal doctor` reads them without Django."""

from collections.abc import Iterable
from dataclasses import fields
from datetime import date, time
from typing import Final
from uuid import UUID

from msgspec import convert

from fanal.accounts.domain.duty import DutyLine

_FIELDS: Final = [field.name for field in fields(DutyLine)]

# The address of a person is read now: a closed account, or one without an address, has none.
LINES: Final = """
SELECT d.kind, d.rank, d.person_id, coalesce(p.name, d.name),
    CASE WHEN d.person_id IS NULL THEN d.address ELSE coalesce((
        SELECT u.email FROM accounts_user u
        WHERE u.person_id = d.person_id AND u.is_active AND u.email <> '' ORDER BY u.id LIMIT 1), '') END,
    d.zone, d.weekdays, d.first_day, d.last_day, d.starts, d.ends,
    d.id, d.desk_id
FROM accounts_duty d
JOIN accounts_desk k ON k.id = d.desk_id AND k.closed_at IS NULL
LEFT JOIN accounts_person p ON p.id = d.person_id
WHERE NOT EXISTS (SELECT FROM accounts_duty_end e WHERE e.line_id = d.id)
    AND (%(desk)s::integer IS NULL OR d.desk_id = %(desk)s)
ORDER BY d.desk_id, d.rank, d.kind DESC, d.first_day, d.starts, d.id
"""


def lines_of(rows: Iterable[tuple[object, ...]]) -> list[DutyLine]:
    """Return the lines of the rows that `LINES` gives, in their order."""
    named = (dict(zip(_FIELDS, row, strict=True)) for row in rows)
    return [convert(one, DutyLine, builtin_types=(UUID, date, time)) for one in named]
