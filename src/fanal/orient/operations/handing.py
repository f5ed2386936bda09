"""Handing over: a report that another desk has taken no longer waits for this one."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import uuid_array
from fanal.ledger import operations as ledger
from fanal.orient.models import Case
from fanal.orient.operations.folding import fold_again, hold_folding

# What somebody holds, decided on or must read first (danger) stays where it is.
_HAND_OVER = """
UPDATE orient_case SET state = 'HANDED_OVER', head_id = NULL, claimed_by = NULL, lease_until = NULL
WHERE report_id = ANY (%s::uuid[]) AND level <> 'DANGER' AND NOT urgent
  AND (state IN ('TO_ASSESS', 'FOLDED') OR state = 'CLAIMED' AND lease_until <= %s)
RETURNING report_id
"""


def hand_over(
    *, actor: Actor, report_ids: Sequence[UUID], package_id: UUID, now: datetime
) -> list[UUID]:
    """Note that another desk has taken reports; return those that no longer wait for this one.

    A report of danger stays, and so does one that somebody holds or has decided on. What was folded into one
    that leaves is shown again. Distribution calls it with the package whose opening was acknowledged, after
    it has checked the actor's right to note that.
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
