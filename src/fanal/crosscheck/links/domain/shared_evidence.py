"""Join two dossiers that several uncertain links connect, if the evidence of all these links is enough.

Example: two reports share a device, two others of the same dossiers share a page. Neither link is certain,
but two strangers are unlikely to share both. The rule adds the values that two dossiers share, each once,
their similar values, and the names and dates of birth of their suspects, with the weights of a pair of
reports.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, Generic, NamedTuple, TypeVar

from msgspec import Struct

from fanal.crosscheck.domain.cards import MARKS, Card
from fanal.crosscheck.domain.weights import Family, Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

Report = TypeVar("Report", int, bytes)
Evidence = tuple[Family, object, float]
"""A value that two reports share: its family, a key equal for equal values, its points."""
Similarity = tuple[str, object, float]
"""A similarity of two reports: its kind (`records.SIMILAR`), a key equal for equal values, its strength."""
_LINE: Final = "NEAR_LINE"
_NAME: Final = "NEAR_NAME"
_NUMBER: Final = "NEAR_PHONE_MENTION"
_SAME_AS: Final = {
    **dict.fromkeys((_LINE, "NEAR_ADDRESS", _NUMBER), Family.HOME),
    **dict.fromkeys(("NEAR_HANDLE", "NEAR_HANDLE_LETTER", "NEAR_HANDLE_MENTION"), Family.HANDLE),
    **dict.fromkeys(("NEAR_EMAIL", "NEAR_EMAIL_LETTER"), Family.HANDLE),
    **dict.fromkeys(("NEAR_MIRROR", "NEAR_FAMILY"), Family.PAGE),
    "NEAR_ACCOUNT_MENTION": Family.ACCOUNT,
    "NEAR_PICTURE": Family.FILE,
}
"""The family whose values say the same as a similarity. A similar mailbox is a habit of naming, like a
similar user name; a number in a sentence may be that of a home. Left out: texts, which people copy, and
values a digit apart, which are similar only by an equal name or date of birth."""
_SUSPECT: Final = ROLE_CODES[SelectorRole.SUSPECT]
_OF_A_HOME: Final = frozenset({Family.EMAIL, Family.HOME})
"""Families of values that a household shares, and with them a father and his son of one name."""


class Uncertain(NamedTuple, Generic[Report]):
    """An uncertain link between the reports `one` and `two`.

    `points` is its evidence, `values` are the values of suspects that they share: (family of weight classes,
    key equal for equal values, points). `similar` are their similarities: (kind, key, strength).
    """

    one: Report
    two: Report
    points: float
    values: Sequence[Evidence]
    similar: Sequence[Similarity] = ()


class Suspects(Struct):
    """The names, dates of birth and identifiers of a dossier's suspects, as the digests of cards (`Card`).

    `names` maps the digest of a whole name to the digests of its words; `births` holds the digests of dates.
    `identifiers` maps a weight class (number in `MARKS`) to the short keys of the values that fields give.
    """

    names: dict[int, frozenset[int]]
    births: set[int]
    identifiers: dict[int, set[int]]


def suspects_of(cards: Iterable[Card]) -> Suspects:
    """Return the names, dates of birth and identifiers that the cards (comparable data) of reports give."""
    names: dict[int, frozenset[int]] = {}
    births = set()
    identifiers: dict[int, set[int]] = defaultdict(set)
    for card in cards:
        if card.name:
            names[card.name] = frozenset(card.words)
        if card.birth:
            births.add(card.birth)
        for value in card.values:
            if value.role == _SUSPECT:
                identifiers[value.mark].add(value.key)
    return Suspects(names=names, births=births, identifiers=dict(identifiers))


def certain_together(
    links: Iterable[Uncertain[Report]],
    dossier: Mapping[Report, Report],
    suspects: Mapping[Report, Suspects],
    weights: Weights,
    frequent: Collection[int] = (),
) -> list[tuple[Uncertain[Report], float]]:
    """Return the pairs of dossiers whose uncertain links, added together, have the points of a certain
    link.

    Each pair of dossiers is given as (its strongest link, the points of all its links); of equally strong
    links the one with the smallest report ids counts. `dossier` maps a report to its dossier (a report in
    none is its own), `suspects` a dossier to its suspects. `weights` holds the points and the limit.
    `links` must also hold the links of all other dossiers on the same internet line: if their suspects
    contradict each other, the line joins none of them. `frequent` are digests of names that many dossiers
    give; an equal name is no evidence if it is frequent.
    """
    between: dict[tuple[Report, Report], list[Uncertain[Report]]] = defaultdict(list)
    for link in links:
        one, two = sorted((dossier[link.one], dossier[link.two]))
        if one != two:
            between[one, two].append(link)
    found = []
    lines = _lines(between)
    for (one, two), joining in between.items():
        points = points_together(joining, suspects[one], suspects[two], weights, frequent)
        if _is_of_one_person(one, two, lines, suspects, weights):
            points = max(points, weights.together.line)
        if points >= weights.certain - 1e-9:
            strongest = min(joining, key=lambda link: (-link.points, link.one, link.two))
            found.append((strongest, points))
    return found


def equal_names(
    found: Iterable[tuple[Uncertain[Report], float]],
    dossier: Mapping[Report, Report],
    suspects: Mapping[Report, Suspects],
) -> set[int]:
    """Return the digests of the names that the two dossiers of each result of `certain_together` have in
    common.

    `found` is that result; `dossier` and `suspects` are the arguments that were given to it.
    """
    return {
        name
        for link, _ in found
        for one, two in ((suspects[dossier[link.one]], suspects[dossier[link.two]]),)
        for name in one.names.keys() & two.names.keys()
    }


def points_together(
    links: Sequence[Uncertain[Report]],
    one: Suspects,
    two: Suspects,
    weights: Weights,
    frequent: Collection[int] = (),
) -> float:
    """Return the points of two dossiers from all links between them; 0 for a single kind of evidence.

    `one` and `two` are their suspects, `weights` holds the points. A kind of evidence is a family of
    values, an equal name, or an equal date of birth. An equal name does not count if it is frequent
    (`frequent` are digests of names), or if all shared values are such as a household shares. Similarities
    count as values of their family, unless the dates of birth differ.
    """
    values: dict[Family, dict[object, float]] = defaultdict(dict)
    for link in links:
        for family, key, points in link.values:
            values[family][key] = max(points, values[family].get(key, 0.0))
    name, birth = _names(one, two, frequent), _births(one, two)
    similar = [each for link in links for each in link.similar] if birth >= 0 else []
    if any(kind == _NAME for kind, _, _ in similar):
        name = 1
    _add_similar(values, similar)
    near = weights.near
    if birth <= 0 and values.keys() <= _OF_A_HOME:
        name = min(name, 0)
    if len(values) + (name > 0) + (birth > 0) < 2:
        return 0.0
    beside = name * (near.name if name > 0 else near.name_conflict)
    beside += birth * (near.birth if birth > 0 else near.birth_conflict)
    return round(beside + sum(_of_family(family, values[family], weights) for family in values), 4)


def _add_similar(values: dict[Family, dict[object, float]], similar: Sequence[Similarity]) -> None:
    """Add the similarities of two dossiers to their shared `values`, by family of weight classes.

    Similarities that a household shares count only together with evidence of another family. A telephone
    number that a sentence names is not added if the dossiers share a mobile number.
    """
    told = [
        (_SAME_AS[kind], kind, key, strength) for kind, key, strength in similar if kind in _SAME_AS
    ]
    for of_a_home in (False, True):
        if of_a_home and values.keys() <= _OF_A_HOME:
            return
        for family, kind, key, strength in told:
            if (family in _OF_A_HOME) is of_a_home and not (
                kind == _NUMBER and Family.MOBILE in values
            ):
                held = values[family]
                held[kind, key] = max(strength, held.get((kind, key), 0.0))


def _lines(
    between: Mapping[tuple[Report, Report], Iterable[Uncertain[Report]]],
) -> dict[Report, set[Report]]:
    """Return by dossier the other dossiers with the same internet line; a dossier without any is absent.

    `between` maps two dossiers to the links between them.
    """
    lines: dict[Report, set[Report]] = defaultdict(set)
    for (one, two), joining in between.items():
        if any(kind == _LINE for link in joining for kind, _, _ in link.similar):
            lines[one].add(two)
            lines[two].add(one)
    return dict(lines)


def _is_of_one_person(
    one: Report,
    two: Report,
    lines: Mapping[Report, set[Report]],
    suspects: Mapping[Report, Suspects],
    weights: Weights,
) -> bool:
    """Return whether two dossiers share an internet line and no suspect on that line contradicts theirs.

    A contradiction is a different name, date of birth or identifier (`_differs`). `lines` is the result of
    `_lines`, `suspects` maps a dossier to its suspects.
    """
    if two not in lines.get(one, ()):
        return False
    people = lines[one] | lines[two]
    return not any(
        _differs(suspects[mine], suspects[each], weights)
        for mine in (one, two)
        for each in people - {mine}
    )


def _differs(one: Suspects, two: Suspects, weights: Weights) -> bool:
    """Return whether the suspects of two dossiers contradict each other.

    They do if both have a name, a date of birth, or an identifier of a weight class that can conflict, and
    none of that kind in common.
    """
    return (
        _names(one, two) < 0
        or _births(one, two) < 0
        or any(
            weights.mark[MARKS[mark]].conflict and not held & two.identifiers.get(mark, held)
            for mark, held in one.identifiers.items()
        )
    )


def _of_family(family: Family, held: Mapping[object, float], weights: Weights) -> float:
    """Return the points of the shared values of a family (a group of weight classes), which have a maximum.

    They are those of the strongest value, and a fixed number for each further one. `held` maps each value
    to its points; `weights` holds that number and the maximum.
    """
    weight = weights.family[family]
    return min(
        max(held.values()) + weight.further * (len(held) - 1), weight.most, weights.together.most
    )


def _names(one: Suspects, two: Suspects, frequent: Collection[int] = ()) -> int:
    """Return 1 for an equal name, -1 for names without a common word, 0 otherwise or if one is unknown.

    It is also 0 if only names of `frequent` are equal.
    """
    if equal := one.names.keys() & two.names.keys():
        return int(any(name not in frequent for name in equal))
    pairs = [mine & theirs for mine in one.names.values() for theirs in two.names.values()]
    return -1 if pairs and not any(pairs) else 0


def _births(one: Suspects, two: Suspects) -> int:
    """Return 1 for an equal date of birth, -1 for different ones, 0 if one is unknown."""
    if not one.births or not two.births:
        return 0
    return 1 if one.births & two.births else -1
