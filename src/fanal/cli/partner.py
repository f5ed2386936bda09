"""`fanal partner`: partners' credentials for the APIs."""

import json

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, tell
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_MOTIVE = "fanal partner"


@click.group()
def partner() -> None:
    """Create and revoke the credentials of partners."""


@partner.command("add")
@click.argument("name")
@click.option(
    "--quota", type=click.IntRange(min=1), help="Maximum requests a minute; default: no limit."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@with_django(DatabaseRole.APP)
def add(name: str, quota: int | None, as_json: bool) -> None:
    """Create a password (HTTP Basic) and a token (Bearer) for the partner NAME; both are shown once."""
    from fanal.accounts.operations.partners import add_partner
    from fanal.accounts.queries.people import find_partner

    known = find_partner(name=name) is not None
    issued = add_partner(actor=system_actor(_MOTIVE), name=name, quota=quota, now=clock.now())
    if known:
        tell("PARTNER_AGAIN", partner=name)
    fields = {
        "partner": issued.partner,
        "user": issued.user,
        "password": issued.password,
        "token": issued.token,
    }
    if as_json:
        click.echo(json.dumps(fields, ensure_ascii=False))
        return
    for key, value in fields.items():
        click.echo(f"{key}: {value}")
    tell("SHOWN_ONCE")


@partner.command("revoke")
@click.argument("login")
@with_django(DatabaseRole.APP)
def revoke(login: str) -> None:
    """Revoke the credential with the user name LOGIN at once."""
    from django.core.exceptions import ObjectDoesNotExist

    from fanal.accounts.operations.partners import revoke_credential

    try:
        revoke_credential(actor=system_actor(_MOTIVE), login=login, now=clock.now())
    except ObjectDoesNotExist:
        raise CommandRefused("NO_CREDENTIAL", login=login) from None
