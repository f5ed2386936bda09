"""`fanal calls`: only the process of the alarm calls, for nodes with separate web, worker and calls."""

import runpy

import click

from fanal.cli.boot import find_home, with_django
from fanal.cli.doctor_calls import FAULTS
from fanal.cli.supervisor import say
from fanal.config.keys import load_keys
from fanal.connectors import mail
from fanal.postgres.roles import DatabaseRole


@click.command()
@with_django(DatabaseRole.WORKER)
def calls() -> None:
    """Call the duty people for children in danger until SIGTERM."""
    load_keys(
        find_home(), public_node=False
    )  # without the digest key no call would enter the ledger
    for fault in mail.current().faults():
        say(f"no call for a child in danger reaches anybody from here: {FAULTS[fault]}")
    runpy.run_module("fanal.calls", run_name="__main__", alter_sys=True)
