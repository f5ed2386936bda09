"""Import of list files in other formats, with messages about unread items."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fanal import reference
from fanal.analyse.domain.lists import ListRefused
from fanal.cli.failures import CommandRefused, language, tell, words_of_refusal
from fanal.cli.found import reason_of
from fanal.formats.csv_hashes.read import COLUMNS
from fanal.formats.indicators import Indicator
from fanal.formats.misp.read import read_event
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.read import BundleReading, read_bundle
from fanal.formats.vics.hashset import Selection, describe, read_hash_set
from fanal.kernel import clock

FORMATS = ("csv", "vics", "stix", "misp")
_MOST_TOLD = 20


class LeftOut:
    """The items of an imported file that no list accepts, counted by reason for a message after the import.

    Holds the options for the selection of the items: country, categories, harmless ones.
    """

    def __init__(self, *, country: str, categories: Sequence[str], harmless: bool) -> None:
        self.reading = BundleReading()
        self.selection = Selection(
            country=country.upper(), categories=frozenset(categories), harmless=harmless
        )

    def tell(self) -> None:
        """Report the items on standard error by reason, the most frequent first."""
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

    Items left out are counted in `told`.

    Raises:
        CommandRefused: the file is not a list in this format; no item is imported.
        OSError: the file is unreadable.
    """
    try:
        with path.open("rb") as stream:
            if format_ == "vics":
                context = describe(stream)
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
    """Return the error for a refused CSV file; usually its first line lacks the column names."""
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
