"""`fanal demo accounts`: who can be played in a demo."""

import json

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import Failed
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_LANGUAGE = "fr"


@click.command("accounts")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default=_LANGUAGE, show_default=True)
@with_django(DatabaseRole.WORKER)
def accounts(as_json: bool, lang: str) -> None:
    """Print the demo accounts, made when missing; a demo database only."""
    from fanal.accounts import operations
    from fanal.web.account.demo import role_words
    from fanal.web.account.landing import landing_path

    try:
        made = operations.ensure_demo_accounts(
            actor=system_actor("fanal demo accounts"), now=clock.now()
        )
    except operations.NotADemo:
        raise Failed("NOT_A_DEMO") from None
    for account in made:
        line = {
            "label": f"{role_words(account.role.value, lang)} · {account.name}",
            "username": account.username,
            "password": account.password,
            "role": account.role.value,
            "path": landing_path(frozenset({account.role}), language=lang),
        }
        words = "{label}: {username} / {password} ({path})".format(**line)
        click.echo(json.dumps(line, ensure_ascii=False) if as_json else words)
