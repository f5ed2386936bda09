"""Automatic removal of leftovers of interrupted deposits, pack by pack: the part of fsck that runs by itself.

Bytes without a row were never acknowledged and nobody can open them: their data key existed in memory only.
Nothing younger than `SAFE_AGE` is touched, and a pack counts from its last write, so that no running deposit
is affected. Losses and damage stay as they are: `fanal fsck` reports them.
"""

import contextlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.vault import keyring, packs, queries
from fanal.vault.fsck import cut_tail

SAFE_AGE = timedelta(days=1)
"""Far above the longest transaction: an upload's bytes are written before its row."""
_SEEN_AFTER = timedelta(days=30)
"""A pack unchanged for longer has been swept many times: it is not read again."""
_STEP = 1000


def sweep_vault(*, actor: Actor, now: datetime) -> int:
    """Blank or remove the bytes without a row that are older than `SAFE_AGE`; return the number of places.

    A pack from which objects are missing is left as it is, since the bytes may be the lost ones. Write one
    ledger entry (`vault.repair`) if anything was removed.

    Raises:
        Refused: the actor is not the system.
        VaultAway: a folder cannot be listed.
        BlobDamaged, OSError: a pack or file cannot be read or changed.
    """
    rights.require(actor, "pipeline.run")
    folder, mended = keyring.current().vault_folder, 0
    limit = now - SAFE_AGE
    for path in _rested(folder / "packs", since=limit - _SEEN_AFTER, until=limit):
        mended += _sweep_pack(actor, folder, path)
    loose = list(_rested(folder / "files", until=limit))
    for start in range(0, len(loose), _STEP):
        mended += _sweep_files(actor, loose[start : start + _STEP])
    for path in _rested(folder / "tmp", until=limit):
        mended += _unlink(path)
    if mended:
        ledger.record(actor=actor, action="vault.repair", at=now, detail={"mended": mended})
    return mended


def _sweep_pack(actor: Actor, folder: Path, path: Path) -> int:
    if (pack_id := packs.named_id(path)) is None:
        return 0  # not one of our packs
    segments = {segment.offset: segment for segment in packs.scan_pack(path)}
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
    """Yield the files of a folder that were last written between two instants; links are left out."""
    if packs.is_empty(folder):
        return
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink()):
        with contextlib.suppress(FileNotFoundError):
            written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
            if written <= until and (since is None or written >= since):
                yield path
