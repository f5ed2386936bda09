"""Handover: a report that another desk has accepted leaves this desk's queue."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.orient.models import Case
from fanal.orient.operations.folding import fold_again, hold_folding

# Cases that somebody holds, decided or urgent (danger) stay unchanged.
_HAND_OVER = """
UPDATE orient_case SET state = 'HANDED_OVER', head_id = NULL, claimed_by = NULL, lease_until = NULL
WHERE report_id = ANY (%s::uuid[]) AND level <> 'DANGER' AND NOT urgent
  AND (state IN ('TO_ASSESS', 'FOLDED') OR state = 'CLAIMED' AND lease_until <= %s)
RETURNING report_id
"""


def hand_over(
    *, actor: Actor, report_ids: Sequence[UUID], package_id: UUID, now: datetime
) -> list[UUID]:
    """Hand over reports that another desk has accepted; return those that left this desk's queue.

    A report in danger, claimed or decided stays. Reports folded into a report that is handed over are folded
    again among the rest. The distribution package calls it with the package whose opening was acknowledged,
    after it has checked the actor's right.
    """
    if not report_ids:
        return []
    ids = uuid_array(report_ids)
    with transaction.atomic():
        hold_folding()
        behind = list(
            Case.objects.filter(head_id__in=report_ids).values_list("report_id", flat=True)
        )
        gone = sorted(row[0] for row in sql.rows(_HAND_OVER, [ids, now]))
        fold_again(behind)
        if gone:
            ledger.record_batch(
                actor=actor,
                action="case.hand_over",
                at=now,
                kind="report",
                items=[(report_id, package_id.bytes) for report_id in gone],
                detail={"package": str(package_id), "count": len(gone)},
            )
    return gone
