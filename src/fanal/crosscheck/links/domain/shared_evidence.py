"""Joining of two dossiers that only uncertain links connect, where all these links together are certain.

Two reports share a device, two others of the same dossiers a page. Neither is certain, but strangers do not
share both. The rule adds the values that two dossiers share, each once, and the names and dates of birth that
their suspects have, with the weights of a pair of reports.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import Struct

from fanal.crosscheck.domain.cards import Card
from fanal.crosscheck.domain.weights import Family, Weights

Report = TypeVar("Report", int, bytes)
Evidence = tuple[Family, object, float]
"""A value that two reports share: its family, a key equal for equal values, its points."""
_MOST: Final = 0.9
"""Most points of a family, so that a single kind of value never joins two dossiers."""
_OF_A_HOME: Final = frozenset({Family.EMAIL, Family.HOME})
"""Families of values that a household shares, and with them a father and his son of one name."""


class Uncertain(NamedTuple, Generic[Report]):
    """An uncertain link between the reports `one` and `two`.

    `points` is its evidence, `values` are the values of suspects that they share: (family of weight classes,
    key equal for equal values, points).
    """

    one: Report
    two: Report
    points: float
    values: Sequence[Evidence]


class Suspects(Struct):
    """The names and dates of birth of a dossier's suspects, as the digests that cards hold (`Card`).

    `names` maps the digest of a whole name to the digests of its words; `births` holds the digests of dates.
    """

    names: dict[int, frozenset[int]]
    births: set[int]


def suspects_of(cards: Iterable[Card]) -> Suspects:
    """Return the names and dates of birth that the cards (comparable data) of some reports give."""
    names: dict[int, frozenset[int]] = {}
    births = set()
    for card in cards:
        if card.name:
            names[card.name] = frozenset(card.words)
        if card.birth:
            births.add(card.birth)
    return Suspects(names=names, births=births)


def certain_together(
    links: Iterable[Uncertain[Report]],
    dossier: Mapping[Report, Report],
    suspects: Mapping[Report, Suspects],
    weights: Weights,
) -> list[tuple[Uncertain[Report], float]]:
    """Return the pairs of dossiers whose uncertain links, taken together, make a certain one.

    Each pair of dossiers is given as (its strongest link, the points of all its links). `dossier` maps a
    report to its dossier (a report in none is its own), `suspects` a dossier to its suspects. Of equally
    strong links that of the smallest reports counts. `weights` holds the points and the limit.
    """
    between: dict[tuple[Report, Report], list[Uncertain[Report]]] = defaultdict(list)
    for link in links:
        one, two = sorted((dossier[link.one], dossier[link.two]))
        if one != two:
            between[one, two].append(link)
    found = []
    for (one, two), joining in between.items():
        points = points_together(joining, suspects[one], suspects[two], weights)
        if points >= weights.certain - 1e-9:
            strongest = min(joining, key=lambda link: (-link.points, link.one, link.two))
            found.append((strongest, points))
    return found


def points_together(
    links: Iterable[Uncertain[Report]], one: Suspects, two: Suspects, weights: Weights
) -> float:
    """Return the points of two dossiers from all links between them; 0 for a single kind of evidence.

    `one` and `two` are their suspects, `weights` holds the points. A kind is a family of values, an equal
    name, or an equal date of birth. An equal name does not count if all the shared values are those of a
    household.
    """
    values: dict[Family, dict[object, float]] = defaultdict(dict)
    for link in links:
        for family, key, points in link.values:
            values[family][key] = max(points, values[family].get(key, 0.0))
    name, birth = _names(one, two), _births(one, two)
    if birth <= 0 and values.keys() <= _OF_A_HOME:
        name = min(name, 0)
    if len(values) + (name > 0) + (birth > 0) < 2:
        return 0.0
    near = weights.near
    beside = name * (near.name if name > 0 else near.name_conflict)
    beside += birth * (near.birth if birth > 0 else near.birth_conflict)
    return round(beside + sum(_of_family(family, values[family], weights) for family in values), 4)


def _of_family(family: Family, held: Mapping[object, float], weights: Weights) -> float:
    """Return the points of the values of a family: the strongest, and a little for each further one."""
    weight = weights.family[family]
    return min(max(held.values()) + weight.further * (len(held) - 1), weight.most, _MOST)


def _names(one: Suspects, two: Suspects) -> int:
    """Return 1 for an equal name, -1 for names without a common word, 0 otherwise or if one is unknown."""
    if one.names.keys() & two.names.keys():
        return 1
    pairs = [mine & theirs for mine in one.names.values() for theirs in two.names.values()]
    return -1 if pairs and not any(pairs) else 0


def _births(one: Suspects, two: Suspects) -> int:
    """Return 1 for an equal date of birth, -1 for different ones, 0 if one is unknown."""
    if not one.births or not two.births:
        return 0
    return 1 if one.births & two.births else -1
