"""Child-in-danger alarms: the open ones, and those of a report; delivery of their calls (e-mails)."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.accounts.domain.policy import reach, require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.db.health import CALL_LATE_SECONDS, NEWEST_CALL, UNDELIVERED
from fanal.kernel.actors import Actor
from fanal.orient import models
from fanal.orient.domain.records import Alarm, CallState
from fanal.orient.queue.queries import bounded

DANGER_WRITTEN: Final = "DANGER_WRITTEN"
"""Code of the alarm of a reporter who states later, with the follow-up code, that a child is in danger."""

# Calls to the duty people: their outcome, and whether a process that sends them is alive.

SILENCE: Final = timedelta(seconds=30)
"""Silence after which a sending process counts as dead; it records a heartbeat every five seconds."""


def call_states(*, alarm_ids: Sequence[UUID]) -> dict[UUID, CallState]:
    """Return the state of each alarm's newest call (e-mail to the people on duty), by alarm id.

    The newest call is that of the escalation if the alarm was escalated, else that of the raising. Alarms
    without a call are left out.
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


def calls_reach() -> bool:
    """Return whether a living process that sends calls reaches somebody: its last message was accepted."""
    found = sql.row(
        "SELECT EXISTS (SELECT FROM orient_caller"
        " WHERE reaches AND seen_at > now() - make_interval(secs => %s))",
        [SILENCE.total_seconds()],
    )
    return bool(found == (True,))


class UndeliveredCalls(Struct, frozen=True, kw_only=True):
    """Numbers of calls (e-mails to the people on duty) that reached nobody, about unacknowledged alarms.

    `late`: not delivered after half a minute; `given_up`: no more attempts; `left`: written to a folder,
    since no mail server is configured. `partly`: the mail server refused some of the addresses at the newest
    call.
    """

    late: int
    given_up: int
    left: int
    partly: bool


def undelivered_calls(*, actor: Actor) -> UndeliveredCalls:
    """Count the calls (e-mails to the people on duty) that reached nobody, at all desks.

    Raises:
        Refused: the actor may not read the state of the installation.
    """
    require(actor, "installation.read")
    with across_desks():
        late, given_up, left, _failure = sql.one(UNDELIVERED, {"late": CALL_LATE_SECONDS})
        partly = sql.row(NEWEST_CALL) == ("PARTLY",)
    return UndeliveredCalls(late=late, given_up=given_up, left=left, partly=partly)


READ_AT_ONCE: Final = 50
"""Number of the newest open alarms that `waiting_alarms` reads, and of the oldest."""

_WAITING: Final = """
WITH waiting AS (
    (SELECT * FROM orient_alarm WHERE acknowledged_at IS NULL AND {within}
     ORDER BY raised_at DESC, id DESC LIMIT %(most)s)
    UNION
    (SELECT * FROM orient_alarm WHERE acknowledged_at IS NULL AND {within}
     ORDER BY raised_at, id LIMIT %(most)s)
)
SELECT w.id, w.report_id, w.desk_id, w.code, w.raised_at, w.escalated_at,
    c.outcome, c.attempts, c.failure, c.ended_at, q.rank, q.kind, q.country
FROM waiting w
LEFT JOIN LATERAL (
    SELECT coalesce(outcome, '') AS outcome, attempts, failure, ended_at FROM orient_call
    WHERE alarm_id = w.id ORDER BY escalated DESC LIMIT 1
) c ON true
LEFT JOIN LATERAL (
    SELECT rank, kind, country FROM orient_case
    WHERE report_id = w.report_id LIMIT 1
) q ON true
ORDER BY w.raised_at, w.id
"""
# The limits keep the planner at one index look-up a row, whatever it knows of the tables.


class WaitingAlarm(Struct, frozen=True, kw_only=True):
    """An alarm that nobody has acknowledged, with facts of its report.

    `score` is the report's priority (0 to 100), `kind` its report kind and `country` the ISO 3166-1 code of
    the facts. While the report is not in the queue yet, `score` is None and both are empty.
    """

    alarm: Alarm
    score: int | None
    kind: str
    country: str


class WaitingAlarms(Struct, frozen=True, kw_only=True):
    """The alarms that nobody has acknowledged, oldest first.

    `more`: there are too many to read; alarms between the oldest and the newest are left out.
    """

    alarms: tuple[WaitingAlarm, ...]
    more: bool


def waiting_alarms(*, actor: Actor) -> WaitingAlarms:
    """Return the alarms of the actor's desks that nobody has acknowledged.

    If there are more than twice `READ_AT_ONCE`, only that many of the newest and of the oldest are read.
    """
    desks = reach(actor, "report.list").desks
    within = "desk_id = ANY(%(desks)s::int[])"
    if desks is None:
        within = "true"
    elif len(desks) == 1:
        within = "desk_id = %(desk)s"  # the index then gives the order
    found = sql.rows(
        _WAITING.replace("{within}", within),
        {"most": READ_AT_ONCE, "desks": desks or [], "desk": (desks or [0])[0]},
    )
    alarms = [
        WaitingAlarm(
            alarm=Alarm(
                id=row[0],
                report_id=row[1],
                desk_id=row[2],
                code=row[3],
                raised_at=row[4],
                escalated_at=row[5],
                call=None
                if row[6] is None
                else CallState(outcome=row[6], attempts=row[7], failure=row[8], ended_at=row[9]),
            ),
            score=None if row[10] is None else 100 - row[10],
            kind=row[11] or "",
            country=row[12] or "",
        )
        for row in found
    ]
    return WaitingAlarms(alarms=tuple(alarms), more=len(found) == 2 * READ_AT_ONCE)


def report_of_alarm(*, actor: Actor, alarm_id: UUID) -> UUID | None:
    """Return the report of an alarm of the actor's desks, acknowledged or not; None otherwise."""
    rows = bounded(
        models.StoredAlarm.objects.filter(id=alarm_id), reach(actor, "alarm.acknowledge")
    )
    return rows.values_list("report_id", flat=True).first()


def dangers_written(*, actor: Actor, report_ids: Sequence[UUID]) -> frozenset[UUID]:
    """Return those of the reports whose sender said with the follow-up code that a child is in danger.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    rows = models.StoredAlarm.objects.filter(report_id__in=report_ids, code=DANGER_WRITTEN)
    return frozenset(rows.values_list("report_id", flat=True))


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
