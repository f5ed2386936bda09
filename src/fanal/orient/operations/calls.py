"""The outbox of calls to the duty people: claims with a lease and a fencing token, outcomes, signs of life.

A row of `orient_call` is written by the trigger that raises or escalates an alarm. A process claims it, sends
the message outside any transaction, and records what became of it. The lease of a process that died is free
at once: its holder's advisory lock went with its session.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.operations import ObjectRef
from fanal.orient.domain.calls import MAX_ATTEMPTS, Delivery, wait_after
from fanal.orient.domain.records import Call

LEASE = timedelta(seconds=30)
_LOCK = 0x464E4341
_GONE = (
    "c.lease_holder::oid NOT IN (SELECT l.objid FROM pg_locks l WHERE l.locktype = 'advisory'"
    " AND l.granted AND l.classid = %(lock)s::oid AND l.objsubid = 2)"
)
"""Asked once a look, however many calls are on their way."""
_CLAIM = f"""
WITH due AS (
    SELECT c.id, a.report_id FROM orient_call c JOIN orient_alarm a ON a.id = c.alarm_id
    WHERE c.outcome IS NULL AND c.not_before <= now() AND a.acknowledged_at IS NULL
      AND (c.lease_until IS NULL OR c.lease_until < now() OR {_GONE})
      AND c.id <> ALL (%(in_hand)s::uuid[]) AND (c.attempts > 0) = %(again)s
    ORDER BY c.queued_at LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED
)
UPDATE orient_call c SET lease_token = %(token)s, lease_holder = %(holder)s,
    lease_until = now() + make_interval(secs => %(lease)s), attempts = c.attempts + 1
FROM due WHERE c.id = due.id
RETURNING c.id, c.alarm_id, due.report_id, c.escalated, c.attempts, c.lease_token
"""  # noqa: S608
_DELIVERED = """
UPDATE orient_call c SET outcome = %s, ended_at = %s, lease_until = NULL, lease_token = NULL
FROM unnest(%s::uuid[], %s::uuid[]) AS held(id, token)
WHERE c.id = held.id AND c.lease_token = held.token RETURNING c.id
"""
_FAILED = """
UPDATE orient_call c SET failure = %s, failed_at = %s, lease_until = NULL, lease_token = NULL,
    not_before = now() + make_interval(secs => held.wait),
    outcome = CASE WHEN held.over THEN coalesce(outcome, %s) ELSE outcome END,
    ended_at = CASE WHEN held.over THEN coalesce(ended_at, %s) ELSE ended_at END
FROM unnest(%s::uuid[], %s::uuid[], %s::float8[], %s::boolean[]) AS held(id, token, wait, over)
WHERE c.id = held.id AND c.lease_token = held.token RETURNING c.id
"""
# Nobody but who calls takes a row of a call: one that is held would be passed over.
_ANSWERED = """
UPDATE orient_call c SET outcome = 'ANSWERED', ended_at = a.acknowledged_at FROM orient_alarm a
WHERE a.id = c.alarm_id AND a.acknowledged_at IS NOT NULL AND c.outcome IS NULL
  AND (c.lease_until IS NULL OR c.lease_until < now())
"""
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


def end_answered(*, actor: Actor) -> int:
    """End the calls of answered alarms, and return how many; those on their way may still arrive.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(_ANSWERED)
        return int(cursor.rowcount)


def record_delivery(
    *, actor: Actor, calls: Sequence[Call], delivery: Delivery, now: datetime
) -> int:
    """Record that a mail server accepted a message, or that it was left in the folder; return its calls.

    Those whose lease was lost are not among them.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _DELIVERED,
            [delivery, now, *_held(calls)],
        )
        recorded = _still_held(cursor, calls)
        for (escalated, _), same in _alike(recorded):
            _record(actor, same, _OUTCOMES[delivery], now, {"escalated": int(escalated)})
    return len(recorded)


def record_failure(
    *, actor: Actor, calls: Sequence[Call], failure: str, jitter: float, now: datetime
) -> int:
    """Record a failed message and when its calls are due again; return how many, lost leases apart.

    The last of `MAX_ATTEMPTS` gives a call up. The first failure and the giving up enter the ledger; the
    attempts between them are counted in the row.

    Args:
        actor: whoever sends.
        calls: those of the message, as they were claimed.
        failure: a code of the labels `call_failure`.
        jitter: a number from 0 to 1 that spreads the attempts.
        now: the instant of the failure.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    waits = [wait_after(attempts=c.attempts, jitter=jitter).total_seconds() for c in calls]
    over = [c.attempts >= MAX_ATTEMPTS for c in calls]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            _FAILED,
            [
                *(failure, now, Delivery.GIVEN_UP, now),
                *_held(calls),
                *(waits, over),
            ],
        )
        recorded = _still_held(cursor, calls)
        for (escalated, attempts), same in _alike(recorded):
            last = attempts >= MAX_ATTEMPTS
            if last or attempts == 1:
                detail: dict[str, str | int] = {"failure": failure, "attempts": attempts}
                detail["escalated"] = int(escalated)
                _record(actor, same, "alarm.give_up" if last else "alarm.fail", now, detail)
    return len(recorded)


def _held(calls: Sequence[Call]) -> tuple[list[UUID], list[UUID]]:
    return [call.id for call in calls], [call.token for call in calls]


def _still_held(cursor: CursorWrapper, calls: Sequence[Call]) -> list[Call]:
    found = {row[0] for row in cursor.fetchall()}
    return [call for call in calls if call.id in found]


def _alike(calls: Sequence[Call]) -> Iterator[tuple[tuple[bool, int], list[Call]]]:
    """Yield the calls that one entry of the ledger tells of, by occasion and number of attempts."""
    alike: dict[tuple[bool, int], list[Call]] = {}
    for call in calls:
        alike.setdefault((call.escalated, call.attempts), []).append(call)
    yield from alike.items()


def _record(
    actor: Actor, calls: Sequence[Call], action: str, now: datetime, detail: Mapping[str, str | int]
) -> None:
    ledger.record(
        actor=actor,
        action=action,
        at=now,
        objects=[ObjectRef(kind="report", id=call.report_id) for call in calls],
        detail=detail,
    )
