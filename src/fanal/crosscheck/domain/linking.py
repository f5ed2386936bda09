"""Links of a batch: which reports share values with it, how much each value is worth, and the score.

A value whose damped weight is negligible makes no link by itself; on a link that other values make, it is
shown with its frequency and the little it adds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from fanal.crosscheck.domain.pairs import Meeting, Pairs
from fanal.crosscheck.domain.rating import Damping, Holder, Populations, Shared, most, weigh
from fanal.crosscheck.domain.records import Link, Reason
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

__all__ = ["Holder", "Populations", "Shared", "combine", "link"]

_NEGLIGIBLE = 0.04
_MOST_REASONS = 12
_Held = dict[tuple[SelectorKind, str], tuple[Shared, Holder]]
_Explained = tuple[float, tuple[Reason, ...]]


def link(  # noqa: PLR0917
    report_ids: Iterable[UUID],
    shared: Sequence[Shared],
    populations: Populations,
    weights: Weights,
) -> list[Link]:
    """Return the links of `report_ids` with any other report, later report first in each.

    Each link is there once, whether one or both of its reports are in the batch; at most
    `weights.most_links` for each report of the batch, strongest first. Pairs are rated by number first
    and explained last: most pairs of a large batch are too faint to keep.
    """
    measured = Damping(populations, weights)
    telling: list[Shared] = []
    faint: list[Shared] = []
    for value in shared:
        (faint if most(value, measured) < _NEGLIGIBLE else telling).append(value)
    pairs = Pairs(telling, set(report_ids), measured)
    kept = pairs.strongest()
    held = _held(faint, pairs, {end for pair in kept for end in pairs.ranks(pair)})
    explainer = _Explainer(pairs, telling, held, measured)
    found = [(*explainer.explain(pair), pair) for pair in kept]
    found.sort(key=lambda row: (-row[0], row[2]))
    return [
        Link(
            report_id=later,
            other_id=earlier,
            score=score,
            reasons=reasons,
            rule_version=weights.version,
        )
        for score, reasons, pair in found
        for later, earlier in (pairs.ends(pair),)
    ]


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


class _Explainer:
    """Makes scores and reasons: the same for pairs that share the same groups and no frequent value."""

    def __init__(  # noqa: PLR0917
        self,
        pairs: Pairs,
        telling: Sequence[Shared],
        held: Mapping[int, _Held],
        measured: Damping,
    ) -> None:
        self._pairs, self._telling, self._held = pairs, telling, held
        self._measured = measured
        self._known: dict[
            tuple[int, ...], _Explained
        ] = {}  # by identity: the pairs keep them alive

    def explain(self, pair: int) -> _Explained:
        """Return the score of a pair and its reasons, strongest first."""
        met = self._pairs.meetings(pair)
        frequent = self._faint_reasons(pair)
        if frequent:
            return self._explained([*self._reasons(met), *frequent])
        key = tuple([id(rated) for rated, _, _ in met])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._explained(self._reasons(met))
        return known

    def _explained(self, reasons: list[Reason]) -> _Explained:
        reasons.sort(key=lambda r: (-r.weight, r.kind, r.value))
        return combine(reasons, self._measured.weights), tuple(reasons[:_MOST_REASONS])

    def _reasons(self, met: Sequence[Meeting]) -> list[Reason]:
        return [
            self._reason(self._telling[place], weight, (later.role, earlier.role))
            for rated, later, earlier in met
            for weight, place in zip(rated.weights, rated.places, strict=True)
        ]

    def _faint_reasons(self, pair: int) -> list[Reason]:
        """Return the frequent values that both ends of a link hold, with the little they add."""
        later, earlier = (self._held.get(rank) for rank in self._pairs.ranks(pair))
        if not later or not earlier:
            return []
        found = []
        for key, (value, one) in later.items():
            if key in earlier:
                two = earlier[key][1]
                weight = weigh(value, one, two, self._measured)
                found.append(self._reason(value, weight, (one.role, two.role)))
        return found

    def _reason(
        self, value: Shared, weight: float, roles: tuple[SelectorRole, SelectorRole]
    ) -> Reason:
        kept = self._measured.of(value, *roles)
        return Reason(
            kind=value.kind.value,
            value=value.value,
            weight=round(weight, 4),
            seen=kept.seen,
            roles=(roles[0].value, roles[1].value),
            kept=round(kept.share, 2),
        )


def _held(faint: Sequence[Shared], pairs: Pairs, reports: set[int]) -> dict[int, _Held]:
    """Return the frequent values that each of `reports`, known by their ranks, holds."""
    held: dict[int, _Held] = defaultdict(dict)
    for value in faint:
        for holder in value.holders:
            rank = pairs.rank_of(holder.report_id)
            if rank in reports:
                held[rank].setdefault((value.kind, value.value), (value, holder))
    return held
