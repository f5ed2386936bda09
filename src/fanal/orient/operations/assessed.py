"""What the desk has assessed: files of decided reports, found again by an equal or a near one."""

from uuid import UUID

from django.db import connection

from fanal.analyse.domain.nearness import pictures_of, pieces
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind
from fanal.harmonise.domain.sightings import selector_key
from fanal.kernel.arrays import uuid_array

MOST = 64
"""Pictures of one report that are kept."""
MOST_KEYS = 1000
"""Fingerprints of one report that are kept."""


def note_assessed(*, report: HarmonisedReport, desk_id: int) -> None:
    """Keep the pictures and fingerprints of a report in the transaction of its decision; those kept stay."""
    pictures = {pdq for found in pictures_of(report).values() for pdq in found}
    keys = sorted(_keys(report))[:MOST_KEYS]
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO orient_assessed (report_id, desk_id, pdq, bands) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(report.report_id, desk_id, pdq, pieces(pdq)) for pdq in sorted(pictures)[:MOST]],
        )
        cursor.execute(
            "INSERT INTO orient_assessed_file (key, report_id, desk_id)"
            " SELECT key, %s, %s FROM unnest(%s::uuid[]) AS k (key) ON CONFLICT DO NOTHING",
            [report.report_id, desk_id, uuid_array(keys)],
        )


def forget_assessed(report_ids: list[UUID]) -> None:
    """Delete the pictures and fingerprints of reports that expire."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orient_assessed WHERE report_id = ANY (%s)", [report_ids])
        cursor.execute("DELETE FROM orient_assessed_file WHERE report_id = ANY (%s)", [report_ids])


def _keys(report: HarmonisedReport) -> set[UUID]:
    """Return the keys of every fingerprint of a report's files, stated or computed."""
    kinds = (SelectorKind.SHA256, SelectorKind.SHA1, SelectorKind.MD5, SelectorKind.PDQ)
    return {
        selector_key(kind, value)
        for file in (*report.files, *report.computed)
        for kind in kinds
        if (value := getattr(file, kind.lower()))
    }
