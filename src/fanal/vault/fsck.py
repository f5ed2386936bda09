"""Consistency check of the vault's database rows and stored bytes; it repairs only useless leftovers.

A row without its bytes, or with other bytes, is a loss: it is reported and never removed. Bytes without a
row belong to a submission that was never acknowledged: their data key existed in memory only, so nobody can
open them, and `repair` blanks or removes them once they are older than the grace period. If the vault
survived the loss of its database, older bytes without a row are kept (`mark`), since the lost database may
have known them.

The sweep (`sweep_vault`) runs by schedule: it removes such leftovers pack by pack (a pack is a file of many
objects). Nothing younger than `SAFE_AGE` is removed, and the age of a pack is that of its last write, so
that no running submission is affected.

`walk_lacking` is the check before a copy of the vault's own files: it yields the sealed objects that a copy
would lack.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache, partial
from pathlib import Path
from uuid import UUID

from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.vault import keyring, mark, packs, queries
from fanal.vault.domain.envelope import EnvelopeRefused, sealed_size
from fanal.vault.domain.records import StoredObject
from fanal.vault.operations.opening import PlaintextChecker

GRACE = timedelta(hours=1)
"""Age below which bytes without a row are ignored: their transaction may still be open."""


class FsckCode(StrEnum):
    """Kind of inconsistency between a database row and its stored bytes.

    The bytes of a row are MISSING, SHORT (truncated), CORRUPT (altered), UNOPENABLE (no private key for
    them), or UNREADABLE (the disk fails). Bytes without a row: ORPHAN, an object; LEFTOVER, the draft or
    incomplete end of an interrupted write; KEPT, bytes older than the restore that adopted the vault.
    """

    MISSING = "MISSING"
    SHORT = "SHORT"
    CORRUPT = "CORRUPT"
    UNOPENABLE = "UNOPENABLE"
    UNREADABLE = "UNREADABLE"
    ORPHAN = "ORPHAN"
    LEFTOVER = "LEFTOVER"
    KEPT = "KEPT"


@dataclass(frozen=True, slots=True, kw_only=True)
class FsckFinding:
    """One inconsistency of the vault: its kind (`code`) and location (`place`).

    The location is a file name or `pack@offset`. `object_id` is None if unknown. `mended` is whether the
    inconsistency was repaired.
    """

    code: FsckCode
    place: str
    object_id: UUID | None = None
    mended: bool = False


@dataclass(slots=True, kw_only=True)
class FsckOutcome:
    """Result of a check of the vault.

    `objects` is the number of database rows, `opened` of sealed objects decrypted for it, `erased` of erased
    ones; `findings` are the inconsistencies.
    """

    objects: int = 0
    opened: int = 0
    erased: int = 0
    findings: list[FsckFinding] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether every finding was repaired, or is of bytes that are kept."""
        return all(one.mended or one.code is FsckCode.KEPT for one in self.findings)


def check_vault(
    *,
    actor: Actor,
    now: datetime,
    grace: timedelta = GRACE,
    quick: bool = False,
    repair: bool = False,
) -> FsckOutcome:
    """Compare every database row with its bytes, and all stored files with the rows; return the findings.

    If the process has the private keys, each object is decrypted and its digest compared, unless `quick`.

    Args:
        actor: the system.
        now: the current time.
        grace: bytes without a row are ignored until their file or pack has been unchanged for so long.
        quick: do not decrypt.
        repair: blank or remove bytes without a row, except in a pack with damaged or missing objects.

    Raises:
        Refused: the actor is not the system.
        VaultNotOwn: a repair was asked for, and the vault is that of another database.
        BlobDamaged, OSError: a pack cannot be opened.
    """
    folder = keyring.current().vault_folder
    if repair:
        mark.require_own()
    check = _Check(
        folder=folder,
        limit=now - grace,
        kept=mark.kept_until(folder),
        quick=quick,
        repair=repair,
    )
    # List bytes before rows: an object sealed in the meantime has its row by the time the rows are read.
    files = {path.name: path for path in _files(folder / "files")}
    listed = {path: packs.named_id(path) for path in _files(folder / "packs")}
    for path, pack_id in listed.items():
        # One pack in memory at a time: years of reports make many millions of segments.
        if pack_id is not None:
            check.pack(path, pack_id, actor)
        else:
            check.loose(path, FsckCode.ORPHAN)
    pack_ids = [pack_id for pack_id in listed.values() if pack_id is not None]
    check.others(queries.walk_outside(actor=actor, pack_ids=pack_ids), files)
    for path in _files(folder / "tmp"):
        check.loose(path, FsckCode.LEFTOVER)
    return check.outcome


@dataclass(slots=True, kw_only=True)
class _Check:
    """State of a check of the vault: its settings, and the findings so far (`outcome`).

    Bytes written after the instant `limit` are ignored, and those written until `kept` stay (None: none
    stays for that reason). With `repair`, other bytes without a database row are blanked or removed; with
    `quick`, nothing is decrypted.
    """

    folder: Path
    limit: datetime
    kept: datetime | None
    quick: bool
    repair: bool
    outcome: FsckOutcome = field(default_factory=FsckOutcome)

    def pack(self, path: Path, pack_id: UUID, actor: Actor) -> None:
        """Compare the objects in a pack (a file of many) with the database rows that point into it.

        Each fault is added to `outcome`.
        """
        segments = {segment.offset: segment for segment in packs.scan_pack(path)}
        kept = mark.is_kept(path, [s.object_id for s in segments.values()], self.kept)
        before = len(self.outcome.findings)
        with PlaintextChecker() as checker:
            for row in queries.list_stored(actor=actor, pack_id=pack_id):
                segment = segments.pop(row.place.offset or 0, None)
                code = None if segment is None else _segment_fault(segment, row)
                self._row(row, checker, code=code, found=segment is not None)
        damaged = len(self.outcome.findings) > before
        # Tested before any repair, which changes the pack's modification time.
        if not _young(path, self.limit):
            self._unclaimed(path, segments.values(), damaged=damaged, kept=kept)

    def others(self, rows: Iterator[StoredObject], files: dict[str, Path]) -> None:
        """Compare the files outside packs with their database rows, and add each fault to `outcome`.

        `files` maps object ids (as text) to paths. `rows` also contains rows of packs (files of many
        objects) that are missing or were made after the listing.
        """
        with PlaintextChecker() as checker:
            for row in rows:
                path = files.pop(str(row.bound.id), None) if row.place.pack_id is None else None
                code = None if path is None else _file_fault(path, row.place.length)
                self._row(row, checker, code=code, found=path is not None)
        for path in files.values():
            self.loose(path, FsckCode.ORPHAN)

    def loose(self, path: Path, code: FsckCode) -> None:
        """Report a file without a database row (as `code`), unless it was written after `limit`.

        With `repair` it is removed. An object's file that the vault must keep is reported as KEPT and not
        removed; an interrupted draft (LEFTOVER) is never kept, since it never had a row.
        """
        if _young(path, self.limit):
            return
        if code is FsckCode.ORPHAN and mark.is_kept(path, _ids(packs.named_id(path)), self.kept):
            code = FsckCode.KEPT
        mended = self.repair and code is not FsckCode.KEPT
        if mended:
            path.unlink(missing_ok=True)
            packs.sync_folder(path.parent)
        self.outcome.findings.append(FsckFinding(code=code, place=path.name, mended=mended))

    def _row(
        self, row: StoredObject, checker: PlaintextChecker, *, code: FsckCode | None, found: bool
    ) -> None:
        self.outcome.objects += 1
        if row.wrapped_key is None:
            self.outcome.erased += 1
            return
        if not found:
            code = _absence(row)
        if code is None and row.place.length != sealed_size(row.size):
            code = FsckCode.CORRUPT
        if code is None and not self.quick:
            code = _open_fault(row, checker)
            self.outcome.opened += code is None and bool(keyring.current().opening)
        if code is not None:
            self.outcome.findings.append(
                FsckFinding(code=code, place=_where(row), object_id=row.bound.id)
            )

    def _unclaimed(
        self, path: Path, segments: Iterable[packs.PackSegment], *, damaged: bool, kept: bool
    ) -> None:
        """Report the objects in a pack (a file of many objects) that have no database row (`segments`).

        With `repair` they are blanked, and an incomplete end is cut off. Nothing is changed if other
        objects of the pack are damaged or missing (`damaged`), or if the vault must keep the pack (`kept`),
        whose findings are KEPT.
        """
        pack_id = UUID(path.stem)
        for segment in segments:
            if segment.erased:
                continue
            tail = not segment.sound and segment.object_id.int == 0
            # No repair in a pack that also has damaged or missing objects: these bytes may be the lost ones.
            mended = self.repair and not damaged and not kept
            if mended and tail:
                cut_tail(path, segment.offset)
            elif mended:
                packs.blank_segment(self.folder, pack_id, segment)
            self.outcome.findings.append(
                FsckFinding(
                    code=FsckCode.KEPT if kept else _code_of(tail=tail),
                    place=f"{pack_id}@{segment.offset}",
                    object_id=None if tail else segment.object_id,
                    mended=mended,
                )
            )


def _code_of(*, tail: bool) -> FsckCode:
    return FsckCode.LEFTOVER if tail else FsckCode.ORPHAN


def _ids(object_id: UUID | None) -> list[UUID]:
    return [] if object_id is None else [object_id]


def _absence(row: StoredObject) -> FsckCode | None:
    """Return the fault of a sealed object that the folder listing lacks; None if its bytes can be read.

    `row` is its database row. The bytes may have been written after the listing.
    """
    folder = keyring.current().vault_folder
    try:
        if row.place.pack_id is None:
            for _ in packs.read_chunks(folder, row.bound.id, row.place):
                pass
        else:
            packs.read_sealed(folder, row.bound.id, row.place)
    except packs.BlobMissing:
        return FsckCode.MISSING
    except packs.VaultAway as fault:
        return _outage(fault)
    except packs.BlobDamaged as fault:
        return FsckCode.SHORT if "short" in str(fault) else FsckCode.CORRUPT
    return None


def _file_fault(path: Path, length: int) -> FsckCode | None:
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return FsckCode.MISSING
    if size < packs.FILE_HEAD.size + length:
        return FsckCode.SHORT
    return None if size == packs.FILE_HEAD.size + length else FsckCode.CORRUPT


def _segment_fault(segment: packs.PackSegment, row: StoredObject) -> FsckCode | None:
    if segment.object_id.int == 0 and not segment.sound:
        return FsckCode.SHORT
    whole = (
        segment.sound
        and not segment.erased
        and segment.object_id == row.bound.id
        and segment.length == row.place.length
    )
    return None if whole else FsckCode.CORRUPT


def _open_fault(row: StoredObject, checker: PlaintextChecker) -> FsckCode | None:
    try:
        checker.check(row)
    except keyring.KeyMissing:
        return None if not keyring.current().opening else FsckCode.UNOPENABLE
    except (EnvelopeRefused, packs.BlobDamaged):
        return FsckCode.CORRUPT
    except packs.BlobMissing:
        return FsckCode.MISSING
    except packs.VaultAway as fault:
        return _outage(fault)
    return None


def _outage(fault: packs.VaultAway) -> FsckCode:
    """Return the finding's code for an outage (`fault`): MISSING if there is no file, else UNREADABLE."""
    return FsckCode.MISSING if fault.errno == errno.ENOENT else FsckCode.UNREADABLE


def cut_tail(path: Path, offset: int) -> None:
    """Truncate a pack (a file of many objects) at `offset`, where an incomplete write begins.

    The file is then synced to disk. The process that wrote the pack no longer writes to it.

    Raises:
        OSError: the file is missing, or cannot be written.
    """
    with path.open("r+b") as file:
        file.truncate(offset)
        os.fsync(file.fileno())


def _files(folder: Path) -> list[Path]:
    if not folder.exists():
        return []
    return sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def _young(path: Path, limit: datetime) -> bool:
    try:
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) > limit
    except FileNotFoundError:
        return True


def _where(row: StoredObject) -> str:
    if row.place.pack_id is None:
        return str(row.bound.id)
    return f"{row.place.pack_id}@{row.place.offset}"


SAFE_AGE = timedelta(days=1)
"""Age from which the sweep removes bytes without a row: no transaction, as of an upload, takes as long."""
_SEEN_AFTER = timedelta(days=30)
"""A pack unchanged for longer has been swept many times: it is not read again."""
_STEP = 1000


def sweep_vault(*, actor: Actor, now: datetime) -> int:
    """Blank or remove stored bytes without a database row that are older than a day; return their number.

    A pack (a file of many objects) from which objects are missing is left as it is, since the bytes may be
    the lost ones; so are bytes that the vault keeps (`mark`). Packs unchanged for a month are not read again.
    Write one ledger entry (`vault.repair`) if anything was removed.

    Raises:
        Refused: the actor is not the system.
        VaultNotOwn: the vault is that of another database.
        VaultAway: a folder cannot be listed, or the vault has lost its mark.
        BlobDamaged, OSError: a pack or file cannot be read or changed.
    """
    rights.require(actor, "pipeline.run")
    mark.require_own()
    folder, mended = keyring.current().vault_folder, 0
    limit, kept = now - SAFE_AGE, mark.kept_until(folder)
    for path in _rested(folder / "packs", since=limit - _SEEN_AFTER, until=limit):
        mended += _sweep_pack(actor, folder, path, kept)
    loose = [
        path
        for path in _rested(folder / "files", until=limit)
        if not mark.is_kept(path, _ids(packs.named_id(path)), kept)
    ]
    for start in range(0, len(loose), _STEP):
        mended += _sweep_files(actor, loose[start : start + _STEP])
    for path in _rested(folder / "tmp", until=limit):
        mended += _unlink(path)
    if mended:
        ledger.record(actor=actor, action="vault.repair", at=now, detail={"mended": mended})
    return mended


def _sweep_pack(actor: Actor, folder: Path, path: Path, kept: datetime | None) -> int:
    if (pack_id := packs.named_id(path)) is None:
        return 0  # not one of our packs
    segments = {segment.offset: segment for segment in packs.scan_pack(path)}
    if mark.is_kept(path, [segment.object_id for segment in segments.values()], kept):
        return 0
    # Read the rows after the bytes, so that a row inserted in the meantime is seen.
    known = queries.list_places(actor=actor, pack_id=pack_id)
    whole = {s.offset: s.object_id for s in segments.values() if s.sound}
    if any(whole.get(offset) != object_id for offset, object_id in known.items()):
        return 0  # objects are missing here: the loose bytes may be the lost ones
    loose = [s for s in segments.values() if s.offset not in known and not s.erased]
    for segment in loose:
        if segment.object_id.int == 0:
            cut_tail(path, segment.offset)
        else:
            packs.blank_segment(folder, pack_id, segment)
    return len(loose)


def _sweep_files(actor: Actor, paths: list[Path]) -> int:
    named = {path: packs.named_id(path) for path in paths}
    ids = [object_id for object_id in named.values() if object_id is not None]
    known = queries.get_stored(actor=actor, object_ids=ids)
    return sum(_unlink(path) for path, object_id in named.items() if object_id not in known)


def _unlink(path: Path) -> int:
    path.unlink(missing_ok=True)
    packs.sync_folder(path.parent)
    return 1


def _rested(folder: Path, *, until: datetime, since: datetime | None = None) -> Iterator[Path]:
    """Yield the files of a folder that were last written before `until`, and after `since` if given.

    Symbolic links are left out.
    """
    if packs.is_empty(folder):
        return
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        with contextlib.suppress(FileNotFoundError):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if written <= until and (since is None or written >= since):
                yield path


def walk_lacking(*, actor: Actor) -> Iterator[UUID]:
    """Yield the ids of sealed objects, not erased, whose bytes are incomplete in the vault's own files.

    A copy of the folder would lack these objects. Files behind symbolic links do not count: a process that
    can write there could redirect a copy anywhere. Since bytes are written before their database row, a
    copy made after this check contains every object that was not yielded.

    Raises:
        Refused: the actor is not the system.
    """
    folder = keyring.current().vault_folder
    known = lru_cache(maxsize=10_000)(partial(_own_size, folder))
    for row in queries.walk_outside(actor=actor, pack_ids=[]):
        path, end = _extent(folder, row)
        if row.wrapped_key is None or known(path) >= end:
            continue
        # During the walk a pack may grow, and an object may be erased.
        now = queries.get_stored(actor=actor, object_ids=[row.bound.id]).get(row.bound.id)
        if now is not None and now.wrapped_key is not None and _own_size(folder, path) < end:
            yield row.bound.id


def _extent(folder: Path, row: StoredObject) -> tuple[Path, int]:
    """Return the file that contains the bytes of a sealed object, and the least size that the file must have.

    `row` is the object's database row, `folder` the vault's; the size is in bytes.
    """
    place = row.place
    if place.pack_id is None:
        return packs.file_path(folder, row.bound.id), packs.FILE_HEAD.size + place.length
    end = (place.offset or 0) + packs.SEGMENT.size + place.length
    return packs.pack_path(folder, place.pack_id), end


def _own_size(folder: Path, path: Path) -> int:
    """Return the size in bytes of a regular file of the folder; 0 if missing or behind a symbolic link."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    between = path.relative_to(folder).parents
    linked = any((folder / each).is_symlink() for each in between if each.name)
    return found.st_size if stat.S_ISREG(found.st_mode) and not linked else 0
