"""Write operations of the ledger: entries, their numbering, checkpoints, expiry of purposes."""

import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import connection, transaction

from fanal.db import sql
from fanal.db.sql import copy_in
from fanal.kernel import rights
from fanal.kernel.actors import Actor, Role
from fanal.kernel.failpoints import failpoint
from fanal.kernel.ids import lowest_id, new_id
from fanal.ledger import signer, tree as stored
from fanal.ledger.domain import canonical, checkpoint
from fanal.ledger.domain.merkle import HASH_SIZE, CompactRange
from fanal.ledger.domain.records import Entry, ObjectRef, Verb, verb_of
from fanal.postgres import DatabaseRole

# Writing to the ledger.
#
# `record` and `record_batch` run inside the caller's transaction and only INSERT: an act and its entry are
# committed together or not at all, and no lock is held. A public node may not even insert: it calls the
# database function `ledger_record`, which accepts a public node's own actions only.

MAX_MOTIVE = 2000
MOTIVES_KEPT = timedelta(days=3 * 365)
"""Retention of the text of a purpose: that of the log (FPR, décret 2010-569, art. 8)."""

_NEED_MOTIVE = frozenset({Verb.CONSULTATION, Verb.COMMUNICATION, Verb.TRANSFER})
_INSERT_ENTRY = (
    "INSERT INTO ledger_entry (id, at, actor_id, action, verb, body)"
    " VALUES (%s, %s, %s, %s, %s, %s)"
)
_INSERT_WITH_OBJECT = (
    "WITH entry AS (INSERT INTO ledger_entry (id, at, actor_id, action, verb, body)"
    " VALUES (%s, %s, %s, %s, %s, %s))"
    " INSERT INTO ledger_object (entry_id, object_id, kind, digest) VALUES (%s, %s, %s, %s)"
)
_RECORD = "SELECT ledger_record(%s, %s, %s, %s, %s, %s, %s::text[], %s::uuid[], %s::bytea[])"


class MotiveMissing(ValueError):
    """Error: personal data would be read or passed on without a purpose (motif de consultation)."""


def keyed_digest(*, kind: str, object_id: UUID, content: bytes) -> bytes:
    """Return the keyed digest (16 bytes) of an object's content, to be recorded as `ObjectRef.digest`.

    `kind` is the code of the object's kind, such as `report`.

    Raises:
        SignerMissing: no ledger keys are installed.
    """
    return canonical.object_digest(
        key=signer.current().digest_key, kind=kind, object_id=object_id, content=content
    )


def record(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    objects: Sequence[ObjectRef] = (),
    detail: Mapping[str, str | int] | None = None,
    motive: str = "",
) -> UUID:
    """Record one entry in the ledger, in the caller's transaction if any; return its id.

    Args:
        actor: the author of the act.
        action: a code of `domain/actions.toml`.
        at: time of the act.
        objects: the objects concerned.
        detail: codes, ids and numbers, never free text.
        motive: the purpose (motif de consultation), by default the actor's. Required for a consultation,
            communication or transfer (article 101 of Loi 78-17), unless the actor is a reporter or partner.

    Raises:
        MotiveMissing: data are read or passed on without a purpose.
        UnknownVerb: the action is not in `domain/actions.toml`.
        ValueRefused: a detail or object kind has a forbidden form, or the purpose is too long.
        SignerMissing: no ledger keys are installed.
    """
    entry = _build(
        actor=actor,
        action=action,
        at=at,
        objects=objects,
        detail=detail or {},
        motive=motive or actor.motive,
    )
    # One transaction even if the caller has none: a process that dies in between must not leave an entry
    # without its purpose or objects.
    with transaction.atomic(savepoint=False):
        _insert(entry, motive or actor.motive, objects)
    return entry.id


def record_report(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    report_id: UUID,
    detail: Mapping[str, str | int] | None = None,
    motive: str = "",
) -> UUID:
    """Record an entry that names one report, and return the entry's id.

    `action` is a code of `domain/actions.toml`, `at` the instant of the act, `detail` its codes, ids and
    numbers, `motive` the purpose, by default the actor's.

    Raises:
        MotiveMissing: data are read or passed on without a purpose.
        UnknownVerb: the action is not in `domain/actions.toml`.
        ValueRefused: a detail has a forbidden form, or the purpose is too long.
        SignerMissing: no ledger keys are installed.
    """
    objects = [ObjectRef(kind="report", id=report_id)]
    return record(actor=actor, action=action, at=at, objects=objects, detail=detail, motive=motive)


def record_batch(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    kind: str,
    items: Sequence[tuple[UUID, bytes]],
    detail: Mapping[str, str | int] | None = None,
    motive: str = "",
) -> UUID:
    """Record one entry for many objects of one kind (such as `report`) and return its id.

    Each item is an object's id and its content (or result), of which only the keyed digest is stored; empty
    content has no digest. The entry contains the Merkle root over all of them. `at` is the instant of the
    act, `action` a code of `domain/actions.toml`, `detail` codes, ids and numbers, `motive` the purpose
    (motif de consultation), by default the actor's.

    Raises:
        MotiveMissing: data are read or passed on without a purpose.
        UnknownVerb: the action is not in `domain/actions.toml`.
        ValueRefused: a detail or object kind has a forbidden form, or the purpose is too long.
        SignerMissing: no ledger keys are installed.
    """
    key = signer.current().digest_key
    objects = [
        ObjectRef(
            kind=kind,
            id=object_id,
            digest=canonical.object_digest(key=key, kind=kind, object_id=object_id, content=content)
            if content
            else None,
        )
        for object_id, content in items
    ]
    return record(actor=actor, action=action, at=at, objects=objects, detail=detail, motive=motive)


def expire_motives(*, actor: Actor, before: datetime, now: datetime, limit: int = 10_000) -> int:
    """Delete up to `limit` texts of purposes (motifs de consultation) written before a time, oldest first.

    Return their number; unless it is 0, the deletion is recorded. The entries and their keyed digests stay.
    `before` must be at least three years before `now`, the retention of the log (décret 2010-569, art. 8):
    `fanal ledger verify` reports a younger entry whose purpose is missing.

    Raises:
        Refused: the actor is not the system.
        ValueError: `before` is too late.
    """
    rights.require(actor, "pipeline.run")
    if before > now - MOTIVES_KEPT:
        raise ValueError("motives are kept for three years")
    with transaction.atomic():
        found = sql.run(
            "DELETE FROM ledger_motive WHERE entry_id IN (SELECT entry_id FROM ledger_motive"
            " WHERE entry_id < %s ORDER BY entry_id LIMIT %s)",
            [lowest_id(before), limit],
        )
        erased = int(found)
        if erased:
            record(actor=actor, action="motive.erase", at=now, detail={"count": erased})
    return erased


def _build(
    *,
    actor: Actor,
    action: str,
    at: datetime,
    objects: Sequence[ObjectRef],
    detail: Mapping[str, str | int],
    motive: str,
) -> Entry:
    verb = verb_of(action)
    if not motive and verb in _NEED_MOTIVE and not actor.has(Role.PUBLIC, Role.PARTNER):
        raise MotiveMissing(f"{action} needs a motive")
    canonical.check_detail(detail)
    canonical.check_objects(objects)
    if len(motive) > MAX_MOTIVE or "\x00" in motive:
        raise canonical.ValueRefused("a motive has at most 2000 characters and no NUL")
    entry_id = new_id(at)
    key = signer.current().digest_key
    return Entry(
        id=entry_id,
        at=at,
        action=action,
        verb=verb,
        actor_id=actor.person_id,
        partner_id=actor.partner_id,
        detail=detail,
        motive_digest=canonical.motive_digest(key=key, entry_id=entry_id, motive=motive)
        if motive
        else None,
        object_count=len(objects),
        object_root=canonical.object_root(objects),
    )


def _insert(entry: Entry, motive: str, objects: Sequence[ObjectRef]) -> None:
    columns = (
        *(entry.id, entry.at, entry.actor_id, entry.action, entry.verb.value),
        canonical.encode(entry),
    )
    with connection.cursor() as cursor:
        if connection.settings_dict["USER"] == DatabaseRole.INTAKE.login:
            kinds, ids = [o.kind for o in objects], [o.id for o in objects]
            cursor.execute(_RECORD, (*columns, kinds, ids, [o.digest for o in objects]))
            return
        if len(objects) == 1:  # as most entries; COPY takes three messages
            [ref] = objects
            of_object = (entry.id, ref.id, ref.kind, ref.digest)
            cursor.execute(_INSERT_WITH_OBJECT, (*columns, *of_object))
        else:
            cursor.execute(_INSERT_ENTRY, columns)
        if motive:
            cursor.execute(
                "INSERT INTO ledger_motive (entry_id, motive) VALUES (%s, %s)", [entry.id, motive]
            )
        if len(objects) > 1:
            with copy_in(
                "COPY ledger_object (entry_id, object_id, kind, digest) FROM STDIN"
            ) as copy:
                # Codes, ids and hexadecimals: no character of them requires an escape.
                copy.write(
                    "".join(
                        [
                            f"{entry.id.hex}\t{ref.id.hex}\t{ref.kind}\t"
                            + (f"\\\\x{ref.digest.hex()}\n" if ref.digest else "\\N\n")
                            for ref in objects
                        ]
                    )
                )


# The entry of a search: its query as a keyed digest, and all displayed results.

_NO_ID = UUID(int=0)


def question_id(*, kind: str, text: str) -> UUID:
    """Return the id that names a search query in the ledger: a keyed digest of its kind and its text.

    Differences of case, character width and number of spaces are ignored, so the same query always has the
    same id.
    """
    plain = " ".join(unicodedata.normalize("NFKC", text).casefold().split())
    return _keyed_id("question", kind.encode() + b"\0" + plain.encode())


def searched_id(key: UUID) -> UUID:
    """Return the id that names an identifier (selector key) in the ledger: a keyed digest of that key.

    The key itself is an unkeyed hash, from which the identifier could be guessed.
    """
    return _keyed_id("selector", key.bytes)


def record_search(
    *,
    actor: Actor,
    at: datetime,
    kind: str,
    text: str,
    reports: Iterable[UUID] = (),
    selectors: Iterable[UUID] = (),
    elsewhere: int = 0,
) -> UUID:
    """Record the single entry of a search and return its id; a search without results is recorded too.

    The entry contains the query as a keyed digest, and all displayed results.

    Args:
        actor: the person who searches.
        at: time of the search.
        kind: code of the kind of identifier searched for (ANY for all).
        text: the query as typed.
        reports: the reports displayed.
        selectors: keys of the identifiers displayed.
        elsewhere: number of other desks displayed as knowing the identifier.

    Raises:
        MotiveMissing: the actor states no purpose.
        ValueRefused: the kind has a forbidden form, or the purpose is too long.
        SignerMissing: no ledger keys are installed.
    """
    shown = [ObjectRef(kind="report", id=one) for one in dict.fromkeys(reports)]
    shown += [ObjectRef(kind="selector", id=searched_id(key)) for key in dict.fromkeys(selectors)]
    return record(
        actor=actor,
        action="search.run",
        at=at,
        objects=[ObjectRef(kind="question", id=question_id(kind=kind, text=text)), *shown],
        detail={"kind": kind, "hits": len(shown), "elsewhere": elsewhere},
    )


def record_ledger_search(
    *,
    actor: Actor,
    at: datetime,
    text: str,
    about: Iterable[ObjectRef] = (),
    shown: Iterable[UUID] = (),
) -> UUID:
    """Record the single entry of a search of the ledger itself, even one without results; return its id.

    Args:
        actor: the person who searches.
        at: time of the search.
        text: all criteria of the search, of which only a keyed digest is stored.
        about: the person and the objects that the search names.
        shown: ids of the entries displayed.

    Raises:
        MotiveMissing: the actor states no purpose.
        ValueRefused: an object kind has a forbidden form, or the purpose is too long.
        SignerMissing: no ledger keys are installed.
    """
    entries = [ObjectRef(kind="entry", id=one) for one in shown]
    question = ObjectRef(kind="question", id=question_id(kind="LEDGER", text=text))
    return record(
        actor=actor,
        action="ledger.search",
        at=at,
        objects=[question, *about, *entries],
        detail={"hits": len(entries)},
    )


def _keyed_id(purpose: str, content: bytes) -> UUID:
    key = signer.current().digest_key
    return UUID(
        bytes=canonical.object_digest(key=key, kind=purpose, object_id=_NO_ID, content=content)
    )


# Sequencer: numbers the entries, grows the tree, and signs checkpoints.
#
# One sequencer at a time, by an advisory lock. Roots of large subtrees are stored once complete
# (`ledger_subtree`), so that a proof reads a few rows of a log of any size.

_SEQUENCER_LOCK = 0x4C454447455231
_SUBTREES_AT_ONCE = 1000


def sequence_pending(*, now: datetime, limit: int = 5000) -> int:
    """Assign numbers to up to `limit` pending entries, append them to the hash chain; return their number.

    Return 0 without doing anything if another process holds the lock for numbering entries. Entries become
    visible here when their transaction commits; so batches follow the order of arrival, and within a batch
    the order is that of the ids.
    """
    with transaction.atomic():
        if not _lock_sequencer():
            return 0
        waiting = sql.rows(
            "SELECT e.id, e.body, e.db_at, e.writer"
            " FROM ledger_pending p JOIN ledger_entry e ON e.id = p.entry_id ORDER BY e.id LIMIT %s",
            [limit],
        )
        if not waiting:
            return 0
        last = sql.row("SELECT seq, chain_hash FROM ledger_chain ORDER BY seq DESC LIMIT 1")
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
        sql.run(
            "DELETE FROM ledger_pending WHERE entry_id = ANY(%s)", [[row[0] for row in waiting]]
        )
    return len(waiting)


def sign_checkpoint(*, now: datetime) -> checkpoint.Checkpoint | None:
    """Sign a checkpoint of the log's current Merkle tree and return it; store it in table and file.

    Return None if there is no new entry, or another process holds the lock for numbering entries. The
    table's row is committed before the note (signed text) is appended to the file: if the process dies in
    between, the next call adds the missing note, and the file never has a note that the database lacks.

    Raises:
        SignerMissing: this process holds no signing key.
        OSError: the file could not be written; the row stays.
        RuntimeError: a transaction is open, so that the row could still be rolled back.
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
        signer.bring_up_to_date(keys.checkpoint_file, notes_after=_notes_after)
    return signed


def store_subtrees(*, limit: int = _SUBTREES_AT_ONCE) -> int:
    """Store the roots of up to `limit` newly complete subtrees of the Merkle tree; return their number.

    Proofs are made from these roots. Return 0 without doing anything if another process holds the lock for
    numbering entries. If older subtrees of the log are not stored yet, repeated calls store them; until
    then proofs hash more leaves.
    """
    with transaction.atomic():
        return stored.store_complete(limit=limit) if _lock_sequencer() else 0


def _split_hashes(stored: bytes) -> list[bytes]:
    """Split stored subtree roots of the Merkle tree (a compact range) into its 32-byte hashes."""
    return [stored[i : i + HASH_SIZE] for i in range(0, len(stored), HASH_SIZE)]


def _lock_sequencer() -> bool:
    row = sql.row("SELECT pg_try_advisory_xact_lock(%s)", [_SEQUENCER_LOCK])
    return row is not None and bool(row[0])


def _sign_tree(origin: str, key: Ed25519PrivateKey, now: datetime) -> checkpoint.Checkpoint | None:
    """Sign the tree of all numbered entries with `key`, store the checkpoint and return it.

    `origin` names the log. None if there is no new entry, or another process holds the lock for numbering
    entries.
    """
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
    return [
        note
        for (note,) in sql.rows(
            "SELECT note FROM ledger_checkpoint WHERE size > %s ORDER BY size", [size]
        )
    ]
