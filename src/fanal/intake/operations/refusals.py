"""What is refused to a sender's programs, counted by hour, step and code: figures only."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import connection

_KEPT = timedelta(days=400)


def count_refusal(*, sender_id: UUID, step: str, code: str, now: datetime) -> None:
    """Count one refusal; `step` and `code` are those of the interface, of at most 40 characters."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT intake_count_refusal(%s, %s, %s, %s)", [sender_id, now, step, code])


def forget_refusals(*, now: datetime) -> int:
    """Delete counts older than 400 days and return how many; the worker's schedule calls it."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM intake_refusal WHERE hour < %s", [now - _KEPT])
        return int(cursor.rowcount)
