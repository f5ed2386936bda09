"""Erases what this stage holds of expired reports (decisions 24)."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fanal.accounts.domain.policy import require
from fanal.harmonise.domain.encoding import unpack
from fanal.harmonise.domain.hashes import HASH_LENGTH
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import Erased
from fanal.harmonise.operations.store import ERASE_LOCK, delete_sightings, sightings_of
from fanal.kernel.actors import Actor


def erase(*, actor: Actor, report_ids: Sequence[UUID]) -> Erased:
    """Delete every revision, sighting and search word of `report_ids`, and selectors left unseen.

    What the sightings are is read from all revisions, so that no index by report is needed. Erasing
    twice is harmless. While it runs no report is being written.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    ids = list(report_ids)
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ERASE_LOCK])
        cursor.execute(
            "DELETE FROM harmonise_record WHERE report_id = ANY(%s::uuid[]) RETURNING record", [ids]
        )
        rows = cursor.fetchall()
        reports = [unpack(record) for (record,) in rows]
        sightings = delete_sightings(cursor, {one for r in reports for one in sightings_of(r)})
        selectors = _delete_unseen(
            cursor, {(s.kind, s.value) for r in reports for s in r.selectors}
        )
        cursor.execute(
            "DELETE FROM harmonise_opening_motive WHERE opening_id IN"
            " (SELECT id FROM harmonise_opening WHERE report_id = ANY(%s::uuid[]))",
            [ids],
        )
        cursor.execute("DELETE FROM harmonise_text WHERE report_id = ANY(%s::uuid[])", [ids])
        return Erased(
            records=len(rows), texts=cursor.rowcount, sightings=sightings, selectors=selectors
        )


def _delete_unseen(cursor: CursorWrapper, values: Iterable[tuple[SelectorKind, str]]) -> int:
    """Delete what stands for searches of values that no report holds any more; return how many values."""
    searched = [(kind.value, value) for kind, value in values if kind not in HASH_LENGTH]
    cursor.execute(
        "WITH gone AS (DELETE FROM harmonise_selector s"
        " USING unnest(%s::text[], %s::text[]) AS given (kind, value)"
        ' WHERE lower(left(s.value, 100) COLLATE "C") = lower(left(given.value, 100) COLLATE "C")'
        " AND s.value = given.value"
        " AND s.kind = given.kind AND s.kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ')"
        " AND NOT EXISTS (SELECT FROM harmonise_sighting t WHERE t.key = s.key) RETURNING s.key)"
        " SELECT count(DISTINCT key) FROM gone",
        [[kind for kind, _ in searched], [value for _, value in searched]],
    )
    (count,) = cursor.fetchone()
    return int(count)
