"""`fanal migrate`: tables and rights, as the owner."""

import os

import click

from fanal.cli.boot import enter_django, find_home, make_keys
from fanal.config.databases import Databases, open_databases
from fanal.config.migration import Mark, migrating, with_lock_timeout
from fanal.postgres.roles import DatabaseRole


@click.command()
@click.option("--demo", is_flag=True, help="Mark a new database as a demo; refuse any other.")
@click.option("--verbosity", type=click.IntRange(0, 3), default=0, show_default=True)
def migrate(demo: bool, verbosity: int) -> None:
    """Bring the database to the present tables and rights; safe to repeat."""
    home = find_home()
    make_keys(home)
    with open_databases(home=home, environ=os.environ) as databases:
        owner_url = databases.url(DatabaseRole.OWNER)
        owner = Databases(
            urls={DatabaseRole.OWNER: with_lock_timeout(owner_url)}, cluster=databases.cluster
        )
        mark = Mark.DEMO if demo else None
        enter_django(databases=owner, role=DatabaseRole.OWNER, home=home, mark=mark)
        from django.core.management import call_command
        from django.db import connections

        with migrating(owner_url=owner_url, mark=mark):
            call_command("migrate", interactive=False, verbosity=verbosity)
            connections.close_all()
