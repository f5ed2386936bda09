"""Links of a batch: which reports share values with it, how much each value is worth, and the score.

A value whose damped weight is negligible makes no link by itself; on a link that other values make, it is
shown with its frequency and the little it adds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from uuid import UUID

from fanal.crosscheck.domain.pairs import Pairs
from fanal.crosscheck.domain.rating import Damping, Holder, Populations, Shared, most, weigh
from fanal.crosscheck.domain.records import Link, Reason
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorKind

__all__ = ["Holder", "Populations", "Shared", "combine", "link"]

_NEGLIGIBLE = 0.04
_MOST_REASONS = 12


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
    held = _held(faint, {end for pair in kept for end in pairs.ends(pair)})
    links = []
    for pair in kept:
        later, earlier = pairs.ends(pair)
        found = [
            _reason(telling[hit.place], hit.later, hit.earlier, measured)
            for hit in pairs.hits(pair)
        ]
        found += _faint_reasons(held.get(later, {}), held.get(earlier, {}), measured)
        links.append(_link((later, earlier), found, weights))
    links.sort(key=lambda found: (-found.score, found.report_id, found.other_id))
    return links


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


def _reason(value: Shared, later: Holder, earlier: Holder, measured: Damping) -> Reason:  # noqa: PLR0917
    kept = measured.of(value, later.role, earlier.role)
    return Reason(
        kind=value.kind.value,
        value=value.value,
        weight=round(weigh(value, later, earlier, measured), 4),
        seen=kept.seen,
        roles=(later.role.value, earlier.role.value),
        kept=round(kept.share, 2),
    )


def _held(
    faint: Sequence[Shared], reports: set[UUID]
) -> dict[UUID, dict[tuple[SelectorKind, str], tuple[Shared, Holder]]]:
    """Return the frequent values that each of `reports` holds."""
    held: dict[UUID, dict[tuple[SelectorKind, str], tuple[Shared, Holder]]] = defaultdict(dict)
    for value in faint:
        for holder in value.holders:
            if holder.report_id in reports:
                held[holder.report_id].setdefault((value.kind, value.value), (value, holder))
    return held


def _faint_reasons(
    later: Mapping[tuple[SelectorKind, str], tuple[Shared, Holder]],
    earlier: Mapping[tuple[SelectorKind, str], tuple[Shared, Holder]],
    measured: Damping,
) -> list[Reason]:
    """Return the frequent values that both ends of a link hold, with the little they add."""
    return [
        _reason(value, holder, earlier[key][1], measured)
        for key, (value, holder) in later.items()
        if key in earlier
    ]


def _link(pair: tuple[UUID, UUID], reasons: list[Reason], weights: Weights) -> Link:
    reasons.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return Link(
        report_id=pair[0],
        other_id=pair[1],
        score=combine(reasons, weights),
        reasons=tuple(reasons[:_MOST_REASONS]),
        rule_version=weights.version,
    )
