"""Queries on legal holds: those in force by day of review, those of a report, and their numbers by desk."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import Reach, reach, require
from fanal.accounts.row_scope import across_desks
from fanal.db import sql
from fanal.kernel.actors import Actor


class HoldRecord(Struct, frozen=True, kw_only=True):
    """A legal hold on a report: who placed it, when, and the day of its next review.

    `review_on` is None for a hold of an earlier version that nobody has reviewed. `reviewed_by` and
    `reviewed_at` are of its last review, `lifted_by` and `lifted_at` of its end; None before. The reasons
    (`motive`, `review_motive`, `lift_motive`) are "" for a reader without the right to place holds, for whom
    `readable` is False.
    """

    id: UUID
    report_id: UUID
    placed_by: UUID
    placed_at: datetime
    review_on: date | None
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    lifted_by: UUID | None
    lifted_at: datetime | None
    readable: bool
    motive: str = ""
    review_motive: str = ""
    lift_motive: str = ""

    def is_due(self, day: date) -> bool:
        """Return whether the review is due by `day`, as is that of a hold without a day of review."""
        return self.review_on is None or self.review_on <= day

    @property
    def seen(self) -> str:
        """The text by which a form recognises that the hold was reviewed since its page was shown
        (`seen_of`).
        """
        return seen_of(self.review_on, self.reviewed_at)


def seen_of(review_on: date | None, reviewed_at: datetime | None) -> str:
    """Return a text of a hold's day of review and of the instant of its last review; every review changes
    it.

    A form sends it back, so that a review made after its page was shown is noticed. The text is never
    empty.
    """
    day = review_on.isoformat() if review_on else ""
    return f"{day}/{reviewed_at.astimezone(UTC).isoformat() if reviewed_at else ''}"


class HoldCounts(Struct, frozen=True, kw_only=True):
    """The legal holds of a desk: number in force, number due for review, and the instant when the oldest
    was placed.
    """

    in_force: int
    due: int
    oldest: datetime


_HOLDS = (
    "SELECT h.id, h.report_id, h.placed_by, h.placed_at, h.review_on, h.reviewed_by, h.reviewed_at,"
    " h.lifted_by, h.lifted_at, h.motive, h.review_motive, h.lift_motive, r.desk_id"
    " FROM intake_hold h JOIN intake_report r ON r.id = h.report_id"
)
_IN_FORCE = f"""
{_HOLDS} WHERE h.lifted_at IS NULL AND (%(everywhere)s OR r.desk_id = ANY (%(desks)s::integer[]))
  AND (%(due_by)s::date IS NULL OR h.review_on IS NULL OR h.review_on <= %(due_by)s)
ORDER BY h.review_on NULLS FIRST, h.id LIMIT %(limit)s OFFSET %(offset)s
"""


def list_holds(
    *, actor: Actor, due_by: date | None = None, limit: int = 50, offset: int = 0
) -> list[HoldRecord]:
    """Return a page of the legal holds in force at the actor's desks, by day of review, the earliest first.

    Holds without a day of review come first. With `due_by`, only holds whose review is due by that day are
    returned. `limit` is the size of the page, `offset` the number of holds before it.
    """
    bounds = reach(actor, "hold.read")
    found = sql.rows(
        _IN_FORCE,
        {
            "everywhere": bounds.everywhere,
            "desks": sorted(bounds.desk_ids),
            "due_by": due_by,
            "limit": limit,
            "offset": offset,
        },
    )
    return _records(actor, found)


def count_own_holds(*, actor: Actor, due_by: date | None = None) -> int:
    """Return the number of legal holds that `list_holds` would list without a limit, with the same
    `due_by`.
    """
    bounds = reach(actor, "hold.read")
    row = sql.one(
        "SELECT count(*) FROM intake_hold h JOIN intake_report r ON r.id = h.report_id"
        " WHERE h.lifted_at IS NULL AND (%s OR r.desk_id = ANY (%s::integer[]))"
        " AND (%s::date IS NULL OR h.review_on IS NULL OR h.review_on <= %s)",
        [bounds.everywhere, sorted(bounds.desk_ids), due_by, due_by],
    )
    return int(row[0])


def holds_of(*, actor: Actor, report_id: UUID) -> list[HoldRecord]:
    """Return all legal holds ever placed on a report, lifted ones included, the newest first.

    Empty if the report is outside the actor's desks, unknown, or erased: the erasure deletes its holds.
    """
    bounds = reach(actor, "hold.read")
    found = sql.rows(f"{_HOLDS} WHERE h.report_id = %s ORDER BY h.id DESC", [report_id])
    return _records(actor, [row for row in found if bounds.holds(row[12])])


def count_holds(*, actor: Actor, today: date) -> dict[int, HoldCounts]:
    """Count the legal holds in force by desk number, those of other desks too; desks without one are absent.

    `today` is the day by which a review is due.

    Raises:
        Refused: the actor may not read the state of retention.
    """
    require(actor, "retention.read")
    with across_desks():
        found = sql.rows(
            "SELECT r.desk_id, count(*),"
            " count(*) FILTER (WHERE h.review_on IS NULL OR h.review_on <= %s), min(h.placed_at)"
            " FROM intake_hold h JOIN intake_report r ON r.id = h.report_id"
            " WHERE h.lifted_at IS NULL GROUP BY r.desk_id ORDER BY r.desk_id",
            [today],
        )
    return {row[0]: HoldCounts(in_force=row[1], due=row[2], oldest=row[3]) for row in found}


def _records(actor: Actor, rows: Sequence[tuple]) -> list[HoldRecord]:  # type: ignore[type-arg]
    may_place: Reach = reach(actor, "retention.hold")
    return [
        HoldRecord(
            id=row[0],
            report_id=row[1],
            placed_by=row[2],
            placed_at=row[3],
            review_on=row[4],
            reviewed_by=row[5],
            reviewed_at=row[6],
            lifted_by=row[7],
            lifted_at=row[8],
            readable=readable,
            motive=row[9] if readable else "",
            review_motive=row[10] if readable else "",
            lift_motive=row[11] if readable else "",
        )
        for row in rows
        for readable in [may_place.holds(row[12])]
    ]
