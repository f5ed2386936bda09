"""What cross-check publishes: links with reasons, and dossier proposals."""

from uuid import UUID

from msgspec import Struct


class Reason(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a link rests on: a shared value, its points, the measured frequency, roles on both sides.

    `kind` is a selector's, or IP, NAME, BIRTH without a value (it strengthens, or weakens where it differs;
    both reports tell the words), or CONFLICT: both suspects have values of the kind that `value` names and
    none in common; its points are negative. `kept` is the share (0..1) of its points that frequency
    leaves it. `side` is `meeting.SAME`, `CROSS` or `OTHER`. `seen` is filled in when links are read.
    Of what is near (`near.pairs.KINDS`), `value` is the picture or the address and `measure` the bits that
    differ, or the hundredths of a text's passages that are shared; of near identifiers `value` holds digests
    that show neither, and `between` the values, the later report's first, once suggestions are read.
    """

    kind: str
    value: str
    weight: float
    seen: int = 0
    roles: tuple[str, str] = ("CONTENT", "CONTENT")
    kept: float = 1.0
    side: int = 0
    measure: int = 0
    between: tuple[str, str] | None = None


class Link(Struct, frozen=True, kw_only=True):
    """A link from the later report to an earlier one; score 0..1 (0.9: certain), strongest reasons first."""

    report_id: UUID
    other_id: UUID
    score: float
    reasons: tuple[Reason, ...]
    rule_version: str
