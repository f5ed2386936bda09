"""What a value shared by two reports is worth: base by kind and roles, damping, age."""

from collections.abc import Mapping

from msgspec import Struct

from fanal.crosscheck.domain.weights import Weights, damping
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

_LEAST_AGE = 0.3
_DAY = 86400.0


class Holder(Struct, frozen=True, gc=False):
    """A report that holds a value: in which role, found weakly, used when (microseconds since 1970, UTC).

    The report is named by the octets of its id, which sort as ids do: a batch meets tens of thousands.
    """

    report_id: bytes
    role: SelectorRole
    weak: bool = False
    at: int | None = None


class Shared(Struct, frozen=True, kw_only=True):
    """A value, its newest holders, and how many reports hold it by role, recently and over the period.

    `recent` and `total` map roles to reports; totals are exact or, beyond the bound of the look-up, scaled
    from the newest holders.
    """

    kind: SelectorKind
    value: str
    holders: tuple[Holder, ...]
    recent: Mapping[SelectorRole, float]
    total: Mapping[SelectorRole, float]


class Populations(Struct, frozen=True, kw_only=True):
    """Reports that hold any value of a kind, by kind and role, recently and over the period."""

    recent: Mapping[tuple[SelectorKind, SelectorRole], int]
    total: Mapping[tuple[SelectorKind, SelectorRole], int]


class Kept(Struct, frozen=True):
    """The share (0..1) of its weight that a value keeps, and how many reports hold it."""

    share: float
    seen: int


class Damping:
    """The share of its weight that a value keeps, for each pair of roles; for the values of one batch."""

    def __init__(self, populations: Populations, weights: Weights) -> None:
        self._populations = populations
        self.weights = weights
        self._known: dict[tuple[int, SelectorRole, SelectorRole], Kept] = {}
        self._reports: dict[tuple[SelectorKind, SelectorRole, SelectorRole], tuple[int, int]] = {}

    def of(self, shared: Shared, one: SelectorRole, two: SelectorRole) -> Kept:
        """Return what a value keeps between two roles; measured once."""
        known = self._known.get((id(shared), one, two))
        if known is None:
            known = self._known[id(shared), one, two] = self._measure(shared, one, two)
        return known

    def _measure(self, shared: Shared, one: SelectorRole, two: SelectorRole) -> Kept:
        kind = shared.kind
        recent, total = _held_by(shared.recent, one, two), _held_by(shared.total, one, two)
        of_recent, of_total = self._reports_with(kind, one, two)
        prior, sharpness = self.weights.prior_of(kind), self.weights.kind[kind].sharpness
        share = min(
            damping(seen=recent, population=of_recent, prior=prior, sharpness=sharpness),
            damping(seen=total, population=of_total, prior=prior, sharpness=sharpness),
        )
        return Kept(share, round(total))

    def _reports_with(
        self, kind: SelectorKind, one: SelectorRole, two: SelectorRole
    ) -> tuple[int, int]:
        """Return how many reports hold any value of a kind in either role, recently and in all."""
        known = self._reports.get((kind, one, two))
        if known is None:
            recent, total = (
                sum(counted.get((kind, role), 0) for role in {one, two})
                for counted in (self._populations.recent, self._populations.total)
            )
            known = self._reports[kind, one, two] = (recent, total)
        return known


def _held_by(seen: Mapping[SelectorRole, float], one: SelectorRole, two: SelectorRole) -> float:
    held = seen.get(one, 0)
    return held if one is two else held + seen.get(two, 0)


def weigh(value: Shared, one: Holder, two: Holder, measured: Damping) -> float:  # noqa: PLR0917
    """Return the weight (0..1) of a value between two of its holders."""
    weights = measured.weights
    weight = weights.kind[value.kind].base * weights.role_factor(one.role, two.role)
    weight *= measured.of(value, one.role, two.role).share
    if one.weak or two.weak:
        weight *= weights.weak_factor
    return weight * age_factor(weights.kind[value.kind].half_life_days, one.at, two.at)


def age_factor(half_life_days: float | None, one: int | None, two: int | None) -> float:
    """Return how much the time between two uses leaves: an address may change hands."""
    if half_life_days is None or one is None or two is None:
        return 1.0
    days = abs(one - two) / 1e6 / _DAY
    return float(max(_LEAST_AGE, 0.5 ** (days / half_life_days)))


def most(value: Shared, measured: Damping) -> float:
    """Return the most that a value can weigh, over the pairs of roles it is held in."""
    weights = measured.weights
    roles = {holder.role for holder in value.holders}
    base = weights.kind[value.kind].base
    return max(
        (
            base * weights.role_factor(one, two) * measured.of(value, one, two).share
            for one in roles
            for two in roles
        ),
        default=0.0,
    )
