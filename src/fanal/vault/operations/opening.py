"""Opening (decryption) of sealed objects: recorded in the ledger, and requires the opening key."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from msgspec import Struct

from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.vault import keyring, queries
from fanal.vault.domain.envelope import (
    EnvelopeRefused,
    Unwrapper,
    open_chunks,
    open_content,
    unwrap,
)
from fanal.vault.domain.records import IDENTITY_KINDS, StoredObject
from fanal.vault.operations.sealing import digester, is_digest_of
from fanal.vault.packs import SealedReader, read_chunks


class Stream(Struct, frozen=True, kw_only=True):
    """The plaintext of a sealed object, in pieces, and its size in bytes."""

    size: int
    pieces: Iterator[bytes]


class PurposeMissing(ValueError):
    """Error: a batch was to be decrypted without a purpose, or at a time without time zone.

    Both are needed for the ledger entry that the calling stage writes.
    """


class ObjectUnknown(LookupError):
    """Error: there is no such sealed object, or it was erased."""


def open_object(
    *, actor: Actor, object_id: UUID, now: datetime, purpose: str, right: str = "original.open"
) -> bytes:
    """Record the access in the ledger, then decrypt one sealed object and return its plaintext.

    The entry is part of the caller's transaction, if there is one: commit before the bytes are sent. `right`
    is the policy action under which the object is opened; the caller has checked it on that object. An
    identity always requires `identity.open`. `purpose` is the motif de consultation (Loi 78-17, art. 101).

    Raises:
        Refused: the policy gives the actor that action nowhere.
        ObjectUnknown: unknown or erased.
        KeyMissing: this process does not hold the object's private key.
        BlobMissing, BlobDamaged, EnvelopeRefused: the evidence is missing, incomplete or altered.
        VaultAway: the vault's disk does not respond.
        MotiveMissing: `purpose` is empty and the actor has no purpose of its own.
    """
    return b"".join(
        open_stream(actor=actor, object_id=object_id, now=now, purpose=purpose, right=right)
    )


def open_stream(
    *, actor: Actor, object_id: UUID, now: datetime, purpose: str, right: str = "original.open"
) -> Iterator[bytes]:
    """Record the access in the ledger, then return the plaintext of one sealed object in pieces.

    Memory use is constant. Arguments and exceptions are those of `open_object`: `right` is the policy
    action, `purpose` the motif de consultation (Loi 78-17, art. 101). The access is recorded before this
    returns. Damage at the end raises while iterating: a consumer must not treat the pieces as complete
    before the iterator has ended.
    """
    found = _find([object_id])[object_id]
    is_identity = found.bound.kind in IDENTITY_KINDS
    rights.require(actor, "identity.open" if is_identity else right)
    data_key = _data_key(found)
    with transaction.atomic():
        ledger.record(
            actor=actor,
            action="identity.open" if is_identity else "object.open",
            at=now,
            objects=[
                ObjectRef(kind="object", id=object_id),
                ObjectRef(kind="owner", id=found.bound.owner_id),
            ],
            detail={"kind": found.bound.kind},
            motive=purpose,
        )
    return _pieces(found, data_key)


def open_batch(
    *, actor: Actor, object_ids: Sequence[UUID], now: datetime, purpose: str
) -> dict[UUID, bytes]:
    """Return the plaintexts of sealed objects for a pipeline stage, by object id; write no ledger entry.

    The calling stage writes one entry for its batch, with the Merkle root of its results. `now` and
    `purpose` are the time and purpose of that entry; they are required here so that no caller forgets them.

    Raises:
        Refused: the actor is not the system.
        PurposeMissing: the purpose is empty, or `now` has no time zone.
        ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: as `open_object`;
            one faulty object fails the whole batch.
    """
    _require_stage(actor, now, purpose)
    found = _find(object_ids)
    ring = keyring.current()
    openers = {kid: Unwrapper(ring.opening_key(kid)) for kid in _key_ids(found.values())}
    with SealedReader(ring.vault_folder) as reader:
        return {
            object_id: _plaintext(
                row, openers[row.wrap_key_id].unwrap(row.wrapped_key or b"", row.bound), reader
            )
            for object_id, row in found.items()
        }


def open_streams(
    *, actor: Actor, object_ids: Sequence[UUID], now: datetime, purpose: str
) -> dict[UUID, Stream]:
    """Return the plaintexts of sealed objects as streams, by object id; write no ledger entry.

    The calling stage writes one entry for its batch; `now` and `purpose` are its time and purpose. All rows
    and keys are read here; the pieces need no database and may be read in another thread. Iterating over
    them may raise BlobMissing, BlobDamaged, EnvelopeRefused or VaultAway.

    Raises:
        Refused: the actor is not the system.
        EnvelopeRefused: a wrapped key was altered.
        PurposeMissing: the purpose is empty, or `now` has no time zone.
        ObjectUnknown, KeyMissing: an object is unknown or erased, or its private key is not held here.
    """
    _require_stage(actor, now, purpose)
    found = _find(object_ids)
    return {
        object_id: Stream(size=row.size, pieces=_pieces(row, _data_key(row)))
        for object_id, row in found.items()
    }


def read_plaintext(found: StoredObject) -> bytes:
    """Decrypt the object of a database row (`found`); for this package only: it writes no ledger entry.

    Raises:
        ObjectUnknown, KeyMissing, BlobMissing, BlobDamaged, EnvelopeRefused, VaultAway: the object was
            erased, its key is not held, or its bytes are missing, altered or out of reach.
    """
    with SealedReader(keyring.current().vault_folder) as reader:
        return _plaintext(found, _data_key(found), reader)


class PlaintextChecker:
    """Context manager for the check of the vault: decrypts objects to verify them, with constant memory.

    Packs (files of many objects) stay open until its end.
    """

    def __init__(self) -> None:
        self._reader = SealedReader(keyring.current().vault_folder)
        self._openers: dict[bytes, Unwrapper] = {}

    def __enter__(self) -> "PlaintextChecker":
        """Return the checker; packs (files of many objects) are opened on demand."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close the packs (files of many objects)."""
        self._reader.__exit__()

    def check(self, found: StoredObject) -> None:
        """Decrypt one sealed object; compare its plaintext's digest with its database row (`found`).

        Raises:
            EnvelopeRefused: the digest differs, or the wrapped key or the bytes were altered.
            KeyMissing, BlobMissing, BlobDamaged, VaultAway: its key is not held, or its bytes are missing,
                damaged or out of reach.
        """
        opener = self._openers.get(found.wrap_key_id)
        if opener is None:
            opener = Unwrapper(keyring.current().opening_key(found.wrap_key_id))
            self._openers[found.wrap_key_id] = opener
        data_key = opener.unwrap(found.wrapped_key or b"", found.bound)
        if found.place.pack_id is not None:
            _plaintext(found, data_key, self._reader)
            return
        for _ in _pieces(found, data_key):
            pass


def _require_stage(actor: Actor, now: datetime, purpose: str) -> None:
    rights.require(actor, "pipeline.run")
    if not purpose or now.tzinfo is None:
        raise PurposeMissing


def _find(object_ids: Sequence[UUID]) -> dict[UUID, StoredObject]:
    found = queries.find_stored(object_ids)
    missing = [i for i in object_ids if i not in found or found[i].wrapped_key is None]
    if missing:
        raise ObjectUnknown(f"object {missing[0]} is unknown or erased")
    return found


def _data_key(found: StoredObject) -> bytes:
    if found.wrapped_key is None:
        raise ObjectUnknown(f"object {found.bound.id} was erased")
    private = keyring.current().opening_key(found.wrap_key_id)
    return unwrap(found.wrapped_key, private=private, bound=found.bound)


def _key_ids(rows: Iterable[StoredObject]) -> set[bytes]:
    return {row.wrap_key_id for row in rows}


def _plaintext(found: StoredObject, data_key: bytes, reader: SealedReader) -> bytes:
    if found.place.pack_id is None:
        return b"".join(_pieces(found, data_key))
    bound = found.bound
    sealed = reader.read(bound.id, found.place)
    plaintext = open_content(sealed, data_key=data_key, object_id=bound.id)
    if not is_digest_of(bound.kind, plaintext, bound.sha256):
        raise EnvelopeRefused(f"object {bound.id}: another content")
    return plaintext


def _pieces(found: StoredObject, data_key: bytes) -> Iterator[bytes]:
    folder, bound = keyring.current().vault_folder, found.bound
    if found.place.pack_id is not None:
        yield read_plaintext(found)
        return
    sealed = read_chunks(folder, bound.id, found.place)
    digests = [digester(bound.kind)]
    if bound.kind in IDENTITY_KINDS:
        digests.append(keyring.current().earlier().digester("vault.identity"))
    held = b""
    for piece in open_chunks(sealed, data_key=data_key, object_id=bound.id):
        for digest in digests:
            digest.update(piece)
        yield held
        held = piece
    # Yield the last piece only once the whole content is verified.
    if bound.sha256 not in {digest.digest() for digest in digests}:
        raise EnvelopeRefused(f"object {bound.id}: another content")
    yield held
