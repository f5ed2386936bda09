"""Keys that make a repeat recognisable, stored as keyed digests (decisions 28)."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.intake.domain.keys import (
    brought_forward,
    encloses_more,
    fingerprint_of,
    is_same,
    key_digest,
)
from fanal.intake.domain.records import Submission
from fanal.kernel.arrays import bytes_array, text_array, uuid_array

_KeyId = tuple[UUID, str, bytes]


class KeyRaced(Exception):
    """A key that was free a moment ago is taken by now."""


class Known(Struct, frozen=True, kw_only=True):
    """The earlier report of a key, and whether it has the same canonical body.

    `more`: what is enclosed now, the earlier report came without.
    """

    report_id: UUID
    same_body: bool
    more: bool = False


class KeyTable:
    """The keys of a batch: those stored before, and those that this batch adds."""

    def __init__(
        self, stored: dict[_KeyId, tuple[bytes, UUID]], ids: dict[int, list[_KeyId]]
    ) -> None:
        """Take the rows by key, and the keys of each submission of the batch by its identity."""
        self._rows, self._ids = stored, ids
        self.added: dict[_KeyId, tuple[bytes, UUID]] = {}

    def find(self, submission: Submission) -> Known | None:
        """Return the earlier report of any of the submission's keys; another body wins over the same.

        A repeat under one key also claims the submission's other keys, so that by-key answers for each.
        """
        rows = [self._rows[key] for key in self._ids[id(submission)] if key in self._rows]
        if not rows:
            return None
        fingerprint = fingerprint_of(submission.canonical, submission.enclosed)
        other = next((row for row in rows if not is_same(row[0], fingerprint)), None)
        if other is not None:
            return Known(report_id=other[1], same_body=False)
        first, report_id = rows[0]
        self._claim(submission, (first, report_id))
        more = encloses_more(fingerprint, first)
        if more:  # what comes later in this batch is compared with it
            self._rows |= dict.fromkeys(self._ids[id(submission)], (fingerprint, report_id))
        return Known(report_id=report_id, same_body=True, more=more)

    def add(self, submission: Submission, report_id: UUID) -> None:
        """Claim the submission's keys that nobody holds."""
        self._claim(
            submission, (fingerprint_of(submission.canonical, submission.enclosed), report_id)
        )

    def _claim(self, submission: Submission, row: tuple[bytes, UUID]) -> None:
        for key in self._ids[id(submission)]:
            if key not in self._rows:
                self._rows[key] = self.added[key] = row


def known_keys(submissions: Sequence[Submission]) -> KeyTable:
    """Return the table of the keys that `submissions` carry."""
    ids = {id(submission): _key_ids(submission) for submission in submissions}
    earlier = {id(submission): _key_ids(submission, earlier=True) for submission in submissions}
    wanted = [key for keys in (*ids.values(), *earlier.values()) for key in keys]
    if not wanted:
        return KeyTable({}, ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sender_id, kind, digest, fingerprint, report_id"
            " FROM intake_known(%s::uuid[], %s::text[], %s::bytea[])",
            [
                uuid_array(key[0] for key in wanted),
                text_array(key[1] for key in wanted),
                bytes_array(key[2] for key in wanted),
            ],
        )
        rows = cursor.fetchall()
    stored = {(r[0], r[1], bytes(r[2])): (bytes(r[3]), r[4]) for r in rows}
    for submission in submissions:
        for key, old in zip(ids[id(submission)], earlier[id(submission)], strict=True):
            if key not in stored and old in stored:
                fingerprint, report_id = stored[old]
                forward = brought_forward(fingerprint, submission.canonical, submission.enclosed)
                stored[key] = forward, report_id
    return KeyTable(stored, ids)


def store_keys(table: KeyTable) -> None:
    """Insert the keys that the batch added.

    Raises:
        KeyRaced: another transaction committed one of them meanwhile.
    """
    if not table.added:
        return
    rows = sorted(table.added.items())  # one order for all, so that two batches cannot deadlock
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_key (sender_id, kind, digest, fingerprint, report_id)"
            " SELECT * FROM unnest(%s::uuid[], %s::text[], %s::bytea[], %s::bytea[], %s::uuid[])"
            " ON CONFLICT DO NOTHING",
            [
                uuid_array(key[0] for key, _ in rows),
                text_array(key[1] for key, _ in rows),
                bytes_array(key[2] for key, _ in rows),
                bytes_array(row[0] for _, row in rows),
                uuid_array(row[1] for _, row in rows),
            ],
        )
        if cursor.rowcount != len(rows):
            raise KeyRaced


def enclose(report_id: UUID, fingerprint: bytes) -> None:
    """Let the keys of a report that came alone say what comes with it from now on.

    Raises:
        KeyRaced: something came with it meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE intake_key SET fingerprint = %s WHERE report_id = %s"
            " AND octet_length(fingerprint) < %s",
            [fingerprint, report_id, len(fingerprint)],
        )
        if not cursor.rowcount:
            raise KeyRaced


def lock_keys(submission: Submission) -> bool:
    """Take the keys of a single submission for this transaction; False when another request has one."""
    digests = sorted(key[2] for key in _key_ids(submission))
    with connection.cursor() as cursor:
        cursor.execute("SELECT intake_lock_keys(%s::bytea[])", [digests])
        return bool(cursor.fetchone()[0])


def _key_ids(submission: Submission, *, earlier: bool = False) -> list[_KeyId]:
    return [
        (
            submission.sender_id,
            str(kind),
            key_digest(
                sender_id=submission.sender_id,
                kind=kind,
                key=key,
                is_test=submission.is_test,
                earlier=earlier,
            ),
        )
        for kind, key in submission.keys
    ]
