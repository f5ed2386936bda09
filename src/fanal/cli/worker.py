"""`fanal worker`, `fanal calls`: a single process of the desk; `fanal replay`: repeated processing stages."""

import json
import runpy

import click

from fanal.cli.boot import find_home, with_django
from fanal.cli.doctor_desk import FAULTS
from fanal.cli.supervisor import say
from fanal.config.keys import load_keys
from fanal.connectors import mail
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres.roles import DatabaseRole

# `fanal worker`: only the worker, for nodes with separate web and worker.


@click.command()
@with_django(DatabaseRole.WORKER, seals=True)
def worker() -> None:
    """Run the processing of reports, scheduled jobs and notices until SIGTERM."""
    load_keys(find_home(), public_node=False)  # without opening keys reports would only wait
    runpy.run_module("fanal.worker", run_name="__main__", alter_sys=True)


# `fanal calls`: only the process of the alarm calls, for nodes with separate web, worker and calls.


@click.command()
@with_django(DatabaseRole.WORKER, agrees=False)
def calls() -> None:
    """Run the process that sends alarm calls for children in danger, until SIGTERM."""
    load_keys(
        find_home(), public_node=False
    )  # without the digest key no call would enter the ledger
    for fault in mail.current().faults():
        say(f"no call for a child in danger reaches anybody from here: {FAULTS[fault]}")
    runpy.run_module("fanal.calls", run_name="__main__", alter_sys=True)


# `fanal replay STAGE`: processes reports again from a stage after a rule change; old results are kept.

_STAGES = ["HARMONISE", "ANALYSE", "CROSSCHECK", "PRIORITISE", "ORIENT"]
_PAGE = 2000


@click.command()
@click.argument("stage", type=click.Choice(_STAGES, case_sensitive=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.WORKER)
def replay(stage: str, as_json: bool) -> None:
    """Queue each processed report again for STAGE and the following stages; the worker runs them.

    Reports of closed desks are left out: nobody would see what comes of them.
    """
    from fanal.accounts.queries.desks import list_desks
    from fanal.intake.domain.records import Stage
    from fanal.intake.operations.queue import replay_stage
    from fanal.intake.queries.envelopes import list_reports

    actor, now, moved = system_actor("fanal replay"), clock.now(), 0
    closed = {desk.id for desk in list_desks(actor=actor) if desk.closed_at}
    left = 0
    page = list_reports(actor=actor, after=None, limit=_PAGE)
    while page:
        ids = [found.report_id for found in page if found.desk_id not in closed]
        left += len(page) - len(ids)
        moved += replay_stage(actor=actor, stage=Stage(stage.upper()), report_ids=ids, now=now)
        page = list_reports(actor=actor, after=page[-1].report_id, limit=_PAGE)
    click.echo(
        json.dumps({"stage": stage.upper(), "replayed": moved, "closed_desks": left})
        if as_json
        else f"{moved} reports go through {stage.upper()} again."
    )
    if left and not as_json:
        click.echo(f"{left} reports of closed desks are left out; see 'fanal desk reopen'.")
