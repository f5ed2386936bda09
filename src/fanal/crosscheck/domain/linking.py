"""Links of a batch: which reports share values with it, how much each value is worth, and the score.

A value whose damped weight is negligible makes no link by itself; on a link that other values make, it is
shown with its frequency and the little it adds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import Link, Reason
from fanal.crosscheck.domain.weights import KindWeight, Weights, damping
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

_NEGLIGIBLE = 0.04
_DAMPED_BELOW = 0.5
_LEAST_AGE = 0.3
_MOST_REASONS = 12


class Holder(Struct, frozen=True):
    """A report that holds a value: in which role, found weakly, used when (UTC)."""

    report_id: UUID
    role: SelectorRole
    weak: bool = False
    at: datetime | None = None


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


class _Kept(Struct, frozen=True):
    share: float
    seen: int


class _Damping:
    """The share of its weight that a value keeps, for each pair of roles."""

    def __init__(self, populations: Populations, weights: Weights) -> None:
        self._populations = populations
        self._weights = weights

    def of(self, shared: Shared, one: SelectorRole, two: SelectorRole) -> _Kept:
        roles = {one, two}
        settings = self._weights.kind[shared.kind]
        shares = []
        for seen, population in (
            (shared.recent, self._populations.recent),
            (shared.total, self._populations.total),
        ):
            shares.append(
                damping(
                    seen=sum(seen.get(role, 0) for role in roles),
                    population=sum(population.get((shared.kind, role), 0) for role in roles),
                    prior=self._weights.prior,
                    sharpness=settings.sharpness,
                )
            )
        return _Kept(min(shares), round(sum(shared.total.get(role, 0) for role in roles)))


def link(  # noqa: PLR0917
    report_ids: Iterable[UUID],
    shared: Sequence[Shared],
    populations: Populations,
    weights: Weights,
) -> list[Link]:
    """Return the links of `report_ids` with any other report, later report first in each.

    Each link is there once, whether one or both of its reports are in the batch; at most
    `weights.most_links` for each report of the batch, strongest first.
    """
    batch = set(report_ids)
    reasons: dict[tuple[UUID, UUID], dict[tuple[SelectorKind, str], Reason]] = defaultdict(dict)
    measured = _Damping(populations, weights)
    faint: list[Shared] = []
    for value in shared:
        if _best(value, measured, weights) < _NEGLIGIBLE:
            faint.append(value)
        else:
            _relate(value, batch, (measured, weights), reasons)
    _add_faint(faint, reasons, measured, weights)
    links = [_link(pair, list(found.values()), weights) for pair, found in reasons.items()]
    return _strongest([found for found in links if found.score >= weights.shown], batch, weights)


def combine(reasons: Iterable[Reason], weights: Weights) -> float:
    """Return the noisy-or of the weights; within a family each further value counts half as much."""
    families: dict[str, list[float]] = defaultdict(list)
    for reason in reasons:
        kind = SelectorKind(reason.kind)
        families[weights.kind[kind].family or f"{kind}|{reason.value}"].append(reason.weight)
    miss = 1.0
    for found in families.values():
        for rank, weight in enumerate(sorted(found, reverse=True)):
            miss *= 1 - weight * 0.5**rank
    return round(1 - miss, 4)


def _best(value: Shared, measured: _Damping, weights: Weights) -> float:
    """Return the most that a value can weigh, over the pairs of roles it is held in."""
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


def _relate(  # noqa: PLR0917
    value: Shared,
    batch: set[UUID],
    rules: tuple[_Damping, Weights],
    reasons: dict[tuple[UUID, UUID], dict[tuple[SelectorKind, str], Reason]],
) -> None:
    ours = [holder for holder in value.holders if holder.report_id in batch]
    cache: dict[tuple[SelectorRole, SelectorRole], _Kept] = {}
    for one in ours:
        for two in value.holders:
            if one.report_id == two.report_id:
                continue
            later, earlier = (one, two) if one.report_id > two.report_id else (two, one)
            roles = (later.role, earlier.role)
            if roles not in cache:
                cache[roles] = rules[0].of(value, *roles)
            reason = _reason(value, later, earlier, (cache[roles], rules[1]))
            known = reasons[later.report_id, earlier.report_id]
            before = known.get((value.kind, value.value))
            if before is None or reason.weight > before.weight:
                known[value.kind, value.value] = reason


def _reason(value: Shared, later: Holder, earlier: Holder, rules: tuple[_Kept, Weights]) -> Reason:  # noqa: PLR0917
    kept, weights = rules
    settings = weights.kind[value.kind]
    weight = settings.base * weights.role_factor(later.role, earlier.role) * kept.share
    if later.weak or earlier.weak:
        weight *= weights.weak_factor
    return Reason(
        kind=value.kind.value,
        value=value.value,
        weight=round(weight * _age_factor(settings, later, earlier), 4),
        seen=kept.seen,
        roles=(later.role.value, earlier.role.value),
        damped=kept.share < _DAMPED_BELOW,
    )


def _age_factor(settings: KindWeight, one: Holder, two: Holder) -> float:
    """Return how much the time between two uses leaves: an address may change hands."""
    if settings.half_life_days is None or one.at is None or two.at is None:
        return 1.0
    days = abs((one.at - two.at).total_seconds()) / 86400
    return float(max(_LEAST_AGE, 0.5 ** (days / settings.half_life_days)))


def _add_faint(  # noqa: PLR0917
    faint: Sequence[Shared],
    reasons: dict[tuple[UUID, UUID], dict[tuple[SelectorKind, str], Reason]],
    measured: _Damping,
    weights: Weights,
) -> None:
    """Show frequent values on the links that others made."""
    held: dict[UUID, list[tuple[Shared, Holder]]] = defaultdict(list)
    for value in faint:
        for holder in value.holders:
            held[holder.report_id].append((value, holder))
    for (later_id, earlier_id), found in reasons.items():
        theirs = {(v.kind, v.value): h for v, h in held.get(earlier_id, ())}
        for value, later in held.get(later_id, ()):
            earlier = theirs.get((value.kind, value.value))
            if earlier is not None:
                kept = measured.of(value, later.role, earlier.role)
                found[value.kind, value.value] = _reason(value, later, earlier, (kept, weights))


def _link(pair: tuple[UUID, UUID], reasons: list[Reason], weights: Weights) -> Link:
    reasons.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return Link(
        report_id=pair[0],
        other_id=pair[1],
        score=combine(reasons, weights),
        reasons=tuple(reasons[:_MOST_REASONS]),
        rule_version=weights.version,
    )


def _strongest(links: list[Link], batch: set[UUID], weights: Weights) -> list[Link]:
    links.sort(key=lambda found: (-found.score, found.report_id, found.other_id))
    counts: dict[UUID, int] = defaultdict(int)
    kept = []
    for found in links:
        ends = {found.report_id, found.other_id} & batch
        if any(counts[end] < weights.most_links for end in ends):
            kept.append(found)
            for end in ends:
                counts[end] += 1
    return kept
