"""Records of removal requests, and their states; causes and outcomes of blockings and dereferencings.

A blocking or dereferencing lasts until it is lifted. It rests on a removal request (LCEN article 6-1): a new
one cannot rest on a request that has ended.
"""

import hashlib
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.records import Addressee
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import StateTable, move

# States of a removal request. Blocking has a table of its own (`blocking/README.md`).


class MeasureState(StrEnum):
    """The states of a measure (a removal request).

    TO_SECOND: awaits approval by a second person. SENT: its sending is recorded. RECEIVED: its receipt is,
    which starts the legal 24 hours. SUSPENDED: these are stopped for a legal cause (`SuspensionCause`).
    EXPIRED: the 24 hours passed without removal. EXECUTED: the content was removed. LIFTED: ended after its
    execution. WITHDRAWN: by the desk, before execution. ANNULLED: by a court.
    """

    DRAFT = "DRAFT"
    TO_SECOND = "TO_SECOND"
    APPROVED = "APPROVED"
    SENT = "SENT"
    RECEIVED = "RECEIVED"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    EXECUTED = "EXECUTED"
    LIFTED = "LIFTED"
    WITHDRAWN = "WITHDRAWN"
    ANNULLED = "ANNULLED"


BEFORE_SENDING = (MeasureState.DRAFT, MeasureState.TO_SECOND, MeasureState.APPROVED)
_WITH_ADDRESSEE = {
    MeasureState.SENT,
    MeasureState.RECEIVED,
    MeasureState.SUSPENDED,
    MeasureState.EXPIRED,
}
ENDED = frozenset({MeasureState.LIFTED, MeasureState.WITHDRAWN, MeasureState.ANNULLED})
"""No deadline runs in these states; the only transition out of WITHDRAWN is the late record of a sending."""

MEASURE_STATES: StateTable[MeasureState] = StateTable(
    name="measure",
    initial=MeasureState.DRAFT,
    final=frozenset({MeasureState.LIFTED, MeasureState.ANNULLED}),
    transitions=(
        move("amend", BEFORE_SENDING, MeasureState.DRAFT),
        move("submit", {MeasureState.DRAFT}, MeasureState.TO_SECOND),
        move("refuse", {MeasureState.TO_SECOND}, MeasureState.DRAFT),
        move("approve", {MeasureState.TO_SECOND}, MeasureState.APPROVED),
        move("send", {MeasureState.APPROVED}, MeasureState.SENT),
        # An approved request was sent before or after its legal basis lapsed: the fact is recorded late.
        move("leave", {MeasureState.APPROVED, MeasureState.WITHDRAWN}, MeasureState.SENT),
        move("receive", {MeasureState.SENT}, MeasureState.RECEIVED),
        move("suspend", {MeasureState.RECEIVED}, MeasureState.SUSPENDED),
        move("resume", {MeasureState.SUSPENDED}, MeasureState.RECEIVED),
        move("expire", {MeasureState.RECEIVED}, MeasureState.EXPIRED),
        move("execute", _WITH_ADDRESSEE, MeasureState.EXECUTED),
        move("lift", {MeasureState.EXECUTED}, MeasureState.LIFTED),
        move("withdraw", _WITH_ADDRESSEE.union(BEFORE_SENDING), MeasureState.WITHDRAWN),
        move("annul", _WITH_ADDRESSEE | {MeasureState.EXECUTED}, MeasureState.ANNULLED),
    ),
)


class MeasureKind(StrEnum):
    """The kind of a measure, as the document of a removal request states it: always REMOVAL.

    Blockings and dereferencings are acts of their own, with documents of their own (`measures/blocking`,
    `measures/dereferencing`).
    """

    REMOVAL = "REMOVAL"
    BLOCKING = "BLOCKING"
    DEREFERENCING = "DEREFERENCING"


class Request(Struct, frozen=True, kw_only=True):
    """The values of a removal request; `letters` writes its text from them.

    `revision` is the number of the document, from 1. `targets` are exact addresses and `host` is their common
    host name; `addressee` is the host's contact. `basis` is the article that provides the measure, `offence`
    the article that the content violates; `basis_entry` and `offence_entry` are the ids of the applied
    versions of the law. `non_disclosure`: the host must not inform the content provider.
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

    @property
    def recipient(self) -> str:
        """The key of who receives the removal request: the contact point in lower case, else the host."""
        return self.addressee.contact.strip().lower() or self.host


class Measure(Struct, frozen=True, kw_only=True):
    """A removal request (measure) as stored: the request, its state and its deadlines.

    `decision_id` is the decision on which it rests; `proposer_id` opened it, `author_id` wrote the current
    document. `digest` is the SHA-256 of the document, `level` the urgency. `due_at` is the next deadline,
    legal or the desk's own; `legal_due_at` the end of the 24 hours for removal; `non_disclosure_until` the
    end of the period in which the host must not inform the content provider. `sent_at`, `received_at` and
    `executed_at` are the instants that people recorded, not those of the record. `due_at` is None from the
    sending until the receipt, and after the end; `legal_due_at` before the receipt, and while the time is
    suspended; `non_disclosure_until` without such a duty or before the sending. Instants of steps not yet
    made are None.
    """

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
    """The reasons to check a removal request again before submission or approval, in the order shown.

    WHOLE_SITE: an address is a whole site; PAGE_KNOWN: though the report names an exact page. DECIDED_LAWFUL:
    another report of the address was decided without further action (DECIDED_ELSEWHERE: by another desk).
    MEASURE_…: another measure has the address, and is in progress (RUNNING) or was lifted, annulled by a
    court, withdrawn by a person or refused by a second person; ELSEWHERE: another desk has or had one.
    END_RECOMMENDED: the overseer recommended to end a measure on it. Their texts are the labels of kind
    `measure_warning`.
    """

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
    """A warning on some addresses of a removal request.

    `subjects` are reports or other requests of the request's own desk, newest first, five at most. `desk_id`
    is the other desk to contact, None if the warning comes from the request's own. `pages` are exact pages
    that the report names, five at most.
    """

    code: WarningCode
    addresses: tuple[str, ...]
    subjects: tuple[UUID, ...] = ()
    desk_id: int | None = None
    pages: tuple[str, ...] = ()

    @property
    def tokens(self) -> frozenset[str]:
        """One token for each address, which a form sends back to prove which warnings its page displayed."""
        named = (f"{self.code}|{self.desk_id}|{address}" for address in self.addresses)
        return frozenset(hashlib.sha256(text.encode()).hexdigest()[:16] for text in named)


class SuspensionCause(StrEnum):
    """The legal causes that suspend the 24 hours of a removal request (LCEN 6-2).

    They are force majeure and a request for clarification.
    """

    FORCE_MAJEURE = "FORCE_MAJEURE"
    CLARIFICATION = "CLARIFICATION"


REVIEW = timedelta(hours=24)
"""Time in which another person reviews a lifting made by one person alone (ADR 0066)."""
ENDED_REMOVALS = frozenset(
    {MeasureState.EXECUTED, MeasureState.LIFTED, MeasureState.WITHDRAWN, MeasureState.ANNULLED}
)
"""States of a removal request on which no lasting measure rests."""


class DoubtCause(StrEnum):
    """The causes of a doubt about a blocking or dereferencing in force, which a person then answers.

    REOPENED: its report was reopened. NEW_DECISION: its report was decided again. RECOMMENDED: the overseer
    recommends its end. REMOVAL_ENDED: the removal request on which it rests was executed, suspended or ended.
    APPEAL: somebody appealed against it.
    """

    REOPENED = "REOPENED"
    NEW_DECISION = "NEW_DECISION"
    RECOMMENDED = "RECOMMENDED"
    REMOVAL_ENDED = "REMOVAL_ENDED"
    APPEAL = "APPEAL"
    OTHER = "OTHER"


class LiftOutcome(StrEnum):
    """The reasons for which a blocking or dereferencing is lifted.

    GONE: the content is gone. LAWFUL: the content is lawful. NEW_DECISION: the desk decided otherwise.
    ANNULLED: by a court. RECOMMENDED: the overseer recommended the end. LAPSED: the check was not made, or
    the doubt not answered, in time.
    """

    GONE = "GONE"
    LAWFUL = "LAWFUL"
    NEW_DECISION = "NEW_DECISION"
    ANNULLED = "ANNULLED"
    RECOMMENDED = "RECOMMENDED"
    LAPSED = "LAPSED"


def check_rests(removal: Measure, *, kind: str) -> None:
    """Check that a removal request is neither executed nor ended, so that a further measure may rest on it.

    `kind` is the kind of that measure, a blocking or dereferencing.

    Raises:
        Refusal: REMOVAL_ENDED (the removal request was executed, lifted, withdrawn or annulled).
    """
    if removal.state in ENDED_REMOVALS:
        raise Refusal(kind, "REMOVAL_ENDED")
