"""Write operations on reporters' answers: mark as read by the desk or as processed, notify, delete."""

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
    """Mark answers of a report's sender as read by the desk; return how many of them were unread.

    `message_ids` are the answers that the page showed: an answer that arrives meanwhile stays unread.
    Answers on other reports or at other desks are skipped, and all of them while another person has claimed
    the report. The ledger gets an entry only if an answer was unread.

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
    """Delete the rows on answers whose texts are erased: all on these reports, and those of these messages.

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
    """Return the reports with a new answer, whose priority must therefore be computed again; lock their
    answers.

    At most `most` reports, the one with the longest waiting answer first. `idle` gets report ids and
    returns those that no stage is processing; the others are left for later. The rows of the answers stay
    locked until the caller's transaction ends.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    ids = list(idle([row[0] for row in sql.rows(_UNWEIGHED, [])]))[:most]
    taken = {row[0] for row in sql.rows(_TAKEN, [ids])}
    return [report_id for report_id in ids if report_id in taken]


def note_weighed(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Record that a computation of the priority with the new answers of these reports is queued, at the
    instant `now`.

    The caller queues the computation in the same transaction.

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
    """Notify the person in charge of each of these reports that the report's sender wrote a new, unread
    answer.

    New means not yet recorded by `note_weighed`, so that each answer is notified once. If nobody is in
    charge of a report, nobody is notified: the queue shows its answer.

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
