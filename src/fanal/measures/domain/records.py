"""What goes through the doors of measures: measures, requests, approvals and steps."""

import hashlib
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.records import Addressee
from fanal.kernel.states import StateTable, move

# States of a measure. Blocking and dereferencing follow the same table.


class MeasureState(StrEnum):
    """Where a measure stands."""

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
"""Nothing more is due there; only the record of a sending that was missing leads out of WITHDRAWN."""

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
        # Seconded, it had left before its ground went, or although it had: a fact, recorded as one.
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
    """What is asked. Requests are drafted for REMOVAL today."""

    REMOVAL = "REMOVAL"
    BLOCKING = "BLOCKING"
    DEREFERENCING = "DEREFERENCING"


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


class SuspensionCause(StrEnum):
    """Why the legal clock stops (LCEN 6-2)."""

    FORCE_MAJEURE = "FORCE_MAJEURE"
    CLARIFICATION = "CLARIFICATION"
