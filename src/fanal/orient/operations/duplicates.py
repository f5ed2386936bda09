"""Feedback drawn from folds: what is the same as an earlier report is a duplicate while it is folded so."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array, uuid_array
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.orient.domain.folding import DUPLICATES, LEVELS

_LEVELS = plain_array(str(n) for n, level in enumerate(LEVELS, start=1) if level in DUPLICATES)
# A person's word on a report stays: a fold adds its own only where nothing was said, or was withdrawn.
_SETTLE = """
WITH asked AS (SELECT * FROM unnest(%s::uuid[], %s::uuid[]) AS a (report_id, id)),
standing AS (
    SELECT a.id, c.report_id, c.desk_id, c.sender_id, newest.verdict, newest.origin,
        EXISTS (SELECT FROM orient_fold f
                WHERE f.report_id = a.report_id AND f.level = ANY (%s::smallint[])) AS same
    FROM asked a JOIN orient_case c ON c.report_id = a.report_id
    LEFT JOIN LATERAL (SELECT verdict, origin FROM orient_feedback said
        WHERE said.report_id = a.report_id ORDER BY said.id DESC LIMIT 1) newest ON true
    WHERE c.sender_id <> '00000000-0000-0000-0000-000000000000')
INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, origin, author_id, given_at)
SELECT id, report_id, desk_id, sender_id, CASE WHEN same THEN 'DUPLICATE' ELSE 'WITHDRAWN' END,
    'FOLD', %s, %s
FROM standing
WHERE CASE WHEN same THEN coalesce(verdict, 'WITHDRAWN') = 'WITHDRAWN'
           ELSE verdict = 'DUPLICATE' AND origin = 'FOLD' END
RETURNING report_id, verdict
"""


def settle_duplicates(*, actor: Actor, report_ids: Iterable[UUID], now: datetime) -> None:
    """Say of reports whether they are duplicates, as their folds stand in this transaction.

    Of a report of a program that is folded as the same file or the same event it says DUPLICATE, and of one
    that no longer is it takes back what a fold said. One ledger entry covers them.
    """
    ids = sorted(set(report_ids))
    if not ids:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            _SETTLE,
            [uuid_array(ids), uuid_array(new_id(now) for _ in ids), _LEVELS, actor.person_id, now],
        )
        said = sorted(cursor.fetchall())
    if said:
        ledger.record_batch(
            actor=actor,
            action="feedback.give",
            at=now,
            kind="report",
            items=[(report_id, verdict.encode()) for report_id, verdict in said],
            detail={"origin": "FOLD", "count": len(said)},
        )
