"""`fanal provision` and `fanal migrate`: roles and database of a server; schema and privileges."""

import os
from pathlib import Path

import click

from fanal.cli.boot import (
    enter_django,
    find_home,
    find_vault,
    make_keys,
    note_keys,
    refuse_disagreement,
    refuse_half_restored,
)
from fanal.cli.failures import CommandRefused
from fanal.config.databases import (
    DatabaseRefused,
    Databases,
    open_databases,
    provision as prepare,
    role_of,
)
from fanal.config.installation import claim_vault
from fanal.config.migration import DatabaseMark, migrating, read_mark, with_lock_timeout
from fanal.postgres import PasswordFile
from fanal.postgres.roles import DatabaseRole

# `fanal provision`: creation of roles, passwords, database and extensions on a PostgreSQL server.


@click.command()
@click.option(
    "--new-passwords",
    is_flag=True,
    help="Set new passwords for existing roles: other machines lose access until they have them.",
)
def provision(*, new_passwords: bool) -> None:
    """Create the database roles and the database on the server of DATABASE_URL; safe to repeat.

    DATABASE_URL must be its administrator's. The only command that creates or alters database roles. Their
    passwords are kept in FANAL_HOME/keys/database.json.
    """
    passwords = PasswordFile(find_home() / "keys" / "database.json")
    address = os.environ.get("DATABASE_URL", "")
    if not address or role_of(address):
        raise CommandRefused("PROVISION_ADDRESS")
    prepare(admin_url=address, passwords=passwords, renew=new_passwords)
    click.echo(f"roles and database are ready; their passwords are in {passwords.path}")
    if new_passwords:
        click.echo(_AFTER_NEW_PASSWORDS)


_AFTER_NEW_PASSWORDS = """\
The passwords are new. A 'fanal run' with this data folder restarts its processes with them by itself, within
seconds. Until the following is done, the other processes take no report and call nobody once they have to
sign in again:
- another machine of the desk: copy keys/database.json there; its 'fanal run' then does the same;
- a process whose DATABASE_URL names a role of Fanal, such as every public node: the role's new password in
  that address, and a restart;
- 'fanal worker' and 'fanal calls' started on their own: a restart."""


# `fanal migrate`: schema and privileges, as the owner.


@click.command()
@click.option("--demo", is_flag=True, help="Mark a new database as a demo; refuse any other.")
@click.option(
    "--verbosity",
    type=click.IntRange(0, 3),
    default=0,
    show_default=True,
    help="Detail of the messages on migrations.",
)
@click.option(
    "--check", is_flag=True, help="Change nothing; exit status 1 if the tables are out of date."
)
def migrate(demo: bool, verbosity: int, check: bool) -> None:
    """Update the database's tables and the privileges of its roles to this version; safe to repeat."""
    home = find_home()
    if check:
        _check(home)
        return
    refuse_half_restored(home)
    with open_databases(home=home, environ=os.environ) as databases:
        make_keys(databases, home=home)
        owner_url = databases.url(DatabaseRole.OWNER)
        owner = Databases(
            urls={DatabaseRole.OWNER: with_lock_timeout(owner_url)}, cluster=databases.cluster
        )
        mark = DatabaseMark.DEMO if demo else None
        enter_django(databases=owner, role=DatabaseRole.OWNER, home=home, mark=mark)
        from django.core.management import call_command
        from django.db import connections

        refuse_disagreement()
        with migrating(owner_url=owner_url, mark=mark):
            call_command("migrate", interactive=False, verbosity=verbosity)
            connections.close_all()
            claim_vault(owner_url, find_vault())
            note_keys(databases, home=home)


def _check(home: Path) -> None:
    """Check that the schema is up to date, as any database role; `home` is the data folder.

    Raises:
        DatabaseRefused: the schema is older or newer than this version, or the clocks are too far apart.
    """
    with open_databases(home=home, environ=os.environ) as databases:
        role = next(iter(databases.urls))
        mark = read_mark(databases.url(role))
        enter_django(databases=databases, role=role, home=home, mark=mark)
        from django.db import connection
        from django.db.migrations.executor import MigrationExecutor

        refuse_disagreement()
        executor = MigrationExecutor(connection)
        behind = executor.migration_plan(executor.loader.graph.leaf_nodes())
        connection.close()
    if mark is None or behind:
        raise DatabaseRefused(
            "the tables are behind this version: run 'fanal migrate' as the owner"
        )
