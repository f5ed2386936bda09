"""Pairs of similar reports: a pure function of the set of sketches, independent of the order of arrival.

A report is paired with the most similar earlier reports (smaller ids), a few of each kind; the others follow
from the dossier of an accepted pair. Stop keys, and pictures similar to too many others, do not count.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.similar.rules import NearRules
from fanal.crosscheck.domain.similar.sketch import Sketch, Trait
from fanal.crosscheck.domain.similar.spelling import SPELLED
from fanal.crosscheck.domain.weights import load_weights

TEXT, PICTURE = "NEAR_TEXT", "NEAR_PICTURE"
MIRROR, FAMILY = "NEAR_MIRROR", "NEAR_FAMILY"
ADDRESS, NAME = "NEAR_ADDRESS", "NEAR_NAME"
KINDS = (TEXT, PICTURE, MIRROR, FAMILY, ADDRESS, NAME, *SPELLED)
_HIGHEST = 0.89
_RADIUS = 31

Neighbour = tuple[UUID, bytes, int]
"""A report, its PDQ hash, and the Hamming distance of that hash."""


class NearReport(Struct, frozen=True, kw_only=True):
    """An earlier report that is similar in one kind: strength (0..1) and evidence.

    `value` is a picture or an address, empty for texts; `measure` is a number of bits, or a percentage of
    passages.
    """

    other_id: UUID
    kind: str
    strength: float
    value: str = ""
    measure: int = 0


class NearWorld(Struct, frozen=True, kw_only=True):
    """Input of the pair rule: the sketches of the reports and of all that share a key, and the stop keys.

    `worn` are the stop keys. `near` maps each picture (PDQ hash, 32 bytes) to all neighbours within the
    Hamming radius.
    """

    sketches: Mapping[UUID, Sketch]
    worn: frozenset[int]
    near: Mapping[bytes, Sequence[Neighbour]]


def near_of(
    report_ids: Iterable[UUID], world: NearWorld, rules: NearRules
) -> dict[UUID, list[NearReport]]:
    """Return for each report the earlier reports with a similar text, picture, postal address or name.

    Pages are left out: only records hold their addresses (`near_pages`).
    """
    whole = {Trait.ADDRESS: (ADDRESS, rules.address), Trait.NAME: (NAME, rules.name)}
    told = {i: s.of(Trait.PASSAGE, *whole) for i, s in world.sketches.items()}
    holders = holders_of(told, world.worn)
    found = {}
    for report_id in report_ids:
        shared = _shared(report_id, told[report_id], holders)
        passages = Counter({i: n for (i, kind), n in shared.items() if kind == Trait.PASSAGE})
        found[report_id] = [
            *_texts(report_id, passages, world, rules),
            *(
                NearReport(other_id=other_id, kind=kind, strength=rule.strength)
                for trait, (kind, rule) in whole.items()
                for other_id in sorted((i for i, k in shared if k == trait), reverse=True)[
                    : rules.suggested
                ]
            ),
            *_pictures(report_id, world, rules),
        ]
    return found


def near_pages(
    report_id: UUID,
    pages: Mapping[UUID, Sequence[tuple[int, str]]],
    holders: Mapping[int, Collection[UUID]],
    rules: NearRules,
) -> list[NearReport]:
    """Return the earlier reports with a page similar to a page of `report_id`, but not the same page.

    `pages` holds (key, address) of all reports that share a page key with it, as from `Sketcher.pages`;
    `holders` maps a key to its reports.
    """
    own = {address for _, address in pages[report_id]}
    best: dict[tuple[str, UUID], NearReport] = {}
    for key, address in pages[report_id]:
        for other_id in holders.get(key, ()):
            if other_id >= report_id or other_id not in pages:
                continue
            theirs = [other for held, other in pages[other_id] if held == key]
            if not any(other not in own for other in theirs):
                continue  # the same page: a shared value, which the linkage rule weights
            mirror = key & 7 == Trait.MIRROR
            kind = MIRROR if mirror else FAMILY
            strength = rules.page.mirror if mirror else rules.page.family
            best.setdefault(
                (kind, other_id),
                NearReport(other_id=other_id, kind=kind, strength=strength, value=address),
            )
    return [
        each
        for kind in (MIRROR, FAMILY)
        for each in sorted(
            (found for (k, _), found in best.items() if k == kind),
            key=lambda f: f.other_id,
            reverse=True,
        )[: rules.suggested]
    ]


def holders_of(
    keys: Mapping[UUID, Collection[int]], worn: Collection[int]
) -> dict[int, list[UUID]]:
    """Return an inverted index: the reports of each key that is no stop key and has at least two reports.

    `keys` holds the keys of each report, `worn` the stop keys.
    """
    holders: dict[int, list[UUID]] = defaultdict(list)
    for report_id, held in keys.items():
        for key in held:
            if key not in worn:
                holders[key].append(report_id)
    return {key: ids for key, ids in holders.items() if len(ids) > 1}


def joined(found: Iterable[NearReport]) -> dict[UUID, tuple[float, tuple[LinkReason, ...]]]:
    """Combine the similarities of one report: return score and reasons of the pair with each other report.

    The strengths combine as independent probabilities: 1 - product of (1 - strength).
    """
    by_other: dict[UUID, list[NearReport]] = defaultdict(list)
    for one in found:
        by_other[one.other_id].append(one)
    pairs = {}
    least = load_weights().doubtful
    for other_id, ways in by_other.items():
        against = 1.0
        for one in ways:
            against *= 1 - one.strength
        reasons = tuple(
            LinkReason(
                kind=one.kind,
                value=one.value,
                weight=round(one.strength, 4),
                measure=one.measure,
            )
            for one in sorted(ways, key=lambda f: (-f.strength, f.kind, f.value))
        )
        pairs[other_id] = round(least + (_HIGHEST - least) * (1 - against), 4), reasons
    return pairs


def _shared(
    report_id: UUID, keys: Iterable[int], holders: Mapping[int, Sequence[UUID]]
) -> Counter[tuple[UUID, int]]:
    """Return how many keys of each kind a report shares with each earlier report."""
    shared: Counter[tuple[UUID, int]] = Counter()
    for key in keys:
        kind = key & 7
        shared.update((other, kind) for other in holders.get(key, ()) if other < report_id)
    return shared


def _texts(
    report_id: UUID, shared: Counter[UUID], world: NearWorld, rules: NearRules
) -> Iterable[NearReport]:
    rule = rules.text
    close = [other for other, count in shared.items() if count >= rule.shared]
    sizes = {
        one: len(world.sketches[one].of(Trait.PASSAGE) - world.worn) for one in (report_id, *close)
    }
    parts = [(shared[one] / min(sizes[report_id], sizes[one]), one) for one in close]
    near = sorted((one for one in parts if one[0] >= rule.part), reverse=True)
    for part, other in near[: rules.suggested]:
        yield NearReport(
            other_id=other, kind=TEXT, strength=rule.strength * part, measure=round(100 * part)
        )


def _pictures(report_id: UUID, world: NearWorld, rules: NearRules) -> Iterable[NearReport]:
    """Yield the most similar picture of each earlier report, the most similar reports first."""
    nearest: dict[UUID, tuple[int, bytes]] = {}
    for pdq in world.sketches[report_id].pictures:
        if goes_round(pdq, world, rules):
            continue
        for other, theirs, apart in world.near.get(pdq, ()):
            # Equal pictures are a shared value, which the linkage rule weights.
            if other < report_id and apart and not goes_round(theirs, world, rules):
                nearest[other] = min(nearest.get(other, (256, b"")), (apart, pdq))
    first = sorted(nearest.items(), key=lambda item: (item[1][0], -item[0].int))
    for other, (apart, pdq) in first[: rules.suggested]:
        yield NearReport(
            other_id=other,
            kind=PICTURE,
            strength=rules.picture.strength * (1 - (apart - 1) / (_RADIUS + 1)),
            value=pdq.hex(),
            measure=apart,
        )


def goes_round(pdq: bytes, world: NearWorld, rules: NearRules) -> bool:
    """Return whether more reports than the rules allow hold the picture (PDQ, 32 bytes) or a similar one."""
    held = {report for report, _, _ in world.near.get(pdq, ())}
    return len(held) > rules.holders.picture
