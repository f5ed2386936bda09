"""Readers of VICS: the kind of a file, one case as a document tree, and a case file of any size in parts.

Values of a tree keep their paths. A large file is split into documents of one case and a bounded number of
media, in two passes, each in the memory of one element: the first surveys (kind of file, its cases, counts of
their media), the second splits. Every value keeps its bytes.
"""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import BinaryIO, Final, TypeVar

import msgspec
from msgspec import Raw, Struct, field

from fanal.formats.json_tree import (
    Cut,
    Piece,
    TreeWalk,
    check_text,
    parse,
    raw_entries,
    read_pieces,
)
from fanal.formats.ncmec.read import Document, Node
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics.model import CONTACT, TYPES, integer, is_annotation, truth

MAX_BYTES: Final = 50_000_000
"""Maximum bytes of a case that is read at once."""
CASES: Final = ("value",)
MEDIA: Final = ("value", "*", "Media")
ALONE: Final = (("value", "Media"), ("Media",))
"""Paths of the media of a single case: `value` is the case, or the document itself is (`/$entity`)."""
_CUTS: Final[Mapping[tuple[str, ...], Cut]] = {
    CASES: Cut.OPENED,
    **dict.fromkeys((MEDIA, *ALONE), Cut.WHOLE),
}
_CONTEXTS: Final = ("@odata.context", "odata.metadata")
_CONTEXT: Final = re.compile(
    r"DataModels/(?P<version>[0-9]\.[0-9])\.xml(?:/(?P<country>[A-Za-z]{1,20}))?(?:/\$metadata)?"
    r"#(?P<kind>Cases|Media)(?:/\$entity)?$"
)
_BRITISH: Final = "1.2"
Said = TypeVar("Said")
_OF_CASES: Final = frozenset({"CaseID", "CaseNumber", "Media"})


class Kind(StrEnum):
    """The content of a VICS file: cases, or media without a case (a hash set)."""

    CASES = "Cases"
    MEDIA = "Media"


class FileContext(Struct, frozen=True, kw_only=True):
    """What a VICS file declares of itself: cases or media, version of the format, country of the categories.

    `version` is empty if not stated; so is `country` (a code in capitals).
    """

    kind: Kind
    version: str = ""
    country: str = ""


class VicsCase(Struct, frozen=True, kw_only=True):
    """A VICS case, or a document of a split one, as a tree; `context` is what its file declares of itself."""

    document: Document
    context: FileContext


def pieces_of(stream: BinaryIO) -> Iterator[Piece]:
    """Yield the elements of a VICS file: the media of each case before their case, or media of a hash set.

    The remainder of the document comes last. If the file has a single case outside an array (see `listed`),
    the remainder contains it, and its media precede it with a path of `ALONE`.

    Raises:
        FormatRefused: not JSON, or an element over the limits.
    """
    return read_pieces(stream, cuts=_CUTS)


def as_object(tree: object, *, path: str) -> dict[str, object]:
    """Return `tree` if it is a JSON object; `path` names it in the refusal.

    Raises:
        FormatRefused: it is of another type.
    """
    if not isinstance(tree, dict):
        raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters={"expected": "object"})
    return tree


def says_kind(sample: Mapping[str, object]) -> bool:
    """Return whether the keys of an object (`sample`) are those of a VICS case or of VICS media."""
    return not (_OF_CASES | {"MD5"}).isdisjoint(sample)


def context_of(rest: Mapping[str, object], *, sample: Mapping[str, object] | None) -> FileContext:
    """Determine what a VICS file declares of itself: its kind, version and country.

    `rest` is the document without the elements of its array, `sample` one of these elements.

    Raises:
        FormatRefused: neither the declared context nor the element shows that it is VICS.
    """
    words = next((w for name in _CONTEXTS if isinstance(w := rest.get(name), str)), None)
    found = _CONTEXT.search(words) if words is not None else None
    if found is not None:
        country = (found["country"] or "").upper()
        if not country and found["version"] == _BRITISH:
            country = "UK"  # 1.2 is the model of the British database
        return FileContext(kind=Kind(found["kind"]), version=found["version"], country=country)
    if words is not None and "#" in words:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Cases, #Media"})
    if sample is not None and _OF_CASES & sample.keys():
        return FileContext(kind=Kind.CASES)
    if sample is not None and says_kind(sample):
        return FileContext(kind=Kind.MEDIA)
    raise FormatRefused(DocumentFault.MISSING_FIELD, _CONTEXTS[0])


def listed(
    document: Mapping[str, Said], case: Mapping[str, Said] | None
) -> tuple[dict[str, Said], dict[str, Said]] | None:
    """Find the case of a VICS document that has a single one outside an array.

    Returns (document without the case, case); None if its cases are in an array. OData writes a single entity
    as `value` itself (then passed as `case`), or as the document, with its context (JSON Format 4.01, section
    5).
    """
    if case is not None:
        return {k: v for k, v in document.items() if k != "value"}, dict(case)
    if "value" in document or _OF_CASES.isdisjoint(document):
        return None
    beside = {k: v for k, v in document.items() if k in _CONTEXTS}
    return beside, {k: v for k, v in document.items() if k not in _CONTEXTS}


def read_case(body: bytes) -> VicsCase:
    """Parse a VICS document with one case to a tree; paths begin with `case`.

    Raises:
        FormatRefused: the bytes are not a VICS document of exactly one case, or exceed a limit.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = as_object(parse(body), path="")
    values = tree.get("value")
    if alone := listed(tree, values if isinstance(values, dict) else None):
        tree, values = alone[0], [alone[1]]
    if not isinstance(values, list) or len(values) != 1:
        raise FormatRefused(DocumentFault.WRONG_ROOT, "value", parameters={"expected": "one case"})
    case = as_object(values[0], path="case")
    context = context_of(tree, sample=case)
    if context.kind is not Kind.CASES:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Cases"})
    walk = TreeWalk()
    entries = walk.entries("case", _with_contact(case), kind=TYPES["case"], depth=1)
    _others(walk, tree, entries)
    root = Node("case", "case", None, None, (), entries)
    strange = tuple(c for c in walk.complaints if not is_annotation(c.path.rpartition("/")[2]))
    return VicsCase(document=Document(root=root, complaints=strange), context=context)


def _with_contact(case: dict[str, object]) -> dict[str, object]:
    """Return the VICS case with its keys `Contact…` grouped under `Contact`, withheld as a reporter's.

    Raises:
        FormatRefused: the case already has that key.
    """
    known = TYPES["contact"].elements
    contact: dict[str, object] = {}
    others: dict[str, object] = {}
    for key, value in case.items():
        part = key.removeprefix(CONTACT)
        if key.startswith(CONTACT) and part in known:
            contact[part] = value
        else:
            others[key] = value
    if not contact:
        return others
    if CONTACT in others:
        raise FormatRefused(DocumentFault.DUPLICATE_FIELD, "case/Contact")
    return {CONTACT: contact, **others}


def _others(walk: TreeWalk, tree: dict[str, object], entries: list[Node]) -> None:
    """Append nodes of a VICS document's top-level keys to `entries`, except `value` and `@odata.context`.

    `tree` is the document, `walk` the converter of its values to nodes.
    """
    beside = {k: v for k, v in tree.items() if k != "value" and k not in _CONTEXTS}
    entries.extend(walk.entries("", beside, kind=None, depth=1))


PART_MEDIA: Final = 200
PART_BYTES: Final = 2_000_000
_MAX_REFERENCE: Final = 150
_MEDIA: Final = frozenset({MEDIA, *ALONE})


class Total(Struct, frozen=True, kw_only=True):
    """A total that a case states (such as its number of media), and the number counted in the file."""

    name: str
    stated: int
    counted: int


class Surveyed(Struct, kw_only=True):
    """A case found by the survey: its reference, its bytes without media (`head`), counts and totals.

    `reference` is "" if the case states none. `media` and `parts` are numbers: of its media, and of the
    documents that it will be split into. `precategorized` is the number of media marked as already
    categorised; `totals` are those that the case states.
    """

    reference: str = ""
    head: bytes = b""
    media: int = 0
    precategorized: int = 0
    parts: int = 1
    totals: tuple[Total, ...] = ()


class Survey(Struct, kw_only=True):
    """The result of the first pass over a VICS file: what it declares of itself, and its cases.

    `context` is what the file declares, `rest` is the document without its cases and media, as JSON.
    """

    context: FileContext
    rest: bytes
    cases: list[Surveyed] = field(default_factory=list)


class CasePart(Struct, frozen=True, kw_only=True):
    """A VICS document of one case, with all or some of its media: its reference, and its bytes."""

    reference: str
    body: bytes


def survey(stream: BinaryIO) -> Survey:
    """Read a VICS case file once; return its context and cases with counts, as input of `cut_parts`.

    Raises:
        FormatRefused: not VICS, a hash set, or an unreadable element.
    """
    cases: list[Surveyed] = []
    current, filling = Surveyed(), _Filling()
    rest, sample, alone = b"", None, set[tuple[str, ...]]()
    for piece in pieces_of(stream):
        if piece.path in _MEDIA:
            alone.update({piece.path} & set(ALONE))
            entry = as_object(piece.tree(), path=f"case[{len(cases) + 1}]/Media")
            current.media += 1
            current.precategorized += truth(entry.get("IsPrecategorized")) is True
            current.parts += filling.add(piece.body)
        elif piece.path == CASES:
            tree = as_object(piece.tree(), path=f"case[{len(cases) + 1}]")
            if sample is None:
                sample = tree
                _check_first(tree)
            _close(current, piece.body, tree, number=len(cases) + 1)
            cases.append(current)
            current, filling = Surveyed(), _Filling()
        elif single := _single(piece.body, alone):
            rest, head = single
            sample = as_object(parse(head), path="case")
            _close(current, head, sample, number=1)
            cases.append(current)
        else:
            rest = piece.body
    context = context_of(as_object(parse(rest), path=""), sample=sample)
    if context.kind is not Kind.CASES:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Cases"})
    return Survey(context=context, rest=rest, cases=cases)


def cut_parts(stream: BinaryIO, found: Survey, *, name: str) -> Iterator[CasePart]:
    """Yield every case of a surveyed file in parts, in file order.

    A part is a VICS document of its own: the case with up to `PART_MEDIA` of its media, or `PART_BYTES`.
    `found` is the result of `survey` on the same file; `name` (the file's) is the reference of a case that
    has none, with the case's number if there are several (`…/2`). Parts after the first have their number in
    the reference (`…#2`).

    Raises:
        FormatRefused: more cases than the survey found (the file has changed; other changes are not
            noticed), not JSON, or an element over the limits.
    """
    number, held, first, part = 0, list[bytes](), 1, 1
    filling = _Filling()
    for piece in pieces_of(stream):
        if number >= len(found.cases) and piece.path:
            raise FormatRefused(
                DocumentFault.MALFORMED, parameters={"value": "the file has changed"}
            )
        if piece.path in _MEDIA:
            if filling.add(piece.body):
                yield _part(found, number, name=name, held=held, first=first, part=part)
                first, part, held = first + len(held), part + 1, []
            held.append(piece.body)
        elif piece.path == CASES or number < len(found.cases):  # the rest is a single case
            yield _part(found, number, name=name, held=held, first=first, part=part)
            number, held, first, part, filling = number + 1, [], 1, 1, _Filling()


def _close(case: Surveyed, head: bytes, tree: dict[str, object], *, number: int) -> None:
    if not isinstance(tree.get("Media"), list | None):
        raise FormatRefused(DocumentFault.WRONG_TYPE, f"case[{number}]/Media")
    raw_entries(head)  # what cannot be cut is refused before the first part is made
    case.head, case.totals = head, tuple(_totals(tree, case))
    case.reference = _reference(tree)


def _single(rest: bytes, media: set[tuple[str, ...]]) -> tuple[bytes, bytes] | None:
    """Return (document without the case, case) for a single case outside an array, or None.

    `rest` is the remaining document; `media`: the paths at which media were found outside the array of
    cases.

    Raises:
        FormatRefused: media without a case, or media in two places.
    """
    as_object(parse(rest), path="")  # the strict reader
    document = raw_entries(rest)
    value = bytes(document.get("value", b""))
    inner = raw_entries(value) if value.startswith(b"{") else None
    if media - {ALONE[0] if inner is not None else ALONE[1]}:
        raise FormatRefused(DocumentFault.WRONG_TYPE, "Media")
    found = listed(document, inner)
    if found is None and media:
        raise FormatRefused(DocumentFault.WRONG_TYPE, "Media")
    return (msgspec.json.encode(found[0]), msgspec.json.encode(found[1])) if found else None


def _check_first(tree: dict[str, object]) -> None:
    """Refuse a file that begins with the media of a hash set: `tree` is its first element.

    Such a set is not a case file, and may hold millions of entries.

    Raises:
        FormatRefused: the entry is a media and not a case.
    """
    if "MD5" in tree and not {"CaseID", "CaseNumber", "Media"} & tree.keys():
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Cases"})


class _Filling:
    """Counter of the media and bytes of a part of a VICS case; it decides where a case is split.

    Both passes use it, so that they split at the same places.
    """

    def __init__(self) -> None:
        self._count = self._bytes = 0

    def add(self, body: bytes) -> bool:
        """Add a media (its bytes `body`) to the counts; return whether it begins a new part.

        A part begins when the one before is full.
        """
        full = self._count >= PART_MEDIA or (self._count and self._bytes + len(body) > PART_BYTES)
        if full:
            self._count = self._bytes = 0
        self._count += 1
        self._bytes += len(body)
        return bool(full)


def _part(
    found: Survey, number: int, *, name: str, held: list[bytes], first: int, part: int
) -> CasePart:
    case = found.cases[number]
    alone = case.reference or (f"{name}/{number + 1}" if len(found.cases) > 1 else name)
    reference = alone if part == 1 else f"{alone}#{part}"
    entries = raw_entries(case.head)
    entries["Media"] = Raw(b"[" + b",".join(held) + b"]")
    entries["FanalPart"] = Raw(
        msgspec.json.encode(
            {
                "Reference": reference,
                "Number": part,
                "FirstMedia": first,
                "CountedMedia": case.media,
                "CountedPrecategorized": case.precategorized,
            }
        )
    )
    document = raw_entries(found.rest)
    document["value"] = Raw(b"[" + msgspec.json.encode(entries) + b"]")
    return CasePart(reference=reference, body=msgspec.json.encode(document))


def _totals(case: dict[str, object], counted: Surveyed) -> Iterator[Total]:
    pairs = (("TotalMediaFiles", counted.media), ("TotalPrecategorized", counted.precategorized))
    for name, number in pairs:
        stated = integer(case.get(name))
        if stated is not None:
            yield Total(name=name, stated=stated, counted=number)


def _reference(case: dict[str, object]) -> str:
    for name in ("CaseID", "CaseNumber"):
        value = case.get(name)
        if isinstance(value, str) and 0 < len(value.strip()) <= _MAX_REFERENCE:
            check_text(value, path=f"case/{name}")
            if value.isprintable():
                return value.strip()
    return ""
