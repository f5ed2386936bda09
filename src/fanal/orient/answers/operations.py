"""Write operations of answers: the desk has read what a reporter wrote, and so have the stages."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.policy import reach, require, require_somewhere
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.notifications.domain import NotificationKind
from fanal.orient.notifications.operations import notify

_READ = """
UPDATE orient_answer SET read_at = %(now)s, read_by = %(person)s
WHERE report_id = %(report)s AND message_id = ANY(%(messages)s::uuid[]) AND read_at IS NULL
    AND (%(desks)s::int[] IS NULL OR desk_id = ANY(%(desks)s::int[]))
    AND NOT EXISTS (SELECT FROM orient_case c WHERE c.report_id = %(report)s
        AND c.state = 'CLAIMED' AND c.claimed_by <> %(person)s AND c.lease_until > %(now)s)
RETURNING message_id
"""


def read_answers(
    *, actor: Actor, report_id: UUID, message_ids: Collection[UUID], now: datetime
) -> int:
    """Record that the desk has read these answers on a report, and return how many were unread.

    `message_ids` are those that the page showed, so that one that comes meanwhile stays unread. Answers of
    other reports and desks, those already read, and all while somebody else holds the report are left out;
    without any, nothing is recorded.

    Raises:
        Refused: the actor may not claim reports at any desk.
    """
    require_somewhere(actor, "report.claim")
    values = {
        "now": now,
        "person": actor.person_id,
        "report": report_id,
        "messages": list(message_ids),
        "desks": reach(actor, "report.claim").desks,
    }
    with transaction.atomic():
        read = [row[0] for row in sql.rows(_READ, values)]
        if read:
            ledger.record(
                actor=actor,
                action="message.acknowledge",
                at=now,
                objects=[
                    ObjectRef(kind="report", id=report_id),
                    *(ObjectRef(kind="message", id=message_id) for message_id in sorted(read)),
                ],
            )
    return len(read)


def forget_answers(
    *, actor: Actor, report_ids: Sequence[UUID] = (), message_ids: Sequence[UUID] = ()
) -> None:
    """Delete what is known of the answers on these reports, or of these, as their texts are erased.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    sql.run(
        "DELETE FROM orient_answer WHERE report_id = ANY(%s) OR message_id = ANY(%s)",
        [list(report_ids), list(message_ids)],
    )


_UNWEIGHED = """
SELECT report_id FROM orient_answer WHERE weighed_at IS NULL
GROUP BY report_id ORDER BY min(came_at), report_id
"""
_TAKEN = """
SELECT report_id FROM orient_answer WHERE weighed_at IS NULL AND report_id = ANY(%s)
FOR UPDATE SKIP LOCKED
"""


def take_unweighed(
    *, actor: Actor, idle: Callable[[Sequence[UUID]], Sequence[UUID]], most: int
) -> list[UUID]:
    """Return the reports with an answer that the stages have not read, the longest waiting first, once each.

    At most `most`, of those which `idle` keeps: reports that no stage can take now hold up no other. Their
    answers stay locked until the caller's transaction ends.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ids = list(idle([row[0] for row in sql.rows(_UNWEIGHED, [])]))[:most]
    taken = {row[0] for row in sql.rows(_TAKEN, [ids])}
    return [report_id for report_id in ids if report_id in taken]


def note_weighed(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Record that the stages will read the answers that these reports have now.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    sql.run(
        "UPDATE orient_answer SET weighed_at = %s WHERE report_id = ANY(%s) AND weighed_at IS NULL",
        [now, list(report_ids)],
    )


_HOLDERS = """
SELECT c.report_id, c.desk_id, coalesce(g.person_id, c.claimed_by) FROM orient_case c
LEFT JOIN orient_assignment g ON g.report_id = c.report_id AND g.ended_at IS NULL
WHERE c.report_id = ANY(%s) AND (c.state = 'CLAIMED' AND c.claimed_by IS NOT NULL OR g.id IS NOT NULL)
    AND NOT c.is_test AND EXISTS (SELECT FROM orient_answer a
        WHERE a.report_id = c.report_id AND a.read_at IS NULL AND a.weighed_at IS NULL)
"""


def tell_holders(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Notify the person in charge of each of these reports that has an unread answer.

    Once for all answers that `note_weighed` records next. Of a report that nobody has in charge nobody is
    notified: its answer waits in the queue.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    for report_id, desk_id, person_id in sql.rows(_HOLDERS, [list(report_ids)]):
        notify(
            kind=NotificationKind.ANSWER,
            people=[person_id],
            desk_id=desk_id,
            report_id=report_id,
            now=now,
        )
