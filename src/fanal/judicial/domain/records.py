"""Records of referrals to prosecutors and of intelligence sheets, and their states.

An intelligence sheet is on a payer: the system drafts a sheet, a person sends it.
"""

from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.analyse.payments.domain.scoring import PayerScore
from fanal.casework.domain.records import Act, ActStep
from fanal.harmonise.domain.records import HarmonisedPlace
from fanal.kernel.states import StateTable, move
from fanal.orient.domain.records import Basis


class ReferralState(StrEnum):
    """The states of a referral, from draft to outcome.

    READY: prepared for sending by a judicial officer. ACKNOWLEDGED: the addressed authority confirms receipt;
    TAKEN_UP, RETURNED: it accepts the case, or sends the referral back. CLOSED: with an outcome. WITHDRAWN:
    by the desk, before sending or after a return.
    """

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
    """The outcome of a referral, as the judicial authority reported it.

    DISMISSED: no further action (classement sans suite). JOINED: to other proceedings. TRANSFERRED: to
    another authority.
    """

    PROSECUTED = "PROSECUTED"
    CONVICTED = "CONVICTED"
    DISMISSED = "DISMISSED"
    JOINED = "JOINED"
    TRANSFERRED = "TRANSFERRED"


class ReferralFacts(Struct, frozen=True, kw_only=True):
    """The facts of a report that a referral states: codes, days, counts, addresses, identifiers by role.

    `kind` and `channel` are codes of the report, `platform` is the service, `country` (ISO code, or words)
    and `locality` those of the facts, `first_day` and `last_day` the days of the incident (included); None
    for each of these that is unknown. `victims`, `suspects` and `files` are numbers; `victim_ages` are those
    known. `selectors`, the identifiers, are (role, kind, value) without duplicates; no data of the reporter
    are included. `meeting` is a planned meeting with the child, None without one.
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
    meeting: HarmonisedPlace | None = None


class ReferralDocument(Struct, frozen=True, kw_only=True):
    """The document of a revision of a referral: the facts as drafted, and the officer's `summary` of them."""

    facts: ReferralFacts
    summary: str = ""


class Referral(Struct, frozen=True, kw_only=True):
    """A referral to a prosecutor on a report, without its texts.

    `decision_id` is the decision that opened it, `author_id` the person who drafted it. `body` is the code of
    the addressed authority, `bases` the offences considered, `level` the urgency, `due_at` the desk's own
    deadline to send it (None once sent or withdrawn), `outcome` a `ReferralOutcome`, None before it;
    `sent_at` is None before its sending.
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
    """A referral with its texts and recorded transitions (`steps`).

    `facts` are those of its report, `summary` the officer's account, `text_fr` and `text_en` the letter. Once
    its document has expired, `facts` is None and the texts are empty.
    """

    referral: Referral
    facts: ReferralFacts | None
    summary: str
    text_fr: str
    text_en: str
    steps: tuple[ActStep, ...]


ADDRESSEES = ("TRACFIN", "PROSECUTOR_OF_PARIS", "PROSECUTOR_OF_SUSPECT", "OFMIN")
"""Authorities to which a sheet may be addressed, the financial intelligence unit (TRACFIN) first."""


class SheetState(StrEnum):
    """The states of an intelligence sheet, from draft to receipt by the addressed authority.

    READY: prepared for sending by a judicial officer. ACKNOWLEDGED: the authority confirms its receipt.
    """

    DRAFT = "DRAFT"
    READY = "READY"
    SENT = "SENT"
    ACKNOWLEDGED = "ACKNOWLEDGED"
    WITHDRAWN = "WITHDRAWN"


SHEET_STATES: StateTable[SheetState] = StateTable(
    name="sheet",
    initial=SheetState.DRAFT,
    final=frozenset({SheetState.ACKNOWLEDGED, SheetState.WITHDRAWN}),
    transitions=(
        move("amend", {SheetState.DRAFT, SheetState.READY}, SheetState.DRAFT),
        move("prepare", {SheetState.DRAFT}, SheetState.READY),
        move("send", {SheetState.READY}, SheetState.SENT),
        move("acknowledge", {SheetState.SENT}, SheetState.ACKNOWLEDGED),
        move("withdraw", {SheetState.DRAFT, SheetState.READY}, SheetState.WITHDRAWN),
    ),
)


class SheetReport(Struct, frozen=True, kw_only=True):
    """A report behind an intelligence sheet, or linked to such a report: references only, not the reporter.

    `reference` and `kind` are those of the report. `score` (of the link) and `reasons` (kind, shared value,
    weight) describe the link; they are 0 and empty for a report that contains the transfers themselves.
    """

    report_id: UUID
    reference: str
    received_at: datetime
    kind: str
    score: float = 0.0
    reasons: tuple[tuple[str, str, float], ...] = ()


class SheetFacts(Struct, frozen=True, kw_only=True):
    """The facts of an intelligence sheet on a payer, frozen when it was drafted (`drafted_at`).

    `payer` is the payer's id, `score` the result of its scoring by payment typologies (published patterns).
    `reports` contain the transfers; `linked` are linked to those reports.
    """

    payer: UUID
    score: PayerScore
    reports: tuple[SheetReport, ...]
    linked: tuple[SheetReport, ...]
    drafted_at: datetime


class SheetDocument(Struct, frozen=True, kw_only=True):
    """The document of an intelligence sheet on a payer, in one revision: drafted facts, and the assessment.

    The officer's assessment is in `summary`.
    """

    facts: SheetFacts
    summary: str = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """An intelligence sheet on a payer, without its facts and texts; `report_ids` are the reports behind it.

    `body` is the code of the addressed authority, `author_id` the person who drafted it. `sent_at` is None
    before its sending.
    """

    id: UUID
    desk_id: int
    payer: UUID
    report_ids: tuple[UUID, ...]
    state: SheetState
    body: str
    author_id: UUID
    created_at: datetime
    sent_at: datetime | None


def sheet_of(act: Act) -> Sheet:
    """Convert an official act of the kind `sheet` into an intelligence sheet."""
    return Sheet(
        id=act.id,
        desk_id=act.desk_id,
        payer=act.subject_id,
        report_ids=act.report_ids,
        state=SheetState(act.state),
        body=act.addressee,
        author_id=act.author_id,
        created_at=act.created_at,
        sent_at=act.sent_at,
    )


class SheetFile(Struct, frozen=True, kw_only=True):
    """An intelligence sheet on a payer with its facts and texts.

    `summary` is the officer's assessment, `steps` are the recorded transitions. Once its document has
    expired, `facts` is None and `summary` empty.
    """

    sheet: Sheet
    facts: SheetFacts | None
    summary: str
    steps: tuple[ActStep, ...]
