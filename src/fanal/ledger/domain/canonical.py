"""Canonical encoding of ledger entries, version 1: the bytes that are hashed.

A body is the domain tag, a line feed, and JSON in a subset of RFC 8785: sorted keys, no spaces, UTF-8,
strings and integers only. Each entry has exactly one encoding: `decode` refuses any other bytes.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Collection, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from uuid import UUID

from fanal.ledger.domain.merkle import hash_leaf, root_of
from fanal.ledger.domain.records import MAX_KIND_LENGTH, Entry, ObjectRef, Verb

BODY_TAG = b"fanal/ledger-entry/v1\n"
LEAF_TAG = b"fanal/ledger-leaf/v2\x00"
LEAF_TAG_1 = b"fanal/ledger-leaf/v1\x00"
CHAIN_TAG = b"fanal/ledger-chain/v1\x00"
OBJECT_TAG = b"fanal/ledger-object/v1\x00"
GENESIS = hashlib.sha256(b"fanal/ledger-genesis/v1").digest()

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CODE = re.compile(r"[a-z][a-z0-9_]*")
_DETAIL_KEY = re.compile(r"[a-z][a-z0-9_]{0,39}")
_DETAIL_VALUE = re.compile(r"[A-Za-z0-9_.:/+=,-]{0,128}")
_MAX_INTEGER = 2**53
_MAX_DIGEST = 32


class NotCanonical(ValueError):
    """Error: the bytes are not the canonical encoding of a ledger entry."""


class ValueRefused(ValueError):
    """Error: the ledger entry would contain data other than ids, codes, numbers and keyed digests."""


def microseconds(instant: datetime) -> int:
    """Return an instant with time zone as whole microseconds since 1970-01-01 UTC, without rounding."""
    delta = instant - _EPOCH
    return (delta.days * 86_400 + delta.seconds) * 1_000_000 + delta.microseconds


def check_detail(detail: Mapping[str, str | int]) -> None:
    """Check that a detail contains only codes, numbers and ids: no free text may enter the ledger.

    Raises:
        ValueRefused: a key or value has another form (values: no spaces, at most 128 characters; integers:
            absolute value at most 2^53).
    """
    for key, value in detail.items():
        if not _DETAIL_KEY.fullmatch(key):
            raise ValueRefused(f"detail key {key!r}")
        if isinstance(value, str):
            if not _DETAIL_VALUE.fullmatch(value):
                raise ValueRefused(f"detail {key!r} is no code")
        elif isinstance(value, bool) or abs(value) > _MAX_INTEGER:
            raise ValueRefused(f"detail {key!r} is no integer below 2^53")


def check_objects(objects: Collection[ObjectRef]) -> None:
    """Check the kinds and digests of object references.

    Raises:
        ValueRefused: a kind is not a code of at most 32 characters, or a digest has not 1 to 32 bytes.
    """
    for kind in {ref.kind for ref in objects}:
        if len(kind) > MAX_KIND_LENGTH or not _CODE.fullmatch(kind):
            raise ValueRefused(f"object kind {kind!r} is no code")
    for ref in objects:
        if ref.digest is not None and not 0 < len(ref.digest) <= _MAX_DIGEST:
            raise ValueRefused("a digest has 1 to 32 bytes")


def object_root(objects: Iterable[ObjectRef]) -> bytes:
    """Return the Merkle root (32 bytes) over the objects that an entry names.

    The leaves are their canonical bytes (kind, id and digest), in sorted order.
    """
    return root_of(hash_leaf(data) for data in sorted(map(_object_bytes, objects)))


def encode(entry: Entry) -> bytes:
    """Return the canonical bytes of a ledger entry, which are hashed and stored as its body."""
    motive = "null" if entry.motive_digest is None else f'"{entry.motive_digest.hex()}"'
    partner = "null" if entry.partner_id is None else f'"{entry.partner_id}"'
    # JSON built by hand, for speed, since verification encodes a million entries: only the detail can contain
    # a character that JSON escapes.
    text = (
        f'{{"action":"{entry.action}","actor":"{entry.actor_id}","at":"{_instant_text(entry.at)}",'
        f'"detail":{_detail_text(entry.detail)},"id":"{entry.id}","motive":{motive},'
        f'"objects":{{"count":{entry.object_count},"root":"{entry.object_root.hex()}"}},'
        f'"partner":{partner},"verb":"{entry.verb.value}"}}'
    )
    return BODY_TAG + text.encode()


def decode(body: bytes) -> Entry:
    """Decode canonical bytes (the stored body of an entry) into an entry.

    Raises:
        NotCanonical: the bytes are not exactly what `encode` returns for some entry.
    """
    if not body.startswith(BODY_TAG):
        raise NotCanonical("the domain tag is missing")
    try:
        entry = _entry_from(json.loads(body[len(BODY_TAG) :]))
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise NotCanonical(f"no entry: {error}") from None
    if encode(entry) != body:
        raise NotCanonical("another encoding of the same entry")
    return entry


def objects_of(body: bytes) -> tuple[int, bytes] | None:
    """Return (number, Merkle root of 32 bytes) of an entry's objects, from its canonical body.

    None if `body` is not such a body. This is faster than `decode`, because the rest of the body is not
    checked.
    """
    try:
        objects = json.loads(body[len(BODY_TAG) :])["objects"]
        return int(objects["count"]), bytes.fromhex(objects["root"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def leaf_hash(*, body: bytes, db_at: datetime, writer: str | None) -> bytes:
    """Return a ledger entry's leaf hash (32 bytes) in the Merkle tree (RFC 6962), made from `leaf_data`.

    `body` is its canonical encoding, `db_at` the time of insertion, `writer` the database role that
    inserted the entry, None for older entries.
    """
    return hash_leaf(leaf_data(body=body, db_at=db_at, writer=writer))


def leaf_data(*, body: bytes, db_at: datetime, writer: str | None) -> bytes:
    """Return the bytes hashed into a leaf: tag, microseconds of `db_at` since 1970 (8 bytes), writer, body.

    `db_at` is the time of insertion. The writer is the database role that inserted the entry, preceded by its
    length in one byte; older entries (leaf version 1) have none (None).
    """
    instant = microseconds(db_at).to_bytes(8, "big", signed=True)
    if writer is None:
        return LEAF_TAG_1 + instant + body
    role = writer.encode()
    return LEAF_TAG + instant + bytes([len(role)]) + role + body


def chain_hash(*, seq: int, numbered_at: datetime, prev_hash: bytes, leaf: bytes) -> bytes:
    """Return the SHA-256 of a chain link: of its number, time of numbering, previous hash and leaf hash.

    `seq` is the number of the entry, from 1. The hash chain makes it possible to locate the row at which a
    log was altered.
    """
    head = seq.to_bytes(8, "big") + microseconds(numbered_at).to_bytes(8, "big", signed=True)
    return hashlib.sha256(CHAIN_TAG + head + prev_hash + leaf).digest()


def object_digest(*, key: bytes, kind: str, object_id: UUID, content: bytes) -> bytes:
    """Return the keyed digest of an object's content (HMAC-SHA256, first 16 bytes), as an entry records it.

    It covers the object's kind and id too.
    """
    message = b"object\x00" + kind.encode() + b"\x00" + object_id.bytes + content
    return _keyed_digest(key, message)[:16]


def motive_digest(*, key: bytes, entry_id: UUID, motive: str) -> bytes:
    """Return the keyed digest (16 bytes) of an entry's purpose (`motive`).

    It includes the entry's id, so that equal purposes have different digests.
    """
    return _keyed_digest(key, b"motive\x00" + entry_id.bytes + motive.encode())[:16]


def _keyed_digest(key: bytes, message: bytes) -> bytes:
    digest = _keyed(key).copy()
    digest.update(message)
    return digest.digest()


@lru_cache(maxsize=8)
def _keyed(key: bytes) -> hmac.HMAC:
    """Return an HMAC-SHA256 object (RFC 2104) that has absorbed the key, to be copied for each text.

    It is cached, since a batch makes digests of thousands of texts.
    """
    return hmac.new(key, digestmod="sha256")


def _object_bytes(ref: ObjectRef) -> bytes:
    kind = ref.kind.encode()
    return OBJECT_TAG + bytes([len(kind)]) + kind + ref.id.bytes + (ref.digest or b"")


def _detail_text(detail: Mapping[str, str | int]) -> str:
    if not detail:
        return "{}"
    return json.dumps(dict(detail), ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def _instant_text(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def _entry_from(fields: dict[str, object]) -> Entry:
    objects = fields["objects"]
    detail = fields["detail"]
    if not isinstance(objects, dict) or not isinstance(detail, dict):
        raise TypeError("objects and detail must be JSON objects")
    check_detail(detail)
    motive, partner = fields["motive"], fields["partner"]
    return Entry(
        id=UUID(str(fields["id"])),
        at=datetime.fromisoformat(str(fields["at"])),
        action=str(fields["action"]),
        verb=Verb(str(fields["verb"])),
        actor_id=UUID(str(fields["actor"])),
        partner_id=None if partner is None else UUID(str(partner)),
        detail=detail,
        motive_digest=None if motive is None else bytes.fromhex(str(motive)),
        object_count=int(objects["count"]),
        object_root=bytes.fromhex(str(objects["root"])),
    )
