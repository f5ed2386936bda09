"""Numbering what was written, growing the tree, and signing checkpoints: the sequencer's work.

One sequencer at a time, by an advisory lock. The tree's large subtrees are stored as they become complete
(`ledger_subtree`), so that a proof reads a few rows of a log of any size.
"""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from fanal.db.copying import copy_in
from fanal.kernel.failpoints import failpoint
from fanal.ledger import outside, signer, tree as stored
from fanal.ledger.domain import canonical, checkpoint
from fanal.ledger.domain.merkle import HASH_SIZE, CompactRange

_SEQUENCER_LOCK = 0x4C454447455231
_SUBTREES_AT_ONCE = 1000


def sequence_pending(*, now: datetime, limit: int = 5000) -> int:
    """Give numbers to up to `limit` waiting entries and chain them; return how many.

    One sequencer at a time: where another holds the lock, nothing is done and 0 returned. Entries
    become visible here when their transaction commits, so the order of numbers is that of arrival.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        if not _lock_sequencer():
            return 0
        cursor.execute(
            "SELECT e.id, e.body, e.db_at, e.writer"
            " FROM ledger_pending p JOIN ledger_entry e ON e.id = p.entry_id ORDER BY e.id LIMIT %s",
            [limit],
        )
        waiting = cursor.fetchall()
        if not waiting:
            return 0
        cursor.execute("SELECT seq, chain_hash FROM ledger_chain ORDER BY seq DESC LIMIT 1")
        last = cursor.fetchone()
        seq, previous = (last[0], bytes(last[1])) if last else (0, canonical.GENESIS)
        with copy_in(
            "COPY ledger_chain (seq, entry_id, recorded_at, numbered_at, leaf_hash, prev_hash,"
            " chain_hash) FROM STDIN"
        ) as copy:
            for entry_id, body, db_at, writer in waiting:
                seq += 1
                leaf = canonical.leaf_hash(body=bytes(body), db_at=db_at, writer=writer)
                link = canonical.chain_hash(seq=seq, numbered_at=now, prev_hash=previous, leaf=leaf)
                copy.write_row((seq, entry_id, db_at, now, leaf, previous, link))
                previous = link
        cursor.execute(
            "DELETE FROM ledger_pending WHERE entry_id = ANY(%s)", [[row[0] for row in waiting]]
        )
    return len(waiting)


def sign_checkpoint(*, now: datetime) -> checkpoint.Checkpoint | None:
    """Sign the tree as it stands, into the table and then the append-only file; None when nothing is new.

    The table's row is committed before the file gets the note: a process that dies in between leaves a
    note that the next call adds, and never one outside that the database does not know.

    Raises:
        SignerMissing: this process holds no signing key.
        OSError: the file could not be written; the row stays.
    """
    keys = signer.current()
    if keys.signing_key is None:
        raise signer.SignerMissing("this process signs no checkpoints")
    with transaction.atomic(durable=True):
        signed = _sign_tree(keys.origin, keys.signing_key, now)
        failpoint("checkpoint.signed")
    failpoint("checkpoint.committed")
    store_subtrees()
    if keys.checkpoint_file is not None:
        outside.bring_up_to_date(keys.checkpoint_file, notes_after=_notes_after)
    return signed


def store_subtrees(*, limit: int = _SUBTREES_AT_ONCE) -> int:
    """Store the roots of up to `limit` subtrees that became complete; return how many.

    One sequencer at a time: where another holds the lock, nothing is done and 0 returned. A log from before
    subtrees were stored is caught up with by repeated calls; until then proofs hash more leaves.
    """
    with transaction.atomic():
        return stored.store_complete(limit=limit) if _lock_sequencer() else 0


def _split_hashes(stored: bytes) -> list[bytes]:
    """Return the 32-byte hashes of a stored compact range."""
    return [stored[i : i + HASH_SIZE] for i in range(0, len(stored), HASH_SIZE)]


def _lock_sequencer() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_SEQUENCER_LOCK])
        row = cursor.fetchone()
    return row is not None and bool(row[0])


def _sign_tree(origin: str, key: Ed25519PrivateKey, now: datetime) -> checkpoint.Checkpoint | None:
    """Sign and store the tree; None when nothing is new, or another signs."""
    with connection.cursor() as cursor:
        if not _lock_sequencer():
            return None
        cursor.execute(
            "SELECT size, compact_range FROM ledger_checkpoint ORDER BY size DESC LIMIT 1"
        )
        row = cursor.fetchone()
        tree = CompactRange(row[0], _split_hashes(bytes(row[1]))) if row else CompactRange()
        before = tree.size
        cursor.execute("SELECT leaf_hash FROM ledger_chain WHERE seq > %s ORDER BY seq", [before])
        for (leaf,) in cursor:
            tree.append(bytes(leaf))
        if tree.size == before:
            return None
        signed = checkpoint.sign(
            origin=origin, size=tree.size, root=tree.root(), name=origin, key=key
        )
        cursor.execute(
            "INSERT INTO ledger_checkpoint (size, root, compact_range, note, signed_at)"
            " VALUES (%s, %s, %s, %s, %s)",
            [signed.size, signed.root, b"".join(tree.hashes), signed.note, now],
        )
    return signed


def _notes_after(size: int) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT note FROM ledger_checkpoint WHERE size > %s ORDER BY size", [size])
        return [note for (note,) in cursor.fetchall()]
