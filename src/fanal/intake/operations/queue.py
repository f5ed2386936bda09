"""Work queue of the stages: claims with a lease and a fencing token, quarantine, replay.

Lease deadlines are set and compared with the database's clock (`now()`), never a worker's: two machines
whose clocks differ cannot both hold a report.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import connection, transaction
from procrastinate.contrib.django import app
from procrastinate.exceptions import AlreadyEnqueued

from fanal.accounts import binary_arrays
from fanal.accounts.domain.policy import reach, require, require_somewhere
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.domain.records import Claim, Stage
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

MAX_ATTEMPTS = 3
ALONE_AFTER = 2
"""Number of failed attempts after which a report is claimed alone."""
DEADLINE = "DEADLINE"
"""Error code of a report that exceeded the limit of CPU time."""
RETRY_AFTER = timedelta(seconds=5)
# Divisor of the batch size, by number of earlier failures. When a worker is killed, most reports of its batch
# are innocent: one by one they would take a minute. The last attempt of each report is made alone.
_TOGETHER = (("= 0", 1), ("= 1", 16), ("> 1", 1_000_000))

_CLAIM = """
WITH waiting AS (
    SELECT report_id FROM intake_work
    WHERE stage = %(stage)s AND quarantined_at IS NULL AND not_before <= now()
      AND (lease_until IS NULL OR lease_until < now()) AND attempts {attempts}
      AND (urgent OR NOT %(urgent)s)
    ORDER BY {order}
    LIMIT %(size)s FOR UPDATE SKIP LOCKED
)
UPDATE intake_work w
SET lease_token = %(token)s, lease_until = now() + make_interval(secs => %(lease)s), attempts = attempts + 1
FROM waiting WHERE w.report_id = waiting.report_id
RETURNING w.report_id, w.stage, w.urgent, w.attempts
"""


_OLDEST = "urgent DESC, slow_lane, not_before, report_id"
_NEWEST = "urgent, slow_lane DESC, not_before DESC, report_id DESC"


class LeaseLost(Exception):
    """The lease was lost and another worker may hold these reports: nothing of this batch may be written."""


def claim_batch(
    *,
    actor: Actor,
    stage: Stage,
    size: int,
    token: UUID,
    lease: timedelta,
    urgent: bool = False,
) -> list[Claim]:
    """Lease up to `size` reports waiting at `stage` to the worker's `token`, commit, and return them.

    With `urgent`, only reports with a person in danger, from both ends of the queue: a report that arrives
    during a flood does not wait for its end.

    The attempt is counted before the run, so that a report that kills its worker is counted too. After one
    failure, a report is claimed with a few others that failed once; after two failures, alone. So no report
    exhausts its attempts because of another. A report without attempts left is quarantined (`WORKER_DIED`)
    and left out. The returned claims are sorted, urgent ones first, then by report id.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    values: dict[str, str | int | float | UUID] = {
        "stage": stage,
        "size": size,
        "token": token,
        "lease": lease.total_seconds(),
        "urgent": urgent,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        rows: list[tuple[UUID, str, bool, int]] = []
        for attempts, part in _TOGETHER:
            most = max(1, size // part)
            first = (most + 1) // 2 if urgent else most
            cursor.execute(
                _CLAIM.format(attempts=attempts, order=_OLDEST), values | {"size": first}
            )
            rows = cursor.fetchall()
            if len(rows) == first < most:
                cursor.execute(
                    _CLAIM.format(attempts=attempts, order=_NEWEST), values | {"size": most - first}
                )
                rows += cursor.fetchall()
            if rows:
                break
        exhausted = [row[0] for row in rows if row[3] > MAX_ATTEMPTS]
        if exhausted:
            _quarantine(token=token, report_ids=exhausted, error="WORKER_DIED")
    return sorted(
        (
            Claim(report_id=r, stage=Stage(s), urgent=u, attempts=a)
            for r, s, u, a in rows
            if r not in exhausted
        ),
        key=lambda claim: (not claim.urgent, claim.report_id),
    )


def urgent_waits(*, actor: Actor) -> bool:
    """Return whether an urgent report (a person in danger) waits to be claimed; cheap, by a small index.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    row = sql.row(
        "SELECT EXISTS (SELECT FROM intake_work WHERE urgent AND quarantined_at IS NULL"
        " AND not_before <= now() AND (lease_until IS NULL OR lease_until < now()))"
    )
    return bool(row and row[0])


def advance_claims(
    *, actor: Actor, token: UUID, report_ids: Sequence[UUID], to: Stage | None, lease: timedelta
) -> None:
    """Move leased reports to stage `to`, still leased; with None, remove them from the queue.

    `token` is the lease's fencing token, `lease` its new length. An expired lease is still valid as long as
    nobody else claimed the reports: the fencing token decides. Call it in the transaction that writes the
    stage's results.

    Raises:
        LeaseLost: a row is no longer held by `token`; the caller's transaction must roll back.
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with binary_arrays.bound() as cursor:
        if to is None:
            cursor.execute(
                "DELETE FROM intake_work WHERE report_id = ANY(%s::uuid[]) AND lease_token = %s",
                [binary_arrays.ids(report_ids), token],
            )
        else:
            cursor.execute(
                "UPDATE intake_work SET stage = %s, attempts = 1,"
                # From the end of the step: `now()` is its start, from which the lease of a long step would be
                # over.
                " lease_until = clock_timestamp() + make_interval(secs => %s), error = ''"
                " WHERE report_id = ANY(%s::uuid[]) AND lease_token = %s",
                [to.value, lease.total_seconds(), binary_arrays.ids(report_ids), token],
            )
        if cursor.rowcount != len(report_ids):
            raise LeaseLost


def renew_claims(
    *, actor: Actor, token: UUID, report_ids: Sequence[UUID], lease: timedelta
) -> None:
    """Extend the lease of reports to `lease` from now, for work outside a stage's transaction.

    `token` is the fencing token of the lease.

    Raises:
        LeaseLost: a row is no longer held by `token`.
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        found = sql.run(
            "UPDATE intake_work SET lease_until = now() + make_interval(secs => %s)"
            " WHERE report_id = ANY(%s::uuid[]) AND lease_token = %s",
            [lease.total_seconds(), uuid_array(report_ids), token],
        )
        if found != len(report_ids):
            raise LeaseLost


def list_held(*, actor: Actor, token: UUID, report_ids: Sequence[UUID]) -> list[UUID]:
    """Return the reports still leased to a worker by its fencing `token`, in the given order.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id FROM intake_work WHERE report_id = ANY(%s) AND lease_token = %s",
        [list(report_ids), token],
    )
    held = {row[0] for row in found}
    return [report_id for report_id in report_ids if report_id in held]


def put_back(
    *,
    actor: Actor,
    token: UUID,
    report_ids: Sequence[UUID],
    counted: bool = False,
    error: str | None = None,
    delay: timedelta = timedelta(0),
) -> None:
    """Release leased reports without a failure, as when the worker stops or the database was unavailable.

    Args:
        actor: the worker.
        token: the lease.
        report_ids: the leased reports.
        counted: keep the attempt counted, so that a report that crashes the database is quarantined too.
        error: code of the reason for the release; None keeps the stored code.
        delay: time until the next attempt. Without a delay the reports keep their place in the queue.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    sql.run(
        "UPDATE intake_work SET lease_token = NULL, lease_until = NULL,"
        " attempts = greatest(attempts - %s, 0), error = coalesce(%s, error),"
        " not_before = CASE WHEN %s = 0 THEN not_before ELSE now() + make_interval(secs => %s) END"
        " WHERE report_id = ANY(%s) AND lease_token = %s",
        [0 if counted else 1, error, *2 * [delay.total_seconds()], list(report_ids), token],
    )


def fail_claims(*, actor: Actor, token: UUID, report_ids: Sequence[UUID], error: str) -> None:
    """Record a failed attempt on reports leased to `token`: schedule a retry, or quarantine after the last.

    `error` is a code or an exception's class name, never a message: messages quote content. The retry waits
    5 seconds for each attempt made.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        sql.run(
            "UPDATE intake_work SET lease_token = NULL, lease_until = NULL, error = %s,"
            " not_before = now() + make_interval(secs => %s) * attempts"
            " WHERE report_id = ANY(%s) AND lease_token = %s AND attempts < %s",
            [error, RETRY_AFTER.total_seconds(), list(report_ids), token, MAX_ATTEMPTS],
        )
        _quarantine(token=token, report_ids=report_ids, error=error)


def stop_claims(*, actor: Actor, token: UUID) -> list[tuple[UUID, Stage, bool]]:
    """Release the reports of a worker killed for its CPU time; return (id, stage, whether quarantined) of
    each.

    `token` is the fencing token of its lease. The next claim takes each of the reports alone. A report that
    was already claimed alone after a failure is quarantined with the code `DEADLINE`. The result is in no
    particular order; it is empty if no report is held by `token` any more.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, stage, attempts FROM intake_work WHERE lease_token = %s FOR UPDATE",
            [token],
        )
        rows = cursor.fetchall()
        again = len(rows) == 1 and rows[0][2] > 1
        if again:
            _quarantine(token=token, report_ids=[rows[0][0]], error=DEADLINE)
        else:
            cursor.execute(
                "UPDATE intake_work SET lease_token = NULL, lease_until = NULL, error = %s,"
                " attempts = %s, not_before = now() WHERE lease_token = %s",
                [DEADLINE, ALONE_AFTER, token],
            )
    return [(report_id, Stage(stage), again) for report_id, stage, _attempts in rows]


def replay_stage(*, actor: Actor, stage: Stage, report_ids: Sequence[UUID], now: datetime) -> int:
    """Queue finished reports again for `stage` and the stages after it; return the number of queued reports.

    Quarantined reports are released. Results are stored as revisions, so that a replay loses nothing. Left
    out: reports that are waiting already, tests, erased reports, and reports of desks where the actor may not
    replay.

    Raises:
        Refused: the actor may not replay at any desk.
    """
    require_somewhere(actor, "quarantine.replay")
    bounds = reach(actor, "quarantine.replay")
    with transaction.atomic():
        found = sql.rows(
            "INSERT INTO intake_work (report_id, stage, urgent, slow_lane)"
            " SELECT id, %s, urgent, slow_lane FROM intake_report WHERE id = ANY(%s)"
            " AND (%s OR desk_id = ANY(%s))"
            " AND state = 'FINISHED' AND NOT is_test AND erased_at IS NULL"
            " ON CONFLICT (report_id) DO UPDATE SET stage = EXCLUDED.stage, attempts = 0,"
            " quarantined_at = NULL, error = '', lease_token = NULL, lease_until = NULL,"
            " not_before = now()"
            " WHERE intake_work.quarantined_at IS NOT NULL RETURNING report_id",
            [stage, list(report_ids), bounds.everywhere, list(bounds.desk_ids)],
        )
        moved = [row[0] for row in found]
        if moved:
            ledger.record_batch(
                actor=actor,
                action="report.replay",
                at=now,
                kind="report",
                items=[(report_id, b"") for report_id in moved],
                detail={"stage": stage},
            )
    return len(moved)


REPLAY_CODE: Final = "replay_code"
"""Name of the worker's job that processes the reports of one failure again."""
_FAILED: Final = """
SELECT w.report_id FROM intake_work w JOIN intake_report r ON r.id = w.report_id
WHERE w.quarantined_at <= %(until)s AND w.error = %(error)s AND r.state = 'FINISHED' AND NOT r.is_test
  AND (%(everywhere)s OR r.desk_id = ANY(%(desks)s))
ORDER BY w.report_id LIMIT %(limit)s
"""


def ask_replay(*, actor: Actor, error: str, now: datetime) -> bool:
    """Queue a job that processes again all reports with one failure code (`error`) at the actor's desks.

    They are the reports in quarantine now; one that fails again meanwhile stays there. Returns False if
    none is in quarantine with this code, or the actor has queued the same job already. Each person has a
    job of their own, since it covers the desks where that person may replay when it runs.

    Raises:
        Refused: the actor may not replay at any desk.
    """
    require_somewhere(actor, "quarantine.replay")
    if not _failed(actor, error, until=now, limit=1):
        return False
    try:
        with transaction.atomic():
            lock = f"{REPLAY_CODE}:{error}:{actor.person_id}"
            job = app.configure_task(REPLAY_CODE, queueing_lock=lock)
            job.defer(person_id=str(actor.person_id), error=error, until=now.isoformat())
    except AlreadyEnqueued:
        return False
    return True


def replay_failed(
    *, actor: Actor, error: str, until: datetime, now: datetime, limit: int = 500
) -> int:
    """Queue reports with a failure code (`error`), quarantined by the instant `until`, for all stages;
    return their number.

    At most `limit`, at the desks where the actor may replay; 0 once none is left.

    Raises:
        Refused: the actor may not replay at any desk.
    """
    require_somewhere(actor, "quarantine.replay")
    found = _failed(actor, error, until=until, limit=limit)
    if not found:
        return 0
    return replay_stage(actor=actor, stage=Stage.HARMONISE, report_ids=found, now=now)


def _failed(actor: Actor, error: str, *, until: datetime, limit: int) -> list[UUID]:
    bounds = reach(actor, "quarantine.replay")
    found = sql.rows(
        _FAILED,
        {
            "until": until,
            "error": error,
            "everywhere": bounds.everywhere,
            "desks": list(bounds.desk_ids),
            "limit": limit,
        },
    )
    return [row[0] for row in found]


def _quarantine(*, token: UUID, report_ids: Sequence[UUID], error: str) -> None:
    sql.run(
        "UPDATE intake_work SET quarantined_at = now(), lease_token = NULL, lease_until = NULL,"
        " error = %s WHERE report_id = ANY(%s) AND lease_token = %s",
        [error, list(report_ids), token],
    )
