"""What a shared value is worth: base by kind and roles, damped by its measured frequency."""

import math
import tomllib
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct

from fanal.harmonise.domain.records import SelectorKind, SelectorRole


class WeightsRefused(ValueError):
    """The weight file breaks its format."""


class KindWeight(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a kind is weighed; see `data/weights.toml`."""

    base: float
    sharpness: float
    family: str = ""
    identity: bool = False
    half_life_days: float | None = None
    prior: int | None = None


class Weights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The weight file: thresholds, kinds, and pairs of roles."""

    schema: int
    version: str
    strong: float
    shown: float
    prior: int
    weak_factor: float
    most_links: int
    kind: dict[SelectorKind, KindWeight]
    roles: dict[str, float]

    def prior_of(self, kind: SelectorKind) -> int:
        """Return how many reports are added to the population of a kind."""
        own = self.kind[kind].prior
        return self.prior if own is None else own

    def role_factor(self, one: SelectorRole, two: SelectorRole) -> float:
        """Return the factor of a pair of roles, in either order."""
        found = self.roles.get(f"{one}-{two}") or self.roles.get(f"{two}-{one}")
        return self.roles["other"] if found is None else found


def damping(*, seen: float, population: float, prior: int, sharpness: float) -> float:
    """Return the share (0..1) of its weight that a value keeps.

    `seen` reports hold the value, out of `population` that hold any value of its kind in the same roles
    and period. Two holders keep everything; a value that everybody holds keeps nothing; smooth between.
    """
    total = max(population, seen) + prior
    if seen <= 2:
        return 1.0
    surprise = math.log(total / seen) / math.log(total / 2)
    return float(max(0.0, min(1.0, surprise)) ** sharpness)


def read_weights(text: str) -> Weights:
    """Return the weights of a TOML text.

    Raises:
        WeightsRefused: unknown key, a kind without weight, a value outside its range.
    """
    try:
        weights = msgspec.convert(tomllib.loads(text), Weights)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise WeightsRefused(f"weights: {error}") from error
    missing = set(SelectorKind) - weights.kind.keys()
    if missing:
        raise WeightsRefused(f"weights: no weight for {', '.join(sorted(missing))}")
    factors = [*weights.roles.values(), weights.weak_factor, weights.strong, weights.shown]
    if not all(0 < f <= 1 for f in (*factors, *(k.base for k in weights.kind.values()))):
        raise WeightsRefused("weights: a factor lies outside 0..1")
    if "other" not in weights.roles or weights.prior < 1:
        raise WeightsRefused("weights: roles.other and a prior of at least 1 are needed")
    return weights


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """Return the shipped weights."""
    path = resources.files("fanal.crosscheck").joinpath("data", "weights.toml")
    return read_weights(path.read_text("utf-8"))
