"""Splitting of VICS case files of any size into documents of one case and a bounded number of media.

Two passes over the file, each in the memory of one element: the first surveys (kind of file, its cases,
counts of their media), the second splits. Every value keeps its bytes.
"""

from collections.abc import Iterator
from typing import BinaryIO, Final

import msgspec
from msgspec import Raw, Struct, field

from fanal.formats.json_tree import check_text, parse
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.vics.read import (
    ALONE,
    CASES,
    MEDIA,
    FileContext,
    Kind,
    as_object,
    context_of,
    listed,
    pieces_of,
)
from fanal.formats.vics.values import integer, truth

PART_MEDIA: Final = 200
PART_BYTES: Final = 2_000_000
_MAX_REFERENCE: Final = 150
_MEDIA: Final = frozenset({MEDIA, *ALONE})


class Total(Struct, frozen=True, kw_only=True):
    """A total as the case states it, and as counted in the file."""

    name: str
    stated: int
    counted: int


class Surveyed(Struct, kw_only=True):
    """A case found by the survey: its reference, its bytes without media (`head`), counts and totals.

    `media` and `parts` are numbers: of its media, and of the documents that it will be split into.
    """

    reference: str = ""
    head: bytes = b""
    media: int = 0
    precategorized: int = 0
    parts: int = 1
    totals: tuple[Total, ...] = ()


class Survey(Struct, kw_only=True):
    """The result of the first pass over a file: its context, its cases, and the remaining document."""

    context: FileContext
    rest: bytes
    cases: list[Surveyed] = field(default_factory=list)


class CasePart(Struct, frozen=True, kw_only=True):
    """One part of a case: its reference, and its bytes as a VICS document of its own."""

    reference: str
    body: bytes


def survey(stream: BinaryIO) -> Survey:
    """Read a case file once; return its context and cases with counts, as input of `cut_parts`.

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
    """Yield the parts of every case of a surveyed file, in file order; `name` is the name of the file.

    Raises:
        FormatRefused: the file has changed since the survey.
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
    case.head, case.totals = head, tuple(_totals(tree, case))
    case.reference = _reference(tree)


def _single(rest: bytes, media: set[tuple[str, ...]]) -> tuple[bytes, bytes] | None:
    """Return (document without the case, case) for a single case outside an array, or None.

    `media`: the paths at which media were found outside the array of cases.

    Raises:
        FormatRefused: media without a case, or media in two places.
    """
    as_object(parse(rest), path="")  # the strict reader
    document = msgspec.json.decode(rest, type=dict[str, Raw])
    value = bytes(document.get("value", b""))
    inner = msgspec.json.decode(value, type=dict[str, Raw]) if value.startswith(b"{") else None
    if media - {ALONE[0] if inner is not None else ALONE[1]}:
        raise FormatRefused(DocumentFault.WRONG_TYPE, "Media")
    found = listed(document, inner)
    if found is None and media:
        raise FormatRefused(DocumentFault.WRONG_TYPE, "Media")
    return (msgspec.json.encode(found[0]), msgspec.json.encode(found[1])) if found else None


def _check_first(tree: dict[str, object]) -> None:
    """Refuse a hash set at its first entry (`tree`), before reading perhaps millions.

    Raises:
        FormatRefused: the entry is a media and not a case.
    """
    if "MD5" in tree and not {"CaseID", "CaseNumber", "Media"} & tree.keys():
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "#Cases"})


class _Filling:
    """Counter of the media and bytes of a part; both passes use it, so that they split at the same places."""

    def __init__(self) -> None:
        self._count = self._bytes = 0

    def add(self, body: bytes) -> bool:
        """Add a media to the counts; return whether it begins a new part because the last one is full."""
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
    entries = msgspec.json.decode(case.head, type=dict[str, Raw])
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
    document = msgspec.json.decode(found.rest, type=dict[str, Raw])
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
