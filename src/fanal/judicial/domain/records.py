"""Records that the operations and queries of judicial take and return: referrals, and their states."""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.casework.domain.records import ActStep
from fanal.kernel.states import StateTable, move
from fanal.orient.domain.records import Basis


class ReferralState(StrEnum):
    """The states of a referral, from draft to outcome. TAKEN_UP, RETURNED: by the addressed authority."""

    DRAFT = "DRAFT"
    READY = "READY"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    TAKEN_UP = "TAKEN_UP"
    RETURNED = "RETURNED"
    CLOSED = "CLOSED"
    WITHDRAWN = "WITHDRAWN"


_OUT = {ReferralState.SENT, ReferralState.ACKNOWLEDGED, ReferralState.TAKEN_UP}

REFERRAL_STATES: StateTable[ReferralState] = StateTable(
    name="referral",
    initial=ReferralState.DRAFT,
    final=frozenset({ReferralState.CLOSED, ReferralState.WITHDRAWN}),
    transitions=(
        move("amend", {ReferralState.DRAFT, ReferralState.READY}, ReferralState.DRAFT),
        move("prepare", {ReferralState.DRAFT}, ReferralState.READY),
        move("send", {ReferralState.READY}, ReferralState.SENT),
        move("acknowledge", {ReferralState.SENT}, ReferralState.ACKNOWLEDGED),
        move("take_up", {ReferralState.SENT, ReferralState.ACKNOWLEDGED}, ReferralState.TAKEN_UP),
        move("return", _OUT, ReferralState.RETURNED),
        move("redirect", {ReferralState.RETURNED}, ReferralState.DRAFT),
        move("close", _OUT | {ReferralState.RETURNED}, ReferralState.CLOSED),
        move(
            "withdraw",
            {ReferralState.DRAFT, ReferralState.READY, ReferralState.RETURNED},
            ReferralState.WITHDRAWN,
        ),
    ),
)


class ReferralOutcome(StrEnum):
    """The outcome of a referral, as the judicial authority reported it."""

    PROSECUTED = "PROSECUTED"
    CONVICTED = "CONVICTED"
    DISMISSED = "DISMISSED"
    JOINED = "JOINED"
    TRANSFERRED = "TRANSFERRED"


class ReferralFacts(Struct, frozen=True, kw_only=True):
    """The facts of a report that a referral states: codes, days, counts, addresses, identifiers by role.

    `kind` and `channel` are codes of the report, `first_day` and `last_day` the days of the incident.
    `victims`, `suspects` and `files` are numbers; `victim_ages` are those known. `selectors`, the
    identifiers, are (role, kind, value) without duplicates; no data of the reporter are included.
    """

    report_id: UUID
    kind: str
    channel: str | None
    platform: str | None
    first_day: date | None
    last_day: date | None
    country: str | None
    locality: str | None
    victims: int
    victim_ages: tuple[int, ...]
    suspects: int
    files: int
    addresses: tuple[str, ...]
    selectors: tuple[tuple[str, str, str], ...]


class ReferralDocument(Struct, frozen=True, kw_only=True):
    """The document of a revision of a referral: the facts as drafted, and the officer's account of them."""

    facts: ReferralFacts
    summary: str = ""


class Referral(Struct, frozen=True, kw_only=True):
    """A referral to a prosecutor on a report, without its texts.

    `decision_id` is the decision that opened it. `body` is the code of the addressed authority, `bases` the
    offences considered, `level` the urgency, `due_at` the desk's own deadline to send it (None once sent or
    withdrawn), `outcome` a `ReferralOutcome`.
    """

    id: UUID
    desk_id: int
    report_id: UUID
    decision_id: UUID
    state: ReferralState
    body: str
    bases: tuple[Basis, ...]
    level: str
    author_id: UUID
    created_at: datetime
    sent_at: datetime | None
    due_at: datetime | None
    outcome: str | None


class ReferralFile(Struct, frozen=True, kw_only=True):
    """A referral: its report's facts, the officer's `summary`, letter in French and English, steps.

    Once its document has expired, `facts` is None and the texts are empty.
    """

    referral: Referral
    facts: ReferralFacts | None
    summary: str
    text_fr: str
    text_en: str
    steps: tuple[ActStep, ...]
