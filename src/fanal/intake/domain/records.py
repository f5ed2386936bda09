"""What goes through the doors of intake."""

from collections.abc import Callable, Iterable
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.hashing.domain.records import FileFacts
from fanal.intake.domain.states import ReportState, Stage
from fanal.kernel.states import StateTable, move

# Periodic review of what is kept (directive (EU) 2016/680, article 5): states and records. Pure.


class ReviewState(StrEnum):
    """Where the review of a report stands. KEPT is DUE again after the months of its class."""

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
    """A report to review, or one whose end waits for a second person (`review_id`, `proposed_by`).

    `since`: its last review, or its receipt where nobody has reviewed it.
    """

    report_id: UUID
    desk_id: int
    received_at: datetime
    since: datetime
    state: ReviewState
    review_id: UUID | None = None
    proposed_by: UUID | None = None


PUBLIC_SENDER = UUID(int=0)
"""The sender of everything that comes from the public form."""


class Arrival(StrEnum):
    """By which door a report came."""

    FORM = "FORM"
    API = "API"
    WIRE = "WIRE"
    IMPORT = "IMPORT"


class Format(StrEnum):
    """How the sealed bytes are written."""

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
    """What makes a repeat recognisable. Each is unique per sender."""

    REFERENCE = "REFERENCE"
    IDEMPOTENCY = "IDEMPOTENCY"
    SUBMISSION = "SUBMISSION"


class AttachedFile(Struct, frozen=True, kw_only=True):
    """A file that comes with its report; `chunks` opens its stream, anew at each call."""

    name: str
    chunks: Callable[[], Iterable[bytes]]


class Submission(Struct, frozen=True, kw_only=True):
    """One report to receive: the bytes as they came and what the envelope says.

    `canonical` are the bytes whose fingerprint tells a repeat from another body; `enclosed` says the same of
    what comes with the document, empty where nothing does. `keys` are checked in order. `details` are
    documents on files that stayed with the sender, `files` come with the report.
    `identity` is what the reporter said of themself: sealed under a key of its own. `code` is the receipt
    code that the form made with its draft, so that a send repeated after a lost answer shows the same
    one; without it intake makes one.
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
    code: str = ""


class Outcome(StrEnum):
    """What became of a submission."""

    CREATED = "CREATED"
    REPEATED = "REPEATED"
    CONFLICT = "CONFLICT"
    IN_PROGRESS = "IN_PROGRESS"


class Acknowledgement(Struct, frozen=True, kw_only=True):
    """The answer to one submission, true only once the transaction is committed.

    `code` is the reporter's receipt code, known here only and never stored. A repeat may enclose what
    the first delivery did not: `added` says that the report has it now, `left_out` that it took nothing more.
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
    """One report in a worker's hands under a lease."""

    report_id: UUID
    stage: Stage
    urgent: bool
    attempts: int


class ReportFacts(Struct, frozen=True, kw_only=True):
    """A report's envelope: nothing of its content."""

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
    """When its content was erased at its date; known of those of a desk's reach."""


class Withdrawn(Struct, frozen=True, kw_only=True):
    """How many reports their senders took back (`retracted`) or never finished (`expired`)."""

    retracted: int
    expired: int


class UploadFacts(Struct, frozen=True, kw_only=True):
    """One file of a report: sealed with its hashes, or known by its details only (no `object_id`).

    `details_id` is the sealed details document, `earlier_ids` those it replaced, oldest first. `computed` is
    what the desk's own hasher found out, once it has looked.
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
    """Opened bytes of one report, for the worker and for acts that need the source.

    With each file goes its details document and those that it replaced, oldest first.
    """

    report_id: UUID
    format: Format
    body: bytes
    received_at: datetime
    files: tuple[tuple[UploadFacts, bytes | None, tuple[bytes, ...]], ...] = ()


class FollowedMessage(Struct, frozen=True, kw_only=True):
    """One message of the conversation: the desk's is still sealed to the receipt's key."""

    message_id: UUID
    from_desk: bool
    created_at: datetime
    object_id: UUID
    author_id: UUID | None = None
    for_reporter: bytes | None = None


class Followed(Struct, frozen=True, kw_only=True):
    """What the holder of a receipt code may know."""

    report_id: UUID
    state: ReportState
    received_at: datetime
    in_progress: bool
    signed: str
    messages: tuple[FollowedMessage, ...] = ()
