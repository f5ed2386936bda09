"""What stands before an act on a legal hold: one that a colleague placed, and what the page showed of it."""

from datetime import UTC, datetime

from fanal.db import sql
from fanal.intake.operations.holds import REVIEW_MONTHS, place_hold
from fanal.intake.queries.holds import seen_of
from fanal.kernel.calendar import add_months, paris_day
from tests.integration.policy.scenes import REASON, Posted, Scene


def day(months: int) -> str:
    """Return the day so many months from now."""
    return add_months(paris_day(datetime.now(UTC)), months).isoformat()


def placed(scene: Scene) -> str:
    """Return how many holds the page of the report showed."""
    return str(
        sql.one("SELECT count(*) FROM intake_hold WHERE report_id = %s", [scene.report_id])[0]
    )


def held(scene: Scene) -> Posted:
    """Have a hold on the report."""
    now = datetime.now(UTC)
    hold_id = place_hold(actor=scene.keeper, report_id=scene.report_id, motive=REASON, now=now)
    seen = seen_of(add_months(paris_day(now), REVIEW_MONTHS), None)
    return Posted(form={"hold": str(hold_id), "seen": seen, "motive": REASON})
