"""What goes through the doors of casework: acts, their documents, steps and approvals."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.harmonise.domain.records import HarmonisedReport
from fanal.orient.domain.records import Decision


class ApprovalVerdict(StrEnum):
    """What the second person says."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class Act(Struct, frozen=True, kw_only=True):
    """An official act as lists show it.

    `subject_id` is what it is about (the report it follows, a payer); `basis` what it rests on, in the kind's
    own encoding; `revision` the present one of its document.
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
    """What an act is drafted from; see `Act`. `id` is given where its document names it."""

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
    """One step of an act: when it happened, when it was recorded, its reason, and the proof kept.

    `proof_digest` is the SHA-256 of the proof, in hexadecimal. `warnings` are those that whoever took it was
    shown, in the kind's own encoding. `lapsed_at` is since when an act could no longer be sent that had left
    all the same.
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
    warnings: tuple[object, ...] = ()
    lapsed_at: datetime | None = None

    @property
    def left_after(self) -> bool:
        """Whether the act left although nothing stood behind it any more."""
        return self.lapsed_at is not None and self.happened_at >= self.lapsed_at


class ActApproval(Struct, frozen=True, kw_only=True):
    """The verdict of a second person on exactly the bytes of a revision, and the `warnings` shown to them."""

    revision: int
    verdict: ApprovalVerdict
    digest: bytes
    approver_id: UUID
    approved_at: datetime
    reason: str = ""
    warnings: tuple[object, ...] = ()


class Shown(Struct, frozen=True, kw_only=True):
    """What a page showed of an act: how many steps it had taken, and the digest of its document.

    An amendment is a step: it may change the addressee alone. Expiry takes the document, and is none.
    """

    steps: int
    digest: bytes


class ActFile(Struct, frozen=True, kw_only=True):
    """An act with its present document (None once it has expired), its steps and approvals."""

    act: Act
    content: bytes | None
    digest: bytes
    steps: tuple[ActStep, ...]
    approvals: tuple[ActApproval, ...]

    @property
    def shown(self) -> Shown:
        """What a page that is made of this file shows."""
        return Shown(steps=len(self.steps), digest=self.digest)


class Event(Struct, frozen=True, kw_only=True):
    """What a person records: when it happened, why, the proof kept, and the outcome where there is one.

    `warnings` and `lapsed_at` are the operation's own, as in `ActStep`.
    """

    happened_at: datetime
    reason: str = ""
    proof: str = ""
    proof_digest: str = ""
    outcome: str = ""
    warnings: tuple[object, ...] = ()
    lapsed_at: datetime | None = None


class DueAct(Struct, frozen=True, kw_only=True):
    """An act whose words are due to expire, and the reports whose legal hold keeps them."""

    id: UUID
    report_ids: tuple[UUID, ...]


class AddresseeKind(StrEnum):
    """What a provider is to the content."""

    HOST = "HOST"
    EDITOR = "EDITOR"
    ISP = "ISP"
    SEARCH_ENGINE = "SEARCH_ENGINE"


class Addressee(Struct, frozen=True, kw_only=True):
    """The provider asked: name, electronic contact point (DSA art. 11) and a language it declared."""

    kind: AddresseeKind = AddresseeKind.HOST
    name: str = ""
    contact: str = ""
    language: str = "fr"

    @property
    def complete(self) -> bool:
        """Whether a request can be addressed: a name and a contact point."""
        return bool(self.name.strip() and self.contact.strip())


class Opening(Struct, frozen=True, kw_only=True):
    """What acts are drafted from: a decision, its report, and whom it names to be asked, by host."""

    decision: Decision
    report: HarmonisedReport
    level: str
    addressees: Mapping[str, Addressee]


class RecordedDecision(Struct, frozen=True, kw_only=True):
    """A decision and the acts that it opened, by kind; of a kind that it did not open, none."""

    decision: Decision
    opened: Mapping[str, tuple[UUID, ...]]
