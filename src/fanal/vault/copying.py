"""Check before a copy of the vault's own files: the sealed objects that such a copy would lack."""

import stat
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from uuid import UUID

from fanal.kernel.actors import Actor
from fanal.vault import keyring, packs, queries
from fanal.vault.domain.records import StoredObject


def walk_lacking(*, actor: Actor) -> Iterator[UUID]:
    """Yield the ids of sealed objects, not erased, whose bytes are incomplete in the vault's own files.

    A copy of the folder would lack these objects. Files behind symbolic links do not count: a process that
    can write there could redirect a copy anywhere. Bytes are written before their database row: a copy made
    after this check contains every object not yielded.

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
