"""What pages show of links and dossiers. Of another desk's report: that it exists, and the desk to ask."""

from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.dossiers import JudgementAct
from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.states import DossierState


class KinLink(Struct, frozen=True, kw_only=True):
    """A link seen from one report. `other_id`, score and reasons are None or empty across desks."""

    desk_id: int
    other_id: UUID | None = None
    earlier: bool | None = None
    score: float | None = None
    reasons: tuple[LinkReason, ...] = ()
    rule_version: str = ""


class DossierNode(Struct, frozen=True, kw_only=True):
    """A report of a dossier; without an id where it is another desk's."""

    desk_id: int
    report_id: UUID | None = None


class DossierEdge(Struct, frozen=True, kw_only=True):
    """A link between two reports of the actor's desks, later report first."""

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[LinkReason, ...]


class JudgementLine(Struct, frozen=True, kw_only=True):
    """A judgement as pages show it; `reason` is empty once it has expired."""

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
    """A dossier as a graph, with its judgements newest first."""

    id: UUID
    desk_id: int
    opened_at: datetime
    nodes: tuple[DossierNode, ...]
    edges: tuple[DossierEdge, ...]
    """The strongest links, of `links` in all."""
    links: int
    judgements: tuple[JudgementLine, ...]
    state: DossierState = DossierState.PROPOSED
    arrived_since: int = 0
    """Of a closed dossier: reports of the actor's desks that joined after it was closed."""


class DossierLine(Struct, frozen=True, kw_only=True):
    """A dossier in a list: how many reports, of which the actor's, and since when."""

    id: UUID
    desk_id: int
    opened_at: datetime
    reports: int
    own: int
    state: DossierState = DossierState.PROPOSED


class DossierReports(Struct, frozen=True, kw_only=True):
    """A dossier with those of its reports that the actor reaches, oldest first."""

    id: UUID
    state: DossierState
    reports: tuple[UUID, ...]
