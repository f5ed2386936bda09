"""Readers of VICS: the kind of a file, and one case as a document tree whose values keep their paths."""

import re
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import BinaryIO, Final, TypeVar

from msgspec import Struct

from fanal.formats.json_pieces import Cut, Piece, read_pieces
from fanal.formats.json_tree import TreeWalk, parse
from fanal.formats.ncmec.read import Document, Node
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics.model import CONTACT, TYPES, is_annotation

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
    """The content of a file: cases or media."""

    CASES = "Cases"
    MEDIA = "Media"


class FileContext(Struct, frozen=True, kw_only=True):
    """What a file declares of itself: cases or media, version and country (in capitals) of the model.

    Version and country are empty if not stated.
    """

    kind: Kind
    version: str = ""
    country: str = ""


class VicsCase(Struct, frozen=True, kw_only=True):
    """One case, or a part of one, as a document; the context gives the country of its categories."""

    document: Document
    context: FileContext


def pieces_of(stream: BinaryIO) -> Iterator[Piece]:
    """Yield the elements of a VICS file: the media of each case before their case, or media of a hash set.

    The remainder of the document comes last. It contains a single case outside an array (see `listed`), whose
    media precede it with a path of `ALONE`.

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
    """Return whether an element's keys show that it is a case or a media."""
    return not (_OF_CASES | {"MD5"}).isdisjoint(sample)


def context_of(rest: Mapping[str, object], *, sample: Mapping[str, object] | None) -> FileContext:
    """Determine the context of a file from its remaining document (`rest`) and one element of its array.

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
    """Return (document without the case, case) for a single case outside an array; None for an array.

    OData writes a single entity as `value` itself (then passed as `case`), or as the document, with its
    context (JSON Format 4.01, section 5).
    """
    if case is not None:
        return {k: v for k, v in document.items() if k != "value"}, dict(case)
    if "value" in document or _OF_CASES.isdisjoint(document):
        return None
    beside = {k: v for k, v in document.items() if k in _CONTEXTS}
    return beside, {k: v for k, v in document.items() if k not in _CONTEXTS}


def read_case(body: bytes) -> VicsCase:
    """Parse a document with one case; paths begin with `case`.

    Raises:
        FormatRefused: the bytes are not a VICS document of exactly one case.
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
    """Return the case with its contact keys grouped under one key, whose values are withheld as a reporter's.

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
    """Append to `entries` the document's top-level keys, except `value` (the case) and the OData context."""
    beside = {k: v for k, v in tree.items() if k != "value" and k not in _CONTEXTS}
    entries.extend(walk.entries("", beside, kind=None, depth=1))
