"""The rule of points as whole columns: plain, slow, and what the compiled loops must give to the last bit."""

from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.cards import MARKS, MOST_ADDRESSES, SEVERAL, WEEKS
from fanal.crosscheck.domain.records import CROSS, OTHER, SAME
from fanal.crosscheck.domain.weights import IDENTIFIERS, Family, NearWeights, Weights
from fanal.crosscheck.engine.domain.sheet import (
    FAMILIES,
    ROLES,
    CardSheet,
    Codes,
    Flags,
    Ints,
    Places,
    Points,
    Tables,
    ValueStanding,
    share_kept,
    tables_of,
)


class Meetings(NamedTuple):
    """Places of the two rows of each value that a pair shares, side, points."""

    later: Ints
    earlier: Ints
    side: Codes
    points: Points


class Pairs(NamedTuple):
    """All pairs, by later and earlier report, their meetings, and the points of what is beside."""

    later: Places
    earlier: Places
    points: Points
    first: Ints
    meetings: Meetings
    ip: Points
    name: Points
    birth: Points
    conflict: Points


def weigh(
    sheet: CardSheet, standing: ValueStanding, weights: Weights, *, fresh: Flags | None = None
) -> Pairs:
    """Return what the parts of `rule.weigh` are together."""
    tables = tables_of(weights)
    meetings = meet(sheet, standing, weights, fresh)
    rows = sheet.rows
    size = len(sheet.name)
    report = rows.report.astype(np.int64)
    number = report[meetings.later] * size + report[meetings.earlier]
    order = np.argsort(number, kind="stable")
    meetings = taken(meetings, order)
    number, first = np.unique(number[order], return_index=True)
    first = np.append(first, len(order))
    ends = number // size, number % size
    ip: Points = np.where(_near(sheet, ends, weights), weights.near.ip, 0.0)
    name, birth = _same_person(sheet, ends, weights)
    pair = np.repeat(np.arange(len(number)), np.diff(first))
    lost, differ = _conflicts(sheet, (number, pair), meetings, tables, weights.near)
    ip[differ] = 0.0
    points = _points(sheet, meetings, (number, first, ip), tables, weights)
    points = np.round(points + name + birth - lost, 4)
    later, earlier = (end.astype(np.int32) for end in ends)
    return _shown(Pairs(later, earlier, points, first, meetings, ip, name, birth, lost), weights)


def _points(
    sheet: CardSheet,
    meetings: Meetings,
    found: tuple[Ints, Ints, Points],
    tables: Tables,
    weights: Weights,
) -> Points:
    """Return the points of pairs by families and sides."""
    number, first, ip = found
    count = len(number)
    pair = np.repeat(np.arange(count), np.diff(first))
    mark = sheet.rows.mark[meetings.later].astype(int)
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
    points: Points = np.where(told > 0, told + other / 2, other)
    return points


def _families(parts: tuple[Ints, Ints, Points], count: int, ip: Points, tables: Tables) -> Points:
    """Return for each pair the sum over families: the best value, a little for each further, to a bound."""
    pair, family, points = parts
    families = len(tables.most)
    cells = count * families
    cell = pair * families + family
    flat = np.zeros(cells)
    np.maximum.at(flat, cell, points)
    values = np.bincount(cell[points > 0], minlength=cells).reshape(count, families)
    best = flat.reshape(count, families)
    home = FAMILIES[Family.HOME]
    values[:, home] += ip > 0
    best[:, home] = np.maximum(best[:, home], ip)
    further = np.maximum(values - 1, 0) * tables.further
    given: Points = np.minimum(best + further, tables.most).sum(axis=1)
    return given


def _conflicts(
    sheet: CardSheet,
    pairs: tuple[Ints, Ints],
    meetings: Meetings,
    tables: Tables,
    near: NearWeights,
) -> tuple[Points, Flags]:
    """Return what differences take from each pair, and whether the suspects have different values."""
    number, pair = pairs
    size = len(sheet.name)
    shared = np.zeros(len(number), np.int64)
    same = meetings.side == SAME
    np.bitwise_or.at(shared, pair[same], 1 << sheet.rows.mark[meetings.later[same]].astype(int))
    differing = sheet.has[number // size] & sheet.has[number % size] & ~shared
    both = sheet.has[number // size] & sheet.has[number % size]
    kinds = sum((shared >> place) & 1 for place, mark in enumerate(MARKS) if mark in IDENTIFIERS)
    lost = near.alone * ((both & SEVERAL > 0) & (kinds == 1))
    differ = np.zeros(len(number), np.bool_)
    for mark, points in enumerate(tables.conflict):
        if points:
            lost += points * ((differing >> mark) & 1)
            differ |= (differing >> mark) & 1 > 0
    weeks = sheet.has[number // size] >> 16, sheet.has[number % size] >> 16
    between = np.abs(weeks[0] - weeks[1])
    apart = np.minimum(between, WEEKS - between) >= near.apart_weeks
    return lost + near.apart * (apart & (weeks[0] > 0) & (weeks[1] > 0)), differ


def _near(sheet: CardSheet, ends: tuple[Ints, Ints], weights: Weights) -> Flags:
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
    sheet: CardSheet, ends: tuple[Ints, Ints], weights: Weights
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
        later=pairs.later[kept],
        earlier=pairs.earlier[kept],
        points=pairs.points[kept],
        first=np.append(0, np.cumsum(sizes[kept])),
        meetings=taken(pairs.meetings, of_kept),
        ip=pairs.ip[kept],
        name=pairs.name[kept],
        birth=pairs.birth[kept],
        conflict=pairs.conflict[kept],
    )


def meet(
    sheet: CardSheet, standing: ValueStanding, weights: Weights, fresh: Flags | None
) -> Meetings:
    """Return every two rows of one value that meet."""
    tables, rows = tables_of(weights), sheet.rows
    kept = share_kept(rows.mark, standing, weights)
    later, earlier = _partners(sheet, standing, weights, fresh)
    apart = rows.report[later] != rows.report[earlier]
    later, earlier = later[apart], earlier[apart]
    person = tables.person[rows.mark[later]]
    state = rows.role.astype(int) + ROLES * rows.weak
    side = np.where(person, tables.side[state[later], state[earlier]], SAME)
    factor = np.where(person, tables.factor[state[later], state[earlier]], 1.0)
    # Four decimals, as reasons are stored: what is weighed anew from them comes out alike.
    points = np.round(tables.base[rows.mark[later]] * factor * kept[later], 4)
    return Meetings(later, earlier, side, points)


def _partners(
    sheet: CardSheet, standing: ValueStanding, weights: Weights, fresh: Flags | None
) -> tuple[Ints, Ints]:
    """Return rows and the rows before them that they meet: of very many, neighbours alone."""
    rows, most, near = sheet.rows, weights.most_holders, weights.neighbours
    place = standing.place
    total = len(rows.key)
    starts = (
        np.flatnonzero(np.append(True, rows.key[1:] != rows.key[:-1]))
        if total
        else np.zeros(0, int)
    )
    group = np.repeat(starts, np.diff(np.append(starts, total)))
    here = np.arange(total)
    person = tables_of(weights).person[rows.mark]
    reach = np.where(
        place < most, here - group, np.where(person, np.minimum(near, here - group), 0)
    )
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


def taken(meetings: Meetings, wanted: Ints | Flags) -> Meetings:
    return Meetings(*(column[wanted] for column in meetings))
