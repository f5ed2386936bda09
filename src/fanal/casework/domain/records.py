"""What goes through the doors of casework: acts, their documents, steps and approvals."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from msgspec import Struct


class Verdict(StrEnum):
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
    """One step of an act: when it happened, when it was recorded, and the proof kept."""

    transition: str
    source: str
    target: str
    revision: int
    actor_id: UUID
    happened_at: datetime
    recorded_at: datetime
    addressee: str
    outcome: str = ""
    proof: str = ""


class ActApproval(Struct, frozen=True, kw_only=True):
    """The verdict of a second person on exactly the bytes of a revision."""

    revision: int
    verdict: Verdict
    digest: bytes
    approver_id: UUID
    approved_at: datetime
    reason: str = ""


class ActFile(Struct, frozen=True, kw_only=True):
    """An act with its present document (None once it has expired), its steps and approvals."""

    act: Act
    content: bytes | None
    digest: bytes
    steps: tuple[ActStep, ...]
    approvals: tuple[ActApproval, ...]


class Event(Struct, frozen=True, kw_only=True):
    """What a person records: when it happened, the proof kept, and the outcome where there is one."""

    happened_at: datetime
    proof: str = ""
    outcome: str = ""


class DueAct(Struct, frozen=True, kw_only=True):
    """An act whose words are due to expire, and the reports whose legal hold keeps them."""

    id: UUID
    report_ids: tuple[UUID, ...]
