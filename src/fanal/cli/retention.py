"""`fanal retention`: immediate erasure of expired data, reviews, and legal holds, which prevent erasure.

`as_user` is the login of the acting person, `code` their one-time code (default: asked on the terminal).
"""

import json
from datetime import datetime
from typing import Final
from uuid import UUID

import click
import msgspec

from fanal.cli.actors import code_option, proven
from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.calendar import paris_day
from fanal.postgres import DatabaseRole

_PAGE: Final = 500


@click.group()
def retention() -> None:
    """Erase data at the end of its retention period; manage legal holds and reviews of reports."""


@retention.command("run")
@with_django(DatabaseRole.WORKER)
def run() -> None:
    """Erase all data past their retention period; print the numbers of erased objects by kind, as JSON."""
    from fanal.worker.expiry import expire

    click.echo(json.dumps(expire(actor=system_actor("expiry"), now=clock.now())))


@retention.command("hold")
@click.argument("report_id", type=click.UUID)
@click.option("--motive", required=True, help="Purpose: the act or file that requires the hold.")
@click.option(
    "--review-on",
    type=click.DateTime(["%Y-%m-%d"]),
    help="Day of the review, within two years: YYYY-MM-DD (default: in a year).",
)
@click.option("--as", "as_user", metavar="USER", help="Login of the acting person.")
@code_option
@with_django(DatabaseRole.APP)
def hold(
    *,
    report_id: UUID,
    motive: str,
    review_on: datetime | None,
    as_user: str | None,
    code: str | None,
) -> None:
    """Record a legal hold on REPORT_ID: its data is not erased until the hold is lifted."""
    from fanal.intake.operations.holds import place_hold

    actor = proven(as_user, code=code, motive=motive, action="retention.hold")
    hold_id = place_hold(
        actor=actor,
        report_id=report_id,
        motive=motive,
        now=clock.now(),
        review_on=review_on.date() if review_on else None,
    )
    click.echo(json.dumps({"hold": str(hold_id)}))


@retention.command("holds")
@click.option("--due", is_flag=True, help="Only those whose review is due.")
@click.option("--as", "as_user", metavar="USER", required=True, help="Login of the acting person.")
@with_django(DatabaseRole.APP)
def list_(due: bool, as_user: str) -> None:
    """Print the legal holds in force at USER's desks, one JSON object a line, the earliest review first."""
    from fanal.cli.actors import reader
    from fanal.intake.queries.holds import list_holds
    from fanal.ledger import operations as ledger

    actor, now, offset = reader(as_user, motive="holds", action="hold.read"), clock.now(), 0
    due_by = paris_day(now) if due else None
    while found := list_holds(actor=actor, due_by=due_by, limit=_PAGE, offset=offset):
        offset += len(found)
        items = [(one.report_id, b"") for one in found]
        ledger.record_batch(actor=actor, action="report.list", at=now, kind="report", items=items)
        for one in found:
            click.echo(msgspec.json.encode(one).decode())


@retention.command("keep")
@click.argument("report_id", type=click.UUID)
@click.argument("hold_id", type=click.UUID)
@click.option("--motive", required=True, help="Reason why the hold is still needed.")
@click.option(
    "--review-on",
    type=click.DateTime(["%Y-%m-%d"]),
    required=True,
    help="Day of the next review, within two years: YYYY-MM-DD.",
)
@click.option("--as", "as_user", metavar="USER", help="Login of the acting person.")
@code_option
@with_django(DatabaseRole.APP)
def keep(
    *,
    report_id: UUID,
    hold_id: UUID,
    motive: str,
    review_on: datetime,
    as_user: str | None,
    code: str | None,
) -> None:
    """Review the legal hold HOLD_ID on REPORT_ID: it stays in force until its next review."""
    from fanal.intake.operations.holds import review_hold

    actor = proven(as_user, code=code, motive=motive, action="retention.hold")
    review_hold(
        actor=actor,
        report_id=report_id,
        hold_id=hold_id,
        review_on=review_on.date(),
        motive=motive,
        now=clock.now(),
    )
    click.echo(json.dumps({"hold": str(hold_id)}))


@retention.command("lift")
@click.argument("report_id", type=click.UUID)
@click.option("--motive", required=True, help="Reason why the hold is no longer needed.")
@click.option("--as", "as_user", metavar="USER", help="Login of the acting person.")
@code_option
@with_django(DatabaseRole.APP)
def lift(report_id: UUID, motive: str, as_user: str | None, code: str | None) -> None:
    """Lift the legal holds on REPORT_ID, which kept it from being erased; print how many."""
    from fanal.intake.operations.holds import lift_holds

    actor = proven(as_user, code=code, motive=motive, action="retention.hold")
    lifted = lift_holds(actor=actor, report_id=report_id, motive=motive, now=clock.now())
    click.echo(json.dumps({"lifted": lifted}))


@retention.command("reviews")
@click.option("--as", "as_user", metavar="USER", required=True, help="Login of the acting person.")
@with_django(DatabaseRole.APP)
def reviews(as_user: str) -> None:
    """Print the reports of USER's desks due for a review (keep or erase), one JSON object a line."""
    from fanal.cli.actors import reader
    from fanal.intake.queries.reviews import list_reviews, review_before
    from fanal.ledger import operations as ledger

    actor, now, after = reader(as_user, motive="review", action="retention.hold"), clock.now(), None
    while due := list_reviews(actor=actor, before=review_before(now=now), after=after):
        after = due[-1].report_id
        items = [(one.report_id, b"") for one in due]
        ledger.record_batch(actor=actor, action="report.list", at=now, kind="report", items=items)
        for one in due:
            click.echo(msgspec.json.encode(one).decode())


@retention.command("review")
@click.argument("report_id", type=click.UUID)
@click.argument("verdict", type=click.Choice(["keep", "end"]))
@click.option("--motive", required=True, help="Reason why it is still needed, or no longer.")
@click.option("--as", "as_user", metavar="USER", required=True, help="Login of the acting person.")
@code_option
@with_django(DatabaseRole.APP)
def review(*, report_id: UUID, verdict: str, motive: str, as_user: str, code: str | None) -> None:
    """Answer a review: keep REPORT_ID until its next review, or propose its erasure before the due date.

    Both require USER's own one-time code, and so does the answer of the second person.
    """
    from fanal.cli.failures import CommandRefused
    from fanal.intake.operations.lifecycle import review_report
    from fanal.kernel.states import TransitionRefused

    actor = proven(as_user, code=code, motive=motive, action="retention.hold")
    try:
        review_id = review_report(
            actor=actor, report_id=report_id, end=verdict == "end", motive=motive, now=clock.now()
        )
    except TransitionRefused:
        raise CommandRefused("REVIEW_UNDER_WAY", report=report_id) from None
    click.echo(json.dumps({"review": str(review_id)}))


@retention.command("second")
@click.argument("review_id", type=click.UUID)
@click.argument("verdict", type=click.Choice(["agree", "refuse"]))
@click.option("--motive", required=True, help="Reason for the answer.")
@click.option("--as", "as_user", metavar="USER", required=True, help="Login of the acting person.")
@code_option
@with_django(DatabaseRole.APP)
def second(*, review_id: UUID, verdict: str, motive: str, as_user: str, code: str | None) -> None:
    """Approve or refuse, as a second person, the early erasure proposed in the review REVIEW_ID."""
    from fanal.intake.operations.lifecycle import second_review

    actor = proven(as_user, code=code, motive=motive, action="retention.hold")
    second_review(
        actor=actor,
        review_id=review_id,
        agreed=verdict == "agree",
        motive=motive,
        now=clock.now(),
    )
    click.echo(json.dumps({"review": str(review_id)}))
