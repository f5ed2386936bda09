"""The loops of the rule, compiled: who meets whom, and what it is worth.

Reports are taken one by one, as the later end of their pairs. A report walks the holders before it of each
of its values and gathers who it meets; then each pair is weighed and forgotten unless it is shown. So nothing
is held but one report's meetings and the pairs that are kept. What is computed, to the last bit, is the plain
rule that stands beside the tests (`tests/unit/crosscheck/plain_rule.py`).

The inner loops are compiled without numba's counting of references (`_nrt=False`): they make no arrays, and
taking those of a tuple apart counted each of them in each call, which was two thirds of the whole.
"""

import numpy as np
from numba import njit

from fanal.crosscheck.domain.looks import beside, may_be_near, may_gain, near
from fanal.crosscheck.domain.meeting import (
    CROSS,
    CROSS_MOST,
    FAMILY_COUNT,
    HOME,
    OTHER,
    OTHER_MOST,
    SAME,
    SHOWN,
)

_ROOM = 1024
_FOR_EACH = 8


@njit(nogil=True, cache=True)
def weigh_span(span, slot, rows, reports, looks, tables):
    """Return the pairs that are shown whose later report sits in `span`, and their meetings.

    Reports are numbered by their seats; `reports` is (who sits there, whether fresh), and each pair has a
    fresh end. `rows` is (first, mine, report, mark, state, reach, kept): the rows of report r are
    `mine[first[r]:first[r + 1]]`; a row meets the `reach` rows before it. `slot` is int32[reports], -1
    everywhere, and so again afterwards. `looks` are those of `looks_of`, `tables` is `meeting.Tables`.

    How many pairs and how many meetings come first, then columns that begin with them. Pairs are later,
    earlier, number of meetings (int32[3]), and points, ip, name, birth, conflict (float64[5]); meetings are
    the rows of the later and the earlier report (int32[2]), side (uint8), points (float64).
    """
    first, mine, _, mark, _, reach, _ = rows
    who, fresh = reports
    met, weighed = _met(_ROOM), _weighed(_ROOM)
    sums = np.zeros(3 * FAMILY_COUNT), np.zeros(3 * FAMILY_COUNT)
    room, count, total = _FOR_EACH * (span[1] - span[0]), 0, 0
    ends, points = np.empty((room, 3), np.int32), np.empty((room, 5))
    places, sides = np.empty((room, 2), np.int32), np.empty(room, np.uint8)
    worth = np.empty(room)
    for one in range(span[0], span[1]):
        wanted = _wanted(one, first, mine, reach)
        if not wanted:
            continue
        if wanted > len(met[0]):
            met, weighed = _met(2 * wanted), _weighed(2 * wanted)
        met_here, pairs_here = _meet(one, slot, rows, fresh, tables, met, weighed)
        if count + pairs_here > len(points):
            points, ends = _wider(points, count + pairs_here), _wider(ends, count + pairs_here)
        if total + met_here > len(places):
            places, sides = _wider(places, total + met_here), _longer(sides, total + met_here)
            worth = _longer(worth, total + met_here)
        told = ends, points, places, sides, worth
        count, total = _weigh(
            (one, pairs_here, who),
            (count, total),
            slot,
            mark,
            looks,
            tables,
            met,
            weighed,
            sums,
            told,
        )
    return count, total, ends, points, places, sides, worth


@njit(nogil=True, cache=True, _nrt=False)
def _wanted(one, first, mine, reach):
    """Return how many meetings a report may have."""
    wanted = 0
    for at in range(first[one], first[one + 1]):
        wanted += reach[mine[at]]
    return wanted


@njit(nogil=True, cache=True)
def _met(room):
    """Return columns for the meetings of one report: rows of both ends, side, points, the pair's next one."""
    return (
        *(np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)),
        *(np.empty(room), np.empty(room, np.int32)),
    )


@njit(nogil=True, cache=True)
def _weighed(room):
    """Return columns for the pairs of a report: earlier end, first and last meeting."""
    return np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)


@njit(nogil=True, cache=True, _nrt=False)
def _meet(one, slot, rows, fresh, tables, met, weighed):
    """Write who a report meets; return how many meetings and how many pairs. `slot` holds places of pairs."""
    first, mine, report, mark, state, reach, kept = rows
    base, _, person, _, _, _, sides, factor, _ = tables
    row_of, other_of, side_of, points_of, after = met
    ends, head, tail = weighed
    count, pairs = 0, 0
    for at in range(first[one], first[one + 1]):
        row = mine[at]
        names, full, held = person[mark[row]], base[mark[row]], kept[row]
        # Four decimals, as reasons are stored: what is weighed anew from them comes out alike.
        alike = _rounded(full * held)
        for other in range(row - 1, row - 1 - reach[row], -1):
            two = report[other]
            if two == one or not (fresh[one] or fresh[two]):
                continue
            side, share = np.uint8(SAME), 1.0
            if names:
                side = sides[state[row], state[other]]
                share = factor[state[row], state[other]]
            points_of[count] = alike if share == 1.0 else _rounded(full * share * held)
            side_of[count], row_of[count], other_of[count] = side, row, other
            after[count] = -1
            place = slot[two]
            if place < 0:
                slot[two], ends[pairs], head[pairs], tail[pairs] = pairs, two, count, count
                pairs += 1
            else:
                after[tail[place]] = count
                tail[place] = count
            count += 1
    return count, pairs


@njit(nogil=True, cache=True, _nrt=False)
def _weigh(report, counts, slot, mark, looks, tables, met, weighed, sums, told):
    """Weigh the pairs of one report, write those that are shown; return how many pairs and meetings are told.

    `report` is (its seat, how many pairs, who sits where), `told` the columns that `weigh_span` returns.
    """
    one, pairs, who = report
    count, total = counts
    faces, instants = looks
    others, head, _ = weighed
    row_of, other_of, side_of, points_of, after = met
    ends, worth, places, sides, values = told
    conflict, numbers = tables[3], tables[8]
    least = numbers[SHOWN] - 1e-9
    for place in range(pairs - 1, -1, -1):
        two, at = others[place], head[place]
        slot[two] = -1
        few = after[at] < 0 and points_of[at] < least
        while not few and at >= 0 and points_of[at] == 0:
            at = after[at]
        # Most pairs share one value that says too little, or nothing at all, and nothing beside it.
        if (few or at < 0) and not may_gain(faces, one, two):
            continue
        ip = 0.0
        if may_be_near(faces, one, two):
            ip = near(faces, instants, one, two, numbers)
        given, shared = _given(head[place], ip, mark, tables, met, sums)
        name, birth, lost = beside(faces, one, two, shared, conflict, numbers)
        points = _rounded(given + name + birth - lost)
        if points < least:
            continue
        worth[count, 0], worth[count, 1], worth[count, 2] = points, ip, name
        worth[count, 3], worth[count, 4] = birth, lost
        before, at = total, head[place]
        while at >= 0:
            places[total, 0], places[total, 1] = row_of[at], other_of[at]
            sides[total], values[total] = side_of[at], points_of[at]
            total += 1
            at = after[at]
        ends[count, 0], ends[count, 1], ends[count, 2] = who[one], who[two], total - before
        count += 1
    return count, total


@njit(nogil=True, cache=True, _nrt=False)
def _given(at, ip, mark, tables, met, sums):
    """Return the points of a pair by families and sides, and the marks that both suspects share, as bits."""
    row_of, _, side_of, points_of, after = met
    family, numbers = tables[1], tables[8]
    used, shared = 0, 0
    while at >= 0:
        side, what = np.int64(side_of[at]), np.int64(mark[row_of[at]])
        if side == SAME:
            shared |= 1 << what
        if points_of[at] > 0:
            used = _count(used, side * FAMILY_COUNT + family[what], points_of[at], sums)
        at = after[at]
    if ip > 0:
        used = _count(used, SAME * FAMILY_COUNT + HOME, ip, sums)
    same = _sum(used, SAME, tables, sums)
    cross = min(_sum(used, CROSS, tables, sums), numbers[CROSS_MOST])
    rest = min(_sum(used, OTHER, tables, sums), numbers[OTHER_MOST])
    told = same + cross
    return told + rest / 2 if told > 0 else rest, shared


@njit(nogil=True, cache=True, inline="always", _nrt=False)
def _count(used, cell, points, sums):
    """Count a value in the cell of its side and family; return which cells are `used`, as bits."""
    best, further = sums
    if used >> cell & 1:
        further[cell] += 1.0
        best[cell] = max(best[cell], points)
    else:
        further[cell], best[cell] = 0.0, points
    return used | 1 << cell


@njit(nogil=True, cache=True, inline="always", _nrt=False)
def _sum(used, side, tables, sums):
    """Return the sum over a side's families: the best value, a little for each further, to a bound."""
    worth, most = tables[4], tables[5]
    best, further = sums
    total, family = 0.0, 0
    left = used >> side * FAMILY_COUNT & (1 << FAMILY_COUNT) - 1
    while left:
        if left & 1:
            cell = side * FAMILY_COUNT + family
            total += min(best[cell] + further[cell] * worth[family], most[family])
        left >>= 1
        family += 1
    return total


@njit(nogil=True, cache=True, inline="always", _nrt=False)
def _rounded(points):
    """Return points with four decimals, as numpy rounds them."""
    return np.rint(points * 10000.0) / 10000.0


@njit(nogil=True, cache=True)
def _wider(table, least):
    """Return a table of twice `least` lines that begins with the lines of `table`."""
    grown = np.empty((2 * least, table.shape[1]), table.dtype)
    grown[: len(table)] = table
    return grown


@njit(nogil=True, cache=True)
def _longer(column, least):
    """Return a column of twice `least` numbers that begins with those of `column`."""
    grown = np.empty(2 * least, column.dtype)
    grown[: len(column)] = column
    return grown
