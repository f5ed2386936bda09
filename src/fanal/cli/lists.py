"""`fanal lists`: lists of known hashes: made, described, shown, loaded, voted on, withdrawn from."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click

from fanal import reference
from fanal.analyse.domain.listfile import ListRefused
from fanal.analyse.domain.lists import (
    VOTE_REASONS,
    ListAttributes,
    ListsRefused,
    Scope,
    Sharing,
    Vote,
)
from fanal.cli import exchange
from fanal.cli.boot import with_django
from fanal.cli.failures import Refused, language, tell
from fanal.cli.list_files import FORMATS, Told, read_indicators, refused_csv
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.postgres import DatabaseRole

_ACTOR = system_actor("fanal lists")
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
    """Give a command the options that say what a list is."""
    options = [
        click.option("--owner", help="Organisation whose list it is; '' for the desk itself."),
        *(
            click.option(f"--{name.replace('_', '-')}", name, help=f"{text[0].upper()}{text[1:]}.")
            for name, text in _NAMES.items()
        ),
        click.option("--confidence", type=click.IntRange(0, 100), help="0 to 100."),
        click.option("--scope", type=click.Choice(list(Scope)), help="CLEAR: known false alarms."),
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
    with _told():
        operations.create_list(
            actor=_ACTOR, name=name, attributes=_said(ListAttributes(), said), now=clock.now()
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
    with _told():
        if held is None:
            raise ListsRefused("NOT_FOUND")
        operations.describe_list(
            actor=_ACTOR, name=name, attributes=_said(held.attributes, said), now=clock.now()
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

    scope = Scope.CLEAR if clear else None
    fresh = accounts.has_demo_mark() and not clear and queries.find_list(name=name) is None
    try:
        with _told():
            if format_ == "csv":
                with file.open(encoding="utf-8", newline="") as text:
                    ids = operations.load_list(
                        actor=_ACTOR, name=name, lines=text, now=clock.now(), scope=scope
                    )
            else:
                told = Told(country=country, categories=categories, harmless=clear)
                ids = _take(name, file, format_, told=told, scope=scope)
    except ListRefused as refused:
        raise refused_csv(file, refused) from None
    except UnicodeDecodeError:
        raise Refused("LIST_ENCODING", path=file) from None
    if fresh:
        _open_in_demo(name)
    for item_id in ids:
        click.echo(json.dumps({"id": str(item_id)}))


def _take(name: str, file: Path, format_: str, *, told: Told, scope: Scope | None) -> list[UUID]:
    """Load a file of another format and tell what was not taken of it, whether or not anything was."""
    from fanal.analyse import operations

    try:
        with read_indicators(file, format_, told) as found:
            taken = operations.take_items(
                actor=_ACTOR, name=name, found=found, now=clock.now(), scope=scope
            )
    except ListRefused:
        told.tell()
        raise Refused("LIST_NOTHING", path=file) from None
    told.tell()
    for other, count in taken.left_out.items():
        tell("LIST_SCOPE", name=other, count=count)
    if taken.withdrawn:
        tell("LIST_WITHDRAWN", name=name, count=taken.withdrawn)
    return taken.ids


def _open_in_demo(name: str) -> None:
    """Give a list that a demo has just made a basis, so that its services show it."""
    from fanal.analyse import operations

    attributes = ListAttributes(legal_basis=_DEMO_BASIS)
    operations.describe_list(actor=_ACTOR, name=name, attributes=attributes, now=clock.now())


@lists.command("withdraw")
@click.argument("name")
@click.argument("item", type=click.UUID)
@with_django(DatabaseRole.WORKER)
def withdraw(name: str, item: UUID) -> None:
    """Withdraw ITEM from the list NAME: from the next report on it matches nothing."""
    from fanal.analyse import operations

    if not operations.withdraw_item(actor=_ACTOR, name=name, item_id=item, now=clock.now()):
        raise Refused("LIST_ITEM_NOT_FOUND", name=name)


@lists.command("vote")
@click.argument("item", type=click.UUID)
@click.argument("vote", type=click.Choice(list(VOTE_REASONS)))
@click.argument("reason")
@with_django(DatabaseRole.WORKER)
def vote(item: UUID, vote: Vote, reason: str) -> None:
    """Vote UP or DOWN on ITEM, for a REASON (CONFIRMED, NOT_ABUSE …); the last vote counts."""
    from fanal.analyse import operations

    with _told():
        operations.cast_vote(
            actor=_ACTOR, item_id=item, vote=Vote(vote), reason=reason, now=clock.now()
        )


@lists.command("aside")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def aside(as_json: bool) -> None:
    """Show the entries that are set aside because they suddenly matched too many reports."""
    from fanal.analyse import queries

    names = {found.id: found.name for found in queries.get_lists().values()}
    for record in queries.list_asides(ended=False, limit=queries.count_asides()):
        line = {
            "id": str(record.item_id),
            "list": names[record.list_id],
            "since": record.aside.since.isoformat(),
            "matched": record.aside.matched,
            "hours": record.aside.hours,
            "rule": record.aside.rule,
        }
        click.echo(json.dumps(line) if as_json else "  ".join(map(str, line.values())))


@lists.command("release")
@click.argument("item", type=click.UUID)
@click.option("--reason", required=True, help="Why the entry is right, in your words.")
@click.option("--withdraw", "wrong", is_flag=True, help="It is wrong: withdraw it instead.")
@with_django(DatabaseRole.WORKER)
def release(item: UUID, reason: str, wrong: bool) -> None:
    """Put ITEM, which was set aside, back in force, or withdraw it from its list."""
    from fanal.analyse import operations

    end = operations.withdraw_aside if wrong else operations.release_item
    with _told():
        end(actor=_ACTOR, item_id=item, reason=reason, now=clock.now())


def _said(held: ListAttributes, said: dict[str, str | int | None]) -> ListAttributes:
    """Return attributes with what the options say in their place."""
    from msgspec import structs

    from fanal.accounts import queries as accounts

    owner = said.pop("owner")
    given: dict[str, object] = {name: value for name, value in said.items() if value is not None}
    kinds = (("scope", Scope), ("sharing", Sharing))
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
        raise Refused(
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


@contextmanager
def _told() -> Iterator[None]:
    """Say in words why a list, an entry or a vote cannot be so."""
    try:
        yield
    except ListsRefused as refused:
        detail = reference.label("lists_refused", refused.code, language())
        raise Refused("LISTS_REFUSED", detail=detail) from None


lists.add_command(exchange.source)
lists.add_command(exchange.fetch)
