"""`fanal lists`: lists of hashes of known material: creation, metadata, import, votes, withdrawal."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import click

from fanal import reference
from fanal.analyse.material.domain.lists import (
    ListAttributes,
    ListRefused,
    MatchScope,
    Sharing,
    Vote,
)
from fanal.cli import exchange
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, language, tell, words_of_refusal
from fanal.cli.import_files import reason_of
from fanal.cli.output import Row, print_rows
from fanal.formats.csv_hashes import COLUMNS
from fanal.formats.indicators import Indicator
from fanal.formats.misp import read_event
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.read import BundleReading, read_bundle
from fanal.formats.vics.hashset import Selection, describe as describe_hash_set, read_hash_set
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

# Import of list files in other formats, with messages about unread items.

FORMATS = ("csv", "vics", "stix", "misp")
_MOST_TOLD = 20


class LeftOut:
    """Counts, by reason, of the entries of an imported list file that cannot be imported, for a message.

    `country` (of the national categories), `categories` and `harmless` (known false alarms) select the
    entries of a VICS hash set.
    """

    def __init__(self, *, country: str, categories: Sequence[str], harmless: bool) -> None:
        self.reading = BundleReading()
        self.selection = Selection(
            country=country.upper(), categories=frozenset(categories), harmless=harmless
        )

    def tell(self) -> None:
        """Print on standard error the file's TLP markings, then these counts in groups by reason.

        In each group the most frequent come first; most groups print at most 20 lines.
        """
        for colour in sorted(self.reading.markings):
            tell("LIST_MARKED", colour=colour.upper())
        for name, count in self.selection.left_out.most_common(_MOST_TOLD):
            tell("LIST_LEFT_OUT", name=name, count=count)
        unlisted = self.selection.unlisted
        for name, count in unlisted.counts.most_common(_MOST_TOLD):
            tell("LIST_UNLISTED", count=count, name=name, places=", ".join(unlisted.places[name]))
        entries, hashes = self.selection.entries, self.selection.hashes
        for name, count in entries.counts.most_common():
            places = ", ".join(entries.places[name])
            tell("LIST_UNUSABLE", count=count, reason=words_of_refusal(name), places=places)
        for name, count in hashes.counts.most_common():
            tell("LIST_NO_HASH", count=count, name=name, places=", ".join(hashes.places[name]))
        for name, count in self.selection.unknown.most_common(_MOST_TOLD):
            self._unread(name, "UNKNOWN", count)
        for (name, reason), count in self.reading.ignored.most_common(_MOST_TOLD):
            self._unread(name, reason, count)

    @staticmethod
    def _unread(name: str, reason: str, count: int) -> None:
        words = reference.label("list_unread", reason, language())
        tell("LIST_UNREAD", name=name, reason=words, count=count)


@contextmanager
def read_indicators(path: Path, format_: str, told: LeftOut) -> Iterator[Iterator[Indicator]]:
    """Open a list file of any format but CSV, and yield an iterator over its items, one in memory at a time.

    Use it as a context manager. Items left out are counted in `told`.

    Raises:
        CommandRefused: the file is not a list in this format; no item is imported.
        OSError: the file is unreadable.
    """
    try:
        with path.open("rb") as stream:
            if format_ == "vics":
                context = describe_hash_set(stream)
                stream.seek(0)
                yield read_hash_set(stream, context=context, selection=told.selection)
            elif format_ == "stix":
                yield read_bundle(stream, told.reading, now=clock.now())
            else:
                yield read_event(stream, told.reading)
    except FormatRefused as refusal:
        if "of" in refusal.parameters:
            told.tell()
        raise _refused(path, refusal) from None


def refused_csv(path: Path, refused: ListRefused) -> CommandRefused:
    """Return the error of a command for a refused CSV list (`refused`), read from `path`.

    Usually its first line lacks the names of columns: then the error lists them.
    """
    refusal = refused.refusal
    if refusal is not None and refusal.code is DocumentFault.UNKNOWN_FIELD:
        return CommandRefused("LIST_COLUMNS", path=path, columns=", ".join(COLUMNS))
    return CommandRefused(
        "LIST_REFUSED", path=path, detail=reason_of(refusal) if refusal else refused
    )


def _refused(path: Path, refusal: FormatRefused) -> CommandRefused:
    named = refusal.parameters.get("value", "")
    if refusal.code is DocumentFault.PERSON:
        return CommandRefused("LIST_PERSON", path=f"{path} ({refusal.path})", name=named)
    if "of" in refusal.parameters:
        return CommandRefused("LIST_MOSTLY_UNUSABLE", path=path, **refusal.parameters)
    if refusal.code is DocumentFault.UNKNOWN_CODE:
        return CommandRefused("VICS_CATEGORIES", path=path, scheme=named)
    if refusal.parameters.get("expected") == "#Media":
        return CommandRefused("VICS_CASES", path=path)
    return CommandRefused("LIST_REFUSED", path=path, detail=reason_of(refusal))


# `fanal lists` on single entries: votes, and entries suspended by the match-rate circuit breaker.

ACTOR = system_actor("fanal lists")


@click.command("vote")
@click.argument("item", type=click.UUID)
@click.argument("vote", type=click.Choice(list(Vote)))
@click.argument("reasons", metavar="[REASON]...", nargs=-1)
@with_django(DatabaseRole.WORKER)
def vote(item: UUID, vote: Vote, reasons: tuple[str, ...]) -> None:
    """Vote UP (correct) or DOWN (wrong) on the list entry ITEM, with one or more REASONs.

    The last vote counts. Reasons are CONFIRMED and SEEN_BY_REVIEWER for it; NOT_ABUSE, WRONG_CLASS,
    WRONG_HASH, COMMON_IMAGE and OTHER against it. TAKEN_BACK, without a reason, withdraws the vote of this
    command line.
    """
    from fanal.analyse.material.operations.votes import cast_vote, take_vote_back

    if vote != Vote.TAKEN_BACK:
        first, *others = reasons or [""]
        cast_vote(
            actor=ACTOR,
            item_id=item,
            vote=Vote(vote),
            reason=first,
            others=others,
            now=clock.now(),
        )
    elif reasons:
        raise Refusal("lists", "VOTE_REASON")
    else:
        take_vote_back(actor=ACTOR, item_id=item, now=clock.now())


@click.command("aside")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def aside(as_json: bool) -> None:
    """List the entries that were suspended because they matched too many reports in a short time.

    The match-rate circuit breaker does this: such an entry is probably wrong. `fanal lists release` ends it.
    """
    from fanal.analyse.material.queries.lists import count_asides, get_lists, list_asides

    names = {found.id: found.name for found in get_lists().values()}

    def rows() -> Iterator[Row]:
        for record in list_asides(ended=False, limit=count_asides()):
            line = {
                "id": str(record.item_id),
                "list": names[record.list_id],
                "since": record.aside.since.isoformat(),
                "matched": record.aside.matched,
                "hours": record.aside.hours,
                "rule": record.aside.rule,
            }
            yield line, "  ".join(map(str, line.values()))

    print_rows(rows(), as_json=as_json)


@click.command("release")
@click.argument("item", type=click.UUID)
@click.option("--reason", required=True, help="Reason why the entry is correct, as free text.")
@click.option("--withdraw", "wrong", is_flag=True, help="Withdraw the entry instead: it is wrong.")
@with_django(DatabaseRole.WORKER)
def release(item: UUID, reason: str, wrong: bool) -> None:
    """Put the suspended entry ITEM into force again, or withdraw it from its list."""
    from fanal.analyse.material.operations.asides import release_item, withdraw_aside

    end = withdraw_aside if wrong else release_item
    end(actor=ACTOR, item_id=item, reason=reason, now=clock.now())


# Lists themselves.

_DEMO_BASIS = "LCEN_6_1"
_NAMES = {
    "scheme": "vocabulary of the entries' classes, such as NCMEC or VICS-FR",
    "category": "default class of entries",
    "legal_basis": "code of a legal basis (a list_basis of the reference data)",
    "description": "content and origin of the list",
}


@click.group()
def lists() -> None:
    """Show, load and change the lists of known hashes and of known false positives."""


def _attributes(command: Callable[..., None]) -> Callable[..., None]:
    """Decorate a command with the options for a list's metadata."""
    options = [
        click.option("--owner", help="Organisation that owns the list; '' for the desk itself."),
        *(
            click.option(f"--{name.replace('_', '-')}", name, help=f"{text[0].upper()}{text[1:]}.")
            for name, text in _NAMES.items()
        ),
        click.option("--confidence", type=click.IntRange(0, 100), help="Confidence, 0 to 100."),
        click.option(
            "--scope",
            type=click.Choice(list(MatchScope)),
            help="Effect of a match; CLEAR: false positives.",
        ),
        click.option("--sharing", type=click.Choice(list(Sharing)), help="Permitted recipients."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@lists.command("create")
@click.argument("name")
@_attributes
@with_django(DatabaseRole.WORKER)
def create(name: str, **said: str | int | None) -> None:
    """Create the empty list of hashes NAME and print it.

    A list of another owner stays at the desk, unless --sharing allows more.
    """
    from fanal.analyse.material.operations.list_imports import create_list

    if said["sharing"] is None and said["owner"]:
        said["sharing"] = Sharing.DESK
    create_list(actor=ACTOR, name=name, attributes=_said(ListAttributes(), said), now=clock.now())
    _print(name)


@lists.command("describe")
@click.argument("name")
@_attributes
@with_django(DatabaseRole.WORKER)
def describe(name: str, **said: str | int | None) -> None:
    """Change the metadata that the options give of the list of hashes NAME, and print the list."""
    from fanal.analyse.material.operations.list_imports import describe_list
    from fanal.analyse.material.queries.lists import find_list

    held = find_list(name=name)
    if held is None:
        raise Refusal("lists", "NOT_FOUND")
    describe_list(actor=ACTOR, name=name, attributes=_said(held.attributes, said), now=clock.now())
    _print(name)


@lists.command("show")
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a line.")
@with_django(DatabaseRole.WORKER)
def show(name: str | None, as_json: bool) -> None:
    """Print each list of hashes, or NAME alone, with its metadata and the number of its values in force."""
    _print(name, as_json=as_json)


@lists.command("load")
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--clear", is_flag=True, help="Load known false positives, whose matches raise no signal."
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="csv",
    show_default=True,
    help="Format of FILE.",
)
@click.option("--country", default="", help="VICS: country of the categories, such as US.")
@click.option(
    "--category", "categories", multiple=True, help="VICS: category to load; may be repeated."
)
@with_django(DatabaseRole.WORKER)
def load(
    name: str, file: Path, clear: bool, format_: str, country: str, categories: tuple[str, ...]
) -> None:
    """Load FILE into the list of hashes NAME in one transaction; withdraw entries that its sender withdrew.

    CSV has the columns pdq, md5, sha1, sha256, photodna, classification. Print one JSON object an item, with
    its id. Loading the same file again changes nothing.
    """
    from fanal.accounts.queries.people import has_demo_mark
    from fanal.analyse.material.operations.lists import load_list
    from fanal.analyse.material.queries.lists import find_list

    scope = MatchScope.CLEAR if clear else None
    fresh = has_demo_mark() and not clear and find_list(name=name) is None
    try:
        if format_ == "csv":
            with file.open(encoding="utf-8", newline="") as text:
                ids = load_list(actor=ACTOR, name=name, lines=text, now=clock.now(), scope=scope)
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
    """Import a file in another format than CSV into the list `name`; return the ids of its valid items.

    Valid items are those not withdrawn. Only items of the given `scope` are taken, or (None) of the list's
    own. Rejected items, counted in `told`, are reported, also if all were rejected.

    Raises:
        CommandRefused: LIST_NOTHING, no item can be taken; or the file is not a list in this format.
    """
    from fanal.analyse.material.operations.list_imports import take_items

    try:
        with read_indicators(file, format_, told) as found:
            taken = take_items(actor=ACTOR, name=name, found=found, now=clock.now(), scope=scope)
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
    """Give the list `name` of a demo a legal basis, without which it is served to no organisation."""
    from fanal.analyse.material.operations.list_imports import describe_list

    attributes = ListAttributes(legal_basis=_DEMO_BASIS)
    describe_list(actor=ACTOR, name=name, attributes=attributes, now=clock.now())


@lists.command("withdraw")
@click.argument("name")
@click.argument("item", type=click.UUID)
@with_django(DatabaseRole.WORKER)
def withdraw(name: str, item: UUID) -> None:
    """Withdraw the entry ITEM from the list NAME: it matches no later report."""
    from fanal.analyse.material.operations.lists import withdraw_item

    if not withdraw_item(actor=ACTOR, name=name, item_id=item, now=clock.now()):
        raise CommandRefused("LIST_ITEM_NOT_FOUND", name=name)


def _said(held: ListAttributes, said: dict[str, str | int | None]) -> ListAttributes:
    """Return the list metadata `held` with the values of the command's options (`said`) in their place.

    None for an option keeps the old value; an empty owner means the desk.

    Raises:
        Refusal: OWNER, unknown.
    """
    from msgspec import structs

    from fanal.accounts.queries.people import find_partner

    owner = said.pop("owner")
    given: dict[str, object] = {name: value for name, value in said.items() if value is not None}
    kinds = (("scope", MatchScope), ("sharing", Sharing))
    given |= {name: kind(str(given[name])) for name, kind in kinds if name in given}
    if owner is not None:
        given["owner_id"] = find_partner(name=str(owner)) if owner else None
        if owner and given["owner_id"] is None:
            raise Refusal("lists", "OWNER")
    return structs.replace(held, **given)


def _print(name: str | None, *, as_json: bool = True) -> None:
    from fanal.analyse.material.queries.lists import list_lists

    shown = [state for state in list_lists() if name in (None, state.name)]
    if name is not None and not shown:
        raise Refusal("lists", "NOT_FOUND")
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


for command in (vote, aside, release, exchange.source, exchange.fetch):
    lists.add_command(command)
