"""`fanal lists`: lists of known hashes: creation, metadata, display, import, votes, withdrawal."""

import json
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import click

from fanal import reference
from fanal.analyse.domain.lists import (
    ListAttributes,
    ListRefused,
    ListsRefused,
    MatchScope,
    Sharing,
)
from fanal.cli import exchange, list_entries as entries
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language, tell
from fanal.cli.list_entries import ACTOR, told_refused
from fanal.cli.list_files import FORMATS, LeftOut, read_indicators, refused_csv
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

_DEMO_BASIS = "LCEN_6_1"
_NAMES = {
    "scheme": "vocabulary of the entries' classes, as NCMEC or VICS-FR",
    "category": "class of entries that have none",
    "legal_basis": "code of a legal basis (a list_basis of the reference data)",
    "description": "what the list holds, where it comes from",
}


@click.group()
def lists() -> None:
    """Show, load and change the lists of known hashes, known false alarms among them."""


def _attributes(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options for a list's metadata to a command."""
    options = [
        click.option("--owner", help="Organisation whose list it is; '' for the desk itself."),
        *(
            click.option(f"--{name.replace('_', '-')}", name, help=f"{text[0].upper()}{text[1:]}.")
            for name, text in _NAMES.items()
        ),
        click.option("--confidence", type=click.IntRange(0, 100), help="0 to 100."),
        click.option(
            "--scope", type=click.Choice(list(MatchScope)), help="CLEAR: known false alarms."
        ),
        click.option("--sharing", type=click.Choice(list(Sharing)), help="How far it may go."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@lists.command("create")
@click.argument("name")
@_attributes
@with_django(DatabaseRole.WORKER)
def create(name: str, **said: str | int | None) -> None:
    """Make the empty list NAME and print it.

    A list of another owner stays at the desk where --sharing says nothing else.
    """
    from fanal.analyse import operations

    if said["sharing"] is None and said["owner"]:
        said["sharing"] = Sharing.DESK
    with told_refused():
        operations.create_list(
            actor=ACTOR, name=name, attributes=_said(ListAttributes(), said), now=clock.now()
        )
    _print(name)


@lists.command("describe")
@click.argument("name")
@_attributes
@with_django(DatabaseRole.WORKER)
def describe(name: str, **said: str | int | None) -> None:
    """Change what is said of the list NAME, where an option is given, and print it."""
    from fanal.analyse import operations, queries

    held = queries.find_list(name=name)
    with told_refused():
        if held is None:
            raise ListsRefused("NOT_FOUND")
        operations.describe_list(
            actor=ACTOR, name=name, attributes=_said(held.attributes, said), now=clock.now()
        )
    _print(name)


@lists.command("show")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def show(name: str | None, as_json: bool) -> None:
    """Show every list, or NAME, with its attributes and the number of its values in force."""
    _print(name, as_json=as_json)


@lists.command("load")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--clear", is_flag=True, help="These are known false alarms: silence what they match."
)
@click.option("--format", "format_", type=click.Choice(FORMATS), default="csv", show_default=True)
@click.option("--country", default="", help="VICS: whose categories these are, as US.")
@click.option("--category", "categories", multiple=True, help="VICS: a category to take.")
@with_django(DatabaseRole.WORKER)
def load(
    name: str, file: Path, clear: bool, format_: str, country: str, categories: tuple[str, ...]
) -> None:
    """Load FILE into the list NAME, all or nothing; what its sender withdrew is withdrawn.

    CSV has the columns pdq, md5, sha1, sha256, photodna, classification. Prints one JSON object an item,
    with its id; a second time changes nothing.
    """
    from fanal.accounts import queries as accounts
    from fanal.analyse import operations, queries

    scope = MatchScope.CLEAR if clear else None
    fresh = accounts.has_demo_mark() and not clear and queries.find_list(name=name) is None
    try:
        with told_refused():
            if format_ == "csv":
                with file.open(encoding="utf-8", newline="") as text:
                    ids = operations.load_list(
                        actor=ACTOR, name=name, lines=text, now=clock.now(), scope=scope
                    )
            else:
                told = LeftOut(country=country, categories=categories, harmless=clear)
                ids = _take(name, file, format_, told=told, scope=scope)
    except ListRefused as refused:
        raise refused_csv(file, refused) from None
    except UnicodeDecodeError:
        raise CommandRefused("LIST_ENCODING", path=file) from None
    if fresh:
        _open_in_demo(name)
    for item_id in ids:
        click.echo(json.dumps({"id": str(item_id)}))


def _take(
    name: str, file: Path, format_: str, *, told: LeftOut, scope: MatchScope | None
) -> list[UUID]:
    """Import a file in another format than CSV into the list `name`; return the ids of its items in force.

    Rejected items, counted in `told`, are reported, also if all were rejected.

    Raises:
        CommandRefused: LIST_NOTHING; as `read_indicators`.
    """
    from fanal.analyse import operations

    try:
        with read_indicators(file, format_, told) as found:
            taken = operations.take_items(
                actor=ACTOR, name=name, found=found, now=clock.now(), scope=scope
            )
    except ListRefused:
        told.tell()
        raise CommandRefused("LIST_NOTHING", path=file) from None
    told.tell()
    for other, count in taken.left_out.items():
        tell("LIST_SCOPE", name=other, count=count)
    if taken.withdrawn:
        tell("LIST_WITHDRAWN", name=name, count=taken.withdrawn)
    return taken.ids


def _open_in_demo(name: str) -> None:
    """Give a new list of a demo a legal basis, without which no service would serve it."""
    from fanal.analyse import operations

    attributes = ListAttributes(legal_basis=_DEMO_BASIS)
    operations.describe_list(actor=ACTOR, name=name, attributes=attributes, now=clock.now())


@lists.command("withdraw")
@click.argument("name")
@click.argument("item", type=click.UUID)
@with_django(DatabaseRole.WORKER)
def withdraw(name: str, item: UUID) -> None:
    """Withdraw ITEM from the list NAME: from the next report on it matches nothing."""
    from fanal.analyse import operations

    if not operations.withdraw_item(actor=ACTOR, name=name, item_id=item, now=clock.now()):
        raise CommandRefused("LIST_ITEM_NOT_FOUND", name=name)


def _said(held: ListAttributes, said: dict[str, str | int | None]) -> ListAttributes:
    """Return the metadata `held` with the values of the options in their place; None keeps the old value.

    Raises:
        ListsRefused: the owner is unknown.
    """
    from msgspec import structs

    from fanal.accounts import queries as accounts

    owner = said.pop("owner")
    given: dict[str, object] = {name: value for name, value in said.items() if value is not None}
    kinds = (("scope", MatchScope), ("sharing", Sharing))
    given |= {name: kind(str(given[name])) for name, kind in kinds if name in given}
    if owner is not None:
        given["owner_id"] = accounts.find_partner(name=str(owner)) if owner else None
        if owner and given["owner_id"] is None:
            raise ListsRefused("OWNER")
    return structs.replace(held, **given)


def _print(name: str | None, *, as_json: bool = True) -> None:
    from fanal.analyse import queries

    shown = [state for state in queries.list_lists() if name in (None, state.name)]
    if name is not None and not shown:
        raise CommandRefused(
            "LISTS_REFUSED", detail=reference.label("lists_refused", "NOT_FOUND", language())
        )
    for state in shown:
        said = state.facts.attributes
        line = {
            "id": str(state.id),
            "name": state.name,
            "version": state.version,
            "entries": state.entries,
            "changed_at": state.changed_at.isoformat(),
            "owner": state.facts.owner,
            "scheme": said.scheme,
            "category": said.category,
            "confidence": said.confidence,
            "legal_basis": said.legal_basis,
            "scope": said.scope,
            "sharing": said.sharing,
            "description": said.description,
        }
        click.echo(json.dumps(line) if as_json else f"{state.entries:>10}  {state.name}")


for command in (entries.vote, entries.aside, entries.release, exchange.source, exchange.fetch):
    lists.add_command(command)
