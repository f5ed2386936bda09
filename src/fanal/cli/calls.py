"""`fanal calls`: the calls for a child in danger alone, for nodes that run web, worker and calls apart."""

import runpy

import click

from fanal.cli.boot import find_home, with_django
from fanal.config.keys import load_keys
from fanal.postgres.roles import DatabaseRole


@click.command()
@with_django(DatabaseRole.WORKER)
def calls() -> None:
    """Call the duty people for children in danger until SIGTERM."""
    load_keys(
        find_home(), public_node=False
    )  # without the digest key no call would enter the ledger
    runpy.run_module("fanal.calls", run_name="__main__", alter_sys=True)
