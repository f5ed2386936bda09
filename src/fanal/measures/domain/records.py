"""What goes through the doors of measures: measures, requests, approvals and steps."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.measures.domain.states import MeasureState


class MeasureKind(StrEnum):
    """What is asked. Requests are drafted for REMOVAL today."""

    REMOVAL = "REMOVAL"
    BLOCKING = "BLOCKING"
    DEREFERENCING = "DEREFERENCING"


class AddresseeKind(StrEnum):
    """To whom a measure is addressed."""

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


class Request(Struct, frozen=True, kw_only=True):
    """What a removal request says, by values only; `letters` makes the words from it.

    `targets` are exact addresses. `basis` is the measure's article, `offence` the article it rests on, with
    the entry ids of the law that was applied; `host` is the host name that the targets share.
    """

    measure_id: UUID
    revision: int
    kind: MeasureKind
    addressee: Addressee
    host: str
    targets: tuple[str, ...]
    basis: str
    basis_entry: str
    offence: str
    offence_entry: str
    non_disclosure: bool = False


class Measure(Struct, frozen=True, kw_only=True):
    """A measure as the board shows it: clocks follow from instants, `author_id` wrote the present bytes."""

    id: UUID
    desk_id: int
    report_id: UUID
    decision_id: UUID
    request: Request
    digest: bytes
    state: MeasureState
    level: str
    proposer_id: UUID
    author_id: UUID
    created_at: datetime
    submitted_at: datetime | None
    approved_at: datetime | None
    sent_at: datetime | None
    received_at: datetime | None
    executed_at: datetime | None
    due_at: datetime | None
    legal_due_at: datetime | None
    non_disclosure_until: datetime | None


class Verdict(StrEnum):
    """What the second person says."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class Approval(Struct, frozen=True, kw_only=True):
    """The second person's signature under a revision: verdict, exact digest, written reason of a refusal."""

    measure_id: UUID
    revision: int
    verdict: Verdict
    digest: bytes
    proposer_id: UUID
    approver_id: UUID
    at: datetime
    reason: str = ""


class SuspensionCause(StrEnum):
    """Why the legal clock stops (LCEN 6-2)."""

    FORCE_MAJEURE = "FORCE_MAJEURE"
    CLARIFICATION = "CLARIFICATION"


class Step(Struct, frozen=True, kw_only=True):
    """One move of a measure: who, when it happened, when it was recorded, and its proof.

    `happened_at` is the instant of the event (a receipt may be recorded later than it came in);
    `proof` names the document kept, `proof_digest` its SHA-256.
    """

    id: UUID
    measure_id: UUID
    move: str
    source: MeasureState
    target: MeasureState
    actor_id: UUID
    happened_at: datetime
    recorded_at: datetime
    cause: str = ""
    proof: str = ""
    proof_digest: str = ""


class Event(Struct, frozen=True, kw_only=True):
    """What a person records of a measure: when it happened, and the proof of it."""

    happened_at: datetime
    proof: str = ""
    proof_digest: str = ""
