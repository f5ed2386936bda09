"""Reconciles rows and blobs, both ways. Finds; mends only what cannot be evidence of anything.

A row without its bytes, or with other bytes, is a loss to tell and never to tidy away. Bytes without a
row are a deposit that was never acknowledged: their data key existed in memory only, so nobody can
open them, and `repair` blanks or removes them once they are older than the grace period.
"""

import errno
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from uuid import UUID

from fanal.kernel.actors import Actor
from fanal.vault import keyring, packs, queries
from fanal.vault.domain.envelope import EnvelopeRefused, sealed_size
from fanal.vault.domain.records import StoredObject
from fanal.vault.operations.opening import check_plaintext

GRACE = timedelta(hours=1)
"""What is younger may belong to a transaction that is still open."""


class Code(StrEnum):
    """What can be wrong."""

    MISSING = "MISSING"
    SHORT = "SHORT"
    CORRUPT = "CORRUPT"
    UNOPENABLE = "UNOPENABLE"
    UNREADABLE = "UNREADABLE"
    ORPHAN = "ORPHAN"
    LEFTOVER = "LEFTOVER"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One finding: an object where one is known, a place, and whether `repair` mended it."""

    code: Code
    place: str
    object_id: UUID | None = None
    mended: bool = False


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What was read and found. `opened` counts objects whose plaintext was checked."""

    objects: int = 0
    opened: int = 0
    erased: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is wrong that was not mended."""
        return all(finding.mended for finding in self.findings)


def check_vault(
    *,
    actor: Actor,
    now: datetime,
    grace: timedelta = GRACE,
    quick: bool = False,
    repair: bool = False,
) -> Outcome:
    """Compare every row with its bytes, and every segment, file and temporary file with the rows.

    With the opening key each object is opened and its SHA-256 compared, unless `quick`.

    Raises:
        VaultRefused: the actor is not the system.
    """
    folder = keyring.current().vault_folder
    outcome = Outcome()
    # Bytes are listed before rows: what is sealed meanwhile has its row by the time rows are read.
    segments = dict(_segments(folder))
    files = {path.name: path for path in _files(folder / "files")}
    for row in queries.walk_stored(actor=actor):
        outcome.objects += 1
        _check_row(row, segments, files, outcome=outcome, quick=quick)
    _check_rest(folder, segments, files=files, outcome=outcome, now=now, grace=grace, repair=repair)
    return outcome


_Segments = dict[tuple[UUID, int], packs.Segment]


def _check_row(
    row: StoredObject,
    segments: _Segments,
    files: dict[str, Path],
    *,
    outcome: Outcome,
    quick: bool,
) -> None:
    object_id, place = row.bound.id, row.place
    if place.pack_id is None:
        path = files.pop(str(object_id), None)
        code = None if path is None else _file_fault(path, place.length)
        found = path is not None
    else:
        segment = segments.pop((place.pack_id, place.offset or 0), None)
        code = None if segment is None else _segment_fault(segment, row)
        found = segment is not None
    if row.wrapped_key is None:
        outcome.erased += 1
        return
    if not found:
        code = _absence(row)
    if code is None and place.length != sealed_size(row.size):
        code = Code.CORRUPT
    if code is None and not quick:
        code = _open_fault(row, outcome)
    if code is not None:
        outcome.findings.append(Finding(code=code, place=_where(row), object_id=object_id))


def _absence(row: StoredObject) -> Code | None:
    """Look again for bytes that were not in the listing: they may be younger than it."""
    folder = keyring.current().vault_folder
    try:
        if row.place.pack_id is None:
            for _ in packs.read_chunks(folder, row.bound.id, row.place):
                pass
        else:
            packs.read_sealed(folder, row.bound.id, row.place)
    except packs.BlobMissing:
        return Code.MISSING
    except packs.VaultAway as fault:
        return _outage(fault)
    except packs.BlobDamaged as fault:
        return Code.SHORT if "short" in str(fault) else Code.CORRUPT
    return None


def _file_fault(path: Path, length: int) -> Code | None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return Code.MISSING
    if size < packs.FILE_HEAD.size + length:
        return Code.SHORT
    return None if size == packs.FILE_HEAD.size + length else Code.CORRUPT


def _segment_fault(segment: packs.Segment, row: StoredObject) -> Code | None:
    if segment.object_id.int == 0 and not segment.sound:
        return Code.SHORT
    whole = (
        segment.sound
        and not segment.erased
        and segment.object_id == row.bound.id
        and segment.length == row.place.length
    )
    return None if whole else Code.CORRUPT


def _open_fault(row: StoredObject, outcome: Outcome) -> Code | None:
    try:
        check_plaintext(row)
    except keyring.KeyMissing:
        return None if not keyring.current().opening else Code.UNOPENABLE
    except (EnvelopeRefused, packs.BlobDamaged):
        return Code.CORRUPT
    except packs.BlobMissing:
        return Code.MISSING
    except packs.VaultAway as fault:
        return _outage(fault)
    outcome.opened += 1
    return None


def _outage(fault: packs.VaultAway) -> Code:
    """Name an outage for one row: nothing there at all, or there and not to be read."""
    return Code.MISSING if fault.errno == errno.ENOENT else Code.UNREADABLE


def _check_rest(
    folder: Path,
    segments: _Segments,
    *,
    files: dict[str, Path],
    outcome: Outcome,
    now: datetime,
    grace: timedelta,
    repair: bool,
) -> None:
    """Tell what no row points to, once it is older than the grace period."""
    limit = now - grace
    damaged = Counter(f.place.split("@")[0] for f in outcome.findings)
    # Asked before anything is mended: mending one segment makes its pack look young.
    young = {pack_id: _young(packs.pack_path(folder, pack_id), limit) for pack_id, _ in segments}
    for (pack_id, offset), segment in sorted(segments.items()):
        path = packs.pack_path(folder, pack_id)
        if segment.erased or young[pack_id]:
            continue
        tail = not segment.sound and segment.object_id.int == 0
        # In a pack that also misses rows nothing is mended: the bytes may be what was lost.
        mended = repair and not damaged[str(pack_id)]
        if mended and tail:
            cut_tail(path, offset)
        elif mended:
            packs.blank_segment(folder, pack_id, segment)
        outcome.findings.append(
            Finding(
                code=Code.LEFTOVER if tail else Code.ORPHAN,
                place=f"{pack_id}@{offset}",
                object_id=None if tail else segment.object_id,
                mended=mended,
            )
        )
    for path in files.values():
        _loose(path, Code.ORPHAN, outcome, limit=limit, repair=repair)
    for path in _files(folder / "tmp"):
        _loose(path, Code.LEFTOVER, outcome, limit=limit, repair=repair)


def _loose(path: Path, code: Code, outcome: Outcome, *, limit: datetime, repair: bool) -> None:
    if _young(path, limit):
        return
    if repair:
        path.unlink(missing_ok=True)
        packs.sync_folder(path.parent)
    outcome.findings.append(Finding(code=code, place=path.name, mended=repair))


def cut_tail(path: Path, offset: int) -> None:
    """Cut off what a killed write left at the end of a pack: whoever wrote it has abandoned the pack."""
    with path.open("r+b") as file:
        file.truncate(offset)
        os.fsync(file.fileno())


def _segments(folder: Path) -> Iterator[tuple[tuple[UUID, int], packs.Segment]]:
    for path in _files(folder / "packs"):
        pack_id = UUID(path.stem)
        for segment in packs.scan_pack(path):
            yield (pack_id, segment.offset), segment


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file()) if folder.exists() else []


def _young(path: Path, limit: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) > limit
    except FileNotFoundError:
        return True


def _where(row: StoredObject) -> str:
    if row.place.pack_id is None:
        return str(row.bound.id)
    return f"{row.place.pack_id}@{row.place.offset}"
