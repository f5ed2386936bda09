"""Reports due for periodic review, and reports whose early erasure two people approved."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from fanal import reference
from fanal.accounts.domain.policy import reach, require
from fanal.db import sql
from fanal.intake.domain.records import DueReview, ReviewState
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, paris_day, start_of_day
from fanal.kernel.ids import lowest_id

_NEWEST = """
FROM intake_report r
LEFT JOIN LATERAL (
    SELECT v.id, v.verdict, v.person_id, v.decided_at FROM intake_review v
    WHERE v.report_id = r.id ORDER BY v.id DESC LIMIT 1) n ON true
LEFT JOIN intake_review_second s ON s.review_id = n.id
WHERE r.erased_at IS NULL
"""
_DUE = f"""
SELECT r.id, r.desk_id, r.received_at, n.verdict = 'END' AND s.review_id IS NULL, n.id, n.person_id,
    coalesce(s.decided_at, n.decided_at, r.received_at)
{_NEWEST} AND r.state = 'FINISHED' AND r.id > %(after)s AND r.id < %(first)s
  AND (%(everywhere)s OR r.desk_id = ANY (%(desks)s::integer[]))
  AND CASE WHEN n.id IS NULL THEN true
           WHEN n.verdict = 'END' AND s.review_id IS NULL THEN true
           WHEN s.agreed THEN false
           ELSE coalesce(s.decided_at, n.decided_at) < %(before)s END
ORDER BY r.id LIMIT %(limit)s
"""
_ENDED = f"""
SELECT r.id {_NEWEST} AND s.agreed AND NOT EXISTS (
    SELECT FROM intake_hold h WHERE h.report_id = r.id AND h.lifted_at IS NULL)
AND r.id <> ALL (%s::uuid[]) ORDER BY r.id LIMIT %s
"""  # noqa: S608 - a constant


def list_reviews(
    *, actor: Actor, before: datetime, after: UUID | None = None, limit: int = 500
) -> list[DueReview]:
    """Return finished reports of the actor's desks that were neither received nor reviewed since `before`,
    in order of id.

    Proposals of early erasure that await approval by a second person are included; reports whose early
    erasure was approved are left out. At most `limit`; `after` is the last id of the previous page, None
    for the first page.
    """
    bounds = reach(actor, "retention.hold")
    found = sql.rows(
        _DUE,
        {
            "after": after or UUID(int=0),
            "first": lowest_id(before),
            "before": before,
            "everywhere": bounds.everywhere,
            "desks": sorted(bounds.desk_ids),
            "limit": limit,
        },
    )
    return [_due(row) for row in found]


def review_state(*, report_id: UUID) -> ReviewState:
    """Return the state of a report's periodic review: DUE without one, else kept or its erasure proposed.

    ENDED: a second person agreed to the early erasure; KEPT also after a refusal of it. Whether a kept report
    is due again depends on the review period, which is not read here. The caller has checked the right.
    """
    row = sql.row(
        f"SELECT n.verdict, s.agreed {_NEWEST} AND r.id = %s",
        [report_id],
    )
    verdict, agreed = row or (None, None)
    if verdict is None:
        return ReviewState.DUE
    if verdict == "KEEP" or agreed is False:
        return ReviewState.KEPT
    return ReviewState.ENDED if agreed else ReviewState.END_PROPOSED


def list_ended(*, actor: Actor, but: Sequence[UUID] = (), limit: int = 500) -> list[UUID]:
    """Return the ids of reports whose early erasure is approved, without legal hold and not erased yet.

    They are in order of id, at most `limit`, without those of `but`.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    return [row[0] for row in sql.rows(_ENDED, [list(but), limit])]


_UNERASED = "SELECT id FROM intake_report WHERE id = ANY(%s) AND erased_at IS NULL ORDER BY id"


def list_unerased(*, actor: Actor, report_ids: list[UUID], held: bool = False) -> list[UUID]:
    """Return the ids among `report_ids` of the reports that are not erased, in order of id and each once.

    With `held`, their rows are locked, so that none of them is erased before the end of the transaction.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    found = sql.rows(
        f"{_UNERASED} FOR SHARE" if held else _UNERASED,
        [report_ids],
    )
    return [row[0] for row in found]


def review_months(*, now: datetime) -> int:
    """Return the review period of reports in months, from the retention class in force at `now`.

    Raises:
        LookupError: the retention class of reports is not in force, or has no review.
    """
    entry = reference.load().by_code(reference.Retention, "REPORT_SEALED", paris_day(now))
    if entry is None or entry.value.review_months is None:
        raise LookupError("reports have no review in force")
    return entry.value.review_months


def review_before(*, now: datetime) -> datetime:
    """Return the cut-off instant: a review is due if the last review, or else the receipt, is before it.

    It is the instant (UTC) at which that day begins in Europe/Paris.

    Raises:
        LookupError: the retention class of reports is not in force, or has no review.
    """
    return start_of_day(add_months(paris_day(now), -review_months(now=now)))


def _due(
    row: tuple[UUID, int, datetime, bool | None, UUID | None, UUID | None, datetime],
) -> DueReview:
    report_id, desk_id, received_at, waits, review_id, person_id, since = row
    if waits:
        return DueReview(
            report_id=report_id,
            desk_id=desk_id,
            received_at=received_at,
            since=since,
            state=ReviewState.END_PROPOSED,
            review_id=review_id,
            proposed_by=person_id,
        )
    return DueReview(
        report_id=report_id,
        desk_id=desk_id,
        received_at=received_at,
        since=since,
        state=ReviewState.DUE,
    )


def erased_among(*, report_ids: Collection[UUID]) -> set[UUID]:
    """Return those of these reports that are erased; only reports that the session may see."""
    if not report_ids:
        return set()
    found = sql.rows(
        "SELECT id FROM intake_report WHERE id = ANY(%s) AND erased_at IS NOT NULL",
        [list(report_ids)],
    )
    return {row[0] for row in found}
