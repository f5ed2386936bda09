"""The rows of reports that are received: one statement a table, whatever the size of the batch.

`intake_report` and `intake_upload` have row-level security, under which PostgreSQL refuses COPY FROM.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import connection

from fanal.db.copying import copy_in
from fanal.intake.domain import receipt_code
from fanal.intake.domain.records import Submission
from fanal.intake.domain.states import ReportState, Stage
from fanal.kernel.arrays import plain_array

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
    """A submission that is new, with the ids it was given."""

    index: int
    submission: Submission
    report_id: UUID
    object_id: UUID
    identity_id: UUID | None
    details_ids: tuple[UUID, ...]
    wire_id: int | None
    code: str


class _Row(msgspec.Struct, frozen=True, kw_only=True):
    """What `_INSERT_REPORTS` reads of one report."""

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
    """Insert the envelopes."""
    with connection.cursor() as cursor:
        cursor.execute(
            _INSERT_REPORTS, [msgspec.json.encode([_row(new, now) for new in fresh]).decode()]
        )


def insert_receipts(fresh: Sequence[New], signed: Mapping[UUID, str]) -> None:
    """Insert the signed receipts; of a code only what finds the report and seals messages to it."""
    with copy_in(
        "COPY intake_receipt (report_id, lookup_hash, public_key, signed) FROM STDIN"
    ) as copy:
        for new in fresh:
            public = receipt_code.public_part(new.code) if new.code else None
            copy.write_row(
                (
                    new.report_id,
                    public.lookup_hash if public else None,
                    public.public_key if public else None,
                    signed[new.report_id],
                )
            )


def insert_wires(fresh: Sequence[New]) -> None:
    """Insert the wire numbers of those that have one."""
    wires = [new for new in fresh if new.wire_id is not None]
    if not wires:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO intake_wire (wire_id, sender_id, report_id)"
            " SELECT * FROM unnest(%s::bigint[], %s::uuid[], %s::uuid[])",
            [
                plain_array(str(new.wire_id) for new in wires),
                plain_array(new.submission.sender_id.hex for new in wires),
                plain_array(new.report_id.hex for new in wires),
            ],
        )


def insert_details(documents: Mapping[UUID, Sequence[UUID]], *, first: int = 0) -> None:
    """Note the files of each report that are known by their details only, at the places from `first` on."""
    files = [
        (report_id.hex, object_id.hex, position)
        for report_id, object_ids in documents.items()
        for position, object_id in enumerate(object_ids, start=first)
    ]
    if not files:
        return
    with connection.cursor() as cursor:
        cursor.execute(
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
    """Put finished reports at the first stage and wake the workers at commit."""
    if not items:
        return
    with copy_in("COPY intake_work (report_id, stage, urgent, slow_lane) FROM STDIN") as copy:
        for report_id, submission in items:
            copy.write_row((report_id, Stage.HARMONISE, submission.urgent, submission.slow_lane))


def reference_of(new: New) -> str:
    """Return the sender's reference; what has none of its own is known by its wire number or id."""
    if new.submission.reference:
        return new.submission.reference
    return str(new.wire_id) if new.wire_id is not None else str(new.report_id)


def _row(new: New, now: datetime) -> _Row:
    s = new.submission
    return _Row(
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
