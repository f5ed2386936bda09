"""The judge: quality of pairs and dossiers against the true labels, independent of how they were found.

A label is the true dossier of a report; a pair holds the positions of two reports.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import NamedTuple

Pair = tuple[int, int]
_WRONG = 50


class Scores(NamedTuple):
    """Precision and recall of pairs of reports; the number of `pairs` found and of right ones among them."""

    precision: float
    recall: float
    pairs: int
    right: int


def groups(size: int, pairs: Iterable[Pair]) -> list[int]:
    """Return the group of each of `size` reports after joining `pairs`: its connected component.

    A group is given by its smallest report.
    """
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
    """Return the number of pairs of reports with the same label."""
    return _pairs(Counter(labels).values())


def of_pairs(pairs: Iterable[Pair], labels: Sequence[int]) -> Scores:
    """Return precision and recall of the given pairs against the labels; duplicates count once."""
    distinct = {(min(pair), max(pair)) for pair in pairs}
    right = sum(labels[a] == labels[b] for a, b in distinct)
    return _scores(len(distinct), right, true_pairs(labels))


def of_groups(found: Sequence[int], labels: Sequence[int]) -> Scores:
    """Return precision and recall of all pairs within groups, without enumerating them.

    `found` is the group of each report. `labels` is the true dossier of each.
    """
    both = Counter(zip(found, labels, strict=True))
    return _scores(_pairs(Counter(found).values()), _pairs(both.values()), true_pairs(labels))


def with_suggestions(found: Sequence[int], pairs: Iterable[Pair], labels: Sequence[int]) -> float:
    """Return the recall of true pairs after a person has accepted every right suggestion.

    `found` is the group of each report. `pairs` are the suggestions; accepting one joins both dossiers, and
    wrong ones are rejected.
    """
    accepted = [pair for pair in pairs if labels[pair[0]] == labels[pair[1]]]
    starts = [(place, group) for place, group in enumerate(found)]
    # Of a dossier that is wrong already, only what is right counts: by label within each group.
    joined = groups(len(labels), [*starts, *accepted])
    both = Counter(zip(joined, labels, strict=True))
    return _pairs(both.values()) / max(1, true_pairs(labels))


def shape(found: Sequence[int], labels: Sequence[int]) -> dict[str, float | int]:
    """Return purity, over-merging, under-merging and the wrong dossiers, by name.

    `found` is the dossier of each report. Purity: the share of reports in the majority label of their
    dossier. Over-merged: dossiers of several labels. Under-merged: labels in several dossiers. The largest
    wrong dossier is the greatest over-merged one, counted in reports. `over_50_wrong`: dossiers with more
    than 50 reports that are not of their majority label. `dossiers`: those of two reports or more.
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
        "over_50_wrong": sum(
            sum(held.values()) - max(held.values()) > _WRONG for held in members.values()
        ),
        "dossiers": sum(sum(held.values()) > 1 for held in members.values()),
    }


def by_mark(
    pairs: Mapping[Pair, Iterable[Hashable]], labels: Sequence[int]
) -> dict[Hashable, dict[str, float | int]]:
    """Return number and precision of the pairs with each mark (kind of reason, or trap).

    `pairs` holds the marks of each pair.
    """
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
