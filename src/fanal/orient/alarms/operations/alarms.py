"""Write operations on child-in-danger alarms: raise, acknowledge, mute, escalate, record in the ledger."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, reach, require, require_somewhere
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import Alarm
from fanal.orient.domain.states import ALARM_STATES
from fanal.orient.models import StoredAlarm
from fanal.orient.queue.queries import bounded
from fanal.reference import Catalogue

CHILD_IN_DANGER = "CHILD_IN_DANGER"
MUTED: Final = timedelta(minutes=5)
"""Time for which a person may turn off the sound of the alarms that wait."""
LONGEST_REASON: Final = 200
_AT_ONCE = 2000
_UNRECORDED = """
WITH due AS (SELECT alarm_id FROM orient_unrecorded ORDER BY told_at LIMIT %s FOR UPDATE SKIP LOCKED),
held AS (
    SELECT a.id FROM orient_alarm a WHERE a.id = ANY (ARRAY(SELECT alarm_id FROM due))
    FOR NO KEY UPDATE OF a SKIP LOCKED
), noted AS (
    DELETE FROM orient_unrecorded WHERE alarm_id = ANY (ARRAY(SELECT id FROM held))
)
UPDATE orient_alarm SET recorded_at = %s WHERE id = ANY (ARRAY(SELECT id FROM held))
  AND coalesce(recorded_at, '-infinity') = '-infinity'
RETURNING report_id
"""
# With `recorded_at IS NULL` the planner takes the index of unrecorded alarms, if it was analysed while empty.
_OVERDUE = """
WITH newest AS (
    SELECT a.id, a.raised_at FROM orient_alarm a
    WHERE a.acknowledged_at IS NULL AND a.escalated_at IS NULL AND a.raised_at <= %(until)s
    ORDER BY a.raised_at DESC LIMIT 5 * %(most)s
), first AS (
    SELECT n.id FROM newest n ORDER BY EXISTS (SELECT FROM orient_call c WHERE c.alarm_id = n.id
        AND NOT c.escalated AND c.queued_by IS NOT NULL) DESC, n.raised_at DESC LIMIT %(most)s / 2
)
SELECT id FROM first
UNION ALL (SELECT a.id FROM orient_alarm a WHERE a.acknowledged_at IS NULL AND a.escalated_at IS NULL
    AND a.raised_at <= %(until)s AND a.id NOT IN (SELECT id FROM first)
    ORDER BY a.raised_at LIMIT %(most)s / 2)
"""
# Oldest and newest, since a flood may precede the others; among the newest, alarms without a late call first.


def raise_alarm(*, actor: Actor, report_id: UUID, desk_id: int, now: datetime) -> bool:
    """Raise the child-in-danger alarm of a report; return False when it already has one.

    `desk_id` is the report's desk. Called by `orient_batch` for emergencies and for reports with the priority
    floor (minimum score) CHILD_IN_DANGER. If a report itself declares a danger, a database trigger raises the
    alarm when the report arrives.
    """
    return bool(raise_alarms(actor=actor, items=[(report_id, desk_id)], now=now))


def raise_alarms(*, actor: Actor, items: Sequence[tuple[UUID, int]], now: datetime) -> list[UUID]:
    """Raise the child-in-danger alarm of each report that has none; return the reports that got one.

    `items` are pairs of report id and desk id. A report has one such alarm, whatever the desk. The result is
    in order of id.
    """
    raised: list[UUID] = []
    with transaction.atomic():
        for report_id, desk_id in sorted(set(items)):
            touched = sql.run(
                "INSERT INTO orient_alarm (id, report_id, desk_id, code, raised_at, recorded_at)"
                " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
                [new_id(now), report_id, desk_id, CHILD_IN_DANGER, now, now],
            )
            if touched:
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
    """Raise an alarm because the reporter, identified by a follow-up code, writes that a child is in danger.

    `lookup_hash`: the hash under which the code is stored. Return False if the report already has an open
    alarm, is a test, or the code is unknown. The caller stores the message in the same transaction;
    `record_raised` records the alarm in the ledger.
    """
    return bool(sql.one("SELECT orient_danger_written(%s, %s)", [lookup_hash, now])[0])


def record_raised(*, actor: Actor, now: datetime) -> int:
    """Record in the ledger the alarms that arriving reports raised; return their number, at most 2 000.

    Such an alarm is raised by a database trigger. Alarms without a queued call (e-mail to the people on duty)
    wait for `queue_late`.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        sql.run("SET LOCAL enable_seqscan = off")  # as in `queue_late`
        reports = [row[0] for row in sql.rows(_UNRECORDED, [_AT_ONCE, now])]
        if reports:
            ledger.record(
                actor=actor,
                action="alarm.raise",
                at=now,
                objects=[ObjectRef(kind="report", id=report_id) for report_id in reports],
            )
    return len(reports)


def acknowledge_alarm(*, actor: Actor, alarm_id: UUID, now: datetime) -> bool:
    """Acknowledge an alarm; return False if somebody already had (the first acknowledgement stays).

    Raises:
        Refused: the actor may not acknowledge the alarms of that desk.
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
            ledger.record_report(
                actor=actor,
                action="alarm.acknowledge",
                at=now,
                report_id=alarm.report_id,
            )
    return bool(changed)


def mute_alarms(
    *, actor: Actor, alarm_ids: Collection[UUID], reason: str, now: datetime
) -> list[UUID]:
    """Record in the ledger that a person mutes alarms for themselves; return the ids of the muted alarms.

    For everybody else the alarms sound, and all are still shown and escalated. The caller turns the sound
    off, for the duration `MUTED`. `reason` is the person's text. Acknowledged alarms and those of other
    desks are left out; if none remains, nothing is recorded. The result is in no particular order.

    Raises:
        Refused: the actor may not acknowledge alarms at any desk.
        Refusal: of the alarm: NO_REASON (blank), REASON_LONG (over `LONGEST_REASON` characters),
            REASON_UNREADABLE (a NUL or lone surrogate).
    """
    require_somewhere(actor, "alarm.acknowledge")
    words = stripped(" ".join(reason.split()))
    if not words:
        raise Refusal("alarm", "NO_REASON")
    if len(words) > LONGEST_REASON:
        raise Refusal("alarm", "REASON_LONG")
    if UNSTORABLE.search(words):
        raise Refusal("alarm", "REASON_UNREADABLE")
    rows = bounded(
        StoredAlarm.objects.filter(id__in=alarm_ids, acknowledged_at=None),
        reach(actor, "alarm.acknowledge"),
    )
    found = list(rows.values_list("id", "report_id"))
    if found:
        ledger.record(
            actor=actor,
            action="alarm.mute",
            at=now,
            objects=[
                ObjectRef(kind="report", id=report_id)
                for report_id in dict.fromkeys(report_id for _, report_id in found)
            ],
            detail={"minutes": int(MUTED.total_seconds() // 60)},
            motive=words,
        )
    return [alarm_id for alarm_id, _ in found]


def _escalation(catalogue: Catalogue, raised_at: datetime) -> datetime:
    return desk_deadline(catalogue=catalogue, stage="ESCALATE", level="DANGER", start=raised_at)


def escalate_alarms(*, actor: Actor, now: datetime, most: int = _AT_ONCE) -> list[Alarm]:
    """Escalate the alarms that nobody acknowledged in time, and return them in the order in which they were
    raised.

    The deadline is the reference data's for stage ESCALATE. A database trigger then queues a second call of
    each alarm (e-mail to the people on duty). At most `most` alarms are escalated at once, half of them the
    most recent and half the oldest, since a flood of alarms may precede or follow the others.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    catalogue = reference.load()
    until = now - (_escalation(catalogue, now) - now)
    with transaction.atomic():
        overdue = [row[0] for row in sql.rows(_OVERDUE, {"until": until, "most": most})]
        waiting = StoredAlarm.objects.select_for_update(skip_locked=True).filter(
            id__in=overdue, acknowledged_at=None, escalated_at=None
        )
        late = [
            alarm
            for alarm in waiting.order_by("raised_at")
            if "escalate" in ALARM_STATES.moves_from(alarm.record().state)
            and now >= _escalation(catalogue, alarm.raised_at)
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
