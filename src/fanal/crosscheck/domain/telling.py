"""Whether an identifier tells anything by itself, from how many reports hold it."""

from collections.abc import Sequence
from typing import Final

from fanal.crosscheck.domain.rating import Damping, Populations, Shared
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.sightings import HeldKey

KEEPS: Final = 0.5
"""A value that frequency took more than half its weight from is a hub or a placeholder, not somebody's."""


def telling(held: Sequence[HeldKey], populations: Populations, weights: Weights) -> list[bool]:
    """Return for each key whether it keeps half its weight at least, in every role in which it is held."""
    measured = Damping(populations, weights)
    shared = [
        Shared(kind=one.kind, value="", holders=(), recent=one.recent, total=one.total)
        for one in held
    ]
    return [
        all(measured.of(one, role, role).share >= KEEPS for role in one.total) for one in shared
    ]
