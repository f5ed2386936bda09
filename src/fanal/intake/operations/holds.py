"""Legal holds on reports, which keep them from expiry: placed, reviewed and lifted, each for a reason."""

from collections.abc import Collection
from datetime import date, datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import transaction

from fanal.db import sql
from fanal.intake.operations.lifecycle import require_hold, require_unerased
from fanal.intake.queries.holds import seen_of
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import add_months, paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger

REVIEW_MONTHS: Final = 12
"""Months until the review of a hold for which nobody chose a day."""
LONGEST_MONTHS: Final = 24
"""Months within which a hold is reviewed; the database checks it too."""


def place_hold(
    *,
    actor: Actor,
    report_id: UUID,
    motive: str,
    now: datetime,
    review_on: date | None = None,
    seen: int | None = None,
) -> UUID:
    """Place a legal hold on a report, which prevents its expiry; return the hold's id.

    On the day `review_on` (by default in a year) it is due for review; it never ends by itself. `seen`: the
    number of holds that the page showed, in force or lifted; None for a command.

    Raises:
        Refused: the actor may not place a hold on it.
        MotiveMissing: the reason (`motive`) is empty.
        Refusal: ERASED: the report is erased. DATE: the review is not on a coming day within two years.
            CHANGED: holds were placed since the page was shown.
    """
    require_hold(actor, report_id)
    if not stripped(motive):
        raise ledger.MotiveMissing("a hold has a motive")
    review_on = review_on or add_months(paris_day(now), REVIEW_MONTHS)
    _check_day(review_on, now)
    hold_id = new_id(now)
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="hold")
        _take_turn(report_id)
        placed = sql.one("SELECT count(*) FROM intake_hold WHERE report_id = %s", [report_id])[0]
        if seen is not None and seen != placed:
            raise Refusal("hold", "CHANGED")
        sql.run(
            "INSERT INTO intake_hold (id, report_id, placed_by, placed_at, motive, review_on)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [hold_id, report_id, actor.person_id, now, stripped(motive), review_on],
        )
        ledger.record_report(actor=actor, action="hold.place", at=now, report_id=report_id)
    return hold_id


def review_hold(
    *,
    actor: Actor,
    report_id: UUID,
    hold_id: UUID,
    review_on: date,
    motive: str,
    now: datetime,
    seen: str | None = None,
) -> None:
    """Keep a hold in force, for a reason (`motive`), until its next review on the day `review_on`.

    `seen`: the text `HoldRecord.seen` of the page; None for a command. Each review is recorded later than
    the one before it, even if its request came first.

    Raises:
        Refused: the actor may not review holds on the report.
        MotiveMissing: the reason is empty.
        Refusal: NOT_IN_FORCE: the report has no such hold, or it is lifted. CHANGED: it was reviewed since
            the page was shown. DATE: the review is not on a coming day within two years. ERASED: the report
            is erased.
    """
    require_hold(actor, report_id)
    if not stripped(motive):
        raise ledger.MotiveMissing("a hold is reviewed with a motive")
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="hold")
        at = _turn_on(report_id, [hold_id], seen=seen, now=now)
        if at is None:
            raise Refusal("hold", "NOT_IN_FORCE")
        _check_day(review_on, at)
        sql.run(
            "UPDATE intake_hold SET review_on = %s, reviewed_by = %s, reviewed_at = %s,"
            " review_motive = %s WHERE id = %s",
            [review_on, actor.person_id, at, stripped(motive), hold_id],
        )
        ledger.record_report(actor=actor, action="hold.review", at=at, report_id=report_id)


def lift_holds(
    *,
    actor: Actor,
    report_id: UUID,
    motive: str,
    now: datetime,
    hold_ids: Collection[UUID] | None = None,
    seen: str | None = None,
) -> int:
    """Lift the legal holds `hold_ids` on a report (None: all), for a reason (`motive`); return their
    number.

    `seen`: the text `HoldRecord.seen` of the page, if one hold is lifted; None for a command.

    Raises:
        Refused: the actor may not lift holds on it.
        MotiveMissing: the reason (`motive`) is empty.
        Refusal: CHANGED: the hold was reviewed since the page was shown.
    """
    require_hold(actor, report_id)
    if not stripped(motive):
        raise ledger.MotiveMissing("a hold is lifted with a motive")
    named = None if hold_ids is None else list(hold_ids)
    with transaction.atomic():
        at = _turn_on(report_id, named, seen=seen, now=now)
        if at is None:
            return 0
        lifted = sql.run(
            "UPDATE intake_hold SET lifted_by = %s, lifted_at = %s, lift_motive = %s"
            " WHERE report_id = %s AND lifted_at IS NULL AND (%s::uuid[] IS NULL OR id = ANY(%s))",
            [actor.person_id, at, stripped(motive), report_id, named, named],
        )
        ledger.record_report(actor=actor, action="hold.lift", at=at, report_id=report_id)
    return int(lifted)


def _check_day(day: date, now: datetime) -> None:
    today = paris_day(now)
    if not today < day <= add_months(today, LONGEST_MONTHS):
        raise Refusal("hold", "DATE")


def _take_turn(report_id: UUID) -> None:
    """Take the advisory lock of a report's legal holds until the end of the transaction.

    So each act on the holds sees what the act before it wrote.
    """
    sql.run("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [str(report_id)])


def _turn_on(
    report_id: UUID, hold_ids: list[UUID] | None, *, seen: str | None, now: datetime
) -> datetime | None:
    """Lock the holds of a report that are in force (`hold_ids`; None: all); return the instant to record
    for the act.

    The instant is `now`, but always later than the last act on one of them: a request that came earlier may
    be written later. None if the report has no such hold in force.

    Raises:
        Refusal: CHANGED: one was reviewed since the page that showed `seen`.
    """
    _take_turn(report_id)
    found = sql.rows(
        "SELECT review_on, reviewed_at, coalesce(reviewed_at, placed_at) FROM intake_hold"
        " WHERE report_id = %s AND lifted_at IS NULL AND (%s::uuid[] IS NULL OR id = ANY(%s))"
        " FOR UPDATE",
        [report_id, hold_ids, hold_ids],
    )
    if not found:
        return None
    if seen is not None and any(seen != seen_of(row[0], row[1]) for row in found):
        raise Refusal("hold", "CHANGED")
    last: datetime = max(row[2] for row in found)
    return max(now, last + timedelta(microseconds=1))
