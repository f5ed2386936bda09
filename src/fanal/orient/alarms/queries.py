"""Child-in-danger alarms: the open ones, and those of a report; delivery of their calls (e-mails)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec

from fanal.accounts.domain.policy import reach
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import Alarm, CallState
from fanal.orient.queue.queries import bounded

# Calls to the duty people: their outcome, and whether a process that sends them is alive.

SILENCE: Final = timedelta(seconds=30)
"""Silence after which a sending process counts as dead; it records a heartbeat every five seconds."""


def call_states(*, alarm_ids: Sequence[UUID]) -> dict[UUID, CallState]:
    """Return the state of each alarm's newest call (e-mail to the people on duty), by alarm id.

    The newest call is that of the escalation, else that of the raising. Alarms without a call are left out.
    """
    if not alarm_ids:
        return {}
    found = sql.rows(
        "SELECT DISTINCT ON (alarm_id) alarm_id, coalesce(outcome, ''), attempts, failure, ended_at"
        " FROM orient_call WHERE alarm_id = ANY(%s::uuid[]) ORDER BY alarm_id, escalated DESC",
        [list(alarm_ids)],
    )
    return {
        row[0]: CallState(outcome=row[1], attempts=row[2], failure=row[3], ended_at=row[4])
        for row in found
    }


def calls_alive() -> bool:
    """Return whether a process that sends calls (e-mails to people on duty) was alive within `SILENCE`."""
    found = sql.row(
        "SELECT EXISTS (SELECT FROM orient_caller WHERE seen_at > now() - make_interval(secs => %s))",
        [SILENCE.total_seconds()],
    )
    return bool(found == (True,))


def open_alarms(*, actor: Actor, most: int = 1000) -> tuple[Alarm, ...]:
    """Return the latest `most` alarms of the actor's desks that nobody has acknowledged, oldest first."""
    rows = bounded(
        models.StoredAlarm.objects.filter(acknowledged_at=None), reach(actor, "report.list")
    )
    return _with_calls(reversed(rows.order_by("-raised_at", "-id")[:most]))


def report_of_alarm(*, actor: Actor, alarm_id: UUID) -> UUID | None:
    """Return the report of an alarm of the actor's desks, acknowledged or not; None otherwise."""
    rows = bounded(
        models.StoredAlarm.objects.filter(id=alarm_id), reach(actor, "alarm.acknowledge")
    )
    return rows.values_list("report_id", flat=True).first()


def alarms_of(*, actor: Actor, report_id: UUID) -> tuple[Alarm, ...]:
    """Return every alarm of a report that the actor may read, oldest first."""
    rows = bounded(
        models.StoredAlarm.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return _with_calls(rows.order_by("raised_at"))


def _with_calls(rows: Iterable[models.StoredAlarm]) -> tuple[Alarm, ...]:
    alarms = [row.record() for row in rows]
    calls = call_states(alarm_ids=[alarm.id for alarm in alarms])
    return tuple(msgspec.structs.replace(a, call=calls.get(a.id)) for a in alarms)
