"""Verification of the whole ledger in one database snapshot: reports problems, repairs nothing."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from itertools import groupby
from pathlib import Path
from uuid import UUID

from django.db import connection, transaction
from django.db.backends.utils import CursorWrapper

from fanal.db import sql
from fanal.ledger import signer
from fanal.ledger.domain.checkpoint import (
    Checkpoint,
    CheckpointRefused,
    open_note,
    read_copy,
    split_notes,
)
from fanal.ledger.domain.merkle import WIDTH
from fanal.ledger.domain.records import ChainLink, ObjectRef, StoredEntry
from fanal.ledger.domain.verify import (
    Code,
    LedgerProblem,
    NumberedRow,
    Verification,
    check_pending,
    check_rollback,
    objects_agree,
    verify_places,
)
from fanal.ledger.operations import MOTIVES_KEPT
from fanal.ledger.tree import StoredTree

_FETCH = 2000
_PLACES = """
    SELECT c.seq, c.entry_id, c.recorded_at, c.numbered_at, c.leaf_hash, c.prev_hash, c.chain_hash,
        e.id, e.at, e.db_at, e.action, e.verb, e.actor_id, e.body, m.motive, e.writer
    FROM ledger_chain c
    LEFT JOIN ledger_entry e ON e.id = c.entry_id LEFT JOIN ledger_motive m ON m.entry_id = c.entry_id
    ORDER BY c.seq
"""
_BODIES = """
    SELECT e.id, c.seq, e.body FROM ledger_entry e LEFT JOIN ledger_chain c ON c.entry_id = e.id
    ORDER BY e.id
"""
_OBJECTS = "SELECT entry_id, kind, object_id, digest FROM ledger_object ORDER BY entry_id"
_WAITING = """
    SELECT e.id, e.db_at FROM ledger_entry e
    WHERE NOT EXISTS (SELECT FROM ledger_chain c WHERE c.entry_id = e.id)
"""
_LONE_MOTIVES = """
    SELECT m.entry_id FROM ledger_motive m
    WHERE NOT EXISTS (SELECT FROM ledger_entry e WHERE e.id = m.entry_id)
"""


def verify_ledger(*, now: datetime, outside: Sequence[Path] = ()) -> Verification:
    """Verify every entry, object, purpose, chain link, stored subtree and checkpoint of the ledger.

    Return the result with all problems found. The checkpoints in the append-only file of this installation
    are always compared; `outside` names further copies of checkpoint files. `now` decides which purposes
    may have expired.

    Raises:
        SignerMissing: no ledger keys are installed (purposes are checked with the digest key).
        OSError: a named file cannot be read.
    """
    keys = signer.current()
    own = keys.checkpoint_file
    # Read the files before the snapshot: a note is committed before it is written outside, so a note signed
    # in the meantime may be absent from the files but never from the database.
    copies, unsigned = _copies(outside)
    written = own.read_bytes() if own is not None and own.exists() else b""
    # A damaged byte makes its note a refused one.
    kept, badly_kept = _opened(split_notes(written.decode(errors="replace")))
    kept += copies
    with _snapshot():
        stored, badly_stored = _stored()
        found = verify_places(
            _places(),
            checkpoints=[*stored, *kept],
            digest_key=keys.digest_key,
            motives_kept_from=now - MOTIVES_KEPT,
        )
        found.compared = len(copies)
        found.problems += [*unsigned, *badly_kept, *badly_stored]
        found.problems += check_rollback(stored=stored, outside=kept)
        found.problems += _check_objects()
        found.problems += _check_subtrees()
        found.problems += check_pending(sql.rows(_WAITING), now=now)
        found.problems += [
            LedgerProblem(code=Code.DELETED, field="entry", entry_id=row[0])
            for row in sql.rows(_LONE_MOTIVES)
        ]
    return found


def _copies(files: Sequence[Path]) -> tuple[list[Checkpoint], list[LedgerProblem]]:
    kept: list[Checkpoint] = []
    problems: list[LedgerProblem] = []
    for path in files:
        try:
            found, bad = _opened(read_copy(path.read_bytes()))
        except CheckpointRefused:  # a copy that cannot be compared is a problem
            problems.append(LedgerProblem(code=Code.NO_CHECKPOINT, field=path.name))
            continue
        kept += found
        problems += bad
    return kept, problems


def _opened(notes: Sequence[str]) -> tuple[list[Checkpoint], list[LedgerProblem]]:
    kept: list[Checkpoint] = []
    problems: list[LedgerProblem] = []
    for note in notes:
        try:
            kept.append(open_note(note, keys=signer.current().known_keys))
        except CheckpointRefused:
            problems.append(LedgerProblem(code=Code.SIGNATURE, field="outside"))
    return kept, problems


def _stored() -> tuple[list[Checkpoint], list[LedgerProblem]]:
    rows = sql.rows("SELECT size, root, note FROM ledger_checkpoint ORDER BY size")
    stored: list[Checkpoint] = []
    problems: list[LedgerProblem] = []
    for size, root, note in rows:
        try:
            opened = open_note(note, keys=signer.current().known_keys)
        except CheckpointRefused:
            problems.append(LedgerProblem(code=Code.SIGNATURE, field="note", seq=size))
            continue
        stored.append(opened)
        if (opened.size, opened.root) != (size, bytes(root)):
            problems.append(LedgerProblem(code=Code.CHANGED, field="checkpoint", seq=size))
    return stored, problems


def _places() -> Iterator[NumberedRow]:
    with connection.chunked_cursor() as cursor:
        cursor.execute(_PLACES)
        while rows := cursor.fetchmany(_FETCH):
            for row in rows:
                link = ChainLink(
                    seq=row[0],
                    entry_id=row[1],
                    recorded_at=row[2],
                    numbered_at=row[3],
                    leaf_hash=bytes(row[4]),
                    prev_hash=bytes(row[5]),
                    chain_hash=bytes(row[6]),
                )
                yield NumberedRow(link=link, entry=None if row[7] is None else _entry(row[7:]))


def _entry(row: Sequence[object]) -> StoredEntry:
    entry_id, at, db_at, action, verb, actor_id, body, motive, writer = row
    return StoredEntry(
        id=entry_id,  # type: ignore[arg-type]
        at=at,  # type: ignore[arg-type]
        db_at=db_at,  # type: ignore[arg-type]
        action=str(action),
        verb=str(verb),
        actor_id=actor_id,  # type: ignore[arg-type]
        body=bytes(body),  # type: ignore[call-overload]
        objects=None,
        motive=None if motive is None else str(motive),
        writer=None if writer is None else str(writer),
    )


def _check_objects() -> list[LedgerProblem]:
    """Compare the objects of each entry with its body, by a merge join in the order of entry ids.

    Return a problem for each entry whose objects differ, and for objects without an entry.
    """
    problems: list[LedgerProblem] = []
    with connection.chunked_cursor() as bodies, connection.chunked_cursor() as objects:
        bodies.execute(_BODIES)
        objects.execute(_OBJECTS)
        groups = groupby(_rows(objects), key=lambda row: row[0])
        owner, group = next(groups, (None, iter(())))
        for entry_id, seq, body in _rows(bodies):
            while owner is not None and owner < entry_id:
                problems.append(_lone_objects(owner))
                owner, group = next(groups, (None, iter(())))
            mine = _refs(group) if owner == entry_id else []
            if owner == entry_id:
                owner, group = next(groups, (None, iter(())))
            if not objects_agree(bytes(body), mine):
                problems.append(
                    LedgerProblem(code=Code.CHANGED, field="objects", seq=seq, entry_id=entry_id)
                )
        while owner is not None:
            problems.append(_lone_objects(owner))
            owner, group = next(groups, (None, iter(())))
    return problems


def _check_subtrees() -> list[LedgerProblem]:
    """Compare each stored subtree root with the level below, since proofs on pages are built from them.

    Return a problem for each root that differs.
    """
    tree, problems = StoredTree(), []
    with connection.chunked_cursor() as cursor:
        cursor.execute("SELECT level, place, hash FROM ledger_subtree ORDER BY level, place")
        for level, place, stored in _rows(cursor):
            if not tree.agrees(level, place, bytes(stored)):
                width = WIDTH**level
                problems.append(
                    LedgerProblem(
                        code=Code.CHANGED,
                        field="subtree",
                        seq=place * width + 1,
                        seq_to=(place + 1) * width,
                    )
                )
    return problems


def _lone_objects(entry_id: UUID) -> LedgerProblem:
    return LedgerProblem(code=Code.DELETED, field="entry", entry_id=entry_id)


def _refs(group: Iterator[tuple[UUID, str, UUID, bytes | None]]) -> list[ObjectRef]:
    return [
        ObjectRef(kind=kind, id=object_id, digest=None if digest is None else bytes(digest))
        for _, kind, object_id, digest in group
    ]


def _rows(cursor: CursorWrapper) -> Iterator[tuple]:  # type: ignore[type-arg]
    while rows := cursor.fetchmany(_FETCH):
        yield from rows


@contextmanager
def _snapshot() -> Iterator[None]:
    """Run the body of the `with` statement in a read-only transaction with a consistent snapshot.

    Inside an open transaction of the caller, only a savepoint is set.
    """
    nested = connection.in_atomic_block
    with transaction.atomic():
        if not nested:
            sql.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield
