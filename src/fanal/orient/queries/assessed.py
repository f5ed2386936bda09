"""Whether a picture is nearly the same as one of a report on which the desk has decided."""

from collections.abc import Iterable
from uuid import UUID

from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.policy import reach
from fanal.analyse.domain.known import PDQ_RADIUS
from fanal.analyse.domain.nearness import distance, near_pieces
from fanal.kernel.actors import Actor

_NEAR = (
    "SELECT a.report_id, a.pdq FROM orient_assessed a JOIN orient_case c ON c.report_id = a.report_id"
    " WHERE a.bands && %s AND c.decided_at IS NOT NULL AND (%s OR a.desk_id = ANY (%s))"
)


class NearAssessed(Struct, frozen=True, kw_only=True, order=True):
    """A decided report with a picture that is nearly the same: `distance` of 256 bits differ."""

    distance: int
    report_id: UUID


def assessed_near(*, actor: Actor, pictures: Iterable[bytes]) -> dict[bytes, NearAssessed]:
    """Return for each PDQ hash (32 bytes) the decided report that holds the nearest one within the radius.

    Of several at one distance, the newest report. Reports out of the actor's reach are left out.
    """
    bounds = reach(actor, "report.read")
    found: dict[bytes, NearAssessed] = {}
    wanted = list(dict.fromkeys(pictures))
    if not wanted:
        return found
    with transaction.atomic(savepoint=False), connection.cursor() as cursor:
        # For 272 pieces the planner expects nearly all rows, and would read them all instead of the index.
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
