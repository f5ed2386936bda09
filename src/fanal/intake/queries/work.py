"""Queries on the work queue of reports, on back-pressure, and on reports whose retention has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import may, reach, require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.intake.domain.pressure import Limits, Pressure, judge
from fanal.intake.domain.quarantine import QuarantineGroup
from fanal.intake.domain.records import ReportFacts, Stage, Withdrawn
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.kernel.ids import id_bounds, lowest_id
from fanal.vault import queries as vault

# Whether the installation can accept more from programs; read at most every two seconds per process.

_GIB = 1 << 30
_FRESH = timedelta(seconds=2)
_COUNTED = 10
"""Multiple of the limit up to which waiting reports are counted: beyond, the answer is the same."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reading:
    at: datetime
    waiting: int
    free: int


_limits: list[Limits] = [Limits(backlog=0, reserve=0, largest_file=_GIB // 2)]
_readings: list[_Reading] = []


def install_limits(*, limits: Limits) -> None:
    """Set the back-pressure limits of this process (at start-up)."""
    _limits[:] = [limits]
    _readings.clear()


def current_limits() -> Limits:
    """Return the back-pressure limits of this installation."""
    return _limits[0]


def get_pressure(*, now: datetime, needed: int = 0) -> Pressure | None:
    """Return the reason to refuse reports for now, or None when `needed` more bytes can be accepted.

    Reports of the public alone never fill the backlog. The figures are cached for two seconds: within them,
    all web processes together can exceed the limit by what they accept in that time; nothing is lost.

    Raises:
        OSError: the vault's folder is unavailable.
    """
    limits, reading = _limits[0], _readings[0] if _readings else None
    if reading is None or not timedelta(0) <= now - reading.at < _FRESH:
        reading = _Reading(at=now, waiting=_count(limits), free=vault.free_bytes())
        _readings[:] = [reading]
    return judge(waiting=reading.waiting, free=reading.free, needed=needed, limits=limits)


def _count(limits: Limits) -> int:
    if not limits.backlog:
        return 0
    waiting = int(sql.one("SELECT intake_backlog(%s)", [limits.backlog * _COUNTED])[0])
    if waiting < limits.backlog:
        return waiting
    # The public is never refused: a flood of the public form must not cause refusals to partners.
    partners = int(sql.one("SELECT intake_backlog_of_partners(%s)", [limits.backlog])[0])
    return waiting if partners >= limits.backlog else partners


def list_expired(
    *,
    actor: Actor,
    before: datetime,
    identities: bool = False,
    but: Sequence[UUID] = (),
    limit: int = 500,
) -> list[UUID]:
    """Return the ids of reports received before `before`, without a legal hold, that are not erased yet.

    With `identities`, return instead the reports whose reporter's identity is still stored (encrypted).
    The oldest come first, at most `limit`, without those of `but`.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    wanted = "r.identity_id IS NOT NULL" if identities else "r.erased_at IS NULL"
    found = sql.rows(
        f"SELECT r.id FROM intake_report r WHERE r.id < %s AND {wanted}"  # noqa: S608
        " AND NOT EXISTS (SELECT FROM intake_hold h"
        " WHERE h.report_id = r.id AND h.lifted_at IS NULL)"
        " AND r.id <> ALL (%s::uuid[]) ORDER BY r.id LIMIT %s",
        [lowest_id(before), list(but), limit],
    )
    return [row[0] for row in found]


def list_held(*, actor: Actor, report_ids: Sequence[UUID]) -> set[UUID]:
    """Return the ids among `report_ids` of the reports under a legal hold.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id FROM intake_hold WHERE report_id = ANY(%s) AND lifted_at IS NULL",
        [list(report_ids)],
    )
    return {row[0] for row in found}


def list_idle(*, actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    """Return those of the reports, in the given order, that are in no stage's work queue and not in
    quarantine.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id FROM intake_work WHERE report_id = ANY(%s::uuid[])", [list(report_ids)]
    )
    busy = {row[0] for row in found}
    return [report_id for report_id in report_ids if report_id not in busy]


def list_aside(*, actor: Actor) -> list[UUID]:
    """Return the ids of the reports that published figures leave out, oldest first.

    They are tests, and unfinished, retracted and expired reports.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT r.id FROM intake_report r WHERE r.is_test OR r.state <> 'FINISHED' ORDER BY r.id"
    )
    return [row[0] for row in found]


def list_silent(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[UUID]:
    """Return the ids of reports without a legal hold whose last message is older than `before`, in order of
    id.

    A message is the desk's or the reporter's; the conversation of such a report can be erased. At most
    `limit`; `after` is the last id of the previous page, None for the first page. Reports without messages
    are left out.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT m.report_id FROM intake_message m WHERE m.report_id > %s"
        " AND NOT EXISTS (SELECT FROM intake_hold h"
        " WHERE h.report_id = m.report_id AND h.lifted_at IS NULL)"
        " GROUP BY m.report_id HAVING max(m.created_at) < %s ORDER BY m.report_id LIMIT %s",
        [after or UUID(int=0), before, limit],
    )
    return [row[0] for row in found]


def list_spoken(*, actor: Actor, report_ids: Sequence[UUID], since: datetime) -> set[UUID]:
    """Return the ids among `report_ids` of the reports with a message sent at `since` or later.

    Messages of the desk and of the reporter count.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT DISTINCT report_id FROM intake_message WHERE report_id = ANY(%s) AND created_at >= %s",
        [list(report_ids), since],
    )
    return {row[0] for row in found}


def count_work() -> dict[str, int]:
    """Return the number of reports waiting by stage code; those in quarantine are under `QUARANTINE`.

    Stages without a report have no key.
    """
    found = sql.rows(
        "SELECT CASE WHEN quarantined_at IS NULL THEN stage ELSE 'QUARANTINE' END, count(*)"
        " FROM intake_work GROUP BY 1"
    )
    return dict(found)


def oldest_waiting(*, now: datetime) -> datetime | None:
    """Return since when the longest waiting report could be processed by its stage; None if none waits.

    Reports in quarantine are left out, and those that a failed attempt has put off until after `now`.
    """
    row = sql.row(
        "SELECT min(not_before) FROM intake_work"
        " WHERE quarantined_at IS NULL AND stage <> 'DONE' AND not_before <= %s",
        [now],
    )
    return row[0] if row else None


def count_received(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return the numbers of reports received from `since` to `until` (excluded), in rows.

    A row is (day, arrival, URGENT or ORDINARY, number); the day is that of Europe/Paris, combinations without
    a report are absent. Tests, retracted and unfinished reports are left out, but an urgent report counts
    even if retracted or expired: a person sees it all the same. Rows are in no particular order.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, arrival,"
        " CASE WHEN urgent THEN 'URGENT' ELSE 'ORDINARY' END, count(*) FROM intake_report WHERE id >= %s"
        " AND id < %s AND received_at >= %s AND received_at < %s"
        " AND (state = 'FINISHED' OR urgent AND state IN ('RETRACTED', 'EXPIRED'))"
        " AND NOT is_test GROUP BY 1, 2, 3",
        [*id_bounds(since, until), since, until],
    )
    return list(found)


def first_received(*, actor: Actor) -> datetime | None:
    """Return when the first report was ever received, test or not; None before any.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    row = sql.row("SELECT received_at FROM intake_report ORDER BY id LIMIT 1")
    return row[0] if row else None


def count_withdrawn(*, actor: Actor, since: datetime) -> Withdrawn:
    """Count the reports that their senders retracted or never finished since `since`, without tests.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    retracted, expired = sql.one(
        "SELECT count(*) FILTER (WHERE state = 'RETRACTED'), count(*) FILTER (WHERE state = 'EXPIRED')"
        " FROM intake_report WHERE state IN ('RETRACTED', 'EXPIRED') AND changed_at >= %s"
        " AND NOT is_test",
        [since],
    )
    return Withdrawn(retracted=retracted, expired=expired)


class KeptReports(Struct, frozen=True, kw_only=True):
    """Numbers of reports of a desk that are not erased.

    `arriving`: their sender may still complete them, or they wait for a stage or in quarantine; `held`: under
    a legal hold; `reachable`: their reporter holds a code, and can write; `kept`: all.
    """

    arriving: int
    held: int
    reachable: int
    kept: int


def count_kept(*, desk_id: int) -> KeptReports:
    """Count the reports of a desk that are not erased; the caller has checked the actor's right."""
    arriving, held, reachable, kept = sql.one(
        "SELECT count(*) FILTER (WHERE r.state = 'OPEN' OR EXISTS (SELECT FROM intake_work w"
        " WHERE w.report_id = r.id AND w.stage <> 'DONE')),"
        " count(*) FILTER (WHERE EXISTS (SELECT FROM intake_hold h"
        " WHERE h.report_id = r.id AND h.lifted_at IS NULL)),"
        " count(*) FILTER (WHERE EXISTS (SELECT FROM intake_receipt c"
        " WHERE c.report_id = r.id AND c.public_key IS NOT NULL)), count(*)"
        " FROM intake_report r WHERE r.desk_id = %s AND r.erased_at IS NULL",
        [desk_id],
    )
    return KeptReports(arriving=arriving, held=held, reachable=reachable, kept=kept)


_GROUPS = """
SELECT w.error, w.stage, count(*), count(*) FILTER (WHERE r.urgent), min(w.quarantined_at)
FROM intake_work w JOIN intake_report r ON r.id = w.report_id
WHERE w.quarantined_at IS NOT NULL AND (%s OR r.desk_id = ANY(%s)) GROUP BY w.error, w.stage
ORDER BY count(*) FILTER (WHERE r.urgent) > 0 DESC, count(*) DESC, w.error, w.stage
"""


def quarantine_groups(*, actor: Actor) -> list[QuarantineGroup]:
    """Return the numbers of reports in quarantine by failure code and stage; those with urgent ones first.

    They are those of the actor's desks; of all desks for an actor who reads the state of the installation.
    """
    bounds = reach(actor, "quarantine.read")
    everywhere = bounds.everywhere or may(actor, "installation.read")
    with across_desks():
        found = sql.rows(_GROUPS, [everywhere, list(bounds.desk_ids)])
    return [
        QuarantineGroup(
            error=row[0], stage=Stage(row[1]), reports=row[2], urgent=row[3], since=row[4]
        )
        for row in found
    ]


def list_quarantine(*, actor: Actor, limit: int) -> list[tuple[ReportFacts, str]]:
    """Return the quarantined reports of the actor's desks with their error codes, the longest in quarantine
    first.

    At most `limit` reports.
    """
    bounds = reach(actor, "quarantine.read")
    given = sql.rows(
        "SELECT w.report_id, w.error FROM intake_work w JOIN intake_report r ON r.id = w.report_id"
        " WHERE w.quarantined_at IS NOT NULL AND (%s OR r.desk_id = ANY(%s))"
        " ORDER BY w.quarantined_at, w.report_id LIMIT %s",
        [bounds.everywhere, list(bounds.desk_ids), limit],
    )
    errors = dict(given)
    facts = get_reports(actor=actor, report_ids=list(errors))
    return [(facts[report_id], errors[report_id]) for report_id in errors if report_id in facts]
