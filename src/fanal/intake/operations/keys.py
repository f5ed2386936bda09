"""Rows of received reports, and their idempotency keys, stored as keyed digests."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.db import sql
from fanal.db.sql import bytes_array, copy_in, plain_array, text_array, uuid_array
from fanal.intake.domain import receipt
from fanal.intake.domain.keys import (
    brought_forward,
    encloses_more,
    fingerprint_of,
    is_same,
    key_digest,
)
from fanal.intake.domain.records import ReportState, Stage, Submission

# Rows of received reports: one statement per table, whatever the size of the batch.
#
# `intake_report` and `intake_upload` have row-level security, under which PostgreSQL refuses COPY FROM.

_INSERT_REPORTS = """
INSERT INTO intake_report (
    id, desk_id, sender_id, arrival, format, reference, wire_id, state, received_at, changed_at,
    object_id, identity_id, size, urgent, is_test, slow_lane, language, correlation_id)
SELECT id, desk_id, sender_id, arrival, format, reference, wire_id, state, received_at, received_at,
    object_id, identity_id, size, urgent, is_test, slow_lane, language, correlation_id
FROM json_to_recordset(%s) AS row (
    id uuid, desk_id integer, sender_id uuid, arrival text, format text, reference text,
    wire_id bigint, state text, received_at timestamptz, object_id uuid, identity_id uuid,
    size integer, urgent boolean, is_test boolean, slow_lane boolean, language text,
    correlation_id text)
"""


class New(msgspec.Struct, frozen=True, kw_only=True):
    """A submission found to be new, with its newly allotted ids.

    `index` is its position in the batch; `code` the receipt code, empty for reports of partners. The other
    ids are those of its sealed objects: the document, the reporter's identity, documents about files.
    `wire_id` is its number in the NCMEC-compatible API, None for other channels.
    """

    index: int
    submission: Submission
    report_id: UUID
    object_id: UUID
    identity_id: UUID | None
    details_ids: tuple[UUID, ...]
    wire_id: int | None
    code: str


class _ReportRow(msgspec.Struct, frozen=True, kw_only=True):
    """The envelope of one report as parameters of the statement `_INSERT_REPORTS`."""

    id: UUID
    desk_id: int
    sender_id: UUID
    arrival: str
    format: str
    reference: str
    wire_id: int | None
    state: str
    received_at: datetime
    object_id: UUID
    identity_id: UUID | None
    size: int
    urgent: bool
    is_test: bool
    slow_lane: bool
    language: str
    correlation_id: str


def insert_reports(fresh: Sequence[New], now: datetime) -> None:
    """Insert the envelopes (metadata rows) of new reports (`fresh`), received at `now`."""
    sql.run(_INSERT_REPORTS, [msgspec.json.encode([_row(new, now) for new in fresh]).decode()])


def insert_receipts(fresh: Sequence[New], signed: Mapping[UUID, str]) -> None:
    """Insert the signed receipts (`signed`, by report id) of new reports (`fresh`).

    Of a receipt code, only its look-up hash, its public key and its `voice_digest` are stored.
    """
    with copy_in(
        "COPY intake_receipt (report_id, lookup_hash, public_key, voice_digest, signed) FROM STDIN"
    ) as copy:
        for new in fresh:
            copy.write_row((new.report_id, *_of_code(new), signed[new.report_id]))


def _of_code(new: New) -> tuple[bytes | None, bytes | None, bytes | None]:
    if not new.code:
        return None, None, None
    public = receipt.public_part(new.code)
    voice = receipt.voice_digest(code=new.code, to_child=new.submission.to_child)
    return public.lookup_hash, public.public_key, voice


def insert_wires(fresh: Sequence[New]) -> None:
    """Insert the numbers on the NCMEC-compatible API of new reports (`fresh`), if they have one."""
    wires = [new for new in fresh if new.wire_id is not None]
    if not wires:
        return
    sql.run(
        "INSERT INTO intake_wire (wire_id, sender_id, report_id)"
        " SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::uuid[])",
        [
            plain_array(str(new.wire_id) for new in wires),
            plain_array(new.submission.sender_id.hex for new in wires),
            plain_array(new.report_id.hex for new in wires),
        ],
    )


def insert_details(documents: Mapping[UUID, Sequence[UUID]], *, first: int = 0) -> None:
    """Insert rows of files known only by their details documents, at the positions from `first` on.

    `documents`: the ids of the details documents in the vault, by report id.
    """
    files = [
        (report_id.hex, object_id.hex, position)
        for report_id, object_ids in documents.items()
        for position, object_id in enumerate(object_ids, start=first)
    ]
    if not files:
        return
    sql.run(
        "INSERT INTO intake_upload (report_id, file_id, position, details_id)"
        " SELECT r, f, p, f::uuid"
        " FROM unnest(%s::uuid[], %s::text[], %s::int[]) AS given (r, f, p)",
        [
            plain_array(report for report, _, _ in files),
            plain_array(file for _, file, _ in files),
            plain_array(str(position) for _, _, position in files),
        ],
    )


def enqueue(items: Sequence[tuple[UUID, Submission]]) -> None:
    """Queue finished reports for the first stage; workers are notified at commit.

    `items`: pairs (report id, submission).
    """
    if not items:
        return
    with copy_in("COPY intake_work (report_id, stage, urgent, slow_lane) FROM STDIN") as copy:
        for report_id, submission in items:
            copy.write_row((report_id, Stage.HARMONISE, submission.urgent, submission.slow_lane))


def reference_of(new: New) -> str:
    """Return the sender's reference of a new report, or else its NCMEC-compatible number, or its id."""
    if new.submission.reference:
        return new.submission.reference
    return str(new.wire_id) if new.wire_id is not None else str(new.report_id)


def _row(new: New, now: datetime) -> _ReportRow:
    s = new.submission
    return _ReportRow(
        id=new.report_id,
        desk_id=s.desk_id,
        sender_id=s.sender_id,
        arrival=s.arrival,
        format=s.format,
        reference=reference_of(new),
        wire_id=new.wire_id,
        state=ReportState.FINISHED if s.finish else ReportState.OPEN,
        received_at=now,
        object_id=new.object_id,
        identity_id=new.identity_id,
        size=len(s.body),
        urgent=s.urgent,
        is_test=s.is_test,
        slow_lane=s.slow_lane,
        language=s.language,
        correlation_id=s.correlation_id,
    )


_KeyId = tuple[UUID, str, bytes]


class KeyRaced(Exception):
    """Another transaction has taken an idempotency key between look-up and insert; look it up again."""


class Known(Struct, frozen=True, kw_only=True):
    """The earlier report found by an idempotency key; `same_body`: it has the same document.

    `more`: the new submission encloses files that the earlier report lacks.
    """

    report_id: UUID
    same_body: bool
    more: bool = False


class KeyTable:
    """The idempotency keys of a batch of submissions: those stored already, and those that the batch adds.

    `added` maps each new key to fingerprint and report id, for `store_keys`.
    """

    def __init__(
        self, stored: dict[_KeyId, tuple[bytes, UUID]], ids: dict[int, list[_KeyId]]
    ) -> None:
        """Start from the stored idempotency keys, each with fingerprint and report id, and the submissions'.

        `ids` maps `id(submission)` to its keys.
        """
        self._rows, self._ids = stored, ids
        self.added: dict[_KeyId, tuple[bytes, UUID]] = {}

    def find(self, submission: Submission) -> Known | None:
        """Return the earlier report with any of the submission's keys, or None.

        If the keys name a report with another document, that one is returned (`same_body` false). For a
        repeat under one key, the submission's other keys are assigned to the same report.
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
        if more:  # later submissions of this batch are compared with it
            self._rows |= dict.fromkeys(self._ids[id(submission)], (fingerprint, report_id))
        return Known(report_id=report_id, same_body=True, more=more)

    def add(self, submission: Submission, report_id: UUID) -> None:
        """Assign to a new report those idempotency keys of its submission that no report has yet."""
        self._claim(
            submission, (fingerprint_of(submission.canonical, submission.enclosed), report_id)
        )

    def _claim(self, submission: Submission, row: tuple[bytes, UUID]) -> None:
        for key in self._ids[id(submission)]:
            if key not in self._rows:
                self._rows[key] = self.added[key] = row


def known_keys(submissions: Sequence[Submission]) -> KeyTable:
    """Look up the idempotency keys of `submissions` in the database; return the batch's table of keys."""
    ids = {id(submission): _key_ids(submission) for submission in submissions}
    earlier = {id(submission): _key_ids(submission, earlier=True) for submission in submissions}
    wanted = [key for keys in (*ids.values(), *earlier.values()) for key in keys]
    if not wanted:
        return KeyTable({}, ids)
    rows = sql.rows(
        "SELECT sender_id, kind, digest, fingerprint, report_id"
        " FROM intake_known(%s::uuid[], %s::text[], %s::bytea[])",
        [
            uuid_array(key[0] for key in wanted),
            text_array(key[1] for key in wanted),
            bytes_array(key[2] for key in wanted),
        ],
    )
    stored = {(r[0], r[1], bytes(r[2])): (bytes(r[3]), r[4]) for r in rows}
    for submission in submissions:
        for key, old in zip(ids[id(submission)], earlier[id(submission)], strict=True):
            if key not in stored and old in stored:
                fingerprint, report_id = stored[old]
                forward = brought_forward(fingerprint, submission.canonical, submission.enclosed)
                stored[key] = forward, report_id
    return KeyTable(stored, ids)


def store_keys(table: KeyTable) -> None:
    """Insert the idempotency keys that the batch has added to its table (`KeyTable.added`).

    Raises:
        KeyRaced: another transaction committed one of them in the meantime.
    """
    if not table.added:
        return
    rows = sorted(table.added.items())  # one order for all, so that two batches cannot deadlock
    found = sql.run(
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
    if found != len(rows):
        raise KeyRaced


def enclose(report_id: UUID, fingerprint: bytes) -> None:
    """Add the fingerprint of the enclosed files to the idempotency keys of a report that came without them.

    `fingerprint` is that of the document with these files.

    Raises:
        KeyRaced: another request added files in the meantime.
    """
    found = sql.run(
        "UPDATE intake_key SET fingerprint = %s WHERE report_id = %s"
        " AND octet_length(fingerprint) < %s",
        [fingerprint, report_id, len(fingerprint)],
    )
    if not found:
        raise KeyRaced


def lock_keys(submission: Submission) -> bool:
    """Lock the idempotency keys of a submission for this transaction; False if another request holds one."""
    digests = sorted(key[2] for key in _key_ids(submission))
    return bool(
        sql.one("SELECT intake_lock_keys(%s, %s::bytea[])", [submission.sender_id, digests])[0]
    )


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
