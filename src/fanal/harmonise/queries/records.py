"""Reads of records and revisions."""

from collections.abc import Sequence
from uuid import UUID

import msgspec
from django.db import connection

from fanal.accounts.domain.policy import reach, require
from fanal.harmonise.domain.encoding import unpack, unpack_fields
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.sightings import (
    Revision,
)
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import uuid_array

# In each statement `desks` is NULL for the system, which reaches all.


def get_records(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, HarmonisedReport]:
    """Return the newest record of each report that the actor reaches; the others are left out."""
    return {report_id: unpack(record) for report_id, record in _newest(actor, report_ids)}


def get_record_fields(
    *, actor: Actor, report_ids: Sequence[UUID]
) -> dict[UUID, dict[str, msgspec.Raw]]:
    """Return what `get_records` does, as fields of JSON: for those who print records by the thousand."""
    return {report_id: unpack_fields(record) for report_id, record in _newest(actor, report_ids)}


def _newest(actor: Actor, report_ids: Sequence[UUID]) -> list[tuple[UUID, memoryview]]:
    desks = reach(actor, "report.read").desks
    if not report_ids or desks == []:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.report_id) r.report_id, r.record FROM harmonise_record r"
            " WHERE r.report_id = ANY(%(ids)s::uuid[])"
            " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
            " ORDER BY r.report_id, r.revision DESC",
            {"ids": list(report_ids), "desks": desks},
        )
        return [(report_id, record) for report_id, record in cursor.fetchall()]


def get_revisions(*, actor: Actor, report_id: UUID) -> list[tuple[Revision, HarmonisedReport]]:
    """Return every harmonisation of a report, oldest first; empty where the actor does not reach it."""
    desks = reach(actor, "report.read").desks
    if desks == []:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.revision, r.written_at, r.record FROM harmonise_record r"
            " WHERE r.report_id = %(id)s"
            " AND (%(desks)s::int[] IS NULL OR r.desk_id = ANY(%(desks)s::int[]))"
            " ORDER BY r.revision",
            {"id": report_id, "desks": desks},
        )
        found = []
        for number, written_at, record in cursor.fetchall():
            report = unpack(record)
            revision = Revision(
                revision=number,
                written_at=written_at.isoformat(),
                rule_version=report.rule_version,
            )
            found.append((revision, report))
        return found


def get_desks(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the desk of each harmonised report, for the system.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT report_id, desk_id FROM harmonise_text WHERE report_id = ANY(%s::uuid[])",
            [uuid_array(report_ids)],
        )
        return dict(cursor.fetchall())
