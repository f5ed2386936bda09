"""Queries on findings and priorities, with their history."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.domain.records import Analysis, Priority, unpack_findings, unpack_parts
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor

_PRIORITY = (
    "SELECT report_id, score, floor, level, rule_version, parts, revision, written_at"
    " FROM analyse_priority WHERE report_id = ANY(%s::uuid[])"
)


class Version(Struct, frozen=True, kw_only=True):
    """The place of a stored analysis or priority among those of its report.

    `revision` counts from 1; `written_at` is when it was stored.
    """

    revision: int
    written_at: datetime


def get_analyses(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Analysis]:
    """Return the newest analysis of each report that the actor may read, by report id; others are absent."""
    ids = _reachable(actor, report_ids)
    return {a.report_id: a for _, a in _analyses(ids)} if ids else {}


def get_priorities(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, Priority]:
    """Return the newest priority of each report that the actor may read, by report id; others are absent."""
    ids = _reachable(actor, report_ids)
    return {p.report_id: p for _, p in _priorities(ids)} if ids else {}


def list_analyses(*, actor: Actor, report_id: UUID) -> list[tuple[Version, Analysis]]:
    """Return all analyses of a report, oldest first, each with its revision number and time (`Version`).

    A replay (new computation) adds a revision. Empty if the actor may not read the report.
    """
    return _analyses(_reachable(actor, [report_id]))


def list_priorities(*, actor: Actor, report_id: UUID) -> list[tuple[Version, Priority]]:
    """Return all priorities of a report, oldest first, each with its revision number and time (`Version`).

    Empty if the actor may not read the report.
    """
    return _priorities(_reachable(actor, [report_id]))


def newest_analysed(*, limit: int) -> list[UUID]:
    """Return the ids of the `limit` newest analysed reports of all desks, newest first, for a dry run."""
    found = sql.rows(
        "SELECT report_id FROM analyse_result WHERE revision = 1 ORDER BY report_id DESC LIMIT %s",
        [limit],
    )
    return [row[0] for row in found]


def count_analysed() -> int:
    """Return the number of analysed reports of all desks."""
    row = sql.one("SELECT count(*) FROM analyse_result WHERE revision = 1")
    return int(row[0])


def analysed_after(*, after: UUID, limit: int) -> list[UUID]:
    """Return at most `limit` ids of analysed reports of all desks after the id `after`, oldest first."""
    found = sql.rows(
        "SELECT report_id FROM analyse_result WHERE revision = 1 AND report_id > %s"
        " ORDER BY report_id LIMIT %s",
        [after, limit],
    )
    return [row[0] for row in found]


def analysed_before(*, before: UUID, limit: int) -> list[UUID]:
    """Return at most `limit` ids of analysed reports of all desks before the id `before`, newest first."""
    found = sql.rows(
        "SELECT report_id FROM analyse_result WHERE revision = 1 AND report_id < %s"
        " ORDER BY report_id DESC LIMIT %s",
        [before, limit],
    )
    return [row[0] for row in found]


def _reachable(actor: Actor, report_ids: Sequence[UUID]) -> list[UUID]:
    bounds = reach(actor, "report.read")
    if not report_ids or bounds.empty:
        return []
    if bounds.everywhere:
        return list(report_ids)
    return list(get_reports(actor=actor, report_ids=report_ids))


def _analyses(report_ids: Sequence[UUID]) -> list[tuple[Version, Analysis]]:
    found = sql.rows(
        "SELECT report_id, rule_version, findings, revision, written_at FROM analyse_result"
        " WHERE report_id = ANY(%s::uuid[]) ORDER BY report_id, revision",
        [uuid_array(report_ids)],
    )
    return [
        (
            Version(revision=revision, written_at=written_at),
            Analysis(
                report_id=report_id,
                findings=unpack_findings(findings, rule_version=version),
                rule_version=version,
            ),
        )
        for report_id, version, findings, revision, written_at in found
    ]


def _priorities(report_ids: Sequence[UUID]) -> list[tuple[Version, Priority]]:
    return [
        (
            Version(revision=row[6], written_at=row[7]),
            Priority(
                report_id=row[0],
                score=row[1],
                floor=row[2],
                level=row[3],
                rule_version=row[4],
                parts=unpack_parts(row[5]),
            ),
        )
        for row in sql.rows(f"{_PRIORITY} ORDER BY report_id, revision", [uuid_array(report_ids)])
    ]
