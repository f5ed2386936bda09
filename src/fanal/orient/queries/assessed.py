"""Search for equal or similar files among reports that the desk has already decided."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.domain.known import PDQ_RADIUS, distance, near_pieces
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.kernel.actors import Actor

_NEAR = (
    "SELECT a.report_id, a.pdq FROM orient_assessed a JOIN orient_case c ON c.report_id = a.report_id"
    " WHERE a.bands && %s AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
)


class NearAssessed(Struct, frozen=True, kw_only=True, order=True):
    """A decided report with a similar picture: `distance` of the 256 bits of the PDQ hash differ."""

    distance: int
    report_id: UUID


def assessed_same(*, actor: Actor, keys: Iterable[UUID]) -> dict[UUID, UUID]:
    """Return for each selector key of a file hash the most recently decided report with that file.

    Reports out of the actor's reach are left out.
    """
    bounds = reach(actor, "report.read")
    found = sql.rows(
        "SELECT DISTINCT ON (a.key) a.key, a.report_id FROM orient_assessed_file a"
        " JOIN orient_case c ON c.report_id = a.report_id WHERE a.key = ANY (%s::uuid[])"
        " AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
        " ORDER BY a.key, c.decided_at DESC, a.report_id DESC",
        [uuid_array(set(keys)), bounds.everywhere, sorted(bounds.desk_ids)],
    )
    return dict(found)


def assessed_near(*, actor: Actor, pictures: Iterable[bytes]) -> dict[bytes, NearAssessed]:
    """Return for each PDQ hash (32 bytes) the decided report with the most similar picture, if close enough.

    At most `PDQ_RADIUS` bits differ. Of several at the same distance, the newest report. Reports out of the
    actor's reach are left out.
    """
    bounds = reach(actor, "report.read")
    found: dict[bytes, NearAssessed] = {}
    wanted = list(dict.fromkeys(pictures))
    if not wanted:
        return found
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        # For 272 pieces the planner expects nearly all rows, and would scan the table instead of the index.
        cursor.execute("SET LOCAL enable_seqscan = off")
        for pdq in wanted:
            cursor.execute(_NEAR, [near_pieces(pdq), bounds.everywhere, sorted(bounds.desk_ids)])
            near = [
                (apart, -report_id.int, report_id)
                for report_id, other in cursor.fetchall()
                if (apart := distance(pdq, bytes(other))) <= PDQ_RADIUS
            ]
            if near:
                apart, _newest, report_id = min(near)
                found[pdq] = NearAssessed(distance=apart, report_id=report_id)
        cursor.execute("SET LOCAL enable_seqscan = on")
    return found
