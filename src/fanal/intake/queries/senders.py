"""What a sender may know of all that it sent: envelopes and counts, never what the desk does with them."""

from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach
from fanal.intake.domain.records import ReportFacts
from fanal.intake.domain.states import ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor

_LAST = UUID(int=2**128 - 1)


def list_sent(
    *, actor: Actor, state: ReportState | None = None, before: UUID | None = None, limit: int = 50
) -> list[ReportFacts]:
    """Return a page of the actor's own reports, newest first, older than `before`, in one state if asked."""
    sender = reach(actor, "report.status").partner_id
    if sender is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM intake_report WHERE sender_id = %s AND id < %s"
            " AND (%s = '' OR state = %s) ORDER BY id DESC LIMIT %s",
            [sender, before or _LAST, state or "", state or "", limit],
        )
        ids = [row[0] for row in cursor.fetchall()]
    found = get_reports(actor=actor, report_ids=ids)
    return [found[report_id] for report_id in ids if report_id in found]


def count_sent(*, actor: Actor) -> dict[ReportState, int]:
    """Return how many reports of the actor's own stand in each state, tests left out."""
    sender = reach(actor, "report.status").partner_id
    counts = dict.fromkeys(ReportState, 0)
    if sender is None:
        return counts
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM intake_report WHERE sender_id = %s AND NOT is_test"
            " GROUP BY state",
            [sender],
        )
        return counts | {ReportState(state): n for state, n in cursor.fetchall()}
