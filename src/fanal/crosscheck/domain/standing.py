"""How many reports hold each value, and beside how many other identities: what makes it a hub."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from msgspec import structs

from fanal.crosscheck.domain.cards import MARKS, NUMBER_OF_MARK, WEAK, Card
from fanal.crosscheck.domain.columns import identities_beside
from fanal.crosscheck.domain.linking import conflict_of, is_of_value, mark_of_reason, points_of
from fanal.crosscheck.domain.meeting import SAME, ValueStanding, tables_of
from fanal.crosscheck.domain.rarity import ValueState
from fanal.crosscheck.domain.records import LinkReason
from fanal.crosscheck.domain.sheet import Codes, Flags, Ints, Keys, Rows
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

# Values that change standing: a step of rarity passed, or a hub found. Their links are weighed anew.

_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]
_OCTETS = 5


def companions_of(key: int, cards: Iterable[Card], weights: Weights) -> frozenset[bytes]:
    """Return the identities of suspects that stand beside a suspect's value in these cards."""
    found: set[bytes] = set()
    for card in cards:
        mine = [v for v in card.values if v.role == _SUSPECT and weights.mark[MARKS[v.mark]].person]
        if any(value.key == key for value in mine):
            found.update(companion(v.mark, v.key) for v in mine if v.key != key)
    return frozenset(found)


def moved(
    before: ValueState, step: int, companions: frozenset[bytes], weights: Weights
) -> ValueState:
    """Return the state after what was seen now; steps and hubs only ever rise."""
    step = max(step, before.step)
    if before.hub:
        return ValueState(step, hub=True)
    held = before.companions | companions
    counts: dict[int, int] = {}
    for one in held:
        counts[one[0]] = counts.get(one[0], 0) + 1
    if max(counts.values(), default=0) > weights.companions:
        return ValueState(step, hub=True)
    return ValueState(step, companions=held)


def weighed_anew(
    reasons: Iterable[LinkReason],
    kept: Mapping[tuple[str, str], float | None],
    weights: Weights,
    *,
    has: int = 0,
) -> tuple[float, tuple[LinkReason, ...]]:
    """Recompute the points and reasons of a link after the document frequency of some shared values changed.

    `kept` maps (kind, value) to the share of its points that the value now keeps (0..1), or to None when
    the value no longer links the reports; other values are unchanged. `has` is a bit set over
    `NUMBER_OF_MARK`: the marks of which both suspects have a value. A mark in it that loses its last shared
    value adds a CONFLICT reason (negative points). Reasons come by points, highest first; `(0.0, ())` when
    no shared value is left.
    """
    changed: list[LinkReason] = []
    parted: list[LinkReason] = []
    for reason in reasons:
        share = kept.get((reason.kind, reason.value), reason.kept)
        if share is None:
            parted.append(reason)
        elif share != reason.kept:
            # As the rule rounds: to the even one of two that are as near.
            weight = round(reason.weight / reason.kept * share * 1e4) / 1e4 if reason.kept else 0.0
            changed.append(structs.replace(reason, weight=weight, kept=share))
        else:
            changed.append(reason)
    if parted and not any(is_of_value(reason) for reason in changed):
        return 0.0, ()
    changed += _conflicts(parted, changed, has, weights)
    changed.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return points_of(changed, weights), tuple(changed)


def _conflicts(
    parted: Iterable[LinkReason], left: Iterable[LinkReason], has: int, weights: Weights
) -> list[LinkReason]:
    """Return what tells against a pair since values on one side were taken away."""
    gone = {mark_of_reason(reason) for reason in parted if reason.side == SAME}
    shared = {mark_of_reason(one) for one in left if one.side == SAME and is_of_value(one)}
    return [
        conflict_of(mark, weights)
        for mark in gone - shared
        if weights.mark[mark].conflict and has >> NUMBER_OF_MARK[mark] & 1
    ]


def pack_companions(companions: Iterable[bytes]) -> bytes:
    """Return companions as octets."""
    return b"".join(sorted(companions))


def unpack_companions(content: bytes | memoryview) -> frozenset[bytes]:
    """Return what `pack_companions` packed."""
    octets = bytes(content)
    return frozenset(octets[at : at + _OCTETS] for at in range(0, len(octets), _OCTETS))


def companion(mark: int, key: int) -> bytes:
    """Return an identity as it is remembered beside a value."""
    return bytes([mark & ~WEAK]) + (key & 0xFFFFFFFF).to_bytes(4, "little")


# Pairs that a value joins no longer: of one that very many hold, each report meets its neighbours alone.
#
# A report that comes late stands between others, who are then further from one another: what was the
# twentieth neighbour is the next one, and the two hundredth holder, who met all before it, meets
# neighbours. So links follow from the set of reports, in whatever order it came.


def parted(place: Ints, fresh: Flags, weights: Weights) -> Iterator[tuple[int, int]]:
    """Yield the pairs of a person's value that meet no longer, now that `fresh` rows stand among the others.

    `place` are the places of rows among all holders, ascending, as `reach_of` takes them. A pair is given as
    two numbers of rows, the later first; neither is fresh.
    """
    others = np.flatnonzero(~fresh)
    before = np.cumsum(fresh)[others]  # fresh ones before each of the others
    most, near = weights.most_holders, weights.neighbours
    was, now = place[others] - before, place[others]
    for number in np.flatnonzero((before > 0) & (now >= most)).tolist():
        row = int(others[number])
        first = row - min(near, row)
        met = number if was[number] < most else min(near, number)
        for earlier in others[number - met : number].tolist():
            if earlier >= first:
                break
            yield row, earlier


class Beside(NamedTuple):
    """Identities that stand beside a value in the reports of its suspects: a line each, distinct."""

    group: Ints
    mark: Codes
    key: Keys


class Groups(NamedTuple):
    """The values of a sheet: where each begins in its rows, how many rows it has, which is a hub."""

    start: Ints
    size: Ints
    hub: Flags
    beside: Beside


def standing_of(rows: Rows, everything: Rows, weights: Weights) -> tuple[ValueStanding, Groups]:
    """Return the standing of each row (sorted, shared values alone) among all there is.

    `everything` holds every row of every report, in the order of reports.
    """
    total = len(rows.key)
    new = np.append(True, rows.key[1:] != rows.key[:-1]) if total else np.zeros(0, np.bool_)
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, total))
    beside = _beside(rows, everything, (start, size), weights)
    hub = np.zeros(len(start), np.bool_)
    hub[_crowded(beside, weights)] = True
    place = np.arange(total) - np.repeat(start, size)
    standing = ValueStanding(np.repeat(size, size), place, np.repeat(hub, size))
    return standing, Groups(start, size, hub, beside)


def _crowded(beside: Beside, weights: Weights) -> Ints:
    """Return the groups beside which more identities of one mark stand than `companions`."""
    pairs, counts = np.unique(beside.group * 256 + beside.mark, return_counts=True)
    crowded: Ints = pairs[counts > weights.companions] // 256
    return crowded


def _beside(rows: Rows, everything: Rows, groups: tuple[Ints, Ints], weights: Weights) -> Beside:
    person = tables_of(weights).person
    start, size = groups
    asked = (size > weights.companions) & person[rows.mark[start]]
    return Beside(*identities_beside((start, size, asked), rows, everything, person, _SUSPECT))
