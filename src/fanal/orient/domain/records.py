"""What orient publishes: the proposal, and the tracks a decision may open."""

from enum import StrEnum
from uuid import UUID

from msgspec import Struct

from fanal.analyse.domain.records import Because


class Track(StrEnum):
    """Where a report goes. A decision names one or several."""

    JUDICIAL = "JUDICIAL"
    MEASURES = "MEASURES"
    ELSEWHERE = "ELSEWHERE"
    NONE = "NONE"


class Basis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A legal basis in force on the day of the facts; `unchecked` is shown and never opens a measure alone."""

    code: str  # "CP 227-23"
    entry_id: str
    opens_measures: bool = False
    unchecked: bool = False


class Proposal(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the rules propose; a person decides."""

    report_id: UUID
    tracks: tuple[Track, ...]
    bases: tuple[Basis, ...]
    because: tuple[Because, ...]
    competent: str | None
    rule_version: str
