"""Queries on the emergency numbers and service hours of public pages; public nodes run them too.

The newest row on each subject counts.
"""

from fanal.accounts.domain.policy import require
from fanal.accounts.domain.public_info import LineCheck, LineVerdict, OpeningHours
from fanal.db import sql
from fanal.kernel.actors import Actor

CHECKS = """
SELECT DISTINCT ON (number) number, verdict, source, by_id, at FROM accounts_help_line
ORDER BY number, at DESC, id DESC
"""
_SHOWN = """
SELECT DISTINCT ON (number) number, verdict = 'HIDDEN' FROM accounts_help_line
ORDER BY number, at DESC, id DESC
"""
_HOURS = "SELECT opens, closes, closed, shown, at FROM accounts_opening ORDER BY at DESC, id DESC LIMIT 1"


def list_checks(*, actor: Actor) -> dict[str, LineCheck]:
    """Return the newest verdict on each number of the public pages, by number; others have no key.

    Raises:
        Refused: the actor may not edit the public pages.
    """
    require(actor, "public.manage")
    return {
        row[0]: LineCheck(
            number=row[0], verdict=LineVerdict(row[1]), source=row[2], by_id=row[3], at=row[4]
        )
        for row in sql.rows(CHECKS)
    }


def hidden_numbers() -> frozenset[str]:
    """Return the numbers that an administrator has hidden from public pages; no right is required."""
    return frozenset(number for number, hidden in sql.rows(_SHOWN) if hidden)


def opening_hours() -> OpeningHours | None:
    """Return the newest hours of the service; None if nobody has set any. No right is required.

    The author is left out of the record.
    """
    row = sql.row(_HOURS)
    if row is None:
        return None
    days = tuple(
        None if opens is None else (opens, closes)
        for opens, closes in zip(row[0], row[1], strict=True)
    )
    return OpeningHours(days=days, closed=tuple(row[2]), shown=row[3], at=row[4])
