"""`fanal provision`: creation of roles, passwords, database and extensions on a PostgreSQL server."""

import os

import click

from fanal.cli.boot import find_home
from fanal.cli.failures import CommandRefused
from fanal.config.databases import provision as prepare, role_of
from fanal.postgres import PasswordFile


@click.command()
@click.option(
    "--new-passwords",
    is_flag=True,
    help="Set new passwords for roles that exist: running processes and other nodes lose theirs.",
)
def provision(*, new_passwords: bool) -> None:
    """Prepare the server that DATABASE_URL names, with an administrator's address; safe to repeat.

    The only command that creates or alters database roles. Their passwords are kept in
    FANAL_HOME/keys/database.json.
    """
    address = os.environ.get("DATABASE_URL", "")
    if not address or role_of(address):
        raise CommandRefused("PROVISION_ADDRESS")
    passwords = PasswordFile(find_home() / "keys" / "database.json")
    prepare(admin_url=address, passwords=passwords, renew=new_passwords)
    click.echo(f"roles and database are ready; their passwords are in {passwords.path}")
