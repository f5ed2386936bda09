"""Marks the cases whose time is over: the view of late ones reads them in the order of the queue."""

from datetime import datetime

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor

# What somebody is about to change comes at the next look. A trigger takes the mark off when `due_at` moves.
# Picked on its own first: within IN, a nested loop would pick anew for each row and mark more than asked.
_MARK = """
WITH picked AS MATERIALIZED (
    SELECT report_id FROM orient_case
    WHERE NOT late AND state IN ('TO_ASSESS', 'CLAIMED', 'TO_SECOND') AND due_at <= %s
    ORDER BY due_at LIMIT %s FOR UPDATE SKIP LOCKED)
UPDATE orient_case c SET late = true FROM picked WHERE c.report_id = picked.report_id
"""


def mark_late(*, actor: Actor, now: datetime, most: int = 2000) -> int:
    """Mark at most `most` waiting cases that are late at `now`, the longest first; return how many.

    Not in the ledger: it says nothing that `due_at` does not say.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(_MARK, [now, most])
        return int(cursor.rowcount)
