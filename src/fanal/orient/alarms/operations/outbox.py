"""The outbox of the calls to the duty people: claims under a lease with a token, outcomes, heartbeats.

The trigger that raises or escalates an alarm writes a row of `orient_call`. A process claims the row, sends
the message outside any transaction, and records the outcome. When a process dies, its lease is free at once:
its advisory lock ended with its database session. A message that takes long is sent by another process too.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from django.db import transaction

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.domain.clocks import MAX_ATTEMPTS, MOST_COPIES, UNCONFIRMED, Delivery, wait_after
from fanal.orient.domain.records import Call

LEASE = timedelta(seconds=30)
LEASE_AGAIN = timedelta(seconds=75)
"""Lease of a second or later attempt, some of which wait longer for the mail server."""
ALIVE = timedelta(seconds=30)
"""Time after its last heartbeat for which a sending process counts as alive."""
TAKE_OVER = timedelta(seconds=3)
"""Time in transit after which another process sends the call too: the mail server may be silent."""
_TAKEN_OVER = 5
"""Attempts up to which this is done: each may be a copy."""
_AT_ONCE = "SET LOCAL synchronous_commit = off"
"""Lets a commit wait for no disk and no standby: what a crash takes from it is only done again."""
_LOCK = 0x464E4341
_GONE = (
    "c.lease_holder::oid NOT IN (SELECT l.objid FROM pg_locks l WHERE l.locktype = 'advisory'"
    " AND l.granted AND l.classid = %(lock)s::oid AND l.objsubid = 2"
    " AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE usename = session_user))"
)
"""True when the lease holder's lock is gone. Evaluated once per poll; only locks of our own role count."""
_SLOW = (
    f"(c.attempts <= {_TAKEN_OVER} AND c.lease_holder <> %(holder)s AND c.queued_by IS NOT NULL"
    " AND c.lease_until < now() + make_interval(secs => CASE WHEN c.attempts = 1"
    f" THEN {(LEASE - TAKE_OVER).total_seconds()} ELSE {(LEASE_AGAIN - TAKE_OVER).total_seconds()} END))"
)
"""True when another process has been sending the call for long. Late calls stay with one process."""
_END_SESSION = (
    "SELECT pg_terminate_backend(l.pid) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted"
    " AND l.classid = %(lock)s::oid AND l.objid = %(holder)s::oid AND l.objsubid = 2"
    " AND l.pid IN (SELECT pid FROM pg_stat_activity WHERE usename = session_user)"
)
# These tables fill within a second and are empty again soon: the planner often expects one row, by which all
# plans cost the same. So no statement leaves it a choice: rows are read by key in a scalar subquery or by `=
# ANY (ARRAY(…))`, in order by an index (`BY_KEY`). With joins each poll read all alarms for each due call.
BY_KEY = "SET {}enable_seqscan = off; SET {}enable_bitmapscan = off; SET {}enable_sort = off"
_CLAIM = f"""
WITH due AS (
    SELECT c.id FROM orient_call c
    WHERE c.outcome IS NULL AND c.not_before <= now() - make_interval(secs => %(overdue)s)
      AND (SELECT a.acknowledged_at IS NULL FROM orient_alarm a WHERE a.id = c.alarm_id)
      AND (c.lease_until IS NULL OR c.lease_until < now() OR {_SLOW} OR {_GONE})
      AND c.id <> ALL (%(in_hand)s::uuid[]) AND (c.attempts > 0) = %(again)s
      AND (c.queued_by IS NULL) = ANY (%(late)s)
    ORDER BY (c.queued_by IS NULL), c.queued_at LIMIT %(most)s FOR UPDATE OF c SKIP LOCKED
)
UPDATE orient_call c SET lease_holder = %(holder)s,
    lease_token = CASE WHEN c.lease_until < now() OR {_GONE} THEN %(token)s
        ELSE coalesce(c.lease_token, %(token)s) END,
    lease_until = now() + make_interval(secs => %(lease)s), attempts = c.attempts + 1
WHERE c.id = ANY (ARRAY(SELECT id FROM due))
RETURNING c.id, c.alarm_id, (SELECT a.report_id FROM orient_alarm a WHERE a.id = c.alarm_id), c.escalated,
    c.attempts, c.lease_token, c.failure, (SELECT a.desk_id FROM orient_alarm a WHERE a.id = c.alarm_id)
"""  # noqa: S608
# Whoever still sends the call shares its token: the first delivery ends it. A lost lease gets another token.
# Fair queueing, by the network of the public node, then by its machine (its address, which no program of the
# node chooses), then by its database sessions: each gets an equal share of the free places. Of many networks,
# and of many nodes of one, the two with the fewest alarms get half of the places. Half of a share goes to the
# newest alarms, so that an alarm raised during or after a flood does not wait behind all of it. When sessions
# are too many, those with the fewest alarms go first. A run reads at most a thousand sessions, a random
# sample each time: a query over all exceeded the statement timeout. Calls that were already queued are sent
# first. No row of an alarm is locked, so that a lock held elsewhere delays no call.
_NODES_LOOKED_AT, _OF_NODES = 200, 400
"""Number of nodes with late alarms read on either side of a random place, and of the alarms they share."""
_WAITING_COUNTED = 200
"""Number up to which a node's late alarms are counted, to find those with the fewest."""
_SESSIONS_LOOKED_AT = 500
"""Number of sessions with late alarms read on either side of a randomly drawn one."""
_QUEUE = """
), free AS (
    SELECT alarm_id FROM orient_late WHERE alarm_id = ANY (ARRAY(SELECT alarm_id FROM chosen))
    FOR UPDATE SKIP LOCKED
), told AS (
    DELETE FROM orient_late WHERE alarm_id = ANY (ARRAY(SELECT alarm_id FROM free)) RETURNING alarm_id
), found AS (
    SELECT a.id, a.acknowledged_at IS NULL AS rings, a.recorded_at
    FROM orient_alarm a WHERE a.id = ANY (ARRAY(SELECT alarm_id FROM told))
), noted AS (
    INSERT INTO orient_unrecorded (alarm_id) SELECT id FROM found WHERE recorded_at IS NULL
    ON CONFLICT DO NOTHING
)
INSERT INTO orient_call (alarm_id, escalated, queued_by)
SELECT id, false, NULL FROM found WHERE rings ON CONFLICT DO NOTHING
"""
_OF_EACH_NODE = f"""
WITH RECURSIVE start AS (SELECT md5(random()::text) AS node), above AS (
    (SELECT node, 1 AS nth FROM orient_late WHERE node >= (SELECT node FROM start)
        ORDER BY node LIMIT 1)
    UNION ALL SELECT (SELECT l.node FROM orient_late l WHERE l.node > s.node
        ORDER BY l.node LIMIT 1), nth + 1 FROM above s WHERE s.node IS NOT NULL AND nth < %(looked)s
), below AS (
    (SELECT node, 1 AS nth FROM orient_late WHERE node < (SELECT node FROM start)
        ORDER BY node DESC LIMIT 1)
    UNION ALL SELECT (SELECT l.node FROM orient_late l WHERE l.node < s.node
        ORDER BY l.node DESC LIMIT 1), nth + 1 FROM below s WHERE s.node IS NOT NULL AND nth < %(looked)s
), node AS (
    SELECT node FROM above WHERE node IS NOT NULL UNION ALL SELECT node FROM below WHERE node IS NOT NULL
), turn AS (
    SELECT node.node, left(node.node, 8) AS network,
        count(*) OVER (PARTITION BY left(node.node, 8)) AS nodes,
        row_number() OVER (PARTITION BY left(node.node, 8) ORDER BY those.many, random()) AS turn,
        those.many
    FROM node, LATERAL (SELECT count(*) AS many FROM (SELECT FROM orient_late l
        WHERE l.node = node.node ORDER BY l.told_at LIMIT {_WAITING_COUNTED}) AS waiting) AS those
), network AS (
    SELECT network, count(*) OVER () AS networks,
        row_number() OVER (ORDER BY sum(many), random()) AS turn FROM turn GROUP BY network
), share AS (
    SELECT n.network, n.turn <= 2 AS first,
        %(most)s / CASE WHEN networks > 4 AND n.turn <= 2 THEN 4 ELSE networks END AS places
    FROM network n WHERE (SELECT count(*) FROM turn) > 1
), ranked AS (
    SELECT ends.alarm_id, share.first, share.places,
        row_number() OVER (PARTITION BY network ORDER BY turn.turn > 2, random()) AS place
    FROM turn JOIN share USING (network), LATERAL (
        SELECT greatest(3, places / CASE WHEN nodes > 4 AND turn.turn <= 2 THEN 8 ELSE 2 * nodes END) AS half
    ) AS own, LATERAL (
        (SELECT l.alarm_id FROM orient_late l WHERE l.node = turn.node
         ORDER BY l.told_at DESC LIMIT own.half)
        UNION (SELECT l.alarm_id FROM orient_late l WHERE l.node = turn.node
         ORDER BY l.told_at LIMIT own.half)
    ) AS ends
), chosen AS (
    SELECT alarm_id FROM ranked ORDER BY place > places, NOT first, place, random() LIMIT %(most)s
{_QUEUE}"""  # noqa: S608
_OF_EACH_SESSION = f"""
WITH RECURSIVE middle AS (
    SELECT min(queued_by) + floor(random() * (max(queued_by) - min(queued_by) + 1))::integer AS pid
    FROM orient_late
), above AS (
    (SELECT queued_by, 1 AS nth FROM orient_late WHERE queued_by >= (SELECT pid FROM middle)
        ORDER BY queued_by LIMIT 1)
    UNION ALL SELECT (SELECT l.queued_by FROM orient_late l WHERE l.queued_by > s.queued_by
        ORDER BY l.queued_by LIMIT 1), nth + 1 FROM above s
        WHERE s.queued_by IS NOT NULL AND nth < %(looked)s
), below AS (
    (SELECT queued_by, 1 AS nth FROM orient_late WHERE queued_by < (SELECT pid FROM middle)
        ORDER BY queued_by DESC LIMIT 1)
    UNION ALL SELECT (SELECT l.queued_by FROM orient_late l WHERE l.queued_by < s.queued_by
        ORDER BY l.queued_by DESC LIMIT 1), nth + 1 FROM below s
        WHERE s.queued_by IS NOT NULL AND nth < %(looked)s
), session AS (
    SELECT queued_by FROM above WHERE queued_by IS NOT NULL
    UNION ALL SELECT queued_by FROM below WHERE queued_by IS NOT NULL
), room AS (
    SELECT most, greatest(2, most / 2 / (SELECT greatest(1, count(queued_by)) FROM session)) AS half
    FROM (SELECT %(most)s - count(*) AS most FROM (SELECT FROM orient_call
        WHERE outcome IS NULL AND attempts = 0 AND queued_by IS NULL LIMIT %(most)s) AS queued) AS free
), chosen AS (
    SELECT ends.alarm_id FROM room, session, LATERAL (
        (SELECT l.alarm_id FROM orient_late l WHERE l.queued_by = session.queued_by
         ORDER BY l.told_at DESC LIMIT room.half)
        UNION (SELECT l.alarm_id FROM orient_late l WHERE l.queued_by = session.queued_by
         ORDER BY l.told_at LIMIT room.half)
    ) AS ends, LATERAL (SELECT count(*) AS many FROM (SELECT FROM orient_late l
        WHERE l.queued_by = session.queued_by ORDER BY l.told_at LIMIT 20) AS waiting) AS those
    ORDER BY those.many, random() LIMIT (SELECT most FROM room)
{_QUEUE}"""  # noqa: S608
_DELIVERED = """
WITH held AS (SELECT * FROM unnest(%s::uuid[], %s::uuid[]) AS held(id, token))
UPDATE orient_call c SET outcome = %s, ended_at = %s, lease_until = NULL, lease_token = NULL
FROM held WHERE c.id = ANY (ARRAY(SELECT id FROM held)) AND c.id = held.id AND c.lease_token = held.token
RETURNING c.id
"""
_REACHED = """
UPDATE orient_call SET outcome = 'SENT' WHERE outcome = 'PARTLY' AND id = ANY(%s) RETURNING id
"""
_FAILED = """
WITH held AS (SELECT * FROM unnest(%s::uuid[], %s::uuid[], %s::float8[], %s::boolean[])
    AS held(id, token, wait, over))
UPDATE orient_call c SET failure = %s, failed_at = %s, lease_until = NULL,
    not_before = now() + make_interval(secs => held.wait),
    outcome = CASE WHEN held.over THEN coalesce(outcome, %s) ELSE outcome END,
    ended_at = CASE WHEN held.over THEN coalesce(ended_at, %s) ELSE ended_at END
FROM held WHERE c.id = ANY (ARRAY(SELECT id FROM held)) AND c.id = held.id AND c.lease_token = held.token
RETURNING c.id
"""
_LEFT = """
UPDATE orient_call c SET outcome = NULL, ended_at = NULL, not_before = now(), attempts = 0
WHERE (SELECT a.acknowledged_at IS NULL FROM orient_alarm a WHERE a.id = c.alarm_id)
  AND c.outcome = 'LEFT' AND c.ended_at > now() - interval '1 day'
  AND EXISTS (SELECT FROM orient_caller WHERE reaches AND seen_at > now() - interval '15 seconds')
"""
# Only the sender locks rows of calls: the claim skips locked rows, so another lock would delay a call.
_ANSWERED = """
UPDATE orient_call c SET outcome = 'ANSWERED',
    ended_at = (SELECT a.acknowledged_at FROM orient_alarm a WHERE a.id = c.alarm_id)
WHERE (SELECT a.acknowledged_at FROM orient_alarm a WHERE a.id = c.alarm_id) IS NOT NULL AND c.outcome IS NULL
  AND (c.lease_until IS NULL OR c.lease_until < now())
"""
_OUTCOMES = {
    Delivery.SENT: "alarm.send",
    Delivery.PARTLY: "alarm.send",
    Delivery.LEFT: "alarm.leave",
}


def hold_caller(*, holder: int, before: int = 0) -> None:
    """Take the advisory lock of the alarm-sending process `holder` (its number) for this database session.

    End the session of its earlier number (`before`) first: the network may have lost that one, with calls
    (e-mails) claimed and not committed, while the server still waits for it. Waits for the lock. While the
    session lives, no other process claims the calls leased to `holder`; they are free when it ends.
    """
    sql.run(_END_SESSION, {"lock": _LOCK, "holder": before})
    sql.run("SELECT pg_advisory_lock(%s, %s)", [_LOCK, holder])


def show_alive(*, actor: Actor, holder: int, reaches: bool = True, has_server: bool = True) -> None:
    """Record a heartbeat (sign of life) of the sending process `holder`; delete heartbeats older than a day.

    `has_server`: the process has a mail relay, configured without faults. `reaches`: that relay accepted its
    last message as well.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        sql.run(_AT_ONCE)
        sql.run(
            "INSERT INTO orient_caller (holder, seen_at, reaches, has_server) VALUES (%s, now(), %s, %s)"
            " ON CONFLICT (holder) DO UPDATE SET seen_at = excluded.seen_at, reaches = excluded.reaches,"
            " has_server = excluded.has_server",
            [holder, reaches, has_server],
        )
        sql.run("DELETE FROM orient_caller WHERE seen_at < now() - interval '1 day'")


def others_reach(*, actor: Actor, holder: int, or_fail: bool = False) -> bool:
    """Return whether another process than `holder` can send alarm calls (e-mails to the people on duty).

    Such a process gave a heartbeat within 30 seconds, and its mail server accepted its last message. With
    `or_fail`, a process with a mail server counts even if its last message failed.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    alive = (
        "SELECT EXISTS (SELECT FROM orient_caller"
        " WHERE (reaches OR (%s AND has_server)) AND holder <> %s AND seen_at > now() - %s)"
    )
    return bool(sql.one(alive, [or_fail, holder, ALIVE])[0])


def claim_calls(
    *,
    actor: Actor,
    holder: int,
    in_hand: Collection[UUID],
    most: int,
    again: bool,
    late: bool = True,
    overdue: float = 0.0,
) -> list[Call]:
    """Claim up to `most` due calls (alarm e-mails to people on duty) for `holder` under a lease; return them.

    Calls of acknowledged alarms are left out. The oldest are claimed first; late calls (alarms of a flood,
    queued afterwards by `queue_late`) last. The result is in no particular order. A call that another process
    has been sending for three seconds is due again, unless late or after five attempts: the first delivery
    ends it.

    Args:
        actor: the worker.
        holder: number of the sending process, whose advisory lock it holds (`hold_caller`).
        in_hand: calls that this process is already sending; they are not claimed.
        most: largest number of calls.
        again: claim only retries if true, else only first attempts. The two are separate so that failing
            calls never delay a new call.
        late: whether to claim late calls.
        overdue: seconds for which a call must have been due.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    asked = {
        "lock": _LOCK,
        "in_hand": list(in_hand),
        "again": again,
        "late": [False, True] if late else [False],
        "most": most,
        "token": uuid4(),
        "holder": holder,
        "lease": (LEASE_AGAIN if again else LEASE).total_seconds(),
        "overdue": overdue,
    }
    with transaction.atomic():
        sql.run(_AT_ONCE)
        return [
            Call(id=row[0], alarm_id=row[1], report_id=row[2], escalated=row[3],
                 attempts=row[4], token=row[5], failure=row[6], desk_id=row[7])
            for row in sql.rows(_CLAIM, asked)
        ]  # fmt: skip


def queue_late(*, actor: Actor, most: int = 2000) -> int:
    """Queue calls (e-mails to people on duty) for alarms that have none yet, as late calls; return their
    number.

    While fewer than ten of its calls wait for their first attempt, a database session of a public node or
    of the desk queues a call itself. It writes further alarms to `orient_late`, which is read here. If they
    come from two or more nodes, the nodes first share up to 400 calls (at most `most`). Then the sessions
    share `most` calls, less the late calls that wait for their first attempt. The queries wait for no lock
    and do not depend on the ledger: an alarm that is not recorded there yet is called as well.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    queued = 0
    for statement, room, looked in (
        (_OF_EACH_NODE, min(most, _OF_NODES), _NODES_LOOKED_AT),
        (_OF_EACH_SESSION, most, _SESSIONS_LOOKED_AT),
    ):
        with transaction.atomic():
            sql.run(f"{BY_KEY.format(*['LOCAL '] * 3)}; {_AT_ONCE}")
            queued += int(sql.run(statement, {"most": room, "looked": looked}))
    return queued


def end_answered(*, actor: Actor) -> int:
    """Close the open calls (messages to the duty people) of acknowledged alarms; return the number of calls.

    They get the outcome ANSWERED and are not retried. A call under a valid lease is skipped: it is being sent
    and may still arrive.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        return int(sql.run(_ANSWERED))


def requeue_left(*, actor: Actor) -> int:
    """Queue again the alarm calls of the last day that a process without mail server left in a folder.

    This needs a process with a working mail relay and a heartbeat in the last 15 s; calls of acknowledged
    alarms stay as they are. Returns the number of calls.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        return int(sql.run(_LEFT))


def record_delivery(
    *, actor: Actor, calls: Sequence[Call], delivery: Delivery, now: datetime
) -> int:
    """Record how a message to the duty people was delivered; return the number of calls recorded.

    `SENT`: a mail server accepted the message; `PARTLY`: for some of the addresses only, which the ledger
    entry states; `LEFT`: no server is configured, the message is a file in the mail folder. Calls whose
    fencing token is no longer valid (lease lost) are neither recorded nor counted.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        recorded = _still_held(calls, sql.rows(_DELIVERED, [*_held(calls), delivery, now]))
        for (escalated, *_), same in _alike(recorded):
            detail = {"escalated": int(escalated)}
            if delivery is Delivery.PARTLY:
                detail["partly"] = 1
            _record(actor, same, _OUTCOMES[delivery], now, detail)
    return len(recorded)


def record_reached(*, actor: Actor, calls: Sequence[Call], now: datetime) -> int:
    """Record that a later message reached the addresses that the mail server had refused temporarily.

    The outcome `PARTLY` of `calls` (alarm e-mails to people on duty) becomes `SENT`, with a ledger entry.
    Returns the number of calls changed.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        changed = _still_held(calls, sql.rows(_REACHED, [[call.id for call in calls]]))
        for (escalated, *_), same in _alike(changed):
            detail = {"escalated": int(escalated), "later": 1}
            _record(actor, same, "alarm.send", now, detail)
    return len(changed)


def record_failure(
    *,
    actor: Actor,
    calls: Sequence[Call],
    failure: str,
    jitter: float,
    now: datetime,
    at_once: bool = False,
) -> int:
    """Record a failed alarm message and schedule the retry of its calls; return the number of calls recorded.

    A call is given up after `MAX_ATTEMPTS`, and after `MOST_COPIES` if the mail server has had the message of
    the last two attempts and confirmed neither. The ledger records the first failure and the giving up; the
    row counts the attempts between. Calls whose lease was lost are neither recorded nor counted.

    Args:
        actor: the sender.
        calls: the calls of the message, as they were claimed.
        failure: a code of the label kind `call_failure`.
        jitter: a number from 0 to 1 that spreads the attempts.
        now: the instant of the failure.
        at_once: another process is to take the retry, without delay, except of a message that may have
            arrived.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    unconfirmed = failure == UNCONFIRMED
    waits = [
        0.0
        if at_once and not unconfirmed
        else wait_after(attempts=c.attempts, jitter=jitter, unconfirmed=unconfirmed).total_seconds()
        for c in calls
    ]
    over = [_is_over(c, failure) for c in calls]
    asked = [*_held(calls), waits, over, failure, now, Delivery.GIVEN_UP, now]
    with transaction.atomic():
        sql.run(
            _AT_ONCE
        )  # else a commit that takes too long would put the retry off, again and again
        recorded = _still_held(calls, sql.rows(_FAILED, asked))
        for (escalated, attempts, last), same in _alike(recorded, failure):
            if last or attempts == 1:
                detail: dict[str, str | int] = {"failure": failure, "attempts": attempts}
                detail["escalated"] = int(escalated)
                _record(actor, same, "alarm.give_up" if last else "alarm.fail", now, detail)
    return len(recorded)


def _held(calls: Sequence[Call]) -> tuple[list[UUID], list[UUID]]:
    return [call.id for call in calls], [call.token for call in calls]


def _still_held(calls: Sequence[Call], written: Iterable[tuple[UUID]]) -> list[Call]:
    found = {call_id for (call_id,) in written}
    return [call for call in calls if call.id in found]


def _is_over(call: Call, failure: str) -> bool:
    twice = failure == call.failure == UNCONFIRMED
    return call.attempts >= (MOST_COPIES if twice else MAX_ATTEMPTS)


def _alike(
    calls: Sequence[Call], failure: str = ""
) -> Iterator[tuple[tuple[bool, int, bool], list[Call]]]:
    """Yield groups of calls (alarm e-mails), each with its common values; one ledger entry covers a group.

    The values are (escalated, attempts, given up after this `failure`); `failure` is the code of the last
    attempt's failure, "" for none.
    """
    alike: dict[tuple[bool, int, bool], list[Call]] = {}
    for call in calls:
        key = (call.escalated, call.attempts, _is_over(call, failure))
        alike.setdefault(key, []).append(call)
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
