"""`fanal demo`: commands for a demo database only."""

import json

import click

from fanal import reference
from fanal.accounts.domain.demo import DemoAccount
from fanal.cli.boot import with_django
from fanal.cli.failures import Failed
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

# `fanal demo accounts`: the accounts for sign-in to a demo.

_LANGUAGE = "fr"


@click.command("accounts")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@click.option("--lang", type=click.Choice(["fr", "en"]), default=_LANGUAGE, show_default=True)
@with_django(DatabaseRole.WORKER)
def accounts(as_json: bool, lang: str) -> None:
    """Print the demo accounts, created if missing; only in a demo database."""
    from fanal.accounts.operations import demo as operations
    from fanal.web.account.landing import landing_path

    try:
        made = operations.ensure_demo_accounts(
            actor=system_actor("fanal demo accounts"), now=clock.now()
        )
    except operations.NotADemo:
        raise Failed("NOT_A_DEMO") from None
    for account in made:
        line = account_line(account, lang)
        line["path"] = landing_path(frozenset({account.role}), language=lang)
        words = "{label}: {username} / {password} ({path})".format(**line)
        click.echo(json.dumps(line, ensure_ascii=False) if as_json else words)


def account_line(account: DemoAccount, lang: str = _LANGUAGE) -> dict[str, str]:
    """Return a demo account as printed: a dict with `label`, `username`, `password` and `role` (its code).

    `label` has the name of the role in the language `lang`.
    """
    return {
        "label": f"{reference.label('role', account.role.value, lang)} · {account.name}",
        "username": account.username,
        "password": account.password,
        "role": account.role.value,
    }


@click.group()
def demo() -> None:
    """Load and print the contents of a demo database, which holds synthetic data only."""


demo.add_command(accounts)


@demo.command("load")
@with_django(DatabaseRole.WORKER)
def load() -> None:
    """Load the synthetic demo data, or the rest after an interruption; only in a demo database."""
    from fanal.accounts.operations.demo import NotADemo
    from fanal.demo.load import load as play
    from fanal.ledger import operations as ledger

    started = clock.now()
    try:
        played = play(now=started, say=lambda words: click.echo(words, err=True))
    except NotADemo:
        raise Failed("NOT_A_DEMO") from None
    if played:
        while ledger.sequence_pending(now=clock.now()):
            continue
        seconds = (clock.now() - started).total_seconds()
        click.echo(f"demo: loaded in {seconds:.0f} s", err=True)


@demo.command("block")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@with_django(DatabaseRole.WORKER)
def block(hosts: tuple[str, ...]) -> None:
    """Block host names with all steps that the law requires, dated in the past; only in a demo database."""
    from fanal.accounts.operations.demo import NotADemo
    from fanal.demo import lasting

    try:
        lasting.block(hosts, now=clock.now())
    except NotADemo:
        raise Failed("NOT_A_DEMO") from None


@demo.command("lift")
@click.argument("hosts", metavar="HOST...", nargs=-1, required=True)
@with_django(DatabaseRole.WORKER)
def lift(hosts: tuple[str, ...]) -> None:
    """Lift the blockings of host names and restore the access to them; only in a demo database."""
    from fanal.accounts.operations.demo import NotADemo
    from fanal.demo import lasting

    try:
        lasting.lift(hosts, now=clock.now())
    except NotADemo:
        raise Failed("NOT_A_DEMO") from None


@demo.command("story")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def story(as_json: bool) -> None:
    """Print the stories of the demo (groups of related reports) and the reports in each."""
    from fanal.accounts.queries.people import has_demo_mark
    from fanal.demo.load import tell

    if not has_demo_mark():
        raise Failed("NOT_A_DEMO")
    for told in tell():
        line = json.dumps(told, ensure_ascii=False)
        click.echo(line if as_json else f"{told['story']}: {len(told['reports'])}")
