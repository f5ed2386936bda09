"""Queries on feedback to providers about their reports, limited to the desks of the reader."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach, require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.orient.feedback.domain import Feedback, FeedbackOrigin, FeedbackVerdict


def feedback_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, list[Feedback]]:
    """Return the feedback on reports that the actor may read, by report id, oldest first."""
    bounds = reach(actor, "report.read")
    found: dict[UUID, list[Feedback]] = {}
    given = sql.rows(
        "SELECT id, report_id, verdict, lacks, given_at, origin, author_id FROM orient_feedback"
        " WHERE report_id = ANY(%s) AND (%s OR desk_id = ANY(%s)) ORDER BY id",
        [list(report_ids), bounds.everywhere, sorted(bounds.desk_ids)],
    )
    for row in given:
        found.setdefault(row[1], []).append(
            Feedback(
                id=row[0],
                report_id=row[1],
                verdict=FeedbackVerdict(row[2]),
                lacks=tuple(row[3]),
                given_at=row[4],
                origin=FeedbackOrigin(row[5]),
                author_id=row[6],
            )
        )
    return found


def count_feedback(*, actor: Actor, sender_id: UUID, since: datetime) -> dict[str, int]:
    """Return the number of a provider's reports by verdict of their newest feedback given since an instant.

    Reports whose newest feedback is a withdrawal are left out; verdicts without a report are absent.

    Raises:
        Refused: the actor may not read providers.
    """
    require(actor, "provider.read")
    found = sql.rows(
        "SELECT verdict, count(*) FROM (SELECT DISTINCT ON (report_id) report_id, verdict"
        " FROM orient_feedback WHERE sender_id = %s AND given_at >= %s"
        " ORDER BY report_id, id DESC) AS newest WHERE verdict <> 'WITHDRAWN' GROUP BY verdict",
        [sender_id, since],
    )
    return dict(found)


class ProviderFigures(Struct, frozen=True, kw_only=True):
    """Quality figures of one provider.

    `cases` counts the reports, `linked` those with a link to another report, `duplicates` those whose newest
    feedback is DUPLICATE (a link by a shared value is not enough). `median` and `slowest` (the 95th
    percentile) are seconds from receipt to the queue, None without reports.
    """

    cases: int
    duplicates: int
    linked: int
    median: float | None
    slowest: float | None
    """95th percentile."""

    @property
    def share(self) -> int:
        """Percentage of reports that are linked to another report by a shared value; 0 without reports."""
        return round(100 * self.linked / self.cases) if self.cases else 0

    @property
    def duplicate_share(self) -> int:
        """Percentage of reports that are duplicates; 0 without reports."""
        return round(100 * self.duplicates / self.cases) if self.cases else 0


def provider_figures(*, actor: Actor, report_ids: Sequence[UUID]) -> ProviderFigures:
    """Return quality figures of a provider's reports: number, duplicates, linked reports, seconds to queue.

    Seconds run from receipt to the first proposal (median and 95th percentile; None without any).
    PostgreSQL's row security limits the count to the desks of the reader.

    Raises:
        Refused: the actor may not read providers.
    """
    require(actor, "provider.read")
    cases, duplicates, linked, median, slowest = sql.one(
        "SELECT count(*), count(*) FILTER (WHERE verdict = 'DUPLICATE'),"
        " count(*) FILTER (WHERE links > 0),"
        " percentile_cont(0.5) WITHIN GROUP (ORDER BY took),"
        " percentile_cont(0.95) WITHIN GROUP (ORDER BY took) FROM ("
        " SELECT c.links, extract(epoch FROM p.created_at - c.received_at) AS took,"
        " (SELECT f.verdict FROM orient_feedback f WHERE f.report_id = c.report_id"
        " ORDER BY f.id DESC LIMIT 1) AS verdict FROM orient_case c"
        " LEFT JOIN orient_proposal p ON p.report_id = c.report_id AND p.revision = 1"
        " WHERE c.report_id = ANY(%s)) AS of_late",
        [list(report_ids)],
    )
    return ProviderFigures(
        cases=cases, duplicates=duplicates, linked=linked, median=median, slowest=slowest
    )
