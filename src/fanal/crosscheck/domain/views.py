"""Records of links and dossiers for pages. Another desk's report shows its existence and its desk only."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.dossiers import JudgementAct
from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.states import DossierState


class KinLink(Struct, frozen=True, kw_only=True):
    """A link seen from a given report. Across desks `other_id`, score and reasons are None or empty.

    `earlier`: whether the other report is the earlier one.
    """

    desk_id: int
    other_id: UUID | None = None
    earlier: bool | None = None
    score: float | None = None
    reasons: tuple[LinkReason, ...] = ()
    rule_version: str = ""


class DossierNode(Struct, frozen=True, kw_only=True):
    """A report of a dossier, as a node of its graph; without an id if it belongs to another desk."""

    desk_id: int
    report_id: UUID | None = None


class DossierEdge(Struct, frozen=True, kw_only=True):
    """A link between two reports of the actor's desks, later report first."""

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]


class JudgementLine(Struct, frozen=True, kw_only=True):
    """A judgement for display; `reason` is empty once it has expired.

    `left` and `right` are the reports on its two sides at the actor's desks, `undoes` the judgement that an
    UNDO revokes.
    """

    id: UUID
    act: JudgementAct
    left: tuple[UUID, ...]
    right: tuple[UUID, ...]
    undoes: UUID | None
    undone: bool
    author_id: UUID
    made_at: datetime
    reason: str


class DossierView(Struct, frozen=True, kw_only=True):
    """A dossier as a graph, with its judgements newest first; `desk_id` is that of its earliest report."""

    id: UUID
    desk_id: int
    opened_at: datetime
    nodes: tuple[DossierNode, ...]
    edges: tuple[DossierEdge, ...]
    """The strongest links; `links` is the number of all."""
    links: int
    judgements: tuple[JudgementLine, ...]
    state: DossierState = DossierState.PROPOSED
    arrived_since: int = 0
    """Reports of the actor's desks that joined a closed dossier after its closure; else 0."""


class DossierLine(Struct, frozen=True, kw_only=True):
    """A dossier in a list: number of reports, of those at the actor's desks (`own`), and opening time.

    `desk_id` is the desk of its earliest report.
    """

    id: UUID
    desk_id: int
    opened_at: datetime
    reports: int
    own: int
    state: DossierState = DossierState.PROPOSED


class DossierReports(Struct, frozen=True, kw_only=True):
    """A dossier with its reports at the actor's desks, oldest first."""

    id: UUID
    state: DossierState
    reports: tuple[UUID, ...]
