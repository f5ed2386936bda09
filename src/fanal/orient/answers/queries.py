"""Queries on the answers of reporters that nobody at the desk has read yet."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from fanal.accounts.domain.policy import reach, require
from fanal.db import sql
from fanal.kernel.actors import Actor

_UNREAD = """
SELECT {columns} FROM orient_answer
WHERE report_id = ANY(%(reports)s::uuid[]) AND read_at IS NULL
    AND (%(desks)s::int[] IS NULL OR desk_id = ANY(%(desks)s::int[]))
"""

_HELD = """
SELECT c.report_id FROM orient_case c
WHERE c.report_id IN (SELECT report_id FROM orient_case WHERE state = 'CLAIMED' AND claimed_by = %(person)s
        UNION ALL SELECT report_id FROM orient_assignment WHERE person_id = %(person)s AND ended_at IS NULL)
    AND (%(desks)s::int[] IS NULL OR c.desk_id = ANY(%(desks)s::int[]))
    AND EXISTS (SELECT FROM orient_answer n WHERE n.report_id = c.report_id AND n.read_at IS NULL)
ORDER BY c.rank, c.report_id LIMIT %(most)s
"""


def count_unread(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of unread answers on each report that the actor may list; a report without any has
    no key.
    """
    desks = reach(actor, "report.list").desks
    if not report_ids or desks == []:
        return {}
    query = _UNREAD.format(columns="report_id, count(*)") + "GROUP BY report_id"
    return dict(sql.rows(query, {"reports": list(report_ids), "desks": desks}))


def unread_on(*, actor: Actor, report_id: UUID) -> frozenset[UUID]:
    """Return the ids of the unread answers on a report that the actor may read; empty for other reports."""
    desks = reach(actor, "report.read").desks
    if desks == []:
        return frozenset()
    query = _UNREAD.format(columns="message_id")
    return frozenset(row[0] for row in sql.rows(query, {"reports": [report_id], "desks": desks}))


def held_with_answers(*, actor: Actor, most: int = 100) -> list[UUID]:
    """Return the reports in the actor's charge (claimed by or assigned to them) with an unread answer.

    Highest priority first, at most `most`. A claim whose lease has run out counts until the report is
    released.
    """
    desks = reach(actor, "report.list").desks
    if desks == []:
        return []
    values = {"person": actor.person_id, "desks": desks, "most": most}
    return [row[0] for row in sql.rows(_HELD, values)]


def list_unheard(*, actor: Actor, report_ids: Sequence[UUID], since: datetime) -> set[UUID]:
    """Return those of the reports that have an answer or an alarm, newer than `since`, which still waits
    for a person.

    The answer is one of the reporter that nobody has read, the alarm one that nobody has acknowledged.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT report_id FROM orient_answer"
        " WHERE report_id = ANY(%(ids)s::uuid[]) AND read_at IS NULL AND came_at > %(since)s"
        " UNION SELECT report_id FROM orient_alarm"
        " WHERE report_id = ANY(%(ids)s::uuid[]) AND acknowledged_at IS NULL AND raised_at > %(since)s",
        {"ids": list(report_ids), "since": since},
    )
    return {row[0] for row in found}
