"""Resemblances as suggestions: what a model found alike in two people, never more than a suggestion."""

from collections.abc import Mapping
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import Reason
from fanal.crosscheck.domain.weights import load_weights

LEAST = 0.5
"""Probability from which a pair is put to a person; measured, see `data/linkage.json`."""
_MOST_BITS = 20.0
_HIGHEST = 0.89


class Resemblance(Struct, frozen=True, kw_only=True):
    """Two reports (the later first) with people that resemble one another.

    `probability` is the model's; `alike` maps what agrees (`EMAIL_LETTER`, …) to the bits that it is worth.
    """

    report_id: UUID
    other_id: UUID
    probability: float
    alike: Mapping[str, float]

    def score(self) -> float:
        """Return the score as a suggestion: under that of any certain link."""
        least = load_weights().doubtful
        share = (self.probability - LEAST) / (1 - LEAST)
        return round(least + (_HIGHEST - least) * max(0.0, min(1.0, share)), 4)

    def reasons(self) -> tuple[Reason, ...]:
        """Return what is alike, the weightiest first."""
        found = [
            Reason(
                kind="LIKE",
                value=code,
                weight=round(min(bits, _MOST_BITS) / _MOST_BITS, 4),
                roles=("SUSPECT", "SUSPECT"),
            )
            for code, bits in self.alike.items()
        ]
        return tuple(sorted(found, key=lambda r: (-r.weight, r.value)))
