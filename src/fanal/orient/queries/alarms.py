"""Alarms of a child in danger: those that ring, and those of a report."""

from collections.abc import Iterable
from uuid import UUID

import msgspec

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import Alarm
from fanal.orient.queries.bounds import bounded
from fanal.orient.queries.calls import call_states


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
    """Return every alarm of a report that the actor may read."""
    rows = bounded(
        models.StoredAlarm.objects.filter(report_id=report_id), reach(actor, "report.read")
    )
    return _with_calls(rows.order_by("raised_at"))


def _with_calls(rows: Iterable[models.StoredAlarm]) -> tuple[Alarm, ...]:
    alarms = [row.record() for row in rows]
    calls = call_states(alarm_ids=[alarm.id for alarm in alarms])
    return tuple(msgspec.structs.replace(a, call=calls.get(a.id)) for a in alarms)
