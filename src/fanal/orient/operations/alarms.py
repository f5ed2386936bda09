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
from fanal.orient.domain.states import ALARM_STATES
from fanal.orient.models import StoredAlarm

CHILD_IN_DANGER = "CHILD_IN_DANGER"
_AT_ONCE = 500
"""Alarms of one look, those that wait longest; the next look comes a second later."""


def raise_alarm(*, actor: Actor, report_id: UUID, desk_id: int, now: datetime) -> bool:
    """Raise the alarm of a report; False when it was raised before.

    What a deposit says by itself is raised with it, by a trigger; `orient_batch` raises what the priority
    floor finds.
    """
    return bool(raise_alarms(actor=actor, items=[(report_id, desk_id)], now=now))


def raise_alarms(*, actor: Actor, items: Sequence[tuple[UUID, int]], now: datetime) -> list[UUID]:
    """Raise an alarm for each (report, desk) that has none yet; return the reports concerned."""
    raised: list[UUID] = []
    with transaction.atomic(), connection.cursor() as cursor:
        for report_id, desk_id in sorted(set(items)):
            cursor.execute(
                "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at, recorded_at)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [new_id(now), report_id, desk_id, CHILD_IN_DANGER, now, now],
            )
            if cursor.rowcount:
                raised.append(report_id)
        if raised:
            ledger.record(
                actor=actor,
                action="alarm.raise",
                at=now,
                objects=[ObjectRef(kind="report", id=report_id) for report_id in raised],
            )
    return raised


def raise_written(*, lookup_hash: bytes, now: datetime) -> bool:
    """Raise an alarm because whoever holds a report's code writes that a child is in danger.

    Return False where the report rings already, is a test, or the code is nobody's. The caller stores a
    message that it takes in the same transaction; `record_raised` enters the alarm in the ledger.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT orient_danger_written(%s, %s)", [lookup_hash, now])
        return bool(cursor.fetchone()[0])


def record_raised(*, actor: Actor, now: datetime) -> int:
    """Enter in the ledger the alarms that deposits raised; return how many, at most 500 at once.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        rows = list(
            StoredAlarm.objects.select_for_update(skip_locked=True)
            .filter(recorded_at=None)
            .order_by("raised_at")[:_AT_ONCE]
        )
        if rows:
            StoredAlarm.objects.filter(id__in=[row.id for row in rows]).update(recorded_at=now)
            ledger.record(
                actor=actor,
                action="alarm.raise",
                at=now,
                objects=[ObjectRef(kind="report", id=row.report_id) for row in rows],
            )
    return len(rows)


def acknowledge_alarm(*, actor: Actor, alarm_id: UUID, now: datetime) -> bool:
    """Record who took an alarm; False when somebody had before (the first one stays).

    Raises:
        Refused: the actor may not answer the alarms of that desk.
        StoredAlarm.DoesNotExist: no such alarm.
    """
    alarm = StoredAlarm.objects.get(id=alarm_id)
    require(actor, "alarm.acknowledge", Resource(desk_id=alarm.desk_id))
    if "acknowledge" not in ALARM_STATES.moves_from(alarm.record().state):
        return False
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
    """Mark the alarms that waited too long for somebody, which queues their second call; return them.

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
            if "escalate" in ALARM_STATES.moves_from(alarm.record().state)
            and now
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
