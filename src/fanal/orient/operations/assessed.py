"""What the desk has assessed: pictures of a report that was decided on, found again by a near one."""

from uuid import UUID

from django.db import connection

from fanal.analyse.domain.nearness import pictures_of, pieces
from fanal.harmonise.domain.records import HarmonisedReport

MOST = 64
"""Pictures of one report that are kept."""


def note_assessed(*, report: HarmonisedReport, desk_id: int) -> None:
    """Keep the pictures of a report in the transaction of its decision; those kept before stay."""
    pictures = {pdq for found in pictures_of(report).values() for pdq in found}
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO orient_assessed (report_id, desk_id, pdq, bands) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT DO NOTHING",
            [(report.report_id, desk_id, pdq, pieces(pdq)) for pdq in sorted(pictures)[:MOST]],
        )


def forget_assessed(report_ids: list[UUID]) -> None:
    """Delete the pictures of reports that expire."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM orient_assessed WHERE report_id = ANY (%s)", [report_ids])
