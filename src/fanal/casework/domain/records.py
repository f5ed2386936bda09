"""Records that the operations and queries of casework take and return: official acts, documents, steps."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.proofs import ProofFile, StoredProof
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.orient.domain.records import Decision

_SAME = timedelta(minutes=1)
"""Time within which a step counts as recorded when it happened."""


class ApprovalVerdict(StrEnum):
    """The verdict of the second person on the document of an official act.

    APPROVED: it may be sent. REFUSED: it returns to its author as a draft.
    """

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class Act(Struct, frozen=True, kw_only=True):
    """An official act (referral, intelligence sheet, notice, removal request) without its document.

    `kind` is the name of its lifecycle, `state` a state of that. `report_ids`: the reports that it names.
    `subject_id`: the report that the act follows or, for an intelligence sheet, the payer; `decision_id`: the
    decision that opened it, None without. `addressee`: to whom it goes. `author_id`: the person who drafted
    it. `basis`: the data on which it rests, in the encoding of its kind. `level`: its urgency. `revision`:
    the number of its current document. `sent_at`: None before its sending. `outcome`: code of the result, ""
    if none.
    """

    id: UUID
    kind: str
    desk_id: int
    subject_id: UUID
    report_ids: tuple[UUID, ...]
    decision_id: UUID | None
    state: str
    addressee: str
    basis: bytes
    level: str
    revision: int
    author_id: UUID
    created_at: datetime
    sent_at: datetime | None
    outcome: str


class ActDraft(Struct, frozen=True, kw_only=True):
    """The content of an official act to be created.

    `id` is given if the document contains it; else the act gets a new id. `content` is the document,
    serialised. `subject_id` is the report that the act follows or, for an intelligence sheet, the payer;
    `report_ids` are the reports it is about. `addressee` is the code of its addressee. `decision_id` is the
    decision that opens it, None without. `basis`: the data on which it rests, in the encoding of its kind.
    `level`: its urgency.
    """

    id: UUID | None = None
    desk_id: int
    subject_id: UUID
    report_ids: tuple[UUID, ...]
    addressee: str
    content: bytes
    decision_id: UUID | None = None
    basis: bytes = b""
    level: str = "NORMAL"


class ActStep(Struct, frozen=True, kw_only=True):
    """A transition that an official act has made, as recorded by `actor_id`.

    `source` and `target` are the states before and after; `revision`, `addressee` and `outcome` those of the
    act then. `happened_at` is the date that the person stated, `recorded_at` when it was recorded. `reason`
    is the person's text, `proof` the proof in words, `file` its file (None without, and once it has expired)
    and `proof_digest` the SHA-256 of that file, in hexadecimal. `warnings` were displayed to the person, in
    the encoding of the kind. `lapsed_at` is set on a sending that was recorded after the act's legal basis
    had lapsed: the date of the lapse; else it is None.
    """

    transition: str
    source: str
    target: str
    revision: int
    actor_id: UUID
    happened_at: datetime
    recorded_at: datetime
    addressee: str
    outcome: str = ""
    reason: str = ""
    proof: str = ""
    proof_digest: str = ""
    file: StoredProof | None = None
    warnings: tuple[object, ...] = ()
    lapsed_at: datetime | None = None

    @property
    def recorded_later(self) -> bool:
        """Whether this step was recorded a minute or more after it happened."""
        return self.recorded_at - self.happened_at >= _SAME

    @property
    def left_after(self) -> bool:
        """Whether this step is a sending of the official act after its legal basis had lapsed."""
        return self.lapsed_at is not None and self.happened_at >= self.lapsed_at


class ActApproval(Struct, frozen=True, kw_only=True):
    """The verdict of a second person (`approver_id`) on a revision of an official act's document.

    `revision` is the number of the document's version, `digest` the SHA-256 of the exact bytes read.
    `warnings` were displayed then; `reason` is the written reason of a refusal, "" without one.
    """

    revision: int
    verdict: ApprovalVerdict
    digest: bytes
    approver_id: UUID
    approved_at: datetime
    reason: str = ""
    warnings: tuple[object, ...] = ()


class Shown(Struct, frozen=True, kw_only=True):
    """The version of an official act that a page displayed: its number of steps and its document's SHA-256.

    An amendment counts as a step, since it may change the addressee alone. Expiry adds no step: it changes
    the digest.
    """

    steps: int
    digest: bytes


class ActFile(Struct, frozen=True, kw_only=True):
    """The complete file of an official act: the act, its current document, its steps and approvals.

    `content` is the document, None once it has expired; `digest` is its SHA-256, empty then. `steps` are in
    order of recording, `approvals` in order of revision.
    """

    act: Act
    content: bytes | None
    digest: bytes
    steps: tuple[ActStep, ...]
    approvals: tuple[ActApproval, ...]
    number: str = ""
    """The desk's number of the act, such as `M-2026-0007`."""

    @property
    def shown(self) -> Shown:
        """The version of the official act that a page shows: number of steps and digest of the document.

        Forms send it back, so that changes since then are detected.
        """
        return Shown(steps=len(self.steps), digest=self.digest)


class Event(Struct, frozen=True, kw_only=True):
    """The facts that a person records with a transition of an official act.

    `happened_at` is its date, `reason` the written reason, `outcome` the code of the result, if the
    transition has any. The proof is words (`proof`), a file (`file`) or both; the operation seals the file,
    and `proof_digest` becomes its SHA-256. The operation itself fills `warnings` (those displayed to the
    person) and `lapsed_at` (when the legal basis lapsed, if the sending was recorded after that).
    """

    happened_at: datetime
    reason: str = ""
    proof: str = ""
    proof_digest: str = ""
    file: ProofFile | None = None
    outcome: str = ""
    warnings: tuple[object, ...] = ()
    lapsed_at: datetime | None = None


class DueAct(Struct, frozen=True, kw_only=True):
    """An official act whose data are due to be erased, and the ids of its reports.

    A legal hold on one of the reports keeps the data.
    """

    id: UUID
    report_ids: tuple[UUID, ...]


class AddresseeKind(StrEnum):
    """The role of a provider towards the content.

    HOST stores it, EDITOR publishes it, ISP gives access to it, SEARCH_ENGINE and DIRECTORY list it.
    """

    HOST = "HOST"
    EDITOR = "EDITOR"
    ISP = "ISP"
    SEARCH_ENGINE = "SEARCH_ENGINE"
    DIRECTORY = "DIRECTORY"


class Addressee(Struct, frozen=True, kw_only=True):
    """The provider to which a request goes; `kind` is its role towards the content.

    `name` and `contact` (its electronic contact point, DSA article 11) may be empty while unknown. `language`
    is the two-letter code of the language in which it accepts requests.
    """

    kind: AddresseeKind = AddresseeKind.HOST
    name: str = ""
    contact: str = ""
    language: str = "fr"

    @property
    def complete(self) -> bool:
        """Whether a request can be addressed: a name and a contact point."""
        return bool(self.name.strip() and self.contact.strip())


class Opening(Struct, frozen=True, kw_only=True):
    """The data from which the official acts of a decision are drafted.

    `decision` and `report` are the decision and its report, `level` the urgency. `addressees` are the
    providers to address, by host name; a host without a known provider has no key.
    """

    decision: Decision
    report: HarmonisedReport
    level: str
    addressees: Mapping[str, Addressee]


class RecordedDecision(Struct, frozen=True, kw_only=True):
    """A decision and the ids of the official acts that it opened, by kind; () for a kind without any."""

    decision: Decision
    opened: Mapping[str, tuple[UUID, ...]]
