"""What goes through the doors of measures: measures, requests, approvals and steps."""

import hashlib
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


class WarningCode(StrEnum):
    """Why a request may be wrong (label kind `measure_warning`)."""

    WHOLE_SITE = "WHOLE_SITE"
    PAGE_KNOWN = "PAGE_KNOWN"
    DECIDED_LAWFUL = "DECIDED_LAWFUL"
    DECIDED_ELSEWHERE = "DECIDED_ELSEWHERE"
    MEASURE_RUNNING = "MEASURE_RUNNING"
    MEASURE_LIFTED = "MEASURE_LIFTED"
    MEASURE_ANNULLED = "MEASURE_ANNULLED"
    MEASURE_WITHDRAWN = "MEASURE_WITHDRAWN"
    MEASURE_REFUSED = "MEASURE_REFUSED"
    END_RECOMMENDED = "END_RECOMMENDED"
    MEASURE_ELSEWHERE = "MEASURE_ELSEWHERE"


class MeasureWarning(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A warning on some of a request's addresses.

    `subjects` are reports or measures of the measure's own desk, the newest first, five at most. `desk_id` is
    the other desk to ask, where there is one. `pages` are exact pages that the report names.
    """

    code: WarningCode
    addresses: tuple[str, ...]
    subjects: tuple[UUID, ...] = ()
    desk_id: int | None = None
    pages: tuple[str, ...] = ()

    @property
    def tokens(self) -> frozenset[str]:
        """Return one token for each address: what a page sends back of what it showed."""
        named = (f"{self.code}|{self.desk_id}|{address}" for address in self.addresses)
        return frozenset(hashlib.sha256(text.encode()).hexdigest()[:16] for text in named)


class Verdict(StrEnum):
    """What the second person says."""

    APPROVED = "APPROVED"
    REFUSED = "REFUSED"


class Approval(Struct, frozen=True, kw_only=True):
    """The second person's signature under a revision: verdict, exact digest, written reason.

    A refusal has a reason, and so has an approval given while `warnings` stood.
    """

    measure_id: UUID
    revision: int
    verdict: Verdict
    digest: bytes
    proposer_id: UUID
    approver_id: UUID
    at: datetime
    reason: str = ""
    warnings: tuple[MeasureWarning, ...] = ()


class SuspensionCause(StrEnum):
    """Why the legal clock stops (LCEN 6-2)."""

    FORCE_MAJEURE = "FORCE_MAJEURE"
    CLARIFICATION = "CLARIFICATION"


class Step(Struct, frozen=True, kw_only=True):
    """One move of a measure: who, when it happened, when it was recorded, and its proof.

    `happened_at` is the instant of the event (a receipt may be recorded later than it came in);
    `proof` names the document kept, `proof_digest` its SHA-256. `warnings` stood when it was submitted, and
    `cause` says why it was. Of a request that had left (`leave`), `ground_gone_at` is since when it could no
    longer be sent.
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
    warnings: tuple[MeasureWarning, ...] = ()
    ground_gone_at: datetime | None = None

    @property
    def left_after(self) -> bool:
        """Whether it left although nothing stood behind it any more."""
        return self.ground_gone_at is not None and self.happened_at >= self.ground_gone_at


class Event(Struct, frozen=True, kw_only=True):
    """What a person records of a measure: when it happened, and the proof of it.

    `warnings` and `ground_gone_at` are the operation's own, as in `Step`.
    """

    happened_at: datetime
    proof: str = ""
    proof_digest: str = ""
    warnings: tuple[MeasureWarning, ...] = ()
    ground_gone_at: datetime | None = None
