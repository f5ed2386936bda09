"""The judge: what links and dossiers are worth against the labels. It knows nothing of who made them."""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

Pair = tuple[int, int]


class Scores(NamedTuple):
    """Precision and recall of pairs, with the numbers they come from."""

    precision: float
    recall: float
    pairs: int
    right: int


def groups(size: int, pairs: Iterable[Pair]) -> list[int]:
    """Return the group of each of `size` reports when `pairs` are joined; a group's number is its first."""
    parent = list(range(size))

    def find(one: int) -> int:
        while parent[one] != one:
            parent[one] = parent[parent[one]]
            one = parent[one]
        return one

    for a, b in pairs:
        one, two = find(a), find(b)
        if one != two:
            parent[max(one, two)] = min(one, two)
    return [find(one) for one in range(size)]


def true_pairs(labels: Sequence[int]) -> int:
    """Return how many pairs of reports belong together."""
    return _pairs(Counter(labels).values())


def of_pairs(pairs: Iterable[Pair], labels: Sequence[int]) -> Scores:
    """Return the worth of pairs as they stand."""
    distinct = {(min(pair), max(pair)) for pair in pairs}
    right = sum(labels[a] == labels[b] for a, b in distinct)
    return _scores(len(distinct), right, true_pairs(labels))


def of_groups(found: Sequence[int], labels: Sequence[int]) -> Scores:
    """Return the worth of every pair that groups imply, without listing them."""
    both = Counter(zip(found, labels, strict=True))
    return _scores(_pairs(Counter(found).values()), _pairs(both.values()), true_pairs(labels))


def with_suggestions(found: Sequence[int], pairs: Iterable[Pair], labels: Sequence[int]) -> float:
    """Return the share of true pairs that are together once a person accepts every right suggestion.

    A suggestion is a pair; a person who accepts it joins both dossiers. Wrong ones are rejected.
    """
    accepted = [pair for pair in pairs if labels[pair[0]] == labels[pair[1]]]
    starts = [(place, group) for place, group in enumerate(found)]
    # Of a dossier that is wrong already, only what is right counts: by label within each group.
    joined = groups(len(labels), [*starts, *accepted])
    both = Counter(zip(joined, labels, strict=True))
    return _pairs(both.values()) / max(1, true_pairs(labels))


def shape(found: Sequence[int], labels: Sequence[int]) -> dict[str, float | int]:
    """Return purity, over-merging, under-merging and the largest dossier that holds strangers.

    Purity: the share of reports in the majority of their dossier. Over-merged: dossiers of several
    labels. Under-merged: labels in several dossiers. The largest wrong dossier counts all its reports.
    """
    members: dict[int, Counter[int]] = defaultdict(Counter)
    spread: dict[int, set[int]] = defaultdict(set)
    for group, label in zip(found, labels, strict=True):
        members[group][label] += 1
        spread[label].add(group)
    wrong = [sum(held.values()) for held in members.values() if len(held) > 1]
    return {
        "purity": round(
            sum(max(held.values()) for held in members.values()) / max(1, len(labels)), 6
        ),
        "over_merged": len(wrong),
        "under_merged": sum(len(groups_) > 1 for groups_ in spread.values()),
        "largest_wrong_dossier": max(wrong, default=0),
        "dossiers": sum(sum(held.values()) > 1 for held in members.values()),
    }


def by_mark(
    pairs: Mapping[Pair, Iterable[Hashable]], labels: Sequence[int]
) -> dict[Hashable, dict[str, float | int]]:
    """Return pairs and precision for each mark (kind of reason, or trap) that pairs bear."""
    counted: dict[Hashable, list[int]] = defaultdict(lambda: [0, 0])
    for (a, b), marks in pairs.items():
        for mark in set(marks):
            counted[mark][0] += 1
            counted[mark][1] += labels[a] == labels[b]
    return {
        mark: {"pairs": n, "precision": round(right / n, 5)}
        for mark, (n, right) in sorted(counted.items(), key=lambda item: -item[1][0])
    }


def _scores(pairs: int, right: int, wanted: int) -> Scores:
    return Scores(
        precision=round(right / pairs, 6) if pairs else 1.0,
        recall=round(right / wanted, 6) if wanted else 1.0,
        pairs=pairs,
        right=right,
    )


def _pairs(sizes: Iterable[int]) -> int:
    return sum(n * (n - 1) // 2 for n in sizes)
