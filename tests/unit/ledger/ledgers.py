"""A ledger of entries in memory, made as the operations make one."""

import hashlib
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain import canonical, checkpoint
from fanal.ledger.domain.merkle import root_of
from fanal.ledger.domain.records import ChainLink, Entry, ObjectRef, StoredEntry, Verb
from fanal.ledger.domain.verify import NumberedRow, Verification, verify_places

START = datetime(2026, 11, 24, 8, 0, 0, 5, tzinfo=UTC)
KEY = bytes(range(32))
SIGNING = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
ORIGIN = "fanal.test/ledger"
WRITERS = (None, "fanal_app", "fanal_intake")
"""Entries of leaf version 1 have none."""


def number(tag: str, index: int) -> UUID:
    return UUID(bytes=hashlib.sha256(f"{tag}{index}".encode()).digest()[:16], version=4)


def stored_entry(index: int) -> StoredEntry:
    """Return entry `index`: some have a motive, some objects, some a partner."""
    at = START + timedelta(seconds=index)
    objects = tuple(
        ObjectRef(
            kind="report",
            id=number("object", index * 10 + n),
            digest=hashlib.sha256(b"%d" % n).digest()[:16] if n else None,
        )
        for n in range(index % 4)
    )
    motive = f"case {index}" if index % 3 else None
    entry_id = number("entry", index)
    entry = Entry(
        id=entry_id,
        at=at,
        action="report.read",
        verb=Verb.CONSULTATION,
        actor_id=number("person", index % 5),
        partner_id=number("partner", 1) if index % 7 == 0 else None,
        detail={"page": "desk", "count": index},
        motive_digest=canonical.motive_digest(key=KEY, entry_id=entry_id, motive=motive)
        if motive
        else None,
        object_count=len(objects),
        object_root=canonical.object_root(objects),
    )
    return StoredEntry(
        id=entry.id,
        at=at,
        db_at=at + timedelta(milliseconds=3),
        action=entry.action,
        verb=entry.verb.value,
        actor_id=entry.actor_id,
        body=canonical.encode(entry),
        objects=objects,
        motive=motive,
        writer=WRITERS[index % len(WRITERS)],
    )


def chain_of(entries: list[StoredEntry]) -> list[NumberedRow]:
    """Number and chain entries, as the sequencer does."""
    places, previous = [], canonical.GENESIS
    for seq, entry in enumerate(entries, 1):
        leaf = canonical.leaf_hash(body=entry.body, db_at=entry.db_at, writer=entry.writer)
        at = entry.db_at + timedelta(milliseconds=400)
        link = canonical.chain_hash(seq=seq, numbered_at=at, prev_hash=previous, leaf=leaf)
        places.append(
            NumberedRow(
                link=ChainLink(
                    seq=seq,
                    entry_id=entry.id,
                    recorded_at=entry.db_at,
                    numbered_at=at,
                    leaf_hash=leaf,
                    prev_hash=previous,
                    chain_hash=link,
                ),
                entry=entry,
            )
        )
        previous = link
    return places


def checkpoint_of(places: list[NumberedRow]) -> checkpoint.Checkpoint:
    return checkpoint.sign(
        origin=ORIGIN,
        size=len(places),
        root=root_of(p.link.leaf_hash for p in places),
        name=ORIGIN,
        key=SIGNING,
    )


@dataclass(frozen=True)
class Ledger:
    """Places and the checkpoints that were signed on the way."""

    places: list[NumberedRow]
    checkpoints: list[checkpoint.Checkpoint]

    def verify(self, places: list[NumberedRow] | None = None) -> Verification:
        return verify_places(
            self.places if places is None else places,
            checkpoints=self.checkpoints,
            digest_key=KEY,
        )


def renumber(place: NumberedRow, seq: int) -> NumberedRow:
    return replace(place, link=replace(place.link, seq=seq))
