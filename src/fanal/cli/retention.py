"""`fanal retention`: expiry now, and legal holds that beat it."""

import json
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole


@click.group()
def retention() -> None:
    """Erase what is due, or keep a report from it."""


@retention.command("run")
@with_django(DatabaseRole.WORKER)
def run() -> None:
    """Erase everything that is due by its retention class; print how much."""
    from fanal.worker.expiry import expire

    click.echo(json.dumps(expire(actor=system_actor("expiry"), now=clock.now())))


@retention.command("hold")
@click.argument("report_id", type=click.UUID)
@click.option("--motive", required=True, help="Why it must stay: the act or file that asks for it.")
@click.option("--as", "as_user", metavar="USER", help="In whose name.")
@with_django(DatabaseRole.APP)
def hold(report_id: UUID, motive: str, as_user: str | None) -> None:
    """Keep REPORT_ID from expiring until the hold is lifted."""
    from fanal.cli.readers import reader
    from fanal.intake import operations

    actor = reader(as_user, motive=motive, action="retention.hold")
    hold_id = operations.place_hold(
        actor=actor, report_id=report_id, motive=motive, now=clock.now()
    )
    click.echo(json.dumps({"hold": str(hold_id)}))


@retention.command("lift")
@click.argument("report_id", type=click.UUID)
@click.option("--motive", required=True, help="Why nothing needs it any more.")
@click.option("--as", "as_user", metavar="USER", help="In whose name.")
@with_django(DatabaseRole.APP)
def lift(report_id: UUID, motive: str, as_user: str | None) -> None:
    """Lift the holds of REPORT_ID."""
    from fanal.cli.readers import reader
    from fanal.intake import operations

    actor = reader(as_user, motive=motive, action="retention.hold")
    lifted = operations.lift_holds(actor=actor, report_id=report_id, motive=motive, now=clock.now())
    click.echo(json.dumps({"lifted": lifted}))
