"""Calls to the duty people: what became of them, and whether a process that sends them is alive."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

from django.db import connection

from fanal.orient.domain.records import CallState

SILENCE: Final = timedelta(seconds=30)
"""After which a process that sends counts as dead: it gives a sign of life every five seconds."""


def call_states(*, alarm_ids: Sequence[UUID]) -> dict[UUID, CallState]:
    """Return the newest call of each alarm: that of the escalation, else that of the raising."""
    if not alarm_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (alarm_id) alarm_id, coalesce(outcome, ''), attempts, failure, ended_at"
            " FROM orient_call WHERE alarm_id = ANY(%s::uuid[]) ORDER BY alarm_id, escalated DESC",
            [list(alarm_ids)],
        )
        return {
            row[0]: CallState(outcome=row[1], attempts=row[2], failure=row[3], ended_at=row[4])
            for row in cursor.fetchall()
        }


def calls_alive() -> bool:
    """Return whether a process that sends calls gave a sign of life within `SILENCE`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM orient_caller WHERE seen_at > now() - make_interval(secs => %s))",
            [SILENCE.total_seconds()],
        )
        return bool(cursor.fetchone() == (True,))
