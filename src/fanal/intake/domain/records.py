"""Records of the reception of reports: submissions, acknowledgements, envelopes, files, messages, reviews.

The state machine of a report at intake and the processing stages that follow are here too.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.hashing.domain.records import FileFacts
from fanal.intake.domain.number import desk_number, spoken
from fanal.kernel.states import StateTable, move

OPENING_LIFE = timedelta(hours=24)
IDLE_LIFE = timedelta(hours=1)


class ReportState(StrEnum):
    """State of a report at intake: whether its sender has finished, retracted or abandoned it.

    OPEN: the sender may still add to it; FINISHED: complete, processed by the stages; RETRACTED: by its
    partner; EXPIRED: it stayed open too long.
    """

    OPEN = "OPEN"
    FINISHED = "FINISHED"
    RETRACTED = "RETRACTED"
    EXPIRED = "EXPIRED"


class Stage(StrEnum):
    """The stages of processing, in order; a report in the work queue waits for one of them.

    HARMONISE: conversion to the common record. ANALYSE: findings. CROSSCHECK: links to other reports.
    PRIORITISE: urgency. ORIENT: proposal of a competent authority. The package `pipeline` maps each to its
    function.
    """

    HARMONISE = "HARMONISE"
    ANALYSE = "ANALYSE"
    CROSSCHECK = "CROSSCHECK"
    PRIORITISE = "PRIORITISE"
    ORIENT = "ORIENT"


REPORT_STATES: StateTable[ReportState] = StateTable(
    name="report",
    initial=ReportState.OPEN,
    final=frozenset({ReportState.RETRACTED, ReportState.EXPIRED}),
    transitions=(
        move("finish", {ReportState.OPEN}, ReportState.FINISHED),
        move("expire", {ReportState.OPEN}, ReportState.EXPIRED),
        move("retract", {ReportState.OPEN, ReportState.FINISHED}, ReportState.RETRACTED),
    ),
)


def expires_at(*, opened_at: datetime, changed_at: datetime) -> datetime:
    """Return when an unfinished report expires: 24 h after its opening or 1 h after its last change,
    whichever is later.

    The rule is that of the NCMEC reporting API.
    """
    return max(opened_at + OPENING_LIFE, changed_at + IDLE_LIFE)


# Periodic review of the need to keep a report (directive (EU) 2016/680, article 5): states and records.


class ReviewState(StrEnum):
    """State of a report's periodic review, which decides whether the report is still needed.

    DUE: a person must review it. KEPT: it is still needed; it becomes DUE again after the review period of
    its retention class. END_PROPOSED: a person proposed its early erasure. ENDED: a second person approved
    that.
    """

    DUE = "DUE"
    KEPT = "KEPT"
    END_PROPOSED = "END_PROPOSED"
    ENDED = "ENDED"


REVIEW_STATES: StateTable[ReviewState] = StateTable(
    name="review",
    initial=ReviewState.DUE,
    final=frozenset({ReviewState.ENDED}),
    transitions=(
        move("keep", {ReviewState.DUE, ReviewState.KEPT}, ReviewState.KEPT),
        move("end", {ReviewState.DUE, ReviewState.KEPT}, ReviewState.END_PROPOSED),
        move("refuse", {ReviewState.END_PROPOSED}, ReviewState.KEPT),
        move("agree", {ReviewState.END_PROPOSED}, ReviewState.ENDED),
    ),
)


class DueReview(Struct, frozen=True, kw_only=True):
    """A report due for review (`state` DUE), or a proposal of its early erasure that awaits a second person.

    `review_id` and `proposed_by` are set for such a proposal, else None. `since`: the last review, or the
    receipt (`received_at`) if there was none.
    """

    report_id: UUID
    desk_id: int
    received_at: datetime
    since: datetime
    state: ReviewState
    review_id: UUID | None = None
    proposed_by: UUID | None = None


PUBLIC_SENDER = UUID(int=0)
"""The sender id of every report from the public form."""


class Arrival(StrEnum):
    """The channel by which a report arrived.

    FORM: the public form. PHONE, LETTER, VISIT: received by a person of the desk, who entered it. API: the
    partner API. WIRE: the NCMEC-compatible API. IMPORT: files that the desk imported (`fanal import`).
    """

    FORM = "FORM"
    PHONE = "PHONE"
    LETTER = "LETTER"
    VISIT = "VISIT"
    API = "API"
    WIRE = "WIRE"
    IMPORT = "IMPORT"


ENTERED = frozenset({Arrival.PHONE, Arrival.LETTER, Arrival.VISIT})
"""Channels of reports that a person of the desk enters for who tells them."""


class Format(StrEnum):
    """The format in which a report was sent, and in which its original bytes are stored (encrypted).

    FORM: JSON of the public form. REPORT: the JSON of `/api/v1`. NCMEC_XML, NCMEC_JSON: a provider's report
    in the NCMEC schema. VICS (Project VIC), XARF: material and abuse reports. DSA_18, COM_2022_209:
    notifications under European law, in force or proposed. TRANSFERS: payment transfers as CSV; PACS_008,
    CAMT_053: as ISO 20022.
    """

    FORM = "form/1"
    REPORT = "report/1"
    NCMEC_XML = "ncmec-xml"
    NCMEC_JSON = "ncmec-json"
    VICS = "vics"
    XARF = "xarf"
    DSA_18 = "dsa-18"
    COM_2022_209 = "com-2022-209"
    TRANSFERS = "transfers"
    PACS_008 = "pacs.008"
    CAMT_053 = "camt.053"


class KeyKind(StrEnum):
    """Kind of an idempotency key, by which a repeated submission is recognised; unique per sender.

    REFERENCE: the sender's own id of the report. IDEMPOTENCY: the key that a request states. SUBMISSION: the
    public form's id of a draft.
    """

    REFERENCE = "REFERENCE"
    IDEMPOTENCY = "IDEMPOTENCY"
    SUBMISSION = "SUBMISSION"


class AttachedFile(Struct, frozen=True, kw_only=True):
    """A file enclosed with its report; each call of `chunks` returns a new stream of its bytes."""

    name: str
    chunks: Callable[[], Iterable[bytes]]


class Submission(Struct, frozen=True, kw_only=True):
    """One report to receive: the original bytes and the fields of its envelope, built by each entry point.

    `body` are the bytes to encrypt, in `format`; `arrival` is the channel. `canonical` are the bytes that are
    fingerprinted to distinguish a repeat from another document; `enclosed` likewise for the enclosed files,
    empty without any. `keys` are idempotency keys (kind, key), checked in order. `sender_id` is the partner,
    `desk_id` the desk that is to handle it, `reference` the sender's own id of the report, `language` that of
    its texts (BCP 47); "" without. `details` are documents about files that stayed with the sender; `files`
    are enclosed. `is_test` marks a test report, `correlation_id` is the sender's `X-Correlation-Id` header.
    `finish` is False for a report whose files and end follow. `urgent` means a person in danger; `slow_lane`
    puts it behind others in the queue. `identity` holds the reporter's statements about themself, sealed
    under a separate key. `to_child`: the holder of the receipt code is the child concerned, whom the
    follow-up addresses in other words. `code` is the receipt code that the form generated with its draft, so
    that a submission repeated after a lost answer shows the same code; without it, intake generates a code.
    """

    arrival: Arrival
    format: Format
    body: bytes
    canonical: bytes
    enclosed: bytes = b""
    keys: tuple[tuple[KeyKind, str], ...] = ()
    sender_id: UUID = PUBLIC_SENDER
    desk_id: int = 1
    reference: str = ""
    language: str = ""
    urgent: bool = False
    is_test: bool = False
    finish: bool = True
    correlation_id: str = ""
    identity: bytes | None = None
    details: tuple[bytes, ...] = ()
    files: tuple[AttachedFile, ...] = ()
    slow_lane: bool = False
    to_child: bool = False
    code: str = ""


class Outcome(StrEnum):
    """Result of a submission to intake.

    CREATED: a new report. REPEATED: the same document under the same key: the earlier report. CONFLICT:
    another document under that key; nothing is stored. IN_PROGRESS: another request with the key is under
    way; nothing is stored, the sender repeats.
    """

    CREATED = "CREATED"
    REPEATED = "REPEATED"
    CONFLICT = "CONFLICT"
    IN_PROGRESS = "IN_PROGRESS"


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """The answer to one submission: its outcome, and the report's id, reference and state.

    It is valid only once the transaction is committed. `receipt` is the signed receipt, `wire_id` the number
    on the NCMEC-compatible API. `code` is the reporter's receipt code, known only here and never stored: only
    a new report has it. A CONFLICT has the id of the earlier report, no state and no receipt; IN_PROGRESS has
    the outcome alone, the other fields being None or "". A repeat may enclose files missing from the first
    delivery: `added` means that the report now has them, `left_out` that it accepts none any more.
    """

    outcome: Outcome
    report_id: UUID | None = None
    reference: str = ""
    state: ReportState | None = None
    wire_id: int | None = None
    receipt: str = ""
    code: str = ""
    added: bool = False
    left_out: bool = False


class Claim(Struct, frozen=True, kw_only=True):
    """One report leased to a worker for a processing stage; `attempts` includes the present one.

    `urgent`: a person is in danger.
    """

    report_id: UUID
    stage: Stage
    urgent: bool
    attempts: int


class ReportFacts(Struct, frozen=True, kw_only=True):
    """The envelope of a report: its metadata without any content.

    `sender_id` is the partner, `PUBLIC_SENDER` for the public form; `reference` is the sender's own id,
    `arrival` the channel, `format` that of the document. `is_test` marks a test report. `wire_id` is the
    report's number on the NCMEC-compatible API, `correlation_id` the sender's `X-Correlation-Id` header, ""
    if it sent none. `language` is that of the texts as the sender states it (BCP 47), "" if it does not,
    `size` the length in bytes, `identity_id` the encrypted object with the reporter's identity; None without.
    `urgent`: it declared a danger when it was received. `changed_at` is the last change of its state or
    files, `stage` the processing stage it waits for, None if none; `quarantined_at` is set if that stage
    failed on it three times.
    """

    report_id: UUID
    desk_id: int
    sender_id: UUID
    arrival: Arrival
    format: Format
    reference: str
    wire_id: int | None
    state: ReportState
    received_at: datetime
    changed_at: datetime
    urgent: bool
    is_test: bool
    language: str
    size: int
    correlation_id: str
    identity_id: UUID | None = None
    stage: Stage | None = None
    quarantined_at: datetime | None = None
    erased_at: datetime | None = None
    """When the content was erased at the end of retention; only for readers of its desk."""
    number: str = ""
    """The desk's number (`R-2026-0042`); only for readers of its desk, never for the sender."""

    @property
    def called(self) -> str:
        """The name by which people of the desk call the report: its number, or the earlier desk number if
        that is empty.
        """
        return self.number or desk_number(self.report_id)

    @property
    def spoken(self) -> str:
        """The number of the report, followed by the sender's reference if it gave one."""
        return spoken(self.called, self.reference, self.report_id)


class Withdrawn(Struct, frozen=True, kw_only=True):
    """Number of reports that their senders retracted (`retracted`) or never finished (`expired`)."""

    retracted: int
    expired: int


class UploadFacts(Struct, frozen=True, kw_only=True):
    """One file of a report: encrypted in the vault (`object_id`), or known only by its details document.

    `name` is the sender's; hashes are in lower-case hexadecimal, `size` is in bytes. `details_id` is the
    vault's id of the details document, `earlier_ids` of the ones that it replaced, oldest first. `computed`
    holds the results of the desk's own hashing, once done. Other fields are None or "" if unknown.
    """

    file_id: str
    object_id: UUID | None = None
    name: str = ""
    size: int | None = None
    md5: str | None = None
    sha1: str | None = None
    sha256: str | None = None
    details_id: UUID | None = None
    earlier_ids: tuple[UUID, ...] = ()
    computed: FileFacts | None = None


class OpenedSubmission(Struct, frozen=True, kw_only=True):
    """Decrypted bytes of one report, for the worker and for operations that need the original.

    `body` is the document as received, in `format`. `files`: for each file, its facts, its details document
    (None without), and the earlier documents that this one replaced, oldest first.
    """

    report_id: UUID
    format: Format
    body: bytes
    received_at: datetime
    files: tuple[tuple[UploadFacts, bytes | None, tuple[bytes, ...]], ...] = ()


class FollowedMessage(Struct, frozen=True, kw_only=True):
    """One message of the conversation between desk and reporter, its text sealed (`object_id` in the
    vault).

    `from_desk`: the desk wrote it, else the reporter. `author_id` is the desk's author; None for the
    reporter, and always when the holder of the receipt code reads it (`follow`). `for_reporter` is the
    desk's text sealed to the receipt code's key, None for an answer of the reporter.
    """

    message_id: UUID
    from_desk: bool
    created_at: datetime
    object_id: UUID
    author_id: UUID | None = None
    for_reporter: bytes | None = None


class Followed(Struct, frozen=True, kw_only=True):
    """The information shown to the holder of a receipt code: state, signed receipt (`signed`), messages.

    `in_progress`: the report still waits for a processing stage. `voice_digest` (`receipt.voice_digest`) says
    whether the holder is the child concerned; empty for older reports.
    """

    report_id: UUID
    state: ReportState
    received_at: datetime
    in_progress: bool
    signed: str
    voice_digest: bytes
    messages: tuple[FollowedMessage, ...] = ()
