"""`fanal worker`: the worker alone, for nodes that run web and worker apart."""

import runpy

import click

from fanal.cli.boot import with_django
from fanal.postgres.roles import DatabaseRole


@click.command()
@with_django(DatabaseRole.WORKER, seals=True)
def worker() -> None:
    """Run the stages, the schedule and the sends until SIGTERM."""
    runpy.run_module("fanal.worker", run_name="__main__", alter_sys=True)
