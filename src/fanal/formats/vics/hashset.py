"""VICS hash sets (media without a case) as entries of a list of known material.

A set of a million entries contains some unusable ones: they are skipped, counted, and reported with their
first positions. If most are unusable, the file is not what it claims to be and is refused as a whole.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import BinaryIO, Final
from urllib.parse import unquote

from msgspec import Struct, field

from fanal.formats.indicators import MAX_CLASSIFICATION, Indicator, hash_value, kind_of
from fanal.formats.json_tree import Cut, check_text, parse, read_pieces
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics.model import CategoryUse, Vocabulary, is_annotation, vocabulary_of
from fanal.formats.vics.read import (
    CASES,
    FileContext,
    Kind,
    as_object,
    context_of,
    pieces_of,
    says_kind,
)

READ: Final = ("MD5", "SHA1", "PhotoDNA", "AlternativeHashes", "Category", "Tags")
_STORED: Final = "a list holds values and a class; the file stays with who sent it"
_NOT_OURS: Final = "describes a file of a case, which a list does not hold"
IGNORED: Final[Mapping[str, str]] = {
    "MediaID": "numbers of a file are its own",
    "MediaSize": _STORED,
    "DateUpdated": "an entry's dates are those of the list",
    "MimeType": _STORED,
    "RelativeFilePath": _NOT_OURS,
    "VictimIdentified": _STORED,
    "OffenderIdentified": _STORED,
    "IsDistributed": _STORED,
    "IsSuspected": "only the category says what an entry is",
    "IsPrecategorized": "unreliable in real exports; only the category counts",
    "PrecategorizationSource": "only the category says what an entry is",
    "SelfGenerated": _STORED,
    "Series": _STORED,
    "Comments": "free text may name people",
    "Miniature": "no picture enters a list",
    "Segments": _NOT_OURS,
    "Repositories": _NOT_OURS,
    "Exifs": _NOT_OURS,
    "MediaFiles": _NOT_OURS,
}
"""Ignored keys of a media, with the reason; unknown keys are counted."""
CLASS_TAG: Final = "fanal:class="
UNUSABLE: Final = frozenset(
    {
        DocumentFault.DUPLICATE_FIELD,
        DocumentFault.FORBIDDEN_CHARACTER,
        DocumentFault.MISSING_FIELD,
        DocumentFault.TEXT_TOO_LONG,
        DocumentFault.WRONG_TYPE,
    }
)
"""Faults of a single entry. Any other fault means that the file is truncated or not VICS."""
_FIRST_PLACES: Final = 3
_START: Final = 4_096
_CONTEXT_FIRST: Final = re.compile(
    rb"""(?:\xef\xbb\xbf)?\s*(\{\s*"(?:@odata\.context|odata\.metadata)"\s*:\s*"[^"\\]{1,500}")\s*,"""
)
_WHOLE: Final[Mapping[tuple[str, ...], Cut]] = {CASES: Cut.WHOLE}
_CLASS: Final = re.compile(r"(?:^|[,;])\s*" + CLASS_TAG + r"([^,;\s]*)")


class Faults(Struct, kw_only=True):
    """Unusable entries of a VICS hash set: their number by name of the fault, and paths of the first three.

    `counts` are the numbers, `places` the paths.
    """

    counts: Counter[str] = field(default_factory=Counter)
    places: dict[str, list[str]] = field(default_factory=dict)

    def note(self, name: str, *, path: str) -> None:
        """Count one occurrence of the fault `name`, at `path` in the file."""
        self.counts[name] += 1
        if len(first := self.places.setdefault(name, [])) < _FIRST_PLACES:
            first.append(path)


class Unlisted(FormatRefused):
    """A list entry is refused: its category is not in its country's model; `name` is `SCHEME:CODE`.

    Caught while a hash set is read: the entry is skipped and counted.
    """

    def __init__(self, name: str, path: str) -> None:
        super().__init__(DocumentFault.UNKNOWN_CODE, path)
        self.name = name


class Selection(Struct, kw_only=True):
    """Which entries of a hash set to take, and counts of the skipped ones, filled while reading.

    `country` overrides the country that the file declares. `categories` are the codes to take. If empty, the
    vocabulary of the country decides: known material, or, with `harmless`, harmless files. Media without a
    category are always taken. `left_out` counts the entries of other categories, `unknown` the unknown keys.
    `entries` are the unusable entries by fault code, `unlisted` those of a category outside the country's
    model, `hashes` the malformed hashes of entries taken without them.
    """

    country: str = ""
    categories: frozenset[str] = frozenset()
    harmless: bool = False
    left_out: Counter[str] = field(default_factory=Counter)
    unknown: Counter[str] = field(default_factory=Counter)
    entries: Faults = field(default_factory=Faults)
    unlisted: Faults = field(default_factory=Faults)
    hashes: Faults = field(default_factory=Faults)


def describe(stream: BinaryIO) -> FileContext:
    """Return the kind, version and country that a VICS file declares; the stream must be seekable.

    A context (`@odata.context`) at the start, as OData requires, saves a pass over the whole file;
    `read_hash_set` later compares it with the complete file.

    Raises:
        FormatRefused: not VICS, or a file of cases, which are reports and not a list.
    """
    start = stream.read(_START)
    stream.seek(0)
    sample = _first(stream)
    said = _CONTEXT_FIRST.match(start)
    if said is not None:
        rest = as_object(parse(said[1] + b"}"), path="")
    else:
        stream.seek(0)
        *_, last = read_pieces(stream, cuts=_WHOLE)
        rest = as_object(last.tree(), path="")
    return _media_context(rest, sample)


def _first(stream: BinaryIO) -> dict[str, object] | None:
    """Return an entry of a hash set that shows the kind of the file: a sample for `context_of`.

    It is the first whose keys show that, else the last readable one; None for an empty set.

    Raises:
        FormatRefused: a file of cases, a fault of the file, or no readable element.
    """
    readable, strange = None, None
    for piece in pieces_of(stream):
        if not piece.path:
            break
        if piece.path != CASES:
            raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Media"})
        try:
            readable = as_object(piece.tree(), path="value")
        except FormatRefused as refused:
            strange = _of_one_entry(refused)
            continue
        if says_kind(readable):
            return readable
    if readable is None and strange is not None:
        raise strange
    return readable


def _of_one_entry(refused: FormatRefused) -> FormatRefused:
    """Return `refused` if it concerns a single entry, so that the caller skips it.

    Raises:
        FormatRefused: the refusal itself, if it concerns the whole file.
    """
    if refused.code not in UNUSABLE and not isinstance(refused, Unlisted):
        raise refused
    return refused


def _media_context(rest: dict[str, object], sample: dict[str, object] | None) -> FileContext:
    context = context_of(rest, sample=sample)
    if context.kind is not Kind.MEDIA:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Media"})
    return context


def read_hash_set(
    stream: BinaryIO, *, context: FileContext, selection: Selection
) -> Iterator[Indicator]:
    """Yield the entries of a hash set that `selection` takes, one in memory at a time.

    `context` is what `describe` returned for the file. Unusable entries are skipped and counted in
    `selection`; a malformed hash does not exclude the other hashes of its entry. Whether most entries are
    usable is known only at the end: the caller must commit nothing before.

    Raises:
        FormatRefused: not VICS, truncated, a category of the country's model whose meaning is unknown and
            which is not chosen, or more unusable than usable entries (then the first fault, with `count` and
            `of`).
    """
    vocabulary = vocabulary_of(selection.country or context.country)
    number, readable, left, sample = 0, 0, 0, None
    strange: FormatRefused | None = None
    for piece in read_pieces(stream, cuts=_WHOLE):
        if not piece.path:
            said = _media_context(as_object(piece.tree(), path=""), sample)
            if said != context:
                raise FormatRefused(DocumentFault.MALFORMED, parameters={"value": "two contexts"})
            continue
        number += 1
        path = f"value[{number}]"
        try:
            media = as_object(piece.tree(), path=path)
            if sample is None or not says_kind(sample):
                sample = media
            item = _item(media, number, selection=selection, vocabulary=vocabulary)
        except FormatRefused as refused:
            strange = strange or _of_one_entry(refused)
            _leave_out(selection, refused, path=refused.path or path)
            left += 1
            continue
        readable += 1
        if item is not None:
            yield item
    if strange is not None and left > readable:
        of = {"count": left, "of": left + readable}
        raise FormatRefused(strange.code, strange.path, parameters=of)


def _leave_out(selection: Selection, refused: FormatRefused, *, path: str) -> None:
    if isinstance(refused, Unlisted):
        selection.unlisted.note(refused.name, path=path)
    else:
        selection.entries.note(_of_one_entry(refused).code, path=path)


def _item(
    media: dict[str, object], number: int, *, selection: Selection, vocabulary: Vocabulary
) -> Indicator | None:
    path = f"value[{number}]"
    for key in media:
        if key not in READ and key not in IGNORED and not is_annotation(key):
            selection.unknown[key] += 1
    code = _text(media, "Category", path=path)
    if code and not _takes(code, selection, vocabulary, path=path):
        selection.left_out[f"{vocabulary.scheme}:{code}"] += 1
        return None
    found = list(_hashes(media, path=path))
    values = {kind: value for kind, value, _ in found if value is not None}
    malformed = [(kind, place) for kind, value, place in found if value is None]
    if not values and malformed:
        kind, place = malformed[0]
        raise FormatRefused(DocumentFault.WRONG_TYPE, place, parameters={"expected": kind})
    if not values:
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/MD5")
    named = f"{vocabulary.scheme}:{code}" if code else _class_of(_text(media, "Tags", path=path))
    if len(named) > MAX_CLASSIFICATION:
        raise FormatRefused(
            DocumentFault.TEXT_TOO_LONG, path, parameters={"limit": MAX_CLASSIFICATION}
        )
    for kind, place in malformed:
        selection.hashes.note(kind, path=place)
    return Indicator(line=number, values=values, classification=named)


def _takes(code: str, selection: Selection, vocabulary: Vocabulary, *, path: str) -> bool:
    if selection.categories:
        return code in selection.categories
    use = vocabulary.use_of(code)
    if use is CategoryUse.UNKNOWN and not vocabulary.lists(code):
        raise Unlisted(f"{vocabulary.scheme}:{code}", f"{path}/Category")
    if use is CategoryUse.UNKNOWN:
        # A guess could suppress matches of abuse material, or raise false alarms over holiday pictures.
        raise FormatRefused(
            DocumentFault.UNKNOWN_CODE, f"{path}/Category", parameters={"value": vocabulary.scheme}
        )
    return use is (CategoryUse.HARMLESS if selection.harmless else CategoryUse.MATERIAL)


def _hashes(media: dict[str, object], *, path: str) -> Iterator[tuple[str, str | None, str]]:
    """Yield (kind, value, path) of each hash of a media (file) in a hash set; value None if malformed."""
    for key, kind in (("MD5", "MD5"), ("SHA1", "SHA1"), ("PhotoDNA", "PHOTODNA")):
        yield from _hash(kind, media.get(key), path=f"{path}/{key}")
    others, path = media.get("AlternativeHashes"), f"{path}/AlternativeHashes"
    if not isinstance(others, list | None):
        yield "AlternativeHashes", None, path
        return
    for index, other in enumerate(others or (), start=1):
        place = f"{path}[{index}]"
        name = other.get("HashName", "") if isinstance(other, dict) else None
        if not isinstance(name, str):
            yield "AlternativeHashes", None, place
        elif found := kind_of(name):
            yield from _hash(found, other.get("HashValue"), path=f"{place}/HashValue")


def _hash(kind: str, said: object, *, path: str) -> Iterator[tuple[str, str | None, str]]:
    text = said.strip() if isinstance(said, str) else said
    if text is not None and text != "":
        yield kind, hash_value(kind, text) if isinstance(text, str) else None, path


def _text(entry: dict[str, object], key: str, *, path: str) -> str:
    value = entry.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise FormatRefused(DocumentFault.WRONG_TYPE, f"{path}/{key}")
    check_text(value, path=f"{path}/{key}")
    return value.strip()


def _class_of(tags: str) -> str:
    found = _CLASS.search(tags)
    return unquote(found[1]) if found else ""
