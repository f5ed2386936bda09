"""`fanal demo`: what exists in a demo database only."""

import json

import click

from fanal.cli.boot import with_django
from fanal.cli.demo_accounts import accounts
from fanal.cli.failures import Failed
from fanal.kernel import clock
from fanal.postgres import DatabaseRole


@click.group()
def demo() -> None:
    """Commands of a demo database."""


demo.add_command(accounts)


@demo.command("load")
@with_django(DatabaseRole.WORKER)
def load() -> None:
    """Load the synthetic demo, or what an interrupted load left out; a demo database only."""
    from fanal.accounts.operations import NotADemo
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


@demo.command("story")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def story(as_json: bool) -> None:
    """Print the stories of the demo and the reports in each."""
    from fanal.accounts import queries as accounts
    from fanal.demo.telling import tell

    if not accounts.has_demo_mark():
        raise Failed("NOT_A_DEMO")
    for told in tell():
        line = json.dumps(told, ensure_ascii=False)
        click.echo(line if as_json else f"{told['story']}: {len(told['reports'])}")
