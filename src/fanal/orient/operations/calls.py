"""The outbox of calls to the duty people: claims with a lease and a fencing token, outcomes, signs of life.

A row of `orient_call` is written by the trigger that raises or escalates an alarm. A process claims it, sends
the message outside any transaction, and records what became of it. The lease of a process that died is free
at once: its holder's advisory lock went with its session.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef
from fanal.orient.domain.calls import MAX_ATTEMPTS, Delivery, wait_after
from fanal.orient.domain.records import Call

LEASE = timedelta(seconds=30)
_LOCK = 0x464E4341
_ALIVE = (
    "EXISTS (SELECT FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted"
    " AND l.classid = %(lock)s::oid AND l.objid = c.lease_holder::oid AND l.objsubid = 2)"
)
_CLAIM = f"""
WITH due AS (
    SELECT c.id, a.report_id FROM orient_call c JOIN orient_alarm a ON a.id = c.alarm_id
    WHERE c.outcome IS NULL AND c.not_before <= now() AND a.acknowledged_at IS NULL
      AND (c.lease_until IS NULL OR c.lease_until < now() OR NOT {_ALIVE})
      AND c.id <> ALL (%(in_hand)s::uuid[]) AND (c.attempts > 0) = %(again)s
    ORDER BY c.queued_at LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED
)
UPDATE orient_call c SET lease_token = %(token)s, lease_holder = %(holder)s,
    lease_until = now() + make_interval(secs => %(lease)s), attempts = c.attempts + 1
FROM due WHERE c.id = due.id
RETURNING c.id, c.alarm_id, due.report_id, c.escalated, c.attempts, c.lease_token
"""  # noqa: S608
_OUTCOMES = {Delivery.SENT: "alarm.send", Delivery.LEFT: "alarm.leave"}


def hold_caller(*, holder: int) -> None:
    """Hold this session's advisory lock: the leases of `holder` count for as long as the session lives."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s, %s)", [_LOCK, holder])


def show_alive(*, actor: Actor, holder: int) -> None:
    """Give a sign of life, and forget the processes that gave their last one over a day ago.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_caller (holder, seen_at) VALUES (%s, now())"
            " ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at",
            [holder],
        )
        cursor.execute("DELETE FROM orient_caller WHERE seen_at < now() - interval '1 day'")


def claim_calls(
    *, actor: Actor, holder: int, in_hand: Collection[UUID], most: int, again: bool
) -> list[Call]:
    """Return up to `most` calls that are due, leased to `holder`, oldest first.

    `again` chooses those that were tried before; those of the first attempt are claimed on their own, so
    that no number of failing calls keeps a new one waiting. `in_hand` are the caller's own, never claimed.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _CLAIM,
            {
                "lock": _LOCK,
                "in_hand": list(in_hand),
                "again": again,
                "most": most,
                "token": uuid4(),
                "holder": holder,
                "lease": LEASE.total_seconds(),
            },
        )
        return [
            Call(id=row[0], alarm_id=row[1], report_id=row[2], escalated=row[3],
                 attempts=row[4], token=row[5])
            for row in cursor.fetchall()
        ]  # fmt: skip


def record_delivery(*, actor: Actor, call: Call, delivery: Delivery, now: datetime) -> bool:
    """Record that a mail server accepted a call, or that it was left in the folder; False for a lost lease.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orient_call SET outcome = %s, ended_at = %s, lease_until = NULL, lease_token = NULL"
            " WHERE id = %s AND lease_token = %s",
            [delivery, now, call.id, call.token],
        )
        if not cursor.rowcount:
            return False
        _record(actor, call, _OUTCOMES[delivery], now, {})
    return True


def record_failure(*, actor: Actor, call: Call, failure: str, jitter: float, now: datetime) -> bool:
    """Record a failed attempt and when the next one is due; False for a lost lease.

    The last of `MAX_ATTEMPTS` gives the call up. The first failure and the giving up enter the ledger; the
    attempts between them are counted in the row.

    Args:
        actor: whoever sends.
        call: the call as it was claimed.
        failure: a code of the labels `call_failure`.
        jitter: a number from 0 to 1 that spreads the attempts.
        now: the instant of the failure.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    over = call.attempts >= MAX_ATTEMPTS
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "UPDATE orient_call SET failure = %s, failed_at = %s, "
            " not_before = now() + make_interval(secs => %s),"
            " lease_until = NULL, lease_token = NULL, outcome = coalesce(outcome, %s),"
            " ended_at = coalesce(ended_at, %s) WHERE id = %s AND lease_token = %s",
            [
                failure,
                now,
                wait_after(attempts=call.attempts, jitter=jitter).total_seconds(),
                Delivery.GIVEN_UP if over else None,
                now if over else None,
                call.id,
                call.token,
            ],
        )
        if not cursor.rowcount:
            return False
        if over or call.attempts == 1:
            detail: dict[str, str | int] = {"failure": failure, "attempts": call.attempts}
            _record(actor, call, "alarm.give_up" if over else "alarm.fail", now, detail)
    return True


def _record(
    actor: Actor, call: Call, action: str, now: datetime, detail: dict[str, str | int]
) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="report", id=call.report_id)],
        detail={"escalated": int(call.escalated), **detail},
    )
