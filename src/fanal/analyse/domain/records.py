"""What analyse publishes: findings, kin facts it is given, and the priority with its parts."""

from uuid import UUID

from msgspec import Struct, field

Parameters = dict[str, str | int | float | bool | list[str]]


class Because(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why: a code whose words are in the label files, and the values that fill them."""

    code: str
    parameters: Parameters = field(default_factory=dict)


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One explained result: which rule, how sure (0..1), which value, where, and why."""

    code: str
    score: float
    value: str
    because: Because
    rule_version: str
    source: str = ""  # path in the harmonised report, with the cited sentence's offsets if text
    category: str = ""


class KinFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What cross-check knows of a report's kin, given to `prioritise` by the pipeline (decisions 18)."""

    report_id: UUID
    links: int = 0
    strongest: float = 0.0
    previously_reported_suspect: int = 0
    shared_files: int = 0
    dossier_id: UUID | None = None


class PriorityPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One term of a priority: rule code, points, and why."""

    code: str
    points: float
    because: Because


class Priority(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Priority 0–100 with its floor, its parts in order, level and the rules that made it."""

    report_id: UUID
    score: int
    floor: str | None
    parts: tuple[PriorityPart, ...]
    level: str  # DANGER | HIGH | NORMAL | LOW
    rule_version: str


class Analysis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All findings of one report under one rule version."""

    report_id: UUID
    findings: tuple[Finding, ...]
    rule_version: str
