"""Verification of a ledger: it compares rows and returns problems by number of the entry and field.

It reads no database and makes three comparisons. An entry's columns are compared with its canonical body,
and its objects with the body's Merkle root. The hash chain locates a row that was changed, deleted,
inserted or moved. The tree's root is compared with every signed checkpoint, including those kept outside
the database: this detects a chain rebuilt as a whole, a truncation or a rollback.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import chain as joined
from uuid import UUID

from fanal.ledger.domain import canonical
from fanal.ledger.domain.checkpoint import Checkpoint
from fanal.ledger.domain.merkle import CompactRange
from fanal.ledger.domain.records import ChainLink, ObjectRef, StoredEntry
from fanal.postgres.roles import DatabaseRole

PENDING_LIMIT = timedelta(seconds=60)
_MAX_SHIFT = 64
_MAX_SUSPECTS = 10_000
_WRITERS = (None, *(role.login for role in DatabaseRole))
"""Candidates for the original value of a changed writer."""


class Code(StrEnum):
    """Kind of problem found in a ledger.

    Of rows: CHANGED, DELETED, INSERTED and REORDERED. TRUNCATED, REWRITTEN: entries of a signed checkpoint
    are missing or differ. ROLLED_BACK: the database lacks a checkpoint kept elsewhere. PENDING: an entry
    has no number yet, a minute after its insertion. SIGNATURE: a checkpoint cannot be verified.
    NO_CHECKPOINT: a copy kept elsewhere cannot be read.
    """

    CHANGED = "CHANGED"
    DELETED = "DELETED"
    INSERTED = "INSERTED"
    REORDERED = "REORDERED"
    TRUNCATED = "TRUNCATED"
    REWRITTEN = "REWRITTEN"
    ROLLED_BACK = "ROLLED_BACK"
    PENDING = "PENDING"
    SIGNATURE = "SIGNATURE"
    NO_CHECKPOINT = "NO_CHECKPOINT"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerProblem:
    """A problem found in the ledger, with its kind (`code`) and place.

    `field` is the wrong field of the entry or checkpoint, or the file name of an unreadable checkpoint. `seq`
    is the number of the entry, or the size of the checkpoint; `seq_to` the last number of a range. `entry_id`
    is the entry's id. Each is None if unknown or not applicable.
    """

    code: Code
    field: str
    seq: int | None = None
    seq_to: int | None = None
    entry_id: UUID | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedRow:
    """A link of the hash chain with its ledger entry; `entry` is None if it is missing."""

    link: ChainLink
    entry: StoredEntry | None


@dataclass(slots=True, kw_only=True)
class Verification:
    """Result of verifying the ledger: `size` entries were read, with Merkle root `root`.

    `problems` is empty if the ledger is intact. `checkpoints` is the number of checkpoints compared with
    the entries, `compared` that of the checkpoints in copies kept elsewhere. `writers` counts entries by
    the database role that inserted them; older entries without a role (leaf version 1) are under "".
    """

    size: int = 0
    root: bytes = b""
    checkpoints: int = 0
    compared: int = 0
    writers: Counter[str] = field(default_factory=Counter)
    problems: list[LedgerProblem] = field(default_factory=list)


def check_entry(
    entry: StoredEntry, *, digest_key: bytes, motives_kept_from: datetime | None = None
) -> list[str]:
    """Return the names of an entry's columns that disagree with its canonical body; [] if it is intact.

    If the body itself is malformed, the result is `["body"]`. `digest_key` is the key of the purpose's
    digest. The purpose (`motive`) may be missing if the entry is older than `motives_kept_from`, because it
    has then expired; None: it may never be missing.
    """
    try:
        said = canonical.decode(entry.body)
    except canonical.NotCanonical:
        return ["body"]
    pairs = (
        ("id", said.id, entry.id),
        ("at", said.at, entry.at),
        ("action", said.action, entry.action),
        ("verb", said.verb.value, entry.verb),
        ("actor_id", said.actor_id, entry.actor_id),
    )
    wrong = [name for name, wanted, found in pairs if wanted != found]
    if entry.objects is not None:
        found = (len(entry.objects), canonical.object_root(entry.objects))
        if found != (said.object_count, said.object_root):
            wrong.append("objects")
    if not _motive_agrees(
        entry, digest=said.motive_digest, key=digest_key, kept_from=motives_kept_from
    ):
        wrong.append("motive")
    return wrong


def verify_places(
    places: Iterable[NumberedRow],
    *,
    checkpoints: Sequence[Checkpoint],
    digest_key: bytes,
    motives_kept_from: datetime | None = None,
) -> Verification:
    """Verify the links of the chain against signed checkpoints; return the result with all problems.

    `places` is each link with its entry, in the order of their numbers; the checkpoints may be in any
    order. `digest_key` and `motives_kept_from` serve the check of purposes (`check_entry`). Memory use is
    constant while no problem is found.
    """
    return _Run(
        checkpoints=checkpoints, digest_key=digest_key, motives_kept_from=motives_kept_from
    ).over(places)


def check_rollback(
    *, stored: Sequence[Checkpoint], outside: Sequence[Checkpoint]
) -> list[LedgerProblem]:
    """Return a problem for each checkpoint of `outside` that the database (`stored`) does not have.

    `outside` are the checkpoints kept outside the database; the problems are in their order. The database
    may have more checkpoints, since a copy on another machine lags behind, but it must have all of these.
    """
    known = {(c.size, c.root) for c in stored}
    return [
        LedgerProblem(code=Code.ROLLED_BACK, field="checkpoint", seq=c.size)
        for c in outside
        if (c.size, c.root) not in known
    ]


def check_pending(
    waiting: Iterable[tuple[UUID, datetime]], *, now: datetime
) -> list[LedgerProblem]:
    """Return a problem for each ledger entry still without a number 60 seconds after its insertion.

    `waiting`: pairs (entry id, insertion time).
    """
    return [
        LedgerProblem(code=Code.PENDING, field="seq", entry_id=entry_id)
        for entry_id, db_at in waiting
        if now - db_at > PENDING_LIMIT
    ]


def objects_agree(body: bytes, objects: Sequence[ObjectRef]) -> bool:
    """Return whether the stored objects of a ledger entry match the number and Merkle root in its `body`."""
    return canonical.objects_of(body) == (len(objects), canonical.object_root(objects))


def _motive_agrees(
    entry: StoredEntry, *, digest: bytes | None, key: bytes, kept_from: datetime | None
) -> bool:
    if digest is None:
        return entry.motive is None
    if entry.motive is None:
        return kept_from is not None and entry.at < kept_from
    return canonical.motive_digest(key=key, entry_id=entry.id, motive=entry.motive) == digest


class _Run:
    """A single pass over the chain, which compares each link with its neighbours and the checkpoints.

    `over` makes the pass and returns the result with all problems.
    """

    def __init__(
        self,
        *,
        checkpoints: Sequence[Checkpoint],
        digest_key: bytes,
        motives_kept_from: datetime | None,
    ) -> None:
        self._checkpoints = sorted(checkpoints, key=lambda c: c.size)
        self._digest_key = digest_key
        self._kept_from = motives_kept_from
        self._tree = CompactRange()
        self._next_checkpoint = 0
        self._good_size = 0
        self._shift = 0
        self._problems: list[LedgerProblem] = []
        self._suspects: list[_Suspect] = []
        self._gaps: list[int] = []
        self._writers: Counter[str] = Counter()

    def over(self, places: Iterable[NumberedRow]) -> Verification:
        last_seq, prev_hash, prev_sound = 0, canonical.GENESIS, True
        for place, following in _with_next(places):
            link = place.link
            if link.seq != last_seq + 1:
                self._gap(last_seq + 1, link.seq - 1)
                prev_hash, prev_sound = link.prev_hash, False
            sound = self._row(
                place, prev_hash=prev_hash, prev_sound=prev_sound, following=following
            )
            last_seq, prev_hash, prev_sound = link.seq, link.chain_hash, sound
            self._meet_checkpoints()
        self._classify()
        self._truncation()
        return Verification(
            size=self._tree.size,
            root=self._tree.root(),
            checkpoints=self._next_checkpoint,
            writers=self._writers,
            problems=self._problems,
        )

    def _row(
        self, place: NumberedRow, *, prev_hash: bytes, prev_sound: bool, following: ChainLink | None
    ) -> bool:
        link, entry = place.link, place.entry
        leaf = None if entry is None else _leaf(entry)
        if entry is not None:
            self._writers[entry.writer or ""] += 1
        in_chain = _chain(link) == link.chain_hash
        self._tree.append(link.leaf_hash if in_chain or leaf is None else leaf)
        if in_chain and leaf == link.leaf_hash and link.prev_hash == prev_hash:
            self._columns(place)
            return True
        if not in_chain:
            self._broken(place, leaf=leaf, prev_hash=prev_hash, following=following)
            return False
        if leaf != link.leaf_hash:
            self._wrong_leaf(place, leaf)
        else:
            self._columns(place)
        if link.prev_hash != prev_hash and prev_sound:
            # The row is intact and so is the previous row, but they do not follow each other.
            self._suspect(link, leaf, "prev_hash")
        return True

    def _columns(self, place: NumberedRow) -> None:
        entry, link = place.entry, place.link
        if entry is None:
            return
        wrong = check_entry(entry, digest_key=self._digest_key, motives_kept_from=self._kept_from)
        if entry.db_at != link.recorded_at:
            wrong.append("recorded_at")
        if entry.id != link.entry_id:
            wrong.append("entry_id")
        for name in wrong:
            self._changed(link, name)

    def _wrong_leaf(self, place: NumberedRow, leaf: bytes | None) -> None:
        link, entry = place.link, place.entry
        if entry is None or leaf is None:
            self._add(Code.DELETED, "entry", link)
        elif _leaf(replace(entry, db_at=link.recorded_at)) == link.leaf_hash:
            self._changed(link, "db_at")
        elif any(_leaf(replace(entry, writer=w)) == link.leaf_hash for w in _WRITERS):
            self._changed(link, "writer")
        else:
            self._suspect(link, leaf, "body")

    def _broken(
        self,
        place: NumberedRow,
        *,
        leaf: bytes | None,
        prev_hash: bytes,
        following: ChainLink | None,
    ) -> None:
        """Report which field of a link with a wrong chain hash was altered.

        The field is found by computing the hash again with known values. `place` is the link with its
        entry, `leaf` the hash of the entry found, `prev_hash` the chain hash before it, `following` the
        next link. If no value gives the chain hash, the link becomes a suspect (`_classify`).
        """
        link = place.link
        if _chain(link, prev_hash=prev_hash) == link.chain_hash:
            self._changed(link, "prev_hash")
        elif leaf is not None and _chain(link, leaf=leaf) == link.chain_hash:
            self._changed(link, "leaf_hash")
        elif self._shifted(link):
            pass
        elif following is not None and following.prev_hash == link.chain_hash:
            self._suspect(link, leaf, "numbered_at")
        else:
            self._suspect(link, leaf, "chain_hash")

    def _shifted(self, link: ChainLink) -> bool:
        """Return whether the chain hash of a link is correct for another number, at most 64 away.

        The rows inserted or deleted before the link are then reported. If its number differs by as much as
        those of the links before it, nothing new is reported.
        """
        for step in sorted(range(-_MAX_SHIFT, _MAX_SHIFT + 1), key=abs):
            number = link.seq - self._shift - step
            if number < 1 or _chain(link, seq=number) != link.chain_hash:
                continue
            if step > 0:
                self._range(Code.INSERTED, "seq", first=link.seq - step, last=link.seq - 1)
            elif step < 0:
                self._range(Code.DELETED, "seq", first=link.seq, last=link.seq - step - 1)
            self._shift += step
            return True
        return False

    def _meet_checkpoints(self) -> None:
        while self._next_checkpoint < len(self._checkpoints):
            point = self._checkpoints[self._next_checkpoint]
            if point.size > self._tree.size:
                return
            self._next_checkpoint += 1
            if point.size == self._tree.size and point.root == self._tree.root():
                self._good_size = point.size
            elif not self._problems and not self._suspects:
                self._range(Code.REWRITTEN, "root", first=self._good_size + 1, last=point.size)

    def _truncation(self) -> None:
        rest = self._checkpoints[self._next_checkpoint :]
        if rest and not self._gaps:
            self._range(Code.TRUNCATED, "seq", first=self._tree.size + 1, last=rest[-1].size)

    def _gap(self, first: int, last: int) -> None:
        self._gaps.extend(range(first, min(last, first + _MAX_SUSPECTS) + 1))
        self._range(Code.DELETED, "seq", first=first, last=last)
        for _ in range(min(last - first + 1, _MAX_SUSPECTS)):
            self._tree.append(bytes(32))

    def _classify(self) -> None:
        """Report each suspect (a wrong link) as moved or changed.

        It was moved if it fits the place of another suspect or of a missing number. The cause of a suspect
        is known only once the whole chain has been read.
        """
        numbers = [s.link.seq for s in self._suspects] + self._gaps
        leaves = {s.link.leaf_hash for s in self._suspects}
        for suspect in self._suspects:
            link = suspect.link
            if suspect.field == "body" and suspect.leaf in leaves:
                self._add(Code.REORDERED, "entry_id", link)
            elif suspect.field == "prev_hash" or any(
                _chain(link, seq=n) == link.chain_hash for n in numbers if n != link.seq
            ):
                self._add(Code.REORDERED, "seq", link)
            else:
                self._add(Code.CHANGED, suspect.field, link)

    def _suspect(self, link: ChainLink, leaf: bytes | None, name: str) -> None:
        if len(self._suspects) < _MAX_SUSPECTS:
            self._suspects.append(_Suspect(link=link, leaf=leaf, field=name))

    def _changed(self, link: ChainLink, name: str) -> None:
        self._add(Code.CHANGED, name, link)

    def _add(self, code: Code, name: str, link: ChainLink) -> None:
        self._problems.append(
            LedgerProblem(code=code, field=name, seq=link.seq, entry_id=link.entry_id)
        )

    def _range(self, code: Code, name: str, *, first: int, last: int) -> None:
        seq_to = last if last > first else None
        self._problems.append(LedgerProblem(code=code, field=name, seq=first, seq_to=seq_to))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Suspect:
    link: ChainLink
    leaf: bytes | None
    field: str


def _leaf(entry: StoredEntry) -> bytes:
    return canonical.leaf_hash(body=entry.body, db_at=entry.db_at, writer=entry.writer)


def _chain(
    link: ChainLink,
    *,
    seq: int | None = None,
    prev_hash: bytes | None = None,
    leaf: bytes | None = None,
) -> bytes:
    return canonical.chain_hash(
        seq=link.seq if seq is None else seq,
        numbered_at=link.numbered_at,
        prev_hash=link.prev_hash if prev_hash is None else prev_hash,
        leaf=link.leaf_hash if leaf is None else leaf,
    )


def _with_next(places: Iterable[NumberedRow]) -> Iterator[tuple[NumberedRow, ChainLink | None]]:
    iterator = iter(places)
    current = next(iterator, None)
    for following in joined(iterator, [None]):
        if current is not None:
            yield current, None if following is None else following.link
        current = following
