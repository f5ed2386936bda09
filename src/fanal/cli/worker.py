"""`fanal worker`: only the worker, for nodes with separate web and worker."""

import runpy

import click

from fanal.cli.boot import find_home, with_django
from fanal.config.keys import load_keys
from fanal.postgres.roles import DatabaseRole


@click.command()
@with_django(DatabaseRole.WORKER, seals=True)
def worker() -> None:
    """Run the stages, the schedule and the sends until SIGTERM."""
    load_keys(find_home(), public_node=False)  # without opening keys reports would only wait
    runpy.run_module("fanal.worker", run_name="__main__", alter_sys=True)
