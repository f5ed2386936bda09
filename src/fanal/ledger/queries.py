"""Queries on the ledger: the history of an object, pages of entries, and all leaves for verification.

The caller checks the actor's right on the object; these queries check the right to read the ledger. The
entries on an object have inclusion proofs under the newest signed checkpoint.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from fanal.db import sql
from fanal.kernel import rights
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id
from fanal.ledger import signer
from fanal.ledger.domain import canonical
from fanal.ledger.domain.checkpoint import Checkpoint, CheckpointRefused, NoteKey, open_note
from fanal.ledger.domain.merkle import (
    ProofRefused,
    consistency_proof,
    inclusion_proof,
    verify_consistency,
    verify_inclusion,
)
from fanal.ledger.domain.records import LedgerLine, ObjectRef
from fanal.ledger.tree import LeavesMissing, StoredTree

_LINE = (
    "SELECT c.seq, e.body, m.motive, e.writer FROM ledger_entry e"
    " LEFT JOIN ledger_chain c ON c.entry_id = e.id"
    " LEFT JOIN ledger_motive m ON m.entry_id = e.id"
)


def entries_of(*, actor: Actor, object_id: UUID, limit: int = 500) -> list[LedgerLine]:
    """Return up to `limit` ledger entries (recorded acts and readings) that name an object, oldest first.

    Raises:
        Refused: the actor may not read the ledger.
    """
    rights.require(actor, "ledger.read")
    found = sql.rows(
        f"{_LINE} WHERE e.id IN"  # noqa: S608 - a constant
        " (SELECT entry_id FROM ledger_object WHERE object_id = %s)"
        " ORDER BY e.id LIMIT %s",
        [object_id, limit],
    )
    return [_line(row) for row in found]


def first_at(*, actor: Actor, object_id: UUID, action: str, since: datetime) -> datetime | None:
    """Return the time of the first act of a kind on an object at or after `since`; None if there is none.

    `action` is the code of the act.

    Raises:
        Refused: the actor may not read the ledger.
    """
    rights.require(actor, "ledger.read")
    given = sql.one(
        "SELECT min(e.at) FROM ledger_entry e JOIN ledger_object o ON o.entry_id = e.id"
        " WHERE o.object_id = %s AND e.action = %s AND e.at >= %s",
        [object_id, action, since],
    )
    found: datetime | None = given[0]
    return found


def acts_on_person(*, actor: Actor, person_id: UUID, limit: int) -> list[LedgerLine]:
    """Return the newest changes of a person's account and habilitations, newest first, at most `limit`.

    Sign-ins and mere readings are left out.

    Raises:
        Refused: the actor may not list accounts.
    """
    rights.require(actor, "account.list")
    found = sql.rows(
        f"{_LINE} WHERE e.id IN"  # noqa: S608 - a constant
        " (SELECT entry_id FROM ledger_object WHERE object_id = %s)"
        " AND e.verb = 'MODIFICATION' AND e.action ~ '^(account|habilitation)[.]'"
        " AND e.action !~ '^account[.]sign_' ORDER BY e.id DESC LIMIT %s",
        [person_id, limit],
    )
    return [_line(row) for row in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class SoughtEntries:
    """The criteria of a search of the ledger; one that is left out restricts nothing.

    `person_id` is the author, `action` a code. `object_ids` are the ids by which one object may be named:
    an entry that names any of them is found. `since` and `until` bound the time of the act, `until`
    excluded. `before` is the id of the last entry of the previous page.
    """

    person_id: UUID | None = None
    action: str = ""
    object_ids: Sequence[UUID] | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: UUID | None = None


def list_entries(
    *, actor: Actor, sought: SoughtEntries = SoughtEntries(), limit: int = 100
) -> list[LedgerLine]:
    """Return a page of the entries that meet all criteria of `sought`, newest first, at most `limit`.

    The caller shows purposes and codes only of objects that the actor may read.

    Raises:
        Refused: the actor may not search the ledger.
    """
    rights.require(actor, "ledger.search")
    return [_line(row) for row in sql.rows(*_search(sought, limit))]


def _search(sought: SoughtEntries, limit: int) -> tuple[str, list[object]]:
    """Return the statement of a search, and its parameters.

    Each criterion that is absent is left out of the statement, so that an index gives the rows in order:
    (id), (actor, id) or (action, id). Ids begin with the time of the act. The entries of an object are
    selected first: they are few.
    """
    bounds = [
        ("e.id >= %s", sought.since and lowest_id(sought.since)),
        ("e.id < %s", sought.until and lowest_id(sought.until)),
        ("e.id < %s", sought.before),
        ("e.actor_id = %s", sought.person_id),
        ("e.action = %s", sought.action),
    ]
    given = [(text, value) for text, value in bounds if value]
    where = " AND ".join(["true", *(text for text, _value in given)])
    values: list[object] = [value for _text, value in given]
    if sought.object_ids is None:
        return f"{_LINE} WHERE {where} ORDER BY e.id DESC LIMIT %s", [*values, limit]
    named = (
        "WITH named AS MATERIALIZED"
        " (SELECT DISTINCT entry_id FROM ledger_object WHERE object_id = ANY(%s::uuid[])) "
    )
    joined = _LINE.replace("ledger_entry e", "named n JOIN ledger_entry e ON e.id = n.entry_id")
    return (
        f"{named}{joined} WHERE {where} ORDER BY n.entry_id DESC LIMIT %s",
        [list(sought.object_ids), *values, limit],
    )


def named_objects(*, actor: Actor, entry_ids: Sequence[UUID]) -> dict[UUID, list[ObjectRef]]:
    """Return the objects that entries name, without digests, by entry id; an entry without any has no key.

    The objects of an entry are in no particular order.

    Raises:
        Refused: the actor may not search the ledger.
    """
    rights.require(actor, "ledger.search")
    found: dict[UUID, list[ObjectRef]] = {}
    rows = sql.rows(
        "SELECT entry_id, kind, object_id FROM ledger_object WHERE entry_id = ANY(%s::uuid[])",
        [list(entry_ids)],
    )
    for entry_id, kind, object_id in rows:
        found.setdefault(entry_id, []).append(ObjectRef(kind=kind, id=object_id))
    return found


def newest_backup(*, actor: Actor, since: datetime) -> datetime | None:
    """Return the time of the newest recorded backup of the installation since an instant; None without one.

    Raises:
        Refused: the actor may not read the state of the installation.
    """
    rights.require(actor, "installation.read")
    row = sql.row(
        "SELECT at FROM ledger_entry WHERE id >= %s AND action = 'backup.make'"
        " ORDER BY id DESC LIMIT 1",
        [lowest_id(since)],
    )
    return row[0] if row else None


def newest_expiry(
    *, actor: Actor, since: datetime
) -> tuple[datetime, Mapping[str, str | int]] | None:
    """Return time and details of the newest run of the expiry since an instant; None without one.

    Raises:
        Refused: the actor may not read the state of retention.
    """
    rights.require(actor, "retention.read")
    row = sql.row(
        f"{_LINE} WHERE e.id >= %s AND e.action = 'expiry.run' ORDER BY e.id DESC LIMIT 1",
        [lowest_id(since)],
    )
    if row is None:
        return None
    line = _line(row)
    return line.at, line.detail


def has_paused(*, actor: Actor, since: datetime) -> bool:
    """Return whether the expiry has run before an instant, and not since; False if it never ran.

    Raises:
        Refused: the actor may not run the pipeline.
    """
    rights.require(actor, "pipeline.run")
    row = sql.row(
        "SELECT at FROM ledger_entry WHERE action = 'expiry.run' ORDER BY id DESC LIMIT 1", []
    )
    return row is not None and row[0] < since


def count_motives_due(*, edges: Sequence[datetime]) -> list[int]:
    """Return the numbers of stored texts of purposes by the time of their entries, one for each edge.

    `edges` (not empty) are instants in ascending order: the first number is of the entries before the first
    edge, each other one of those between the previous edge and its own. The caller has checked the right.
    """
    ids = [lowest_id(edge) for edge in edges]
    return sql.by_slot(
        "SELECT width_bucket(entry_id, %(ids)s::uuid[]), count(*) FROM ledger_motive"
        " WHERE entry_id < %(last)s GROUP BY 1",
        {"ids": ids, "last": ids[-1]},
        slots=len(edges),
    )


def acts_since(
    *,
    actor: Actor,
    actions: Sequence[str],
    since: datetime,
    until: datetime | None = None,
    limit: int = 100,
) -> list[LedgerLine]:
    """Return the newest acts of some kinds (`actions`: codes) since an instant, newest first.

    At most `limit` are returned; with `until`, only acts before that instant.

    Raises:
        Refused: the actor may not read the state of the installation.
    """
    rights.require(actor, "installation.read")
    end = None if until is None else lowest_id(until)
    found = sql.rows(
        f"{_LINE} WHERE e.action = ANY(%s) AND e.id >= %s AND (%s::uuid IS NULL OR e.id < %s::uuid)"
        " ORDER BY e.id DESC LIMIT %s",
        [list(actions), lowest_id(since), end, end, limit],
    )
    return [_line(row) for row in found]


def newest_signature() -> datetime | None:
    """Return when the newest checkpoint was signed; None before the first. No right is needed to read it."""
    row = sql.row("SELECT signed_at FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
    return row[0] if row else None


def count_since(*, actor: Actor, since: datetime, actions: Sequence[str]) -> dict[str, int]:
    """Return the number of ledger entries since an instant, by action of `actions`.

    An action without entries has no key.

    Raises:
        Refused: the actor may not read the ledger.
    """
    rights.require(actor, "ledger.read")
    found = sql.rows(
        "SELECT action, count(*) FROM ledger_entry WHERE at >= %s AND action = ANY(%s)"
        " GROUP BY action",
        [since, list(actions)],
    )
    return dict(found)


def list_checkpoints(*, keys: Sequence[NoteKey]) -> list[Checkpoint]:
    """Return all stored checkpoints, smallest tree first, verified with `keys`; no right is needed.

    Raises:
        CheckpointRefused: a note cannot be verified, or differs from its row.
    """
    rows = sql.rows("SELECT size, root, note FROM ledger_checkpoint ORDER BY size")
    return [_opened(row, keys) for row in rows]


def newest_checkpoint(*, keys: Sequence[NoteKey]) -> Checkpoint | None:
    """Return the stored checkpoint of the largest tree, verified with `keys`; None before the first.

    Raises:
        CheckpointRefused: its note cannot be verified, or differs from its row.
    """
    row = sql.row("SELECT size, root, note FROM ledger_checkpoint ORDER BY size DESC LIMIT 1")
    return None if row is None else _opened(row, keys)


def _opened(row: tuple[int, bytes, str], keys: Sequence[NoteKey]) -> Checkpoint:
    size, root, note = row
    opened = open_note(note, keys=keys)
    if (opened.size, opened.root) != (size, bytes(root)):
        raise CheckpointRefused(f"checkpoint {size}: the row and its note differ")
    return opened


def walk_leaves(
    *, actor: Actor, step: int = 5000
) -> Iterator[tuple[int, datetime, str | None, bytes]]:
    """Yield (number, database time, writer, body) of every numbered entry, for external verifiers.

    These are the inputs of `canonical.leaf_data`; the writer is the database role that inserted the entry.
    `step` entries are read at a time.

    Raises:
        Refused: the actor may not read the ledger.
    """
    rights.require(actor, "ledger.read")
    after = 0
    while True:
        rows = sql.rows(
            "SELECT c.seq, e.db_at, e.writer, e.body FROM ledger_chain c"
            " JOIN ledger_entry e ON e.id = c.entry_id"
            " WHERE c.seq > %s AND c.seq <= %s ORDER BY c.seq",
            [after, after + step],
        )
        if not rows:
            return
        for seq, db_at, writer, body in rows:
            yield seq, db_at, writer, bytes(body)
        after += step


def _line(row: tuple[int | None, bytes, str | None, str | None]) -> LedgerLine:
    seq, body, motive, writer = row
    entry = canonical.decode(bytes(body))
    return LedgerLine(
        id=entry.id,
        seq=seq,
        at=entry.at,
        action=entry.action,
        verb=entry.verb.value,
        actor_id=entry.actor_id,
        partner_id=entry.partner_id,
        motive=motive or "",
        detail=entry.detail,
        object_count=entry.object_count,
        writer=writer or "",
    )


class ProofState(StrEnum):
    """How far the place of an entry in the signed log is proved (`prove_object`).

    PENDING: the entry has no number yet; NUMBERED: it is later than the newest checkpoint; PROVED: it is in
    the signed tree; CHANGED: it disagrees with that tree.
    """

    PENDING = "PENDING"
    NUMBERED = "NUMBERED"
    PROVED = "PROVED"
    CHANGED = "CHANGED"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectProofs:
    """Proof states of the ledger entries on an object (at most the 500 oldest), and the newest checkpoint.

    `states` is by entry id; `checkpoint` is None if there is none yet.
    """

    checkpoint: Checkpoint | None
    states: dict[UUID, ProofState]


def prove_object(*, actor: Actor, object_id: UUID) -> ObjectProofs:
    """Verify the entries on an object: compute each leaf hash again, and verify its inclusion proof.

    At most the 500 oldest entries are verified; the result has a `ProofState` for each. An entry is PROVED
    if its bytes give the stored leaf hash, and that hash's inclusion proof leads to the signed root. A
    proof reads stored subtrees, with a few queries per entry whatever the size of the log.

    Raises:
        Refused: the actor may not read the ledger.
        CheckpointRefused: the newest stored checkpoint cannot be verified.
        SignerMissing: no ledger keys are installed.
    """
    ids = [line.id for line in entries_of(actor=actor, object_id=object_id)]
    checkpoint, tree = newest_checkpoint(keys=signer.current().known_keys), StoredTree()
    rows = sql.rows(
        "SELECT e.id, c.seq, e.body, e.db_at, e.writer, c.leaf_hash FROM ledger_entry e"
        " LEFT JOIN ledger_chain c ON c.entry_id = e.id WHERE e.id = ANY(%s)",
        [ids],
    )
    states = {}
    for entry_id, seq, body, db_at, writer, leaf in rows:
        if seq is None:
            states[entry_id] = ProofState.PENDING
        elif canonical.leaf_hash(body=bytes(body), db_at=db_at, writer=writer) != bytes(leaf):
            states[entry_id] = ProofState.CHANGED
        elif checkpoint is None or seq > checkpoint.size:
            states[entry_id] = ProofState.NUMBERED
        else:
            proved = _is_proved(bytes(leaf), seq=seq, checkpoint=checkpoint, tree=tree)
            states[entry_id] = ProofState.PROVED if proved else ProofState.CHANGED
    return ObjectProofs(checkpoint=checkpoint, states=states)


def _is_proved(leaf: bytes, *, seq: int, checkpoint: Checkpoint, tree: StoredTree) -> bool:
    """Return whether a leaf hash is that of entry `seq` (from 1) in a checkpoint's tree (RFC 6962, 2.1.1).

    False also if `tree`, the stored hashes, lacks leaves for the proof.
    """
    try:
        path = inclusion_proof(tree.span, index=seq - 1, size=checkpoint.size)
        verify_inclusion(
            leaf_hash=leaf, index=seq - 1, size=checkpoint.size, proof=path, root=checkpoint.root
        )
    except (LeavesMissing, ProofRefused):
        return False
    return True


def is_consistent(*, earlier: Checkpoint, later: Checkpoint) -> bool:
    """Return whether the log of checkpoint `earlier` is a prefix of that of `later` (RFC 6962, 2.1.2).

    The proof is computed from the stored tree. False also if leaves are missing there, or `earlier` is
    empty.
    """
    try:
        proof = consistency_proof(StoredTree().span, size1=earlier.size, size2=later.size)
        verify_consistency(
            size1=earlier.size,
            size2=later.size,
            root1=earlier.root,
            root2=later.root,
            proof=proof,
        )
    except (LeavesMissing, ProofRefused, ValueError):
        return False
    return True
