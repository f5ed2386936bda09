"""The compiled loops of the linkage rule: candidate pairs and their points.

Each report is processed in turn as the later end of its pairs. For each of its values the loop walks the
posting list of earlier holders and collects the candidate pairs; then it weights each pair and discards it
unless it is shown. So memory holds the shared values of a single report and the pairs that are kept. The
results equal, to the last bit, those of the reference rule of the tests
(`tests/unit/crosscheck/plain_rule.py`). Numba's cache notices changes of this file only, not of `features`
inlined here: a change there needs one here too.
"""

import numpy as np

from fanal.crosscheck.domain.records import CROSS, OTHER, SAME
from fanal.crosscheck.engine.domain.columns import inner, outer
from fanal.crosscheck.engine.domain.features import (
    DIFFERING,
    NEAR,
    beside,
    may_be_near,
    may_gain,
    near,
)
from fanal.crosscheck.engine.domain.sheet import (
    CROSS_MOST,
    FAMILY_COUNT,
    HOME,
    OTHER_MOST,
    SHOWN,
)

_ROOM = 1024
_FOR_EACH = 8


@outer
def weigh_span(span, slot, rows, reports, looks, tables):
    """Return the pairs to show whose later report has its seat in `span`, with their shared values.

    A pair to show is one with enough points. A fresh report is one whose pairs are wanted: a new one.

    Args:
        span: (first, end) of the seats; a seat is a report's index in the arrays.
        slot: work array, int32[reports], filled with -1 before and after the call.
        rows: (first, mine, seat, mark, state, reach, kept, face). The values of report r are the rows
            `mine[first[r]:first[r + 1]]`, sorted by value. By row: the report's seat, weight class (mark),
            role (`states_of`), number of rows before it to compare with, all of other reports (reach), share
            of points kept (0..1), and face (Bloom filter of `features.look`).
        reports: (report's number by seat, whether it is fresh); each pair has a fresh report.
        looks: (looks, instants), the comparison features by seat that `features.look` wrote.
        tables: `sheet.Tables`, the weights.

    Returns:
        The number of pairs and of shared values, then columns, used up to these lengths. By pair: later and
        earlier report, end of its shared values (int32), points (float64), other evidence (uint32, bits
        of `features.beside`, up to `SINGLE`, and `NEAR`). By shared value: the rows of the later and of
        the earlier report (int32).
    """
    first, mine, _, mark, _, reach, _, _ = rows
    who, fresh = reports
    met, weighed = _met(_ROOM), _weighed(_ROOM)
    sums = np.zeros(3 * FAMILY_COUNT), np.zeros(3 * FAMILY_COUNT)
    room, count, total = _FOR_EACH * (span[1] - span[0]), 0, 0
    later, earlier, until = (
        np.empty(room, np.int32),
        np.empty(room, np.int32),
        np.empty(room, np.int32),
    )
    points, codes = np.empty(room), np.empty(room, np.uint32)
    mine_met, theirs_met = np.empty(room, np.int32), np.empty(room, np.int32)
    for one in range(span[0], span[1]):
        wanted = _wanted(one, first, mine, reach)
        if not wanted:
            continue
        if wanted > len(met[0]):
            met, weighed = _met(2 * wanted), _weighed(2 * wanted)
        met_here, pairs_here = _meet(one, slot, rows, fresh, tables, met, weighed)
        if count + pairs_here > len(points):
            later, earlier = (
                _longer(later, count + pairs_here),
                _longer(earlier, count + pairs_here),
            )
            until, points = _longer(until, count + pairs_here), _longer(points, count + pairs_here)
            codes = _longer(codes, count + pairs_here)
        if total + met_here > len(mine_met):
            mine_met = _longer(mine_met, total + met_here)
            theirs_met = _longer(theirs_met, total + met_here)
        told = later, earlier, until, points, codes, mine_met, theirs_met
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
    return count, total, later, earlier, until, points, codes, mine_met, theirs_met


@inner
def _wanted(one, first, mine, reach):
    """Return the largest possible number of shared values of a report with the reports before it.

    `one` is the report's index. Its rows are `mine[first[one]:first[one + 1]]`; `reach` is by row the number
    of earlier rows with which it is compared. The result is the sum of the reach of its rows.
    """
    wanted = 0
    for at in range(first[one], first[one + 1]):
        wanted += reach[mine[at]]
    return wanted


@outer
def _met(room):
    """Return empty columns with room for `room` shared values of a report.

    They are: row of the value in the later report, row in the earlier report, side (SAME, CROSS, OTHER),
    points, and place of the pair's next shared value in these columns (-1 for none).
    """
    return (
        *(np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.uint8)),
        *(np.empty(room), np.empty(room, np.int32)),
    )


@outer
def _weighed(room):
    """Return empty columns with room for `room` pairs of a report.

    They are: index of the earlier report, places of the pair's first and last shared value in the columns of
    `_met`.
    """
    return np.empty(room, np.int32), np.empty(room, np.int32), np.empty(room, np.int32)


@inner
def _meet(one, slot, rows, fresh, tables, met, weighed):
    """Write the shared values of a report to `met` and its pairs to `weighed`; return the number of each.

    `one` is the report's index; `slot` is by earlier report the place of the pair in `weighed`, -1 for none.
    `rows` and `tables` are the columns and weights that `weigh_span` describes, `fresh` a mask by report.
    `met` is from `_met`, `weighed` from `_weighed`. Most shared values alone give too few points to be shown,
    and are skipped where no other evidence can follow. So values with points come first, the most frequent of
    them last; then come the values without points.
    """
    first, mine, _, _, _, reach, kept, _ = rows
    last = -1
    for at in range(first[one], first[one + 1]):
        row = mine[at]
        if kept[row] > 0 and (last < 0 or reach[row] > reach[last]):
            last = row
    count, pairs = 0, 0
    for turn in range(3):
        for at in range(first[one], first[one + 1]):
            row = mine[at]
            if reach[row] and turn == (2 if kept[row] == 0 else row == last):
                count, pairs = _meet_by(
                    (one, row, turn > 0), (count, pairs), slot, rows, fresh, tables, met, weighed
                )
    return count, pairs


@inner
def _meet_by(report, counts, slot, rows, fresh, tables, met, weighed):
    """Write the pairs of a report that share the value of a single row; return the new `counts`.

    An earlier report is skipped if it has too few points, no earlier shared value, and neither name, date of
    birth nor address that can add any.

    Args:
        report: (report's index, row, whether such weak pairs are skipped).
        counts: numbers of shared values and of pairs so far.
        slot: by earlier report the place of the pair in `weighed`, -1 for none.
        rows: the columns that `weigh_span` describes.
        fresh: mask by report; a pair has at least one fresh report.
        tables: `sheet.Tables`, the weights.
        met: columns of `_met`, to fill.
        weighed: columns of `_weighed`, to fill.
    """
    one, row, passing = report
    count, pairs = counts
    _, _, seat, mark, state, reach, kept, face = rows
    base, _, person, _, _, _, sides, factor, numbers = tables
    row_of, other_of, side_of, points_of, after = met
    ends, head, tail = weighed
    names, full, held = person[mark[row]], base[mark[row]], kept[row]
    # Four decimals, as in stored reasons, so that a reweighting from these gives the same result.
    alike = _rounded(full * held)
    side, points, before = np.uint8(SAME), alike, -1
    bits, least = face[row], numbers[SHOWN] - 1e-9
    for other in range(row - 1, row - 1 - reach[row], -1):
        if names and state[other] != before:
            before = state[other]
            side, share = sides[state[row], before], factor[state[row], before]
            points = alike if share == 1.0 else _rounded(full * share * held)
        two = seat[other]
        # Slots are scattered in memory, so they are read last.
        weak = passing and points < least and face[other] & bits == 0
        if weak and (pairs == 0 or slot[two] < 0):
            continue
        if not (fresh[one] or fresh[two]):
            continue
        points_of[count], side_of[count] = points, side
        row_of[count], other_of[count], after[count] = row, other, -1
        place = slot[two]
        if place < 0:
            slot[two], ends[pairs], head[pairs], tail[pairs] = pairs, two, count, count
            pairs += 1
        else:
            after[tail[place]] = count
            tail[place] = count
        count += 1
    return count, pairs


@inner
def _weigh(report, counts, slot, mark, looks, tables, met, weighed, sums, columns):
    """Weight the pairs of a report, write those to show, and return the new totals of pairs and values.

    Args:
        report: (report's index, number of its pairs, report's number by index).
        counts: totals of pairs and of shared values before.
        slot: by earlier report the place of the pair; set back to -1.
        mark: number of the weight class, by row.
        looks: (looks, instants), the comparison features that `features.look` wrote.
        tables: `sheet.Tables`, the weights.
        met: shared values of the report, columns of `_met`.
        weighed: pairs of the report, columns of `_weighed`.
        sums: work arrays by side and family: best points, number of further values.
        columns: those that `weigh_span` returns, to fill from `counts` on.
    """
    one, pairs, who = report
    count, total = counts
    faces, instants = looks
    others, head, _ = weighed
    row_of, other_of, _, points_of, after = met
    later, earlier, until, worth, codes, mine_met, theirs_met = columns
    conflict, numbers = tables[3], tables[8]
    least = numbers[SHOWN] - 1e-9
    for place in range(pairs - 1, -1, -1):
        two, at = others[place], head[place]
        slot[two] = -1
        few = after[at] < 0 and points_of[at] < least
        while not few and at >= 0 and points_of[at] == 0:
            at = after[at]
        # Most pairs share a single value of too few or no points, and no other evidence.
        if (few or at < 0) and not may_gain(faces, one, two):
            continue
        given, shared = _given(head[place], 0.0, mark, tables, met, sums)
        name, birth, lost, code = beside(faces, one, two, shared, conflict, numbers)
        ip = 0.0
        # A line is that of a household, whose members have identifiers of their own.
        if code & DIFFERING == 0 and may_be_near(faces, one, two):
            ip = near(faces, instants, one, two, numbers)
            given, _ = _given(head[place], ip, mark, tables, met, sums)
        points = _rounded(given + name + birth - lost)
        if points < least:
            continue
        at = head[place]
        while at >= 0:
            mine_met[total], theirs_met[total] = row_of[at], other_of[at]
            total += 1
            at = after[at]
        later[count], earlier[count], until[count] = who[one], who[two], total
        worth[count], codes[count] = points, code | (NEAR if ip > 0 else 0)
        count += 1
    return count, total


@inner
def _given(at, ip, mark, tables, met, sums):
    """Return the points of a pair from its shared values, and a bit set of marks that both suspects share.

    A mark is the number of a value's weight class. `at` is the place of the pair's first shared value in
    `met` (columns of `_met`), `ip` the points of an IP address, `mark` the mark by row, `tables` the weights
    (`sheet.Tables`). `sums` are work arrays by side and family.
    """
    row_of, _, side_of, points_of, after = met
    family, numbers = tables[1], tables[8]
    if after[at] < 0 and ip == 0:
        return _alone(points_of[at], side_of[at], mark[row_of[at]], tables)
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


@inner
def _alone(points, side, mark, tables):
    """Return the points of a pair with one shared value, and the bit of its mark if both suspects share it.

    Otherwise the bit set is 0. This is the usual case of `_given`, computed faster: the pair has no other
    evidence. `mark` is the number of the value's weight class, `points` its points. `side` says whose the
    value is: SAME (of the suspects of both, or of no person), CROSS (of one suspect, in the other's text)
    or OTHER. `tables` is `sheet.Tables`, the weights.
    """
    family, most, numbers = tables[1], tables[5], tables[8]
    given = min(points, most[family[mark]])
    if side == SAME:
        return given, 1 << np.int64(mark)
    return min(given, numbers[CROSS_MOST if side == CROSS else OTHER_MOST]), 0


@inner
def _count(used, cell, points, sums):
    """Add a value's points to the sums of its `cell`; return `used`, the bit set of cells that hold points.

    A cell is a side (SAME, CROSS or OTHER: whose the value is) and a family (value kinds whose points
    overlap), numbered side x number of families + family. `sums` is (best points, number of further values)
    by cell.
    """
    best, further = sums
    if used >> cell & 1:
        further[cell] += 1.0
        best[cell] = max(best[cell], points)
    else:
        further[cell], best[cell] = 0.0, points
    return used | 1 << cell


@inner
def _sum(used, side, tables, sums):
    """Return the points of a side: per family the best value plus a little for each further value, capped.

    A family is a group of value kinds whose points overlap. `side` says whose the shared values are: SAME (of
    the suspects of both, or of no person), CROSS (of one suspect, in the other's text) or OTHER. `used` is
    the bit set of cells (side x number of families + family) that hold points, `sums` (best points, number of
    further values) by cell. `tables` is `sheet.Tables`.
    """
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


@inner
def _rounded(points):
    """Return points rounded to four decimals, half to even as in numpy."""
    return np.rint(points * 10000.0) / 10000.0


@outer
def _longer(column, least):
    """Return a longer copy of an array, with room for twice `least` elements."""
    grown = np.empty(2 * least, column.dtype)
    grown[: len(column)] = column
    return grown
