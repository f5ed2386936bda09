"""`fanal desk`: lists, adds and edits the desks, to which reports, dossiers and measures belong."""

import json
from dataclasses import asdict

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_MOTIVE = "fanal desk"


@click.group()
def desk() -> None:
    """List, add and edit desks; desk 1 always exists."""


@desk.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.APP)
def list_(as_json: bool) -> None:
    """List the desks with number, code, name and contact."""
    from fanal.accounts.queries.people import list_desks

    for found in list_desks(actor=system_actor(_MOTIVE)):
        line = asdict(found)
        click.echo(
            json.dumps(line, ensure_ascii=False) if as_json else "\t".join(map(str, line.values()))
        )


@desk.command("add")
@click.argument("code")
@click.option("--name", required=True, help="Name of the desk on pages and letters.")
@click.option("--contact", default="", help="Contact for other desks: telephone or e-mail.")
@with_django(DatabaseRole.APP)
def add(*, code: str, name: str, contact: str) -> None:
    """Add the desk CODE (capital letters, digits, dashes) and print its number."""
    from fanal.accounts.operations.people import add_desk

    number = add_desk(
        actor=system_actor(_MOTIVE), code=code, name=name, contact=contact, now=clock.now()
    )
    click.echo(number)


@desk.command("edit")
@click.argument("number", type=int)
@click.option("--name", help="Name of the desk on pages and letters.")
@click.option("--contact", help="Contact for other desks: telephone or e-mail.")
@with_django(DatabaseRole.APP)
def edit(*, number: int, name: str | None, contact: str | None) -> None:
    """Change the name or the contact of the desk NUMBER."""
    from django.core.exceptions import ObjectDoesNotExist

    from fanal.accounts.operations.people import edit_desk

    try:
        edit_desk(
            actor=system_actor(_MOTIVE),
            desk_id=number,
            name=name,
            contact=contact,
            now=clock.now(),
        )
    except ObjectDoesNotExist:
        raise CommandRefused("NO_DESK", number=number) from None
