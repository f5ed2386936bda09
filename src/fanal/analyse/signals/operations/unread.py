"""The queue of texts that the text model reads while no report waits for a stage: the table `analyse_unread`.

A text is leased to a worker, and deleted from the queue in the transaction that stores the result. Each lease
counts as an attempt, so that a text that crashes its worker is counted too; a lease that ends because no
engine started does not count. After two attempts the text is not leased again until it is queued again
(`fanal replay`, a new version of the text reader).
"""

from collections.abc import Collection, Sequence
from datetime import timedelta
from uuid import UUID

from fanal.accounts import binary_arrays
from fanal.accounts.domain.policy import require
from fanal.analyse.signals.operations.in_force import reader_in_force
from fanal.analyse.signals.reading import NoReader
from fanal.db import sql
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor

MAX_ATTEMPTS = 2
"""Readings that may fail or end their worker before a text is left aside; in the index and `_NEXT` too."""
LEASE = timedelta(minutes=1)
"""Lease of a text: many times its reading."""
_NEXT = """
SELECT report_id FROM analyse_unread
WHERE attempts < 2 AND (lease_until IS NULL OR lease_until < now())
ORDER BY emergency DESC, attempts, report_id LIMIT 1
"""
_TAKE = f"""
UPDATE analyse_unread SET attempts = attempts + 1, lease_token = %s,
    lease_until = now() + make_interval(secs => %s)
WHERE report_id = ({_NEXT} FOR UPDATE SKIP LOCKED) RETURNING report_id
"""  # noqa: S608 - a statement of this module


def queue_unread(*, reports: Sequence[HarmonisedReport]) -> None:
    """Queue the texts of reports for the text reader (a model), in the caller's transaction.

    They begin with no attempts made; this ends the lease of a text that is queued already. The call waits for
    a transaction that is storing the result of the same text.
    """
    if not reports:
        return
    with binary_arrays.bound() as cursor:
        cursor.execute(
            "INSERT INTO analyse_unread (report_id, emergency)"
            " SELECT i, e FROM unnest(%s::uuid[], %s::boolean[]) AS given (i, e) ORDER BY i"
            " ON CONFLICT (report_id) DO UPDATE SET emergency = EXCLUDED.emergency, attempts = 0,"
            " lease_token = NULL, lease_until = NULL, queued_at = EXCLUDED.queued_at",
            [
                binary_arrays.ids([report.report_id for report in reports]),
                binary_arrays.booleans([report.emergency for report in reports]),
            ],
        )


def take_unread(*, actor: Actor, token: UUID) -> UUID | None:
    """Lease the next queued text for a minute, emergencies first; return its report's id, None without any.

    `token` is a new id of the worker, which identifies the lease. The attempt is counted at once. While no
    model can read, nothing is leased and the result is None.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    if sql.row(_NEXT) is None or isinstance(reader_in_force(), NoReader):
        return None
    taken = sql.row(_TAKE, [token, LEASE.total_seconds()])
    return taken[0] if taken else None


def end_reading(*, actor: Actor, report_id: UUID, token: UUID) -> bool:
    """Remove the text leased to `token` from the queue, in the caller's transaction; return True if it was
    removed.

    False: the text was erased, queued again or leased to another worker meanwhile. The caller must then not
    store its result.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ended = sql.run(
        "DELETE FROM analyse_unread WHERE report_id = %s AND lease_token = %s", [report_id, token]
    )
    return ended == 1


def stop_reading(*, actor: Actor, token: UUID) -> tuple[UUID, bool] | None:
    """End the lease `token` of a worker that was stopped; return (report id, whether no attempt is left).

    Without another attempt (`MAX_ATTEMPTS`), the text is not leased until it is queued again. None if nothing
    is leased to `token`.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.row(
        "UPDATE analyse_unread SET lease_token = NULL, lease_until = NULL WHERE lease_token = %s"
        " RETURNING report_id, attempts",
        [token],
    )
    return (found[0], found[1] >= MAX_ATTEMPTS) if found else None


def return_unread(*, actor: Actor, token: UUID) -> None:
    """End the lease `token` and take its attempt back: the text was not tried, since no engine started.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    sql.run(
        "UPDATE analyse_unread SET attempts = attempts - 1, lease_token = NULL, lease_until = NULL"
        " WHERE lease_token = %s",
        [token],
    )


def count_stuck() -> int:
    """Return the number of texts in the queue of the text model, if the queue makes no progress; else 0.

    That is: the oldest text was queued over 15 minutes ago, no worker is reading one, and no report has been
    due for a processing stage for more than a minute (texts are read only when none is). It happens if no
    worker has an embedding engine (`engine_of_process`).
    """
    return int(sql.one("SELECT analyse_stuck_texts()")[0])


def forget_unread(*, report_ids: Collection[UUID]) -> int:
    """Remove texts of reports from the text model's queue, in the caller's transaction; return how many."""
    return sql.run(
        "DELETE FROM analyse_unread WHERE report_id = ANY(%s::uuid[])", [list(report_ids)]
    )
