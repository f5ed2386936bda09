"""The queue, what waits in it, and what has expired."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach, require
from fanal.intake.domain.records import ReportFacts, Withdrawn
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds, lowest_id


def list_expired(
    *, actor: Actor, before: datetime, identities: bool = False, limit: int = 500
) -> list[UUID]:
    """Return reports received before `before` that nothing holds and that are not erased yet.

    With `identities`, those that still have a sealed identity of their reporter.
    """
    require(actor, "pipeline.run")
    wanted = "r.identity_id IS NOT NULL" if identities else "r.erased_at IS NULL"
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT r.id FROM intake_report r WHERE r.id < %s AND {wanted}"  # noqa: S608
            " AND NOT EXISTS (SELECT FROM intake_hold h"
            " WHERE h.report_id = r.id AND h.lifted_at IS NULL) ORDER BY r.id LIMIT %s",
            [lowest_id(before), limit],
        )
        return [row[0] for row in cursor.fetchall()]


def list_held(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return those of the reports that a legal hold keeps."""
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id FROM intake_hold WHERE report_id = ANY(%s) AND lifted_at IS NULL",
            [list(report_ids)],
        )
        return {row[0] for row in cursor.fetchall()}


def list_aside(*, actor: Actor) -> list[UUID]:
    """Return the reports that count nowhere outside: tests, and those not finished, retracted or expired."""
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.id FROM intake_report r WHERE r.is_test OR r.state <> 'FINISHED' ORDER BY r.id"
        )
        return [row[0] for row in cursor.fetchall()]


def list_silent(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[UUID]:
    """Return reports (ids above `after`) whose last message is older than `before` and that nothing holds."""
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT m.report_id FROM intake_message m WHERE m.report_id > %s"
            " AND NOT EXISTS (SELECT FROM intake_hold h"
            " WHERE h.report_id = m.report_id AND h.lifted_at IS NULL)"
            " GROUP BY m.report_id HAVING max(m.created_at) < %s ORDER BY m.report_id LIMIT %s",
            [after or UUID(int=0), before, limit],
        )
        return [row[0] for row in cursor.fetchall()]


def count_work() -> dict[str, int]:
    """Return how many reports wait at each stage, and how many are quarantined."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT CASE WHEN quarantined_at IS NULL THEN stage ELSE 'QUARANTINE' END, count(*)"
            " FROM intake_work GROUP BY 1"
        )
        return dict(cursor.fetchall())


def count_received(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return acknowledged reports by day, arrival and emergency: no test, none retracted or unfinished.

    An urgent one counts whatever its sender did since: a person sees it all the same (decisions 29).
    """
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, arrival,"
            " CASE WHEN urgent THEN 'URGENT' ELSE 'ORDINARY' END, count(*) FROM intake_report WHERE id >= %s"
            " AND id < %s AND received_at >= %s AND received_at < %s"
            " AND (state = 'FINISHED' OR urgent AND state IN ('RETRACTED', 'EXPIRED'))"
            " AND NOT is_test GROUP BY 1, 2, 3",
            [*id_bounds(since, until), since, until],
        )
        return list(cursor.fetchall())


def first_received(*, actor: Actor) -> datetime | None:
    """Return the instant of the first report ever received, test or not; None before any."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute("SELECT received_at FROM intake_report ORDER BY id LIMIT 1")
        row = cursor.fetchone()
    return row[0] if row else None


def count_withdrawn(*, actor: Actor, since: datetime) -> Withdrawn:
    """Return how many reports their senders took back or never finished from `since` on: no test."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FILTER (WHERE state = 'RETRACTED'), count(*) FILTER (WHERE state = 'EXPIRED')"
            " FROM intake_report WHERE state IN ('RETRACTED', 'EXPIRED') AND changed_at >= %s"
            " AND NOT is_test",
            [since],
        )
        retracted, expired = cursor.fetchone()
    return Withdrawn(retracted=retracted, expired=expired)


def list_quarantine(*, actor: Actor, limit: int) -> list[tuple[ReportFacts, str]]:
    """Return quarantined reports of the actor's desks with the code of what failed, oldest first."""
    bounds = reach(actor, "quarantine.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, error FROM intake_work WHERE quarantined_at IS NOT NULL"
            " ORDER BY quarantined_at LIMIT %s",
            [limit],
        )
        errors = dict(cursor.fetchall())
    facts = get_reports(actor=actor, report_ids=list(errors))
    return [
        (found, errors[report_id])
        for report_id in errors
        if (found := facts.get(report_id)) and bounds.holds(found.desk_id)
    ]
