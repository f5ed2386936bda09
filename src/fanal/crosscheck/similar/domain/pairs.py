"""Pairs of similar reports: a pure function of their features, independent of the order of arrival.

By sketch (digests of its parts), a report is paired with the most similar earlier reports (smaller ids), a
few of each kind; the others follow from the dossier of an accepted pair. Stop keys, and pictures similar to
too many others, do not count.

By similar identifiers, only the earliest holders of two similar values are paired, since links connect all
other holders to them. Blocking keys shared by many different values do not count. `rules` are the limits of
similarity (`data/nearness.toml`).
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.weights import load_weights
from fanal.crosscheck.similar.domain.mentions import Mention, mentions_of, way_of_mentions
from fanal.crosscheck.similar.domain.rules import NearRules, load_near_rules
from fanal.crosscheck.similar.domain.sketch import Sketch, Sketcher, Trait
from fanal.crosscheck.similar.domain.spelling import Spelling, spellings_of, way_of
from fanal.harmonise.domain.records import HarmonisedReport

TEXT, PICTURE = "NEAR_TEXT", "NEAR_PICTURE"
MIRROR, FAMILY = "NEAR_MIRROR", "NEAR_FAMILY"
ADDRESS, NAME, LINE = "NEAR_ADDRESS", "NEAR_NAME", "NEAR_LINE"
_HIGHEST = 0.89
_RADIUS = 31

Neighbour = tuple[UUID, bytes, int]
"""A report, its PDQ hash, and the Hamming distance of that hash."""


class NearReport(Struct, frozen=True, kw_only=True):
    """An earlier report that is similar to a given one in a single kind of feature.

    `kind` is the kind, such as NEAR_TEXT or NEAR_PICTURE. `strength` (0..1) is how much this similarity
    suggests the same person. `value` is the evidence: a picture's PDQ hash, a page's address, or the digests
    of two similar identifiers (hexadecimal); empty for other kinds. `measure` is the number of differing bits
    of a picture, or the percentage of shared passages of a text; 0 for other kinds.
    """

    other_id: UUID
    kind: str
    strength: float
    value: str = ""
    measure: int = 0


class NearWorld(Struct, frozen=True, kw_only=True):
    """Input of the search for similar pairs: the digests of reports, and of all that share a key with them.

    `sketches` are these digests by report. `worn` are the stop keys, too frequent or rejected: they no longer
    make reports similar. `near` maps each picture (PDQ hash, 32 bytes) to all neighbours within the Hamming
    radius: (report, hash, distance).
    """

    sketches: Mapping[UUID, Sketch]
    worn: frozenset[int]
    near: Mapping[bytes, Sequence[Neighbour]]


def near_of(
    report_ids: Iterable[UUID], world: NearWorld, rules: NearRules
) -> dict[UUID, list[NearReport]]:
    """Return by report id the earlier reports that are similar in a text or another feature.

    The features are: a text, a picture, a postal address, a suspect's name with the date of birth, and an
    internet line. A report without similar ones has an empty list. Web pages are left out: only records
    hold their addresses (`near_pages`). `world` holds the digests of the reports and the similar pictures,
    already read.
    """
    whole = {
        Trait.ADDRESS: (ADDRESS, rules.address.strength),
        Trait.NAME: (NAME, rules.name.strength),
        Trait.LINE: (LINE, rules.line.strength),
    }
    told = {i: s.of(Trait.PASSAGE, *whole) for i, s in world.sketches.items()}
    holders = holders_of(told, world.worn)
    found = {}
    for report_id in report_ids:
        shared = _shared(report_id, told[report_id], holders)
        passages = Counter({i: n for (i, kind), n in shared.items() if kind == Trait.PASSAGE})
        found[report_id] = [
            *_texts(report_id, passages, world, rules),
            *(
                NearReport(other_id=other_id, kind=kind, strength=strength)
                for trait, (kind, strength) in whole.items()
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
    """Return the earlier reports with a web page similar to one of `report_id`, but not the same page.

    Similar are a mirror (the same page on another host) and a page of the same folder. `pages` holds (key,
    address) of all reports that share a page key with it, as from `Sketcher.pages`; `holders` maps a key to
    its reports. `rules` sets the scores. Mirrors first; of each kind the newest reports first, at most
    `rules.suggested`.
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

    `keys` holds the keys of each report, `worn` the stop keys (held by too many reports to count).
    """
    holders: dict[int, list[UUID]] = defaultdict(list)
    for report_id, held in keys.items():
        for key in held:
            if key not in worn:
                holders[key].append(report_id)
    return {key: ids for key, ids in holders.items() if len(ids) > 1}


def joined(found: Iterable[NearReport]) -> dict[UUID, tuple[float, tuple[LinkReason, ...]]]:
    """Return by other report (score, reasons) of the pair, from the similarities of one report (`found`).

    The strengths combine as independent probabilities: 1 - product of (1 - strength). The score grows with
    them from the least of a suggestion, and stays below that of a certain link.
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
    """Return how many keys a report shares with each earlier report, by (earlier report, kind of key).

    `keys` are the report's own, `holders` the result of `holders_of`.
    """
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
    """Yield the most similar picture of each earlier report, the most similar reports first, a few only.

    `world` holds the similar pictures, already read. Equal pictures (a shared value) and those similar to too
    many reports do not count.
    """
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
    """Return whether a picture is too widespread to be evidence: more reports than the rules allow have it.

    Reports with a similar picture count too. `pdq` is its PDQ hash (32 bytes), `world` holds the similar
    pictures, already read.
    """
    held = {report for report, _, _ in world.near.get(pdq, ())}
    return len(held) > rules.holders.picture


Identifier = Spelling | Mention
"""An identifier compared for spelling variants, or for its name in a sentence."""

Spelled = Mapping[int, Identifier]
"""A report's identifiers to compare, by keyed digest of their `whole`."""


class First(Struct, frozen=True):
    """The earliest report that holds an identifier, and the identifier's blocking keys.

    Blocking keys (`keys`) are digests of forms common to similar identifiers. Only the earliest holders of
    two similar identifiers form a pair.
    """

    report_id: UUID
    keys: frozenset[int]


def identifiers_of(report: HarmonisedReport, rules: NearRules) -> list[Identifier]:
    """Return a report's identifiers to compare with those of others: `Spelling`s first, then `Mention`s.

    Two `Spelling`s are compared as spelling variants of each other, two `Mention`s as equal identifiers of
    which one is named in a sentence.
    """
    return [*spellings_of(report, rules.spelling), *mentions_of(report, rules.mention)]


def spelled_of(report: HarmonisedReport, sketcher: Sketcher) -> dict[int, Identifier]:
    """Return a report's identifiers to compare, by digest under a secret key.

    The digest is that of `whole`: equal for equal identifiers. `sketcher` computes it.
    """
    return {
        sketcher.key(Trait.SPELLING, one.whole()): one
        for one in identifiers_of(report, load_near_rules())
    }


def similarity_of(one: Identifier, two: Identifier, rules: NearRules) -> str | None:
    """Return the kind of similarity of two identifiers (`NEAR_HANDLE`, …); None without any."""
    if isinstance(one, Mention) and isinstance(two, Mention):
        return way_of_mentions(one, two, rules.mention)
    if isinstance(one, Spelling) and isinstance(two, Spelling):
        return way_of(one, two, rules.spelling)
    return None


def near_values(
    mine: Iterable[Identifier], theirs: Sequence[Identifier], *, way: str, rules: NearRules
) -> tuple[str, str] | None:
    """Return the first pair of similar values of two reports with the kind `way`, as people write them.

    `way` is a result of `similarity_of`; None without such a pair. `mine` and `theirs` are the identifiers of
    the two reports.
    """
    for one in mine:
        for two in theirs:
            if similarity_of(one, two, rules) == way:
                return one.written(), two.written()
    return None


def keys_of(spelling: Identifier, sketcher: Sketcher) -> frozenset[int]:
    """Return the blocking keys of an identifier as digests; two similar identifiers share at least one.

    `sketcher` computes the digests under its secret key.
    """
    return frozenset(sketcher.key(Trait.SPELLING, form) for form in spelling.forms())


def families(firsts: Mapping[int, First], rules: NearRules) -> frozenset[int]:
    """Return the blocking keys shared by more values than the rules allow; they become stop keys.

    A blocking key is a form common to similar identifiers; a stop key no longer counts. `firsts` maps the
    digest of a value to its earliest holder.
    """
    counts = Counter(key for first in firsts.values() for key in first.keys)
    return frozenset(key for key, count in counts.items() if count > rules.holders.spelling)


def sharing_values(firsts: Mapping[int, First], worn: Collection[int]) -> dict[int, set[int]]:
    """Return for each value the values that share a blocking key with it, itself included.

    Values are given by digest; `worn` are stop keys (shared by too many values), which do not count. A value
    without another is absent. `firsts` maps each value to its earliest holder.
    """
    by_key: dict[int, list[int]] = defaultdict(list)
    for value, first in firsts.items():
        for key in first.keys:
            if key not in worn:
                by_key[key].append(value)
    beside: dict[int, set[int]] = defaultdict(set)
    for values in by_key.values():
        for value in values if len(values) > 1 else ():
            beside[value].update(values)
    return beside


class Values(Struct, frozen=True):
    """Identifiers by digest, with the data to find similar ones among them.

    `firsts` maps each to its earliest holder, `beside` to the identifiers that share a blocking key with it
    (`sharing_values`). `spelled` maps every report that is such an earliest holder to its identifiers.
    """

    firsts: Mapping[int, First]
    beside: Mapping[int, Collection[int]]
    spelled: Mapping[UUID, Spelled]


def near_spelled(
    report_ids: Iterable[UUID], values: Values, rules: NearRules
) -> dict[UUID, list[NearReport]]:
    """Return for each report the earlier reports with a similar identifier, by report id.

    A report without any has an empty list. `values` are the identifiers that share a blocking key, with their
    earliest holders; only the earliest holder of a value gets its matches.
    """
    held: dict[UUID, list[int]] = defaultdict(list)
    for value, first in values.firsts.items():
        if value in values.beside:
            held[first.report_id].append(value)
    return {
        report_id: _few(
            [
                found
                for value in sorted(held.get(report_id, ()))
                for other in sorted(values.beside[value])
                for found in _near(value, other, values, rules)
            ],
            rules,
        )
        for report_id in report_ids
    }


def _near(value: int, other: int, values: Values, rules: NearRules) -> Iterable[NearReport]:
    report_id, other_id = values.firsts[value].report_id, values.firsts[other].report_id
    if other_id >= report_id:
        return
    mine = values.spelled.get(report_id, {}).get(value)
    theirs = values.spelled.get(other_id, {}).get(other)
    if mine is None or theirs is None:
        return
    way = similarity_of(mine, theirs, rules)
    if way is not None:
        # The digests of both identify the variation: a further variation is new evidence after a rejection.
        pair = f"{value & _OCTETS:016x}{other & _OCTETS:016x}"
        strengths = {**rules.spelling.strength, **rules.mention.strength}
        yield NearReport(other_id=other_id, kind=way, strength=strengths[way], value=pair)


def _few(found: list[NearReport], rules: NearRules) -> list[NearReport]:
    """Return the first similarity of each kind per report, and of each kind only the latest few reports.

    `found` are the similarities of one report to others. The rules set the number (`suggested`).
    """
    best: dict[tuple[str, UUID], NearReport] = {}
    for one in found:
        best.setdefault((one.kind, one.other_id), one)
    kept: dict[str, list[NearReport]] = defaultdict(list)
    for (kind, _), one in sorted(best.items(), reverse=True, key=lambda item: item[0]):
        if len(kept[kind]) < rules.suggested:
            kept[kind].append(one)
    return [one for of_kind in kept.values() for one in of_kind]


_OCTETS = 0xFFFFFFFFFFFFFFFF
