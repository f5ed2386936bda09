"""`fanal lists`: lists of known hashes: shown, loaded from a file, an item withdrawn."""

import json
from pathlib import Path
from uuid import UUID

import click

from fanal.cli.boot import with_django
from fanal.cli.failures import Refused
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_ACTOR = system_actor("fanal lists")


@click.group()
def lists() -> None:
    """Show, load and change the lists of known hashes, known false alarms among them."""


@lists.command("show")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def show(as_json: bool) -> None:
    """Show every list with the number of its values in force."""
    from fanal.analyse import queries

    for state in queries.list_lists():
        line = {
            "name": state.name,
            "version": state.version,
            "entries": state.entries,
            "changed_at": state.changed_at.isoformat(),
        }
        click.echo(json.dumps(line) if as_json else f"{state.entries:>10}  {state.name}")


@lists.command("load")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--clear", is_flag=True, help="These are known false alarms: silence what they match."
)
@with_django(DatabaseRole.WORKER)
def load(name: str, file: Path, clear: bool) -> None:
    """Load FILE (CSV: pdq, md5, sha1, sha256, classification) into the list NAME, all or nothing.

    Prints one JSON object a line of the file, with the id of its item; a second time changes nothing.
    """
    from fanal.analyse import operations
    from fanal.analyse.domain.listfile import ListRefused

    try:
        with file.open(encoding="utf-8", newline="") as text:
            ids = operations.load_list(
                actor=_ACTOR,
                name=name,
                lines=text,
                now=clock.now(),
                scope="CLEAR" if clear else "MATCH",
            )
    except (ListRefused, UnicodeDecodeError) as refused:
        raise Refused("LIST_REFUSED", path=file, detail=refused) from None
    for item_id in ids:
        click.echo(json.dumps({"id": str(item_id)}))


@lists.command("withdraw")
@click.argument("name")
@click.argument("item", type=click.UUID)
@with_django(DatabaseRole.WORKER)
def withdraw(name: str, item: UUID) -> None:
    """Withdraw ITEM from the list NAME: from the next report on it matches nothing."""
    from fanal.analyse import operations

    if not operations.withdraw_item(actor=_ACTOR, name=name, item_id=item, now=clock.now()):
        raise Refused("LIST_ITEM_NOT_FOUND", name=name)
