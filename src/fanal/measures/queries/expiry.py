"""Measures that are due to expire."""

from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id

_DUE = """
SELECT m.id, m.report_id FROM measures_measure m
WHERE m.erased_at IS NULL AND m.id > %s AND m.id < %s
  AND NOT (m.kind IN ('BLOCKING', 'DEREFERENCING') AND m.state = 'EXECUTED')
  AND NOT EXISTS (SELECT FROM measures_step s WHERE s.measure_id = m.id AND s.recorded_at >= %s)
ORDER BY m.id LIMIT %s
"""


def list_due(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[tuple[UUID, UUID]]:
    """Return measures (ids above `after`) without a step since `before`, each with its report.

    A blocking or dereferencing that is still in effect is not due: it must be lifted first.

    Raises:
        Refused: the actor may not run the stages.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(_DUE, [after or UUID(int=0), lowest_id(before), before, limit])
        return list(cursor.fetchall())
