"""Erases what this stage holds of expired reports (decisions 24)."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fanal.harmonise.domain.access import require_system
from fanal.harmonise.domain.encoding import unpack
from fanal.harmonise.domain.sightings import Erased
from fanal.harmonise.operations.store import ERASE_LOCK, delete_sightings, sightings_of
from fanal.kernel.actors import Actor


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> Erased:
    """Delete every revision, sighting and search word of `report_ids`, and selectors left unseen.

    What the sightings are is read from all revisions, so that no index by report is needed. Erasing
    twice is harmless. While it runs no report is being written.

    Raises:
        AccessRefused: the actor is not the system.
    """
    require_system(actor, "erase")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASE_LOCK])
        cursor.execute(
            "DELETE FROM harmonise_record WHERE report_id = ANY(%s::uuid[]) RETURNING record", [ids]
        )
        rows = cursor.fetchall()
        seen = {one for (record,) in rows for one in sightings_of(unpack(record))}
        sightings = delete_sightings(cursor, seen)
        selectors = _delete_unseen(cursor, [one.key.hex() for one in seen])
        cursor.execute(
            "DELETE FROM harmonise_opening_motive WHERE opening_id IN"
            " (SELECT id FROM harmonise_opening WHERE report_id = ANY(%s::uuid[]))",
            [ids],
        )
        cursor.execute("DELETE FROM harmonise_text WHERE report_id = ANY(%s::uuid[])", [ids])
        return Erased(
            records=len(rows), texts=cursor.rowcount, sightings=sightings, selectors=selectors
        )


def _delete_unseen(cursor: CursorWrapper, keys: list[str]) -> int:
    cursor.execute(
        "DELETE FROM harmonise_selector s WHERE s.key = ANY(%s::uuid[])"
        " AND NOT EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = s.key)",
        [keys],
    )
    return int(cursor.rowcount)
