"""What cross-check publishes: links with reasons, and dossier proposals."""

from uuid import UUID

from msgspec import Struct


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A shared selector: its weight (0..1 after frequency), the measured frequency, roles on both sides.

    `kept` is the share (0..1) of its weight that the frequency leaves it.
    """

    kind: str
    value: str
    weight: float
    seen: int = 0
    roles: tuple[str, str] = ("CONTENT", "CONTENT")
    kept: float = 1.0


class Link(Struct, frozen=True, kw_only=True):
    """A link from the later report to an earlier one; score 0..1, reasons strongest first."""

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[Reason, ...]
    rule_version: str
