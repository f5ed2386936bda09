"""What shared values are worth: `data/weights.toml`, read strictly."""

import tomllib
from enum import StrEnum
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct


class WeightsRefused(ValueError):
    """The weight file breaks its format."""


class Mark(StrEnum):
    """What a value is, as it is weighed: finer than the kinds of selectors.

    Stored as places in this list: append at the end, never reorder.
    """

    EMAIL = "EMAIL"
    HANDLE = "HANDLE"
    BARE_HANDLE = "BARE_HANDLE"
    COMMON_HANDLE = "COMMON_HANDLE"
    MOBILE = "MOBILE"
    LANDLINE = "LANDLINE"
    DEVICE = "DEVICE"
    IBAN = "IBAN"
    WALLET = "WALLET"
    SHA256 = "SHA256"
    SHA1 = "SHA1"
    MD5 = "MD5"
    PDQ = "PDQ"
    URL = "URL"
    ONION = "ONION"


class Family(StrEnum):
    """Values that overlap: they count together. Places in this list are numbers of the rule."""

    EMAIL = "EMAIL"
    HANDLE = "HANDLE"
    MOBILE = "MOBILE"
    ACCOUNT = "ACCOUNT"
    HOME = "HOME"
    FILE = "FILE"
    PAGE = "PAGE"


class _StrictWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the parts of the file."""


class MarkWeight(_StrictWeights, frozen=True, kw_only=True):
    """How a value is weighed; see the file."""

    base: float
    family: Family
    person: bool = False
    conflict: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()


class FamilyWeight(_StrictWeights, frozen=True, kw_only=True):
    """What further values of a family add, and what it gives at most."""

    further: float
    most: float


class RoleWeights(_StrictWeights, frozen=True, kw_only=True):
    """Factors where the roles are not suspect and suspect, and what such values give at most."""

    associated: float
    cross: float
    cross_most: float
    other: float
    mention: float
    other_most: float
    role_swap: float


class NearWeights(_StrictWeights, frozen=True, kw_only=True):
    """Points of what only strengthens a pair, and how near in time an address must be (seconds)."""

    ip: float
    ip_seconds: int
    port_seconds: int
    prefix_seconds: int
    name: float
    birth: float
    name_conflict: float
    birth_conflict: float


class Weights(_StrictWeights, frozen=True, kw_only=True):
    """The weight file."""

    schema: int
    version: str
    certain: float
    suggest: float
    shown: float
    most_holders: int
    neighbours: int
    companions: int
    hub_share: float
    mark: dict[Mark, MarkWeight]
    family: dict[Family, FamilyWeight]
    roles: RoleWeights
    near: NearWeights

    @property
    def doubtful(self) -> float:
        """Return the score from which a pair that is not certain is put to a person."""
        return round(score_of(self.suggest / self.certain), 4)

    @property
    def strong(self) -> float:
        """Return the score of a pair that is just certain."""
        return score_of(1.0)


def score_of(share: float) -> float:
    """Return the score (0..1) of a pair with `share` of the points that make it certain; 0.9 is certain."""
    return 0.9 * max(0.0, share) if share < 1 else 1 - 0.1 / share


def read_weights(text: str) -> Weights:
    """Parse and validate the TOML text of the link rule: the points of each kind of shared value.

    A `Mark` is a kind of value (e-mail, IBAN, file hash …); a `Family` groups marks whose points overlap.

    Raises:
        WeightsRefused: unknown key, a mark or family without weight, a value outside its range.
    """
    try:
        weights = msgspec.convert(tomllib.loads(text), Weights)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise WeightsRefused(f"weights: {error}") from error
    missing = [*(set(Mark) - weights.mark.keys()), *(set(Family) - weights.family.keys())]
    if missing:
        raise WeightsRefused(f"weights: no weight for {', '.join(sorted(missing))}")
    roles = weights.roles
    factors = (
        *(roles.associated, roles.cross, roles.other, roles.mention, roles.role_swap),
        weights.hub_share,
    )
    if not all(0 < factor <= 1 for factor in factors):
        raise WeightsRefused("weights: a factor lies outside 0..1")
    if not all(0 < one.base <= 2 and _falls(one.steps) for one in weights.mark.values()):
        raise WeightsRefused("weights: a base lies outside 0..2, or shares do not fall")
    if not 0 < weights.shown <= weights.suggest < weights.certain or weights.neighbours < 1:
        raise WeightsRefused(
            "weights: shown, suggest and certain rise, and neighbours are at least 1"
        )
    return weights


def _falls(steps: tuple[tuple[int, float], ...]) -> bool:
    # A share that rose again with more holders would bring back pairs that are no longer kept.
    holders, shares = [n for n, _ in steps], [1.0, *(share for _, share in steps)]
    return holders == sorted(set(holders)) and shares == sorted(shares, reverse=True)


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """Return the shipped weights."""
    path = resources.files("fanal.crosscheck").joinpath("data", "weights.toml")
    return read_weights(path.read_text("utf-8"))
