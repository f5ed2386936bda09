"""Begins a dry run over all the past in the name of a supervisor, as the page of a rule set does.

Run as a program beside a real installation: `python -m tests.faults.begin_trial RULESET LOGIN`.
"""

from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.kernel import clock
from fanal.postgres import DatabaseRole


@click.command()
@click.argument("ruleset", type=click.UUID)
@click.argument("login")
@with_django(DatabaseRole.APP)
def main(ruleset: UUID, login: str) -> None:
    from fanal.analyse.priority.operations import start_trial
    from fanal.cli.rules import supervisor

    made = start_trial(actor=supervisor(login), ruleset_id=ruleset, now=clock.now())
    click.echo(str(made))


if __name__ == "__main__":
    main()
