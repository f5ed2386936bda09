"""`fanal demo`: what exists in a demo database only."""

import click

from fanal.cli.demo_accounts import accounts


@click.group()
def demo() -> None:
    """Commands of a demo database."""


demo.add_command(accounts)
