"""`fanal replay STAGE`: processes reports again from a stage after a rule change; old results are kept."""

import json

import click

from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_STAGES = ["HARMONISE", "ANALYSE", "CROSSCHECK", "PRIORITISE", "ORIENT"]
_PAGE = 2000


@click.command()
@click.argument("stage", type=click.Choice(_STAGES, case_sensitive=False))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.WORKER)
def replay(stage: str, as_json: bool) -> None:
    """Send every finished report through STAGE and what follows; the worker does the rest."""
    from fanal.intake import operations, queries
    from fanal.intake.domain.states import Stage

    actor, now, moved = system_actor("fanal replay"), clock.now(), 0
    page = queries.list_reports(actor=actor, after=None, limit=_PAGE)
    while page:
        moved += operations.replay_stage(
            actor=actor, stage=Stage(stage.upper()), report_ids=[f.report_id for f in page], now=now
        )
        page = queries.list_reports(actor=actor, after=page[-1].report_id, limit=_PAGE)
    click.echo(
        json.dumps({"stage": stage.upper(), "replayed": moved})
        if as_json
        else f"{moved} reports go through {stage.upper()} again."
    )
