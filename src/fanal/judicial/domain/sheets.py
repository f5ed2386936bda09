"""Intelligence sheets on payers: content and states. The system drafts a sheet, a person sends it."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.analyse.payments.domain.scoring import PayerScore
from fanal.casework.domain.records import Act, ActStep
from fanal.kernel.states import StateTable, move

ADDRESSEES = ("TRACFIN", "PROSECUTOR_OF_PARIS", "PROSECUTOR_OF_SUSPECT", "OFMIN")
"""Authorities to which a sheet may be addressed, the financial intelligence unit (TRACFIN) first."""


class SheetState(StrEnum):
    """The states of an intelligence sheet, from draft to receipt by the addressed authority."""

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

    `body` is the code of the addressed authority.
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
    """An intelligence sheet on a payer: facts, officer's assessment (`summary`), steps.

    Facts are None, and the summary empty, once its document has expired.
    """

    sheet: Sheet
    facts: SheetFacts | None
    summary: str
    steps: tuple[ActStep, ...]
