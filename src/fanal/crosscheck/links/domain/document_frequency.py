"""Document frequency of values, and the hubs among them: values that co-occur with many identities.

Rows are (report, value) pairs as columns, sorted by value; `weights` are the points and limits of the linkage
rule.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
from msgspec import structs

from fanal.crosscheck.domain.cards import MARKS, NUMBER_OF_MARK, SEVERAL, WEAK, Card
from fanal.crosscheck.domain.records import SAME, SIMILAR, LinkReason
from fanal.crosscheck.domain.weights import IDENTIFIERS, Mark, Weights
from fanal.crosscheck.engine.domain.columns import identities_beside
from fanal.crosscheck.engine.domain.sheet import (
    Codes,
    Flags,
    Ints,
    Keys,
    Rows,
    ValueStanding,
    tables_of,
)
from fanal.crosscheck.links.domain.linking import (
    conflict_of,
    is_of_value,
    mark_of_reason,
    points_of,
)
from fanal.crosscheck.links.domain.reasons import ValueState
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

# Values with a new frequency step or hub flag: their links are reweighted.

_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]
_OCTETS = 5


def companions_of(key: int, cards: Iterable[Card], weights: Weights) -> frozenset[bytes]:
    """Return the identities that co-occur with a value: other identifiers of the same suspects.

    `key` is the short key (first eight bytes of the digest) of the value, `cards` are the comparable data
    of reports. Only reports whose suspect holds the value count. `weights` says which weight classes
    (marks) identify a person. Each identity is in the form of `companion`.
    """
    found: set[bytes] = set()
    for card in cards:
        mine = [v for v in card.values if v.role == _SUSPECT and weights.mark[MARKS[v.mark]].person]
        if any(value.key == key for value in mine):
            found.update(companion(v.mark, v.key) for v in mine if v.key != key)
    return frozenset(found)


def moved(
    before: ValueState, step: int, companions: frozenset[bytes], weights: Weights
) -> ValueState:
    """Return the frequency state of a value after new observations; step and hub flag only ever rise.

    `before` is the stored state, `step` the frequency step now, `companions` the identities now seen with the
    value, in the form of `companion`. More than `weights.companions` identities of the same mark (weight
    class) make the value a hub, which identifies nobody.
    """
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

    Return (points, reasons, highest points first); `(0.0, ())` when no shared value is left. `kept` maps
    (kind, value) to the share of its points that the value now keeps (0..1), or to None when the value no
    longer links the reports; other values are unchanged. `has` is a bit set over `NUMBER_OF_MARK`: the marks
    (weight classes) of which both suspects have a value, and `SEVERAL`. A mark in it that loses its last
    shared value adds a CONFLICT reason, with the negative points that `weights` sets; where a single kind of
    identifier is left, ALONE is added. TOGETHER and similarities are dropped with any change.
    """
    before, changed, parted = list(reasons), list[LinkReason](), list[LinkReason]()
    for reason in before:
        share = kept.get((reason.kind, reason.value), reason.kept)
        if share is None:
            parted.append(reason)
        elif share != reason.kept:
            # As the rule rounds: half to even.
            weight = round(reason.weight / reason.kept * share * 1e4) / 1e4 if reason.kept else 0.0
            changed.append(structs.replace(reason, weight=weight, kept=share))
        else:
            changed.append(reason)
    if parted and not any(is_of_value(reason) for reason in changed):
        return 0.0, ()
    if changed != before:
        # What the other links of the two dossiers add is added up again in the similarity search.
        changed = [one for one in changed if one.kind != "TOGETHER" and one.kind not in SIMILAR]
    if any(mark_of_reason(reason) in IDENTIFIERS for reason in parted):
        conflicts = _conflicts(parted, changed, has, weights)
        # Where the suspects differ, a line is that of a household (`kernels`).
        gone = {"ALONE", "IP"} if conflicts else {"ALONE"}
        changed = [*(one for one in changed if one.kind not in gone), *conflicts]
        changed += _alone(changed, has, weights)
    changed.sort(key=lambda r: (-r.weight, r.kind, r.value))
    return points_of(changed, weights), tuple(changed)


def _conflicts(
    parted: Iterable[LinkReason], left: Iterable[LinkReason], has: int, weights: Weights
) -> list[LinkReason]:
    """Return the conflict reasons that appear once the values of the reasons `parted` no longer count.

    A conflict: both suspects have values of a weight class, and none in common; it costs the points that
    `weights` sets for the class, and with 0 there is no reason. `left` are the remaining reasons; `has` is
    the bit set of the weight classes of which both suspects have a value.
    """
    gone = {mark_of_reason(reason) for reason in parted if reason.side == SAME}
    shared = {mark_of_reason(one) for one in left if one.side == SAME and is_of_value(one)}
    return [
        conflict_of(mark, weights)
        for mark in gone - shared
        if weights.mark[mark].conflict and has >> NUMBER_OF_MARK[mark] & 1
    ]


def _alone(left: Iterable[LinkReason], has: int, weights: Weights) -> list[LinkReason]:
    """Return the reason ALONE if both suspects have several identifiers and the reports share a single kind
    of them.

    The list is empty otherwise. `left` are the reasons of the pair, `has` is a bit set that holds `SEVERAL`
    if both suspects have several.
    """
    shared = {mark_of_reason(one) for one in left if one.side == SAME and is_of_value(one)}
    if not has & SEVERAL or len(shared & IDENTIFIERS) != 1:
        return []
    roles = (SelectorRole.SUSPECT.value, SelectorRole.SUSPECT.value)
    return [LinkReason(kind="ALONE", value="", weight=-weights.near.alone, roles=roles)]


def pack_companions(companions: Iterable[bytes]) -> bytes:
    """Concatenate identities in the form of `companion` (five bytes each), sorted, for storage."""
    return b"".join(sorted(companions))


def unpack_companions(content: bytes | memoryview) -> frozenset[bytes]:
    """Return the identities that `pack_companions` concatenated."""
    octets = bytes(content)
    return frozenset(octets[at : at + _OCTETS] for at in range(0, len(octets), _OCTETS))


def companion(mark: int, key: int) -> bytes:
    """Return an identity (identifier of a suspect) in its stored form of five bytes.

    They are the number of its weight class (`mark`, without the bit `WEAK`) and four bytes of `key`, its
    short key (64 bits).
    """
    return bytes([mark & ~WEAK]) + (key & 0xFFFFFFFF).to_bytes(4, "little")


# Removed links of a very frequent value: each report keeps only its neighbours by id.
#
# A late report is inserted between others and increases their distance: a twentieth neighbour becomes the
# twenty-first, and a two hundredth holder, paired with all before it, is now paired with neighbours only.
# So the links depend on the set of reports and not on their order.


def parted(place: Ints, fresh: Flags, weights: Weights) -> Iterator[tuple[int, int]]:
    """Yield the pairs of reports that a frequent value no longer links, since new reports came between
    them.

    A frequent value of a person links only neighbours by id. `place` are the places of the value's rows
    among all reports with it, ascending; `fresh` is the mask of the new rows. A pair is given as two row
    numbers, the later first; neither is a new row. `weights` sets when a value is frequent (`most_holders`)
    and how many `neighbours` it still links.
    """
    others = np.flatnonzero(~fresh)
    before = np.cumsum(fresh)[others]  # fresh rows before each of the others
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
    """Distinct identities that co-occur with a value in the reports of its suspects, as columns.

    `group` is the index of the value in `Groups`; `mark` (weight class) and `key` (first eight bytes) are
    those of the identity.
    """

    group: Ints
    mark: Codes
    key: Keys


class Groups(NamedTuple):
    """The distinct values of a `Rows`, as columns in its order.

    For each value its first row (`start`), its number of rows (`size`), and whether it is a `hub` (identifies
    nobody). `beside` holds the co-occurring identities of all values.
    """

    start: Ints
    size: Ints
    hub: Flags
    beside: Beside


def standing_of(rows: Rows, everything: Rows, weights: Weights) -> tuple[ValueStanding, Groups]:
    """Return the document frequency of each row, and the distinct values, of which hubs are marked.

    `rows` are those of shared values only, sorted by value. `everything` holds every row of every report, in
    the order of reports. `weights` sets from how many co-occurring identities a value is a hub.
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


def at_least(
    kept: Mapping[int, ValueState],
    rows: Rows,
    standing: ValueStanding,
    groups: Groups,
    weights: Weights,
) -> tuple[ValueStanding, Groups]:
    """Return `standing` and `groups` with the frequencies raised of values that were more frequent before
    an erasure.

    `standing` are the document frequencies by row, `groups` the values among `rows`. `kept` are the earlier
    states by short key; such a value counts as held by the least number of reports of its stored frequency
    step.
    """
    hub, holders = groups.hub.copy(), np.zeros(len(groups.size), np.int64)
    keys, marks = rows.key[groups.start], rows.mark[groups.start]
    known = np.fromiter(kept, np.uint64, len(kept))
    for group in np.flatnonzero(np.isin(keys, known)).tolist():
        state = kept[int(keys[group])]
        hub[group] = hub[group] or state.hub
        holders[group] = least_holders(MARKS[int(marks[group])], state.step, weights)
    raised = np.maximum(standing.holders, np.repeat(holders, groups.size))
    return (
        ValueStanding(raised, standing.place, np.repeat(hub, groups.size)),
        groups._replace(hub=hub),
    )


def least_holders(mark: Mark, step: int, weights: Weights) -> int:
    """Return the least number of reports that hold a value which has passed `step` frequency steps.

    `mark` is the value's weight class, which has its own steps.
    """
    steps = weights.mark[mark].steps
    if step > len(steps):
        return weights.most_holders + 1
    return steps[step - 1][0] if step else 0


def _crowded(beside: Beside, weights: Weights) -> Ints:
    """Return the values that are hubs, as indices in `Groups`.

    `beside` lists the identities that co-occur with each value. A hub co-occurs with more than
    `weights.companions` identities of the same mark (weight class).
    """
    pairs, counts = np.unique(beside.group * 256 + beside.mark, return_counts=True)
    crowded: Ints = pairs[counts > weights.companions] // 256
    return crowded


def _beside(rows: Rows, everything: Rows, groups: tuple[Ints, Ints], weights: Weights) -> Beside:
    person = tables_of(weights).person
    start, size = groups
    asked = (size > weights.companions) & person[rows.mark[start]]
    return Beside(*identities_beside((start, size, asked), rows, everything, person, _SUSPECT))
