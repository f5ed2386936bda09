"""Pairs of reports with similar identifiers: a pure function, whatever the order of arrival.

Only the earliest holders of two similar values are paired, since links connect all other holders to them.
Blocking keys shared by many different values do not count.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.similar.pairs import NearReport
from fanal.crosscheck.domain.similar.rules import NearRules, load_near_rules
from fanal.crosscheck.domain.similar.sketch import Sketcher, Trait
from fanal.crosscheck.domain.similar.spelling import Spelling, spellings_of, way_of
from fanal.harmonise.domain.records import HarmonisedReport

Spelled = Mapping[int, Spelling]
"""A report's identifiers as compared for misspellings, by keyed digest of `Spelling.whole`."""


class First(Struct, frozen=True):
    """The earliest report that holds an identifier, and the identifier's blocking keys."""

    report_id: UUID
    keys: frozenset[int]


def spelled_of(report: HarmonisedReport, sketcher: Sketcher) -> dict[int, Spelling]:
    """Return a report's identifiers as compared for misspellings, by keyed digest of `Spelling.whole`."""
    return {
        sketcher.key(Trait.SPELLING, one.whole()): one
        for one in spellings_of(report, load_near_rules().spelling)
    }


def keys_of(spelling: Spelling, sketcher: Sketcher) -> frozenset[int]:
    """Return the blocking keys of an identifier; two similar identifiers share at least one."""
    return frozenset(sketcher.key(Trait.SPELLING, form) for form in spelling.forms())


def families(firsts: Mapping[int, First], rules: NearRules) -> frozenset[int]:
    """Return the blocking keys shared by more values than the rules allow; they become stop keys.

    `firsts` maps the digest of a value to its earliest holder.
    """
    counts = Counter(key for first in firsts.values() for key in first.keys)
    return frozenset(key for key, count in counts.items() if count > rules.holders.spelling)


def sharing_values(firsts: Mapping[int, First], worn: Collection[int]) -> dict[int, set[int]]:
    """Return for each value the values that share a blocking key with it, itself included.

    Values are given by digest; `worn` are stop keys, which do not count. A value without another is absent.
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
    """Identifiers by digest: the earliest holder of each, and the values that share a key (`sharing_values`).

    `spelled` holds the identifiers of every report that is the earliest holder of such a value.
    """

    firsts: Mapping[int, First]
    beside: Mapping[int, Collection[int]]
    spelled: Mapping[UUID, Spelled]


def near_spelled(
    report_ids: Iterable[UUID], values: Values, rules: NearRules
) -> dict[UUID, list[NearReport]]:
    """Return for each report the earlier reports with a similar identifier."""
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
    way = way_of(mine, theirs, rules.spelling)
    if way is not None:
        # The digests of both identify the variation: a further variation is new evidence after a rejection.
        pair = f"{value & _OCTETS:016x}{other & _OCTETS:016x}"
        yield NearReport(
            other_id=other_id, kind=way, strength=rules.spelling.strength[way], value=pair
        )


def _few(found: list[NearReport], rules: NearRules) -> list[NearReport]:
    """Return the first similarity of each kind per report, and of each kind only the latest few reports."""
    best: dict[tuple[str, UUID], NearReport] = {}
    for one in found:
        best.setdefault((one.kind, one.other_id), one)
    kept: dict[str, list[NearReport]] = defaultdict(list)
    for (kind, _), one in sorted(best.items(), reverse=True, key=lambda item: item[0]):
        if len(kept[kind]) < rules.suggested:
            kept[kind].append(one)
    return [one for of_kind in kept.values() for one in of_kind]


_OCTETS = 0xFFFFFFFFFFFFFFFF
