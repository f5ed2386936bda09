"""Intelligence sheets on payers: what one says, and its states. The system drafts; a person sends."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.payments import PayerScore
from fanal.casework.domain.records import Act, ActStep
from fanal.kernel.states import StateTable, move

ADDRESSEES = ("TRACFIN", "PROSECUTOR_OF_PARIS", "PROSECUTOR_OF_SUSPECT", "OFMIN")
"""Bodies that a sheet may be addressed to, the financial unit first."""


class SheetState(StrEnum):
    """Where a sheet stands."""

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
    """A report that a sheet rests on or is linked to: the desk's own references, nothing of a reporter.

    `score` and `reasons` (kind, value, weight) are those of the link; 0 and none for a report that holds
    the transfers.
    """

    report_id: UUID
    reference: str
    received_at: datetime
    kind: str
    score: float = 0.0
    reasons: tuple[tuple[str, str, float], ...] = ()


class SheetFacts(Struct, frozen=True, kw_only=True):
    """What a sheet says, as it was when it was drafted: it does not change with what comes later."""

    payer: UUID
    score: PayerScore
    reports: tuple[SheetReport, ...]
    linked: tuple[SheetReport, ...]
    drafted_at: datetime


class SheetDocument(Struct, frozen=True, kw_only=True):
    """What a revision of a sheet says: the facts as drafted, and the officer's own assessment."""

    facts: SheetFacts
    summary: str = ""


class Sheet(Struct, frozen=True, kw_only=True):
    """A sheet as lists show it."""

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
    """Return an act of this kind as a sheet."""
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
    """A sheet with its facts, the officer's own words and its steps; facts are None once expired."""

    sheet: Sheet
    facts: SheetFacts | None
    summary: str
    steps: tuple[ActStep, ...]
