"""Pairs of reports that share values, rated by number: the inner loop of cross-check.

Reports are known by their rank in id order, so that a pair is one integer and the later report its
greater half. Values with the very same holders (the hashes of one file, an address and its host) are
related and rated once, as a group. Reasons are made for the few pairs that are kept.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from fanal.crosscheck.domain.rating import Damping, Holder, Shared, age_factor
from fanal.harmonise.domain.records import SelectorRole


class Rated(NamedTuple):
    """What the values of a group weigh between two holders: together, and each beside its place."""

    score: float
    weights: tuple[float, ...]
    places: tuple[int, ...]


Meeting = tuple[Rated, Holder, Holder]
"""A group of values that a pair shares, the later holder and the earlier."""
Ranked = list[tuple[int, Holder, int]]
"""Holders with the rank of their report before them, and the number of their role and strength after."""

_STATES = {role: 2 * place for place, role in enumerate(SelectorRole)}
_MOST_STATES = 2 * len(_STATES)


class Pairs:
    """The pairs of a batch with any other report, over the values that tell something."""

    def __init__(self, values: Sequence[Shared], batch: set[UUID], measured: Damping) -> None:
        self._ids = sorted({holder.report_id for value in values for holder in value.holders})
        self._named: dict[int, UUID] = {}
        self._rank = {report_id: rank for rank, report_id in enumerate(self._ids)}
        octets = [report_id.bytes for report_id in batch]
        self._batch = {self._rank[report_id] for report_id in octets if report_id in self._rank}
        self._width = len(self._ids)
        self._measured = measured
        self._values = values
        self._families = _family_numbers(values, measured)
        self._found: dict[int, list[Meeting]] = defaultdict(list)
        for places, holders in self._groups():
            self._relate(places, holders)

    def ends(self, pair: int) -> tuple[UUID, UUID]:
        """Return the later and the earlier report of a pair."""
        later, earlier = divmod(pair, self._width)
        return self._id(later), self._id(earlier)

    def ranks(self, pair: int) -> tuple[int, int]:
        """Return the ranks of the later and the earlier report of a pair."""
        return divmod(pair, self._width)

    def rank_of(self, report_id: bytes) -> int:
        """Return the rank of a report, -1 where no pair can have it."""
        return self._rank.get(report_id, -1)

    def _id(self, rank: int) -> UUID:
        known = self._named.get(rank)
        if known is None:
            known = self._named[rank] = UUID(bytes=self._ids[rank])
        return known

    def meetings(self, pair: int) -> list[Meeting]:
        """Return what a pair shares. Pairs of the same standing share one `Rated`, which tells the roles."""
        return self._found[pair]

    def strongest(self) -> list[int]:
        """Return the pairs to keep: shown at all, and among the strongest of one of their ends.

        A greater number is a later pair: they sort as their reports do.
        """
        weights = self._measured.weights
        shown, combined = weights.shown, self._combined_meetings
        rated = [
            (-score, pair)
            for pair, met in self._found.items()
            if (score := met[0][0].score if len(met) == 1 else combined(met)) >= shown
        ]
        rated.sort()
        batch, width, most = self._batch, self._width, weights.most_links
        counts: dict[int, int] = defaultdict(int)
        kept = []
        for _, pair in rated:
            later, earlier = divmod(pair, width)
            one, two = later in batch, earlier in batch
            if (one and counts[later] < most) or (two and counts[earlier] < most):
                kept.append(pair)
                counts[later] += one
                counts[earlier] += two
        return kept

    def _combined_meetings(self, met: list[Meeting]) -> float:
        """Return the noisy-or of what a pair shares."""
        return self._combined(
            [pair for rated, _, _ in met for pair in zip(rated.places, rated.weights, strict=True)]
        )

    def _combined(self, weighed: Sequence[tuple[int, float]]) -> float:
        """Return the noisy-or of weights; within a family each further value counts half as much."""
        families: dict[int, list[float]] = defaultdict(list)
        for place, weight in weighed:
            families[self._families[place]].append(weight)
        miss = 1.0
        for found in families.values():
            found.sort(reverse=True)
            for rank, weight in enumerate(found):
                miss *= 1 - weight * 0.5**rank
        return 1 - miss

    def _groups(self) -> Iterable[tuple[tuple[int, ...], Ranked]]:
        """Return the places of values with the same holders, and these; a value of mixed roles is alone."""
        kinds = self._measured.weights.kind
        places: dict[object, list[int]] = defaultdict(list)
        ranked: dict[object, Ranked] = {}
        rank = self._rank
        for place, value in enumerate(self._values):
            holders = value.holders
            ranks = [rank[holder.report_id] for holder in holders]
            states = [_STATES[holder.role] + holder.weak for holder in holders]
            steady = kinds[value.kind].half_life_days is None and len(set(ranks)) == len(ranks)
            key: object = (tuple(ranks), tuple(states)) if steady else place
            places[key].append(place)
            if key not in ranked:
                ranked[key] = list(zip(ranks, holders, states, strict=True))
        return [(tuple(found), ranked[key]) for key, found in places.items()]

    def _relate(self, places: tuple[int, ...], holders: Ranked) -> None:
        """Add a group to every pair of a report of the batch with another holder."""
        found, several = self._found, _several(holders)
        rate = self._rater(places)
        known: dict[int, Rated] = {}  # by the states of both ends, where age plays no part
        steady = rate.steady
        batch, width = self._batch, self._width
        for one, holder, state in [ranked for ranked in holders if ranked[0] in batch]:
            for two, other, second in holders:
                if one > two:
                    pair, states = one * width + two, state * _MOST_STATES + second
                    later, earlier = holder, other
                elif one < two and two not in batch:  # both of the batch: met once, from the later
                    pair, states = two * width + one, second * _MOST_STATES + state
                    later, earlier = other, holder
                else:
                    continue
                rated = known.get(states)
                if rated is None:
                    rated = rate(later, earlier)
                    if steady:
                        known[states] = rated
                if several:
                    _keep_best(found[pair], (rated, later, earlier))
                else:
                    found[pair].append((rated, later, earlier))

    def _rater(self, places: tuple[int, ...]) -> "_Rater":
        return _Rater(
            places, _Weigher([self._values[p] for p in places], self._measured), self._combined
        )


class _Rater:
    """Rates a group of values between any two of its holders."""

    def __init__(
        self,
        places: tuple[int, ...],
        weigher: "_Weigher",
        combined: Callable[[Sequence[tuple[int, float]]], float],
    ) -> None:
        self._places, self._weigher, self._combined = places, weigher, combined
        self.steady = weigher.steady

    def __call__(self, later: Holder, earlier: Holder) -> Rated:
        """Return what the group weighs between two holders."""
        weights = self._weigher.weights(later, earlier)
        if len(weights) == 1:
            return Rated(weights[0], weights, self._places)
        score = self._combined(list(zip(self._places, weights, strict=True)))
        return Rated(score, weights, self._places)


class _Weigher:
    """Weighs values between any two of their holders, the part that roles decide worked out once."""

    def __init__(self, values: Sequence[Shared], measured: Damping) -> None:
        self._values, self._measured = values, measured
        self._weak = measured.weights.weak_factor
        self._settings = [measured.weights.kind[value.kind] for value in values]
        self.steady = all(setting.half_life_days is None for setting in self._settings)
        self._by_roles: dict[tuple[SelectorRole, SelectorRole], list[float]] = {}

    def weights(self, later: Holder, earlier: Holder) -> tuple[float, ...]:
        """Return the weight of each value."""
        weak = self._weak if later.weak or earlier.weak else 1.0
        return tuple(
            base * weak * age_factor(setting.half_life_days, later.at, earlier.at)
            for base, setting in zip(self._bases(later, earlier), self._settings, strict=True)
        )

    def _bases(self, later: Holder, earlier: Holder) -> list[float]:
        roles = (later.role, earlier.role)
        bases = self._by_roles.get(roles)
        if bases is None:
            factor = self._measured.weights.role_factor(*roles)
            bases = self._by_roles[roles] = [
                setting.base * factor * self._measured.of(value, *roles).share
                for value, setting in zip(self._values, self._settings, strict=True)
            ]
        return bases


def _several(holders: Ranked) -> bool:
    """Return whether a report holds the value in several roles."""
    return len({rank for rank, _, _ in holders}) < len(holders)


def _keep_best(found: list[Meeting], met: Meeting) -> None:
    """Add a meeting; a value held in several roles counts by its best pair of them."""
    if found and found[-1][0].places == met[0].places:
        if met[0].score > found[-1][0].score:
            found[-1] = met
        return
    found.append(met)


def _family_numbers(values: Sequence[Shared], measured: Damping) -> list[int]:
    """Return a number for each value: equal within a family, else its own."""
    numbers: dict[str, int] = {}
    families = []
    for place, value in enumerate(values):
        family = measured.weights.kind[value.kind].family
        families.append(numbers.setdefault(family, -1 - len(numbers)) if family else place)
    return families
