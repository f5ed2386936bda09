"""The rule: which pairs of reports share evidence, how many points each value gives, and which are certain.

One computation for a batch beside its kin and for all reports at once, on columns. Nothing in it depends on
the order in which reports came, but that a value of more than `most_holders` reports joins neighbours in time.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import MARKS, MOST_ADDRESSES
from fanal.crosscheck.domain.sheet import Flags, Ints, Keys, Sheet
from fanal.crosscheck.domain.weights import Family, Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

Points = NDArray[np.float64]
SAME, CROSS, OTHER = 0, 1, 2
"""Sides of a meeting: one and the same side; a suspect's value in the other's sentences; all the rest."""
_FAMILIES = {family: number for number, family in enumerate(Family)}
_ROLES = max(ROLE_CODES.values()) + 1
_SUSPECT, _ASSOCIATED, _VICTIM, _CONTENT = (
    ROLE_CODES[role]
    for role in (
        SelectorRole.SUSPECT,
        SelectorRole.ASSOCIATED,
        SelectorRole.VICTIM,
        SelectorRole.CONTENT,
    )
)


class Meetings(NamedTuple):
    """Values that pairs share: places of the two rows (later report first), side, points."""

    later: Ints
    earlier: Ints
    side: Ints
    points: Points


class Pairs(NamedTuple):
    """Pairs by their numbers (`later * size + earlier`, rising), with points and what made them.

    `first[i]:first[i + 1]` are the places in `meetings` of pair i. `ip`, `name`, `birth` hold the points, or the
    points lost, of what only strengthens; `conflict` those lost by kinds that have nothing in common.
    """

    number: Ints
    points: Points
    first: Ints
    meetings: Meetings
    ip: Points
    name: Points
    birth: Points
    conflict: Points


class Standing(NamedTuple):
    """What is known of each row's value: its holders, the place of the row among them, whether a hub."""

    holders: Ints
    place: Ints
    hub: Flags


class Tables(NamedTuple):
    """The weights as columns, by number of mark or family."""

    base: Points
    family: Ints
    person: Flags
    conflict: Points
    further: Points
    most: Points
    side: Ints
    factor: Points


def tables_of(weights: Weights) -> Tables:
    """Return the weights as columns."""
    marks = [weights.mark[mark] for mark in MARKS]
    families = [weights.family[family] for family in Family]
    side, factor = _sides(weights)
    return Tables(
        base=np.array([mark.base for mark in marks]),
        family=np.array([_FAMILIES[mark.family] for mark in marks]),
        person=np.array([mark.person for mark in marks]),
        conflict=np.array([mark.conflict for mark in marks]),
        further=np.array([family.further for family in families]),
        most=np.array([family.most for family in families]),
        side=side,
        factor=factor,
    )


def share_kept(mark: Ints, standing: Standing, weights: Weights) -> Points:
    """Return the share of its points that each row's value keeps, by its holders and as a hub."""
    kept = np.ones(len(mark))
    for number, name in enumerate(MARKS):
        for holders, share in weights.mark[name].steps:
            kept[(mark == number) & (standing.holders >= holders)] = share
    kept[standing.hub] = weights.hub_share
    return kept


def weigh(
    sheet: Sheet, standing: Standing, weights: Weights, *, fresh: Flags | None = None
) -> Pairs:
    """Return the pairs that are shown; with `fresh`, those with an end among these reports.

    Rows of the sheet are sorted by key, then by report.
    """
    tables = tables_of(weights)
    meetings = _meet(sheet, standing, weights, fresh)
    rows = sheet.rows
    size = len(sheet.name)
    number = rows.report[meetings.later] * size + rows.report[meetings.earlier]
    order = np.argsort(number, kind="stable")
    meetings = Meetings(*(column[order] for column in meetings))
    number, first = np.unique(number[order], return_index=True)
    first = np.append(first, len(order))
    ends = number // size, number % size
    ip = weights.near.ip * _near(sheet, ends, weights)
    name, birth = _same_person(sheet, ends, weights)
    points, lost = _points(sheet, meetings, (number, first, ip), tables, weights)
    points = np.round(points + name + birth - lost, 4)
    return _shown(Pairs(number, points, first, meetings, ip, name, birth, lost), weights)


def _sides(weights: Weights) -> tuple[Ints, Points]:
    """Return side and factor of two roles; a role that only a text gives is `_ROLES + role`."""
    side = np.full((2 * _ROLES, 2 * _ROLES), OTHER)
    factor = np.full((2 * _ROLES, 2 * _ROLES), weights.roles.other)
    side[_SUSPECT, _SUSPECT], factor[_SUSPECT, _SUSPECT] = SAME, 1.0
    for one, two in ((_SUSPECT, _ASSOCIATED), (_ASSOCIATED, _SUSPECT)):
        side[one, two], factor[one, two] = SAME, weights.roles.associated
    spoken = [_CONTENT, _ROLES + _CONTENT, _ROLES + _SUSPECT]
    for other in spoken:
        side[_SUSPECT, other] = side[other, _SUSPECT] = CROSS
        factor[_SUSPECT, other] = factor[other, _SUSPECT] = weights.roles.cross
    for one, two in ((_SUSPECT, _VICTIM), (_VICTIM, _SUSPECT)):
        factor[one, two] = weights.roles.role_swap
    return side, factor


def _meet(
    sheet: Sheet, standing: Standing, weights: Weights, fresh: Flags | None
) -> Meetings:
    """Return every two rows of one value that meet."""
    tables, rows = tables_of(weights), sheet.rows
    kept = share_kept(rows.mark, standing, weights)
    later, earlier = _partners(sheet, standing, weights, fresh)
    apart = rows.report[later] != rows.report[earlier]
    later, earlier = later[apart], earlier[apart]
    person = tables.person[rows.mark[later]]
    state = rows.role + _ROLES * rows.weak
    side = np.where(person, tables.side[state[later], state[earlier]], SAME)
    factor = np.where(person, tables.factor[state[later], state[earlier]], 1.0)
    # Four decimals, as reasons are stored: what is weighed anew from them comes out alike.
    points = np.round(tables.base[rows.mark[later]] * factor * kept[later], 4)
    return Meetings(later, earlier, side, points)


def _partners(
    sheet: Sheet, standing: Standing, weights: Weights, fresh: Flags | None
) -> tuple[Ints, Ints]:
    """Return rows and the rows before them that they meet: all of the first `most_holders`, else neighbours."""
    rows, most, near = sheet.rows, weights.most_holders, weights.neighbours
    place = standing.place
    total = len(rows.key)
    starts = np.flatnonzero(np.append(True, rows.key[1:] != rows.key[:-1])) if total else np.zeros(0, int)
    group = np.repeat(starts, np.diff(np.append(starts, total)))
    here = np.arange(total)
    person = tables_of(weights).person[rows.mark]
    reach = np.where(place < most, here - group, np.where(person, np.minimum(near, here - group), 0))
    reach[(standing.holders > most) & ~person] = 0
    if fresh is not None:
        return _with_fresh(reach, group, fresh[rows.report])
    later = np.repeat(here, reach)
    earlier = later - _countdown(reach)
    return later, earlier


def _with_fresh(reach: Ints, group: Ints, fresh: Flags) -> tuple[Ints, Ints]:
    """Return the meetings with a fresh end: only groups that hold a fresh row are looked at."""
    holds = np.zeros(len(group), np.bool_)
    holds[group[fresh]] = True
    asked = np.where(holds[group], reach, 0)
    later = np.repeat(np.arange(len(reach)), asked)
    earlier = later - _countdown(asked)
    touched = fresh[later] | fresh[earlier]
    return later[touched], earlier[touched]


def _countdown(reach: Ints) -> Ints:
    """Return 1, 2, … up to each reach, one after the other."""
    ends = np.cumsum(reach)
    return np.arange(1, int(ends[-1]) + 1 if len(ends) else 1) - np.repeat(ends - reach, reach)


def _points(
    sheet: Sheet,
    meetings: Meetings,
    found: tuple[Ints, Ints, Points],
    tables: Tables,
    weights: Weights,
) -> tuple[Points, Points]:
    """Return the points of pairs by families and sides, and what conflicts take away."""
    number, first, ip = found
    count = len(number)
    pair = np.repeat(np.arange(count), np.diff(first))
    mark = sheet.rows.mark[meetings.later]
    sums = []
    for side in (SAME, CROSS, OTHER):
        of_side = meetings.side == side
        strengthened = ip if side == SAME else np.zeros(count)
        parts = pair[of_side], tables.family[mark[of_side]], meetings.points[of_side]
        sums.append(_families(parts, count, strengthened, tables))
    same, cross, other = sums
    cross = np.minimum(cross, weights.roles.cross_most)
    other = np.minimum(other, weights.roles.other_most)
    told = same + cross
    points = np.where(told > 0, told + other / 2, other)
    return points, _conflicts(sheet, (number, pair), meetings, tables)


def _families(
    parts: tuple[Ints, Ints, Points], count: int, ip: Points, tables: Tables
) -> Points:
    """Return for each pair the sum over families: the best value, a little for each further, to a bound."""
    pair, family, points = parts
    families = len(tables.most)
    cell = pair * families + family
    best = np.zeros(count * families)
    np.maximum.at(best, cell, points)
    values = np.bincount(cell[points > 0], minlength=count * families).astype(float)
    home = _FAMILIES[Family.HOME]
    best, values = best.reshape(count, families), values.reshape(count, families)
    values[:, home] += ip > 0
    best[:, home] = np.maximum(best[:, home], ip)
    further = np.maximum(values - 1, 0) * tables.further
    return np.minimum(best + np.where(best > 0, further, 0), tables.most).sum(axis=1)


def _conflicts(
    sheet: Sheet, pairs: tuple[Ints, Ints], meetings: Meetings, tables: Tables
) -> Points:
    number, pair = pairs
    size = len(sheet.name)
    shared = np.zeros(len(number), np.int64)
    same = meetings.side == SAME
    np.bitwise_or.at(shared, pair[same], 1 << sheet.rows.mark[meetings.later[same]])
    differing = sheet.has[number // size] & sheet.has[number % size] & ~shared
    lost = np.zeros(len(number))
    for mark, points in enumerate(tables.conflict):
        if points:
            lost += points * ((differing >> mark) & 1)
    return lost


def _near(sheet: Sheet, ends: tuple[Ints, Ints], weights: Weights) -> Flags:
    """Return which pairs had one network address near in time, and port where both have one."""
    one, two = ends
    near = np.zeros(len(one), np.bool_)
    for i in range(MOST_ADDRESSES):
        for j in range(MOST_ADDRESSES):
            same = (sheet.place[one, i] == sheet.place[two, j]) & (sheet.place[one, i] != 0)
            if not same.any():
                continue
            apart = np.abs(sheet.at[one, i] - sheet.at[two, j])
            ports = sheet.port[one, i], sheet.port[two, j]
            known = (ports[0] >= 0) & (ports[1] >= 0)
            within = np.where(
                sheet.six[one, i],
                weights.near.prefix_seconds,
                np.where(
                    known & (ports[0] == ports[1]),
                    weights.near.port_seconds,
                    weights.near.ip_seconds,
                ),
            )
            near |= same & (apart <= within)
    return near


def _same_person(
    sheet: Sheet, ends: tuple[Ints, Ints], weights: Weights
) -> tuple[Points, Points]:
    """Return the points that names and days of birth give or take."""
    one, two = ends
    near = weights.near
    named = (sheet.name[one] != 0) & (sheet.name[two] != 0)
    equal = named & (sheet.name[one] == sheet.name[two])
    words, others = sheet.words[one], sheet.words[two]
    common = (words[:, :, None] == others[:, None, :]) & (words[:, :, None] != 0)
    foreign = named & ~common.any(axis=(1, 2))
    name = near.name * equal - near.name_conflict * foreign
    born = (sheet.birth[one] != 0) & (sheet.birth[two] != 0)
    same = sheet.birth[one] == sheet.birth[two]
    return name, near.birth * (born & same) - near.birth_conflict * (born & ~same)


def _shown(pairs: Pairs, weights: Weights) -> Pairs:
    """Return the pairs with points enough to be kept, their meetings with them."""
    kept = pairs.points >= weights.shown - 1e-9
    sizes = np.diff(pairs.first)
    of_kept = np.repeat(kept, sizes)
    return Pairs(
        number=pairs.number[kept],
        points=pairs.points[kept],
        first=np.append(0, np.cumsum(sizes[kept])),
        meetings=Meetings(*(column[of_kept] for column in pairs.meetings)),
        ip=pairs.ip[kept],
        name=pairs.name[kept],
        birth=pairs.birth[kept],
        conflict=pairs.conflict[kept],
    )


def certain_of(pairs: Pairs, weights: Weights) -> Flags:
    """Return which pairs are certain."""
    return pairs.points >= weights.certain - 1e-9


def sorted_rows(sheet: Sheet) -> Sheet:
    """Return the sheet with the rows of shared values alone, sorted by key, then by report."""
    rows = sheet.rows
    order = np.argsort(rows.key, kind="stable")
    key: Keys = rows.key[order]
    new = np.append(True, key[1:] != key[:-1]) if len(key) else np.zeros(0, np.bool_)
    starts = np.flatnonzero(new)
    several = np.repeat(np.diff(np.append(starts, len(key))) > 1, np.diff(np.append(starts, len(key))))
    return sheet._replace(rows=type(rows)(*(column[order][several] for column in rows)))
