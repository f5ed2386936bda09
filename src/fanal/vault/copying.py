"""What a copy of the vault's own files would lack."""

import stat
from collections.abc import Iterator
from functools import lru_cache, partial
from pathlib import Path
from uuid import UUID

from fanal.kernel.actors import Actor
from fanal.vault import keyring, packs, queries
from fanal.vault.domain.records import StoredObject


def walk_lacking(*, actor: Actor) -> Iterator[UUID]:
    """Yield the objects, erased ones aside, whose bytes are not whole in the vault's own files.

    Links, and what lies behind them, are none of its own: whoever writes there could lead a copy anywhere.
    Bytes are written before their row: what is copied after this look holds all that it did not yield.

    Raises:
        Refused: the actor is not the system.
    """
    folder = keyring.current().vault_folder
    known = lru_cache(maxsize=10_000)(partial(_own_size, folder))
    for row in queries.walk_outside(actor=actor, pack_ids=[]):
        path, end = _extent(folder, row)
        if row.wrapped_key is None or known(path) >= end:
            continue
        # A pack grows, and an object can be erased, while this goes on.
        now = queries.get_stored(actor=actor, object_ids=[row.bound.id]).get(row.bound.id)
        if now is not None and now.wrapped_key is not None and _own_size(folder, path) < end:
            yield row.bound.id


def _extent(folder: Path, row: StoredObject) -> tuple[Path, int]:
    """Return the file that holds an object, and the size in bytes that it has at least."""
    place = row.place
    if place.pack_id is None:
        return packs.file_path(folder, row.bound.id), packs.FILE_HEAD.size + place.length
    end = (place.offset or 0) + packs.SEGMENT.size + place.length
    return packs.pack_path(folder, place.pack_id), end


def _own_size(folder: Path, path: Path) -> int:
    """Return the size of one of a folder's own files in bytes; 0 where there is none."""
    try:
        found = path.lstat()
    except OSError:
        return 0
    between = path.relative_to(folder).parents
    linked = any((folder / each).is_symlink() for each in between if each.name)
    return found.st_size if stat.S_ISREG(found.st_mode) and not linked else 0
