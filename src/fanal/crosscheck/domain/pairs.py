"""Pairs of reports that share values, rated by number: the inner loop of cross-check.

Reports are known by their rank in id order, so that a pair is one integer and the later report its
greater half. A pair's hits are numbers only; reasons are made for the few pairs that are kept.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from fanal.crosscheck.domain.rating import Damping, Holder, Shared, age_factor
from fanal.harmonise.domain.records import SelectorRole


class Hit(NamedTuple):
    """One value that a pair shares: its weight, its place among the values, the two holders."""

    weight: float
    place: int
    later: Holder
    earlier: Holder


class Pairs:
    """The pairs of a batch with any other report, over the values that tell something."""

    def __init__(self, values: Sequence[Shared], batch: set[UUID], measured: Damping) -> None:
        self._ids = sorted({holder.report_id for value in values for holder in value.holders})
        self._rank = {report_id: rank for rank, report_id in enumerate(self._ids)}
        self._batch = {self._rank[report_id] for report_id in batch if report_id in self._rank}
        self._width = len(self._ids)
        self._measured = measured
        self._families = _family_numbers(values, measured)
        self._found: dict[int, list[Hit]] = defaultdict(list)
        for place, value in enumerate(values):
            self._relate(place, value)

    def ends(self, pair: int) -> tuple[UUID, UUID]:
        """Return the later and the earlier report of a pair."""
        later, earlier = divmod(pair, self._width)
        return self._ids[later], self._ids[earlier]

    def hits(self, pair: int) -> list[Hit]:
        """Return what a pair shares, once for each value."""
        return self._found[pair]

    def strongest(self) -> list[int]:
        """Return the pairs to keep: shown at all, and among the strongest of one of their ends."""
        weights = self._measured.weights
        rated = [
            (score, pair)
            for pair, hits in self._found.items()
            if (score := self._score(hits)) >= weights.shown
        ]
        rated.sort(key=lambda found: (-found[0], found[1]))
        counts: dict[int, int] = defaultdict(int)
        kept = []
        for _, pair in rated:
            ours = [end for end in divmod(pair, self._width) if end in self._batch]
            if any(counts[end] < weights.most_links for end in ours):
                kept.append(pair)
                for end in ours:
                    counts[end] += 1
        return kept

    def _score(self, hits: list[Hit]) -> float:
        """Return the noisy-or of the hits; within a family each further value counts half as much."""
        if len(hits) == 1:
            return hits[0].weight
        families: dict[int, list[float]] = defaultdict(list)
        for hit in hits:
            families[self._families[hit.place]].append(hit.weight)
        miss = 1.0
        for found in families.values():
            found.sort(reverse=True)
            for rank, weight in enumerate(found):
                miss *= 1 - weight * 0.5**rank
        return 1 - miss

    def _relate(self, place: int, value: Shared) -> None:
        """Add a value to every pair of a report of the batch with another holder."""
        rank, batch, found = self._rank, self._batch, self._found
        holders = [(rank[holder.report_id], holder) for holder in value.holders]
        several = len({number for number, _ in holders}) < len(holders)
        weigh = _Weigher(value, self._measured)
        for one, holder in holders:
            if one not in batch:
                continue
            for two, other in holders:
                if one == two or (one < two and two in batch):
                    continue  # both of the batch: met once, from the later
                if one > two:
                    pair, hit = one * self._width + two, weigh.hit(place, holder, other)
                else:
                    pair, hit = two * self._width + one, weigh.hit(place, other, holder)
                if several:
                    _keep_best(found[pair], hit)
                else:
                    found[pair].append(hit)


class _Weigher:
    """Weighs one value between any two of its holders, the part that roles decide worked out once."""

    def __init__(self, value: Shared, measured: Damping) -> None:
        self._value, self._measured = value, measured
        settings = measured.weights.kind[value.kind]
        self._base, self._half_life = settings.base, settings.half_life_days
        self._weak = measured.weights.weak_factor
        self._by_roles: dict[tuple[SelectorRole, SelectorRole], float] = {}

    def hit(self, place: int, later: Holder, earlier: Holder) -> Hit:
        roles = (later.role, earlier.role)
        weight = self._by_roles.get(roles)
        if weight is None:
            share = self._measured.of(self._value, *roles).share
            factor = self._measured.weights.role_factor(*roles)
            weight = self._by_roles[roles] = self._base * factor * share
        if later.weak or earlier.weak:
            weight *= self._weak
        if self._half_life is not None:
            weight *= age_factor(self._half_life, later.at, earlier.at)
        return Hit(weight, place, later, earlier)


def _keep_best(hits: list[Hit], hit: Hit) -> None:
    """Add a hit; a value held in several roles counts by its best pair of them."""
    if hits and hits[-1].place == hit.place:
        if hit.weight > hits[-1].weight:
            hits[-1] = hit
        return
    hits.append(hit)


def _family_numbers(values: Sequence[Shared], measured: Damping) -> list[int]:
    """Return a number for each value: equal within a family, else its own."""
    numbers: dict[str, int] = {}
    families = []
    for place, value in enumerate(values):
        family = measured.weights.kind[value.kind].family
        families.append(numbers.setdefault(family, -1 - len(numbers)) if family else place)
    return families
