"""The points of evidence by which reports are linked: `data/weights.toml`, strictly validated."""

import tomllib
from enum import StrEnum
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct

from fanal.reference.reader import ReferenceRefused


class Mark(StrEnum):
    """Weight class of a value: all values of one class give the same points for sharing them.

    It is finer than the kind of identifier: a telephone number is MOBILE or LANDLINE. HANDLE: a user name
    with its service; COMMON_HANDLE: one of at most four characters, or a common word with few digits;
    BARE_HANDLE: without service. WALLET: any payment account but an IBAN. SHA256, SHA1, MD5: exact hashes of
    files. PDQ: a perceptual hash of a picture. ONION: an onion service.

    Stored as positions in this list: append at the end, never reorder.
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


IDENTIFIERS = frozenset(
    (
        *(Mark.EMAIL, Mark.HANDLE, Mark.BARE_HANDLE, Mark.COMMON_HANDLE, Mark.MOBILE),
        *(Mark.LANDLINE, Mark.DEVICE, Mark.IBAN, Mark.WALLET),
    )
)
"""The weight classes whose values name a person, a household or its account."""


class Family(StrEnum):
    """Group of weight classes (marks): values of one group say the same about a pair, so they count together.

    EMAIL: mailboxes. HANDLE: user names. MOBILE: mobile numbers. ACCOUNT: payment accounts. HOME: values of a
    household: landline number, device, IP address. FILE: hashes. PAGE: web addresses and onion services. Its
    number in arrays is its position in this enum.
    """

    EMAIL = "EMAIL"
    HANDLE = "HANDLE"
    MOBILE = "MOBILE"
    ACCOUNT = "ACCOUNT"
    HOME = "HOME"
    FILE = "FILE"
    PAGE = "PAGE"


class _StrictWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of the records of the weight file: immutable, unknown keys are refused."""


class MarkWeight(_StrictWeights, frozen=True, kw_only=True):
    """Points of the values of one mark (weight class).

    `base`: points of a value that both suspects have; `family`: the group in which it counts; `person`:
    whether it identifies a person; `conflict`: points lost where suspects have different values; `steps`:
    (number of reports with the value, share of points kept from there on).
    """

    base: float
    family: Family
    person: bool = False
    conflict: float = 0.0
    steps: tuple[tuple[int, float], ...] = ()


class FamilyWeight(_StrictWeights, frozen=True, kw_only=True):
    """Points for several shared values of one family (weight classes whose points overlap) in a pair of
    reports.

    The strongest value counts in full, each further one adds `further` points, and the total is at most
    `most` points.
    """

    further: float
    most: float


class RoleWeights(_StrictWeights, frozen=True, kw_only=True):
    """Factors for shared values that are not the suspect's in both reports, and the greatest totals.

    A factor multiplies the points of a value (0..1). `cross`: a suspect's value that the other report has in
    its text; `said`: the same, where that report names no suspect in a field (`cards.card_of`); `said_twice`:
    two such texts; `mention`: other texts; `role_swap`: suspect and victim. `associated`: a suspect and an
    associated account; `other`: any other roles. `cross_most` and `other_most` are the most points that the
    values of factor `cross`, or of all others, give together.
    """

    associated: float
    cross: float
    said: float
    said_twice: float
    cross_most: float
    other: float
    mention: float
    other_most: float
    role_swap: float


class NearWeights(_StrictWeights, frozen=True, kw_only=True):
    """Points of evidence that cannot make a candidate pair alone, and time windows in seconds.

    `ip`, `name` (full name) and `birth` (date of birth) are points for equal values; `name_conflict` and
    `birth_conflict` are subtracted where they differ. Windows of equal IP addresses: with equal ports
    (`port_seconds`), of an IPv6 prefix (`prefix_seconds`), else `ip_seconds`. `apart` is subtracted where
    the incidents are at least `apart_weeks` weeks apart, `alone` where both suspects have several
    identifiers and the reports share a single kind of them.
    """

    ip: float
    ip_seconds: int
    port_seconds: int
    prefix_seconds: int
    name: float
    birth: float
    name_conflict: float
    birth_conflict: float
    apart: float
    apart_weeks: int
    alone: float


class TogetherWeights(_StrictWeights, frozen=True, kw_only=True):
    """Limits for the points of two dossiers that only uncertain links connect
    (`links.domain.shared_evidence`).

    `most` is the greatest number of points that the values of one family (weight classes whose points
    overlap) give together. `line` are the points of a shared internet line, given only if no evidence
    contradicts. An equal name of suspects is no evidence if more than `namesakes` dossiers have it.
    """

    most: float
    line: float
    namesakes: int


class Weights(_StrictWeights, frozen=True, kw_only=True):
    """The contents of the weight file: points and limits of the linkage rule.

    The points of a pair of reports are added: from `certain` on the link is certain, from `suggest` it is
    suggested to a person, below `shown` it is not stored. A value in more than `most_holders` reports links
    only `neighbours` reports on each side in time. A value seen with more than `companions` identities is a
    hub: it identifies nobody, and keeps `hub_share` (0..1) of its points. `mark` and `family` hold the points
    of each weight class and group of classes, `roles` the factors by role, `near` the points of evidence that
    makes no pair. `version` names the rule, such as `links/2026-12-03.1`; `schema` is that of the file. The
    comments of the file explain each number.
    """

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
    together: TogetherWeights

    @property
    def doubtful(self) -> float:
        """The least score (0..1) from which a pair is suggested to a person."""
        return round(score_of(self.suggest / self.certain), 4)

    @property
    def strong(self) -> float:
        """The least score (0..1) from which two reports are linked with certainty."""
        return score_of(1.0)


def score_of(share: float) -> float:
    """Return the score (0..1) of a pair of reports from `share`: its points, divided by those of certainty.

    A `share` of 1 gives 0.9, the least score of a certain link.
    """
    return 0.9 * max(0.0, share) if share < 1 else 1 - 0.1 / share


def read_weights(text: str) -> Weights:
    """Parse and validate the TOML text of the link rule: the points of each kind of shared value.

    A `Mark` is a kind of value (e-mail, IBAN, file hash …); a `Family` groups marks whose points overlap.

    Raises:
        ReferenceRefused: unknown key, a mark or family without weight, a value outside its range.
    """
    try:
        weights = msgspec.convert(tomllib.loads(text), Weights)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError) as error:
        raise ReferenceRefused(f"weights: {error}") from error
    missing = [*(set(Mark) - weights.mark.keys()), *(set(Family) - weights.family.keys())]
    if missing:
        raise ReferenceRefused(f"weights: no weight for {', '.join(sorted(missing))}")
    roles = weights.roles
    factors = (
        *(roles.associated, roles.cross, roles.said, roles.said_twice),
        *(roles.other, roles.mention, roles.role_swap),
        weights.hub_share,
    )
    if not all(0 < factor <= 1 for factor in factors):
        raise ReferenceRefused("weights: a factor lies outside 0..1")
    if not all(0 < one.base <= 2 and _falls(one.steps) for one in weights.mark.values()):
        raise ReferenceRefused("weights: a base lies outside 0..2, or shares do not fall")
    if not 0 < weights.shown <= weights.suggest < weights.certain or weights.neighbours < 1:
        raise ReferenceRefused(
            "weights: shown, suggest and certain rise, and neighbours are at least 1"
        )
    if not 0 < weights.together.most < weights.certain:
        raise ReferenceRefused("weights: a single family would join two dossiers")
    if weights.together.namesakes < 2:
        raise ReferenceRefused("weights: two dossiers of one name would make it a frequent one")
    return weights


def _falls(steps: tuple[tuple[int, float], ...]) -> bool:
    # A share that rose with more holders would need pairs that are already deleted.
    holders, shares = [n for n, _ in steps], [1.0, *(share for _, share in steps)]
    return holders == sorted(set(holders)) and shares == sorted(shares, reverse=True)


@lru_cache(maxsize=1)
def load_weights() -> Weights:
    """Return the weights of the link rule shipped with the package (`data/weights.toml`)."""
    path = resources.files("fanal.crosscheck").joinpath("data", "weights.toml")
    return read_weights(path.read_text("utf-8"))
