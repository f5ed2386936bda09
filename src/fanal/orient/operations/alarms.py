"""Alarms: a child in danger calls the duty people until somebody acknowledges (decisions 23).

No job sets a timer: an alarm is due for escalation when its raising is old enough and nobody has
acknowledged it.
"""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.records import Alarm
from fanal.orient.models import StoredAlarm

CHILD_IN_DANGER = "CHILD_IN_DANGER"
_AT_ONCE = 500
"""Alarms of one look, those that wait longest; the next look comes two seconds later."""


def raise_alarm(*, actor: Actor, report_id: UUID, desk_id: int, now: datetime) -> bool:
    """Raise the alarm of a report; False when it was raised before.

    Intake calls it as soon as an urgent report is acknowledged; `orient_batch` for those that the
    priority floor finds.
    """
    return bool(raise_alarms(actor=actor, items=[(report_id, desk_id)], now=now))


def raise_alarms(*, actor: Actor, items: Sequence[tuple[UUID, int]], now: datetime) -> list[UUID]:
    """Raise an alarm for each (report, desk) that has none yet; return the reports concerned."""
    raised: list[UUID] = []
    with transaction.atomic(), connection.cursor() as cursor:
        for report_id, desk_id in sorted(set(items)):
            cursor.execute(
                "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at)"
                " VALUES (%s, %s, %s, %s, %s) ON CONFLICT (report_id, code) DO NOTHING",
                [new_id(now), report_id, desk_id, CHILD_IN_DANGER, now],
            )
            if cursor.rowcount:
                raised.append(report_id)
        if raised:
            cursor.execute("NOTIFY fanal_alarm")
            ledger.record(
                actor=actor,
                action="alarm.raise",
                at=now,
                objects=[ObjectRef(kind="report", id=report_id) for report_id in raised],
            )
    return raised


def acknowledge_alarm(*, actor: Actor, alarm_id: UUID, now: datetime) -> bool:
    """Record who took an alarm; False when somebody had before (the first one stays).

    Raises:
        Refused: the actor may not answer the alarms of that desk.
        StoredAlarm.DoesNotExist: no such alarm.
    """
    alarm = StoredAlarm.objects.get(id=alarm_id)
    require(actor, "alarm.acknowledge", Resource(desk_id=alarm.desk_id))
    with transaction.atomic():
        changed = StoredAlarm.objects.filter(id=alarm_id, acknowledged_at=None).update(
            acknowledged_at=now, acknowledged_by=actor.person_id
        )
        if changed:
            ledger.record(
                actor=actor,
                action="alarm.acknowledge",
                at=now,
                objects=[ObjectRef(kind="report", id=alarm.report_id)],
            )
    return bool(changed)


def escalate_alarms(*, actor: Actor, now: datetime) -> list[Alarm]:
    """Mark the alarms that waited too long for somebody, and return them for the duty connector.

    At most 500 at once.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    catalogue = reference.load()
    with transaction.atomic():
        waiting = StoredAlarm.objects.select_for_update(skip_locked=True).filter(
            acknowledged_at=None, escalated_at=None
        )
        late = [
            alarm
            for alarm in waiting.order_by("raised_at")[:_AT_ONCE]
            if now
            >= desk_deadline(
                catalogue=catalogue, stage="ESCALATE", level="DANGER", start=alarm.raised_at
            )
        ]
        if not late:
            return []
        StoredAlarm.objects.filter(id__in=[alarm.id for alarm in late]).update(escalated_at=now)
        ledger.record(
            actor=actor,
            action="alarm.escalate",
            at=now,
            objects=[ObjectRef(kind="report", id=alarm.report_id) for alarm in late],
        )
    for alarm in late:
        alarm.escalated_at = now
    return [alarm.record() for alarm in late]


def take_calls(*, actor: Actor, now: datetime) -> list[Alarm]:
    """Mark the alarms whose duty people are to be called now, and return them, each once per occasion.

    There are two occasions, the raising and the escalation: an alarm that nobody acknowledges calls twice.

    The caller queues the call in the same transaction: marked and queued, or neither.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    waiting = StoredAlarm.objects.select_for_update(skip_locked=True).filter(acknowledged_at=None)
    waiting = waiting.order_by("raised_at")
    first = list(waiting.filter(called_at=None)[:_AT_ONCE])
    again = list(waiting.filter(called_again_at=None, escalated_at__isnull=False)[:_AT_ONCE])
    StoredAlarm.objects.filter(id__in=[a.id for a in first]).update(called_at=now)
    StoredAlarm.objects.filter(id__in=[a.id for a in again]).update(called_again_at=now)
    return [alarm.record() for alarm in {a.id: a for a in [*first, *again]}.values()]
