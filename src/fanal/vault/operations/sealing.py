"""Sealing (encryption) of objects: bytes are durable on disk first, then the database row is inserted."""

import hmac
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from hashlib import md5, sha1, sha256
from typing import Protocol
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from django.db import connection, transaction

from fanal.db.sql import copy_in
from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.vault import keyring, mark, queries
from fanal.vault.domain.envelope import (
    Wrapper,
    key_id,
    new_data_key,
    raw_public,
    seal_chunks,
    seal_content,
    unwrap,
)
from fanal.vault.domain.records import (
    IDENTITY_KINDS,
    PACKED_SIZE,
    Bound,
    Placed,
    Sealable,
    SealedObject,
    check_kind,
)
from fanal.vault.packs import PackWriter, write_file

# Key rotation: data keys are rewrapped for the current public keys; the sealed bytes do not change.


def rewrap(
    *, actor: Actor, limit: int = 1000, after: UUID | None = None
) -> tuple[int, UUID | None]:
    """Encrypt data keys again for the current public keys: up to `limit` objects with ids above `after`.

    Return the number of rewrapped objects, and the id to continue after (None at the end). Each call is one
    transaction; key rotation may be interrupted and resumed at any time, since each row names its key.

    Raises:
        Refused: the actor is not the system.
        KeyMissing: this process does not hold the private key of an older public key.
        EnvelopeRefused: a wrapped key is damaged; the call changes nothing.
    """
    rights.require(actor, "pipeline.run")
    ring = keyring.current()
    present = [key_id(ring.content), key_id(ring.identity)]
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {queries.COLUMNS} FROM vault_object"  # noqa: S608 - constants
            " WHERE id > %s AND wrapped_key IS NOT NULL"
            " AND wrap_key_id <> ALL(%s) ORDER BY id LIMIT %s FOR UPDATE",
            [after or UUID(int=0), present, limit],
        )
        rows = [queries.stored(row) for row in cursor.fetchall()]
        wrappers = {
            kid: Wrapper(k) for kid, k in zip(present, (ring.content, ring.identity), strict=True)
        }
        changes = []
        for row in rows:
            wrapper = wrappers[key_id(ring.sealing_key(row.bound.kind))]
            old = ring.opening_key(row.wrap_key_id)
            data_key = unwrap(row.wrapped_key or b"", private=old, bound=row.bound)
            changes.append((wrapper.wrap(data_key, row.bound), wrapper.key_id, row.bound.id))
        cursor.executemany(
            "UPDATE vault_object SET wrapped_key = %s, wrap_key_id = %s WHERE id = %s", changes
        )
    return len(rows), rows[-1].bound.id if len(rows) == limit else None


MAX_SIZE = 500 * 1024 * 1024
_COLUMNS = (
    "id, owner_id, kind, sha256, size, pack_id, place, length, wrapped_key, wrap_key_id, created_at"
)
_writers: dict[str, PackWriter] = {}


class StreamTooLarge(ValueError):
    """Error: the stream or object exceeds the vault's size limit."""


def seal_batch(*, items: Sequence[Sealable], now: datetime) -> list[SealedObject]:
    """Seal (encrypt) `items` and return their records, in order.

    Small objects share a pack (a file of many), others get files of their own. The bytes are durable when
    this returns, with one sync for the pack; the database rows belong to the caller's transaction. Requires
    public keys only.

    Raises:
        OSError: the bytes could not be written or synced; the caller must acknowledge nothing.
        StreamTooLarge: an object exceeds 500 MiB.
    """
    if any(len(item.plaintext) > MAX_SIZE for item in items):
        raise StreamTooLarge("an object exceeds 500 MB")
    wrappers = _Wrappers()
    keys = [new_data_key() for _ in items]
    small = [i for i, item in enumerate(items) if len(item.plaintext) <= PACKED_SIZE]
    places: dict[int, Placed] = {}
    if small:
        sealed = [
            (items[i].id, seal_content(items[i].plaintext, data_key=keys[i], object_id=items[i].id))
            for i in small
        ]
        places.update(zip(small, _writer().append(sealed), strict=True))
    folder = keyring.current().vault_folder
    rows: list[tuple[object, ...]] = []
    answers: list[SealedObject] = []
    for i, item in enumerate(items):
        if i not in places:
            pieces = seal_chunks([item.plaintext], data_key=keys[i], object_id=item.id)
            places[i] = write_file(folder, item.id, pieces)
        bound = Bound(
            id=item.id,
            owner_id=item.owner_id,
            kind=item.kind,
            sha256=digest_of(item.kind, item.plaintext),
        )
        rows.append(
            _row(
                bound=bound,
                size=len(item.plaintext),
                place=places[i],
                wrappers=wrappers,
                data_key=keys[i],
                now=now,
            )
        )
        answers.append(
            SealedObject(
                id=item.id,
                owner_id=item.owner_id,
                kind=item.kind,
                size=len(item.plaintext),
                sha256=bound.sha256.hex(),
            )
        )
    _insert(rows)
    return answers


def seal_stream(
    *,
    id: UUID,  # noqa: A002 - the object's own id, as in Sealable
    chunks: Iterable[bytes],
    kind: str,
    owner_id: UUID,
    now: datetime,
    max_size: int = MAX_SIZE,
) -> SealedObject:
    """Seal a stream (`chunks`) as a file of its own, in constant memory; return its record with all hashes.

    The hashes are SHA-256, SHA-1 and MD5. `id` is that of the new object, `owner_id` the id under which it
    can be erased, mostly a report's. The file is durable when this returns; the database row belongs to the
    caller's transaction.

    Raises:
        OSError: the bytes could not be written or synced; the caller must acknowledge nothing.
        StreamTooLarge: the stream exceeds `max_size` bytes; nothing is stored.
        ValueError: the kind is invalid.
        Exception: any exception raised by `chunks`; nothing is stored.
    """
    check_kind(kind)
    measure = _Measure(chunks, kind=kind, max_size=max_size)
    data_key = new_data_key()
    folder = keyring.current().vault_folder
    place = write_file(folder, id, seal_chunks(measure, data_key=data_key, object_id=id))
    bound = Bound(id=id, owner_id=owner_id, kind=kind, sha256=measure.bound.digest())
    _insert(
        [
            _row(
                bound=bound,
                size=measure.size,
                place=place,
                wrappers=_Wrappers(),
                data_key=data_key,
                now=now,
            )
        ]
    )
    return SealedObject(
        id=id,
        owner_id=owner_id,
        kind=kind,
        size=measure.size,
        sha256=bound.sha256.hex(),
        sha1=measure.sha1.hexdigest(),
        md5=measure.md5.hexdigest(),
    )


class Digester(Protocol):
    """Incremental hash object, as in `hashlib`: `update` with chunks, then `digest`."""

    def update(self, data: bytes, /) -> None:
        """Add a piece of the content to the hash."""

    def digest(self) -> bytes:
        """Return the digest (32 bytes) of all pieces added so far."""
        ...


def digester(kind: str) -> Digester:
    """Return the hash object for the column `sha256` of an object of `kind`.

    It is SHA-256, or HMAC-SHA256 for identities: from an unkeyed hash, a telephone number could be
    recovered by trying all numbers.
    """
    return keyring.current().digester("vault.identity") if kind in IDENTITY_KINDS else sha256()


def is_digest_of(kind: str, plaintext: bytes, expected: bytes) -> bool:
    """Return whether `expected` is the digest of a sealed object's plaintext.

    `kind`: the object's; for identities, the key of older installations is tried as well.
    """
    made = [digest_of(kind, plaintext)]
    if kind in IDENTITY_KINDS:
        made.append(keyring.current().earlier().digest("vault.identity", plaintext))
    return any(hmac.compare_digest(digest, expected) for digest in made)


def digest_of(kind: str, plaintext: bytes) -> bytes:
    """Return the digest of the plaintext of a sealed object of `kind`.

    It is SHA-256 or, for identities, a keyed digest (`digester`).
    """
    made = digester(kind)
    made.update(plaintext)
    return made.digest()


class _Measure:
    """Iterator that passes a stream's pieces on, counts and hashes them (with MD5 and SHA-1 for partners).

    It raises StreamTooLarge beyond `max_size` bytes.
    """

    def __init__(self, pieces: Iterable[bytes], *, kind: str, max_size: int) -> None:
        self._pieces, self._max_size, self.size = pieces, max_size, 0
        self.bound = digester(kind)
        self.sha1 = sha1(usedforsecurity=False)
        self.md5 = md5(usedforsecurity=False)

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            self.size += len(piece)
            if self.size > self._max_size:
                raise StreamTooLarge(f"the stream exceeds {self._max_size} bytes")
            self.bound.update(piece)
            self.sha1.update(piece)
            self.md5.update(piece)
            yield piece


class _Wrappers:
    """Cache of one `Wrapper` for each public key that a batch uses."""

    def __init__(self) -> None:
        self._keyring = keyring.current()
        self._made: dict[bytes, Wrapper] = {}
        self._by_kind: dict[str, Wrapper] = {}

    def for_kind(self, kind: str) -> Wrapper:
        found = self._by_kind.get(kind)
        if found is None:
            public: X25519PublicKey = self._keyring.sealing_key(kind)
            raw = raw_public(public)
            if raw not in self._made:
                self._made[raw] = Wrapper(public)
            found = self._by_kind[kind] = self._made[raw]
        return found


def _row(
    *,
    bound: Bound,
    size: int,
    place: Placed,
    wrappers: _Wrappers,
    data_key: bytes,
    now: datetime,
) -> tuple[object, ...]:
    wrapper = wrappers.for_kind(bound.kind)
    return (
        bound.id,
        bound.owner_id,
        bound.kind,
        bound.sha256,
        size,
        place.pack_id,
        place.offset,
        place.length,
        wrapper.wrap(data_key, bound),
        wrapper.key_id,
        now,
    )


def _insert(rows: Sequence[tuple[object, ...]]) -> None:
    if not rows:
        return
    # After the bytes, before their row: who takes a vault over keeps what was written until then.
    mark.require_unchanged()
    with copy_in(f"COPY vault_object ({_COLUMNS}) FROM STDIN") as copy:
        for row in rows:
            copy.write_row(row)


def _writer() -> PackWriter:
    folder = keyring.current().vault_folder
    return _writers.setdefault(str(folder), PackWriter(folder))
