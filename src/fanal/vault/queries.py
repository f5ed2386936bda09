"""Queries on the vault's rows; `operations.open_object` reads the bytes and records the access."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from uuid import UUID

from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.vault import keyring
from fanal.vault.domain.envelope import key_fingerprint, raw_public
from fanal.vault.domain.records import Bound, Placed, SealedObject, StoredObject

COLUMNS = "id, owner_id, kind, sha256, size, pack_id, place, length, wrapped_key, wrap_key_id"


VAULT_PURPOSES = ("content", "identity")
"""Purposes of the sealing keys, as in the table `fanal_key`."""


def free_bytes() -> int:
    """Return the free space on the vault's disk in bytes.

    Raises:
        OSError: the folder is unavailable.
    """
    found = os.statvfs(_nearest(keyring.current().vault_folder))
    return found.f_bavail * found.f_frsize


def spool_folder() -> Path:
    """Return the folder, on the vault's disk, for temporary files of uploads, which are unlinked once open.

    Raises:
        OSError: the folder is unavailable.
    """
    return _nearest(keyring.current().vault_folder)


def _nearest(folder: Path) -> Path:
    """Return `folder`, or its closest existing parent if no object has been stored yet."""
    return next(path for path in (folder, *folder.parents) if path.exists())


def lacks_keys() -> bool:
    """Return whether this process lacks the private key of a sealing key recorded in the table `fanal_key`.

    Also true if the table has no sealing key yet.
    """
    held = {
        key_fingerprint(purpose, raw_public(private.public_key()))
        for private in keyring.current().opening.values()
        for purpose in VAULT_PURPOSES
    }
    found = sql.rows(
        "SELECT fingerprint FROM fanal_key WHERE purpose = ANY (%s)", [list(VAULT_PURPOSES)]
    )
    known = {bytes(fingerprint) for (fingerprint,) in found}
    return not known or not known <= held


def list_objects(*, actor: Actor, owner_ids: Sequence[UUID]) -> list[SealedObject]:
    """Return the sealed objects of owners, erased ones excepted, in the order of their ids.

    An owner is the id under which objects were sealed, mostly a report's. For identities `sha256` is a
    keyed digest; `md5` and `sha1` are empty.

    Raises:
        Refused: the actor is not the system.
    """
    rights.require(actor, "pipeline.run")
    found = sql.rows(
        "SELECT id, owner_id, kind, size, sha256 FROM vault_object"
        " WHERE owner_id = ANY(%s) AND erased_at IS NULL ORDER BY id",
        [list(owner_ids)],
    )
    return [
        SealedObject(id=r[0], owner_id=r[1], kind=r[2], size=r[3], sha256=bytes(r[4]).hex())
        for r in found
    ]


def get_stored(*, actor: Actor, object_ids: Sequence[UUID]) -> dict[UUID, StoredObject]:
    """Return the database rows of sealed objects by id, erased ones included; unknown ids are left out.

    Raises:
        Refused: the actor is not the system.
    """
    rights.require(actor, "pipeline.run")
    return find_stored(object_ids)


def find_stored(object_ids: Sequence[UUID]) -> dict[UUID, StoredObject]:
    """Return the database rows of sealed objects by id, erased ones included; unknown ids are left out.

    It checks no right and is for this package only, which checks the right by kind of object.
    """
    found = sql.rows(
        f"SELECT {COLUMNS} FROM vault_object WHERE id = ANY(%s::uuid[])",  # noqa: S608 - a constant
        [uuid_array(object_ids)],
    )
    return {row[0]: stored(row) for row in found}


def list_places(*, actor: Actor, pack_id: UUID) -> dict[int, UUID]:
    """Return the ids of the objects in a pack (a file of many) by their offset, erased ones included.

    Raises:
        Refused: the actor is not the system.
    """
    rights.require(actor, "pipeline.run")
    return dict(sql.rows("SELECT place, id FROM vault_object WHERE pack_id = %s", [pack_id]))


def list_stored(*, actor: Actor, pack_id: UUID) -> list[StoredObject]:
    """Return every row whose object lies in a pack (a file of many objects), in order of offset.

    Raises:
        Refused: the actor is not the system.
    """
    rights.require(actor, "pipeline.run")
    found = sql.rows(
        f"SELECT {COLUMNS} FROM vault_object WHERE pack_id = %s ORDER BY place",  # noqa: S608
        [pack_id],
    )
    return list(map(stored, found))


def walk_outside(
    *, actor: Actor, pack_ids: Sequence[UUID], step: int = 2000
) -> Iterator[StoredObject]:
    """Yield, in order of id, the rows of objects that lie in none of the packs `pack_ids`.

    Such an object lies in a file of its own or in another pack (a file of many objects). One query reads
    `step` rows.

    Raises:
        Refused: the actor is not the system.
    """
    rights.require(actor, "pipeline.run")
    after = UUID(int=0)
    while True:
        rows = sql.rows(
            f"SELECT {COLUMNS} FROM vault_object WHERE id > %s"  # noqa: S608 - a constant
            " AND (pack_id IS NULL OR pack_id <> ALL(%s::uuid[])) ORDER BY id LIMIT %s",
            [after, uuid_array(pack_ids), step],
        )
        if not rows:
            return
        yield from map(stored, rows)
        after = rows[-1][0]


Row = tuple[UUID, UUID, str, bytes, int, UUID | None, int | None, int, bytes | None, bytes]
"""A row of `COLUMNS`; the driver gives binary columns as `bytes` or `memoryview`."""


def stored(row: Row) -> StoredObject:
    """Convert a database row with the columns `COLUMNS` to the record of a sealed object."""
    object_id, owner_id, kind, sha256, size, pack_id, place, length, wrapped, key_id = row
    return StoredObject(
        bound=Bound(id=object_id, owner_id=owner_id, kind=kind, sha256=bytes(sha256)),
        size=size,
        place=Placed(pack_id=pack_id, offset=place, length=length),
        wrapped_key=None if wrapped is None else bytes(wrapped),
        wrap_key_id=bytes(key_id),
    )
