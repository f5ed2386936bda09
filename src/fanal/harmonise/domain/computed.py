"""Results of the desk's own file hashing, merged with the sender's statements about the same files.

Both are kept: the sender's statement stays in the file's own fields. A computed hash becomes a selector (an
identifier to compare reports by) where the sender stated none or another, and is recorded in
`HarmonisedReport.computed`; a PDQ also fills the file's field if that is empty.
"""

import re
from collections.abc import Sequence
from typing import Final

from msgspec import structs

from fanal.formats.report.records import File, IpSighting
from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.records import (
    ComputedFile,
    HarmonisedReport,
    SelectorKind,
    SelectorRole,
    SourceFile,
    Warning as Doubt,
)
from fanal.harmonise.domain.redaction.reporter import is_of_reporter
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.values.addresses import is_routable, read_ip, read_port
from fanal.hashing.domain.records import FileFacts, Unhashed

# IP addresses that a source states outside its persons: of a file's upload, of a peer-to-peer node.
#
# A provider that knows only the address of the upload writes it with the file. It is nevertheless the
# suspect's: the address to ask the access provider about.

_LEAVES: Final = ("/ipAddress", "/value", "/ip")
# `ipCaptureEvent` of NCMEC's XML, `sourceCaptures` of its JSON, `locations` of COM(2022)209. Those of persons
# are in fields; replaced file details are under `earlier`.
_ELSEWHERE: Final = r"(?!.*/(?:earlier\[|reportedPersons|intendedRecipients))"
_CAPTURE: Final = re.compile(
    _ELSEWHERE + r"((?:.*/)?(?:ipCaptureEvent|sourceCaptures|locations)(?:\[[0-9]+\])?)/[a-zA-Z]+"
)


def captured_addresses(report: HarmonisedReport) -> tuple[IpSighting, ...]:
    """Return the routable IP addresses that a report states outside its persons, such as a file's upload.

    They are read from `extra` (values without a field), with port and instant as written, in its order and
    with repeats. The reporter's own are left out; () without any.
    """
    found: list[tuple[str, str]] = []
    for extra in report.extra:
        if extra.path.endswith(_LEAVES) and (place := _CAPTURE.fullmatch(extra.path)):
            read = None if is_of_reporter(extra.path) else read_ip(extra.value)
            if read is not None and is_routable(read.value):
                found.append((place[1], read.value))
    if not found:
        return ()
    beside = {extra.path: extra.value for extra in report.extra}
    return tuple(
        IpSighting(
            value=value,
            port=read_port(beside.get(f"{place}/port")),
            at=beside.get(f"{place}/dateTime") or beside.get(f"{place}/at"),
        )
        for place, value in found
    )


_EXACT = ("sha256", "sha1", "md5")
_NO_WARNING = frozenset({Unhashed.NO_PICTURE, Unhashed.EMPTY})


def with_computed(draft: Draft, sources: Sequence[SourceFile]) -> Draft:
    """Return the report `draft` with the results of the desk's own hashing of `sources`, its uploaded files.

    Each upload is matched to a file of the draft, by hash or position; an unmatched one is left out. A
    perceptual hash (PDQ) of low quality fills no field: it is recorded with a warning and never compared.
    """
    files, computed, doubts = list(draft.files), [], list(draft.warnings)
    places = _places(draft.files, sources)
    for place, source in places:
        facts = source.computed
        if facts is None:
            continue
        file, path = files[place], f"files[{place}]"
        found = _computed(place, facts, file)
        computed.append(found)
        if facts.unhashed and facts.unhashed not in _NO_WARNING:
            doubts.append(Doubt(path=path, code="FILE_NOT_HASHED", value=facts.unhashed))
        if facts.pdq is None:
            continue
        if not found.is_comparable():
            doubts.append(
                Doubt(path=f"{path}.pdq", code="PDQ_LOW_QUALITY", value=str(facts.quality))
            )
        elif file.pdq is None:
            files[place] = structs.replace(file, pdq=facts.pdq)
        elif file.pdq.strip().lower() != facts.pdq:
            doubts.append(
                Doubt(path=f"{path}.pdq", code="HASH_DIFFERS_FROM_REPORTED", value=facts.pdq)
            )
    return structs.replace(
        draft, files=tuple(files), computed=tuple(computed), warnings=tuple(doubts)
    )


def collect_computed(computed: Sequence[ComputedFile], collector: Collector) -> None:
    """Add the hashes that the desk computed, of files and of video frames, to the report's selectors.

    `computed` has exact hashes only where the file's own field lacks them or differs. `collector` gathers the
    selectors (identifiers to compare reports by).
    """
    for number, found in enumerate(computed):
        path = f"computed[{number}]"
        named = [(SelectorKind(name.upper()), getattr(found, name), name) for name in _EXACT]
        if found.is_comparable():
            named.append((SelectorKind.PDQ, found.pdq, "pdq"))
        named += [(SelectorKind.PDQ, frame, "frames") for frame in found.frames]
        for kind, value, name in named:
            if value:
                origin = Origin(role=SelectorRole.CONTENT, source=f"{path}.{name}")
                collector.add(kind, value, origin)


def _computed(place: int, facts: FileFacts, file: File) -> ComputedFile:
    differing = {
        name: value
        for name in _EXACT
        if (value := getattr(facts, name)) and value != (getattr(file, name) or "").strip().lower()
    }
    return ComputedFile(
        file=place,
        media_type=facts.media_type,
        width=facts.width,
        height=facts.height,
        scale=facts.scale,
        pdq=facts.pdq,
        quality=facts.quality,
        frames=facts.frames,
        unhashed=facts.unhashed,
        **differing,
    )


def _places(files: Sequence[File], sources: Sequence[SourceFile]) -> list[tuple[int, SourceFile]]:
    """Match uploads (`sources`) to the files of a report; return pairs (index in `files`, upload).

    Matched by SHA-256, else by position if there are as many uploads as files; others are left out.
    """
    by_hash: dict[str, list[int]] = {}
    for place, file in enumerate(files):
        if file.sha256:
            by_hash.setdefault(file.sha256.strip().lower(), []).append(place)
    found: list[tuple[int, SourceFile]] = []
    for turn, source in enumerate(sources):
        if places := by_hash.get(source.sha256 or ""):
            found.append((places.pop(0), source))
        elif len(files) == len(sources):
            found.append((turn, source))
    return found


def is_low(file: File, place: int, computed: Sequence[ComputedFile]) -> bool:
    """Return whether the PDQ hash of a file equals a computed one of too low a quality to compare.

    `place` is the file's index in the report's `files`.
    """
    value = (file.pdq or "").strip().lower()
    return any(
        c.file == place and c.pdq == value and not c.is_comparable() for c in computed if c.pdq
    )
