"""Compiled loops around the linkage rule: decode packed cards to columns, sort rows, join sets of reports.

Keys are prefixes of digests and so evenly distributed: a bucket sort by their first bits, about four rows a
bucket, then a sort of each bucket in place. Uneven keys only cost time. Sets are a union-find over reports;
the representative of each set is its smallest report.

Numba settings: Python calls `outer` functions, only loops call `inner` ones. All release the interpreter
lock. Inner functions allocate no arrays, so numba keeps no reference counts on their arguments, which took
two thirds of the time. They are inlined: a call would pass seven numbers for each array of each tuple. Arrays
by row: keys uint64, reports int32, place and holders int64, marks uint8, masks bool, shares and points
float64.
"""

import numpy as np
from numba import njit

outer = njit(nogil=True, cache=True)
inner = njit(nogil=True, cache=True, forceinline=True, _nrt=False)


_FEW = 32
_A_BUCKET = 4


@inner
def _number(octets, at, size):
    """Return the little-endian number in the `size` bytes (at most 8) of a uint8 array from position `at`."""
    number = np.uint64(0)
    for place in range(size):
        number |= np.uint64(octets[at + place]) << np.uint64(8 * place)
    return number


@outer
def read_values(octets, ends, shape, counts, report_of_first):
    """Return the values of packed cards as columns: report int32, key uint64, mark and role uint8.

    A packed card (`cards.pack_card`) is a head (data of the suspect), then addresses, then values: short key,
    mark (number of the weight class), role (code, plus `cards.WEAK` if found in a text).

    Args:
        octets: the cards one after another, uint8.
        ends: end offset of each card in `octets`.
        shape: sizes in bytes of a head, an address and a value (`cards.CARD_SHAPE`).
        counts: number of addresses of each card, from `read_people`.
        report_of_first: number of the first card's report; the others follow.
    """
    head, address, value = shape
    total, start = 0, 0
    for card in range(len(ends)):
        total += (ends[card] - start - head - counts[card] * address) // value
        start = ends[card]
    report, key = np.empty(total, np.int32), np.empty(total, np.uint64)
    mark, role = np.empty(total, np.uint8), np.empty(total, np.uint8)
    row, start = 0, 0
    for card in range(len(ends)):
        for at in range(start + head + counts[card] * address, ends[card], value):
            report[row], key[row] = report_of_first + card, _number(octets, at, 8)
            mark[row], role[row] = octets[at + 8], octets[at + 9]
            row += 1
        start = ends[card]
    return report, key, mark, role


@outer
def read_people(octets, ends, shape, counts, people):
    """Decode the heads and addresses of packed cards into the columns of `people`, a row per card.

    Args:
        octets: the cards one after another, uint8; a card is the head (data of the suspect), addresses,
            values.
        ends: end offset of each card in `octets`.
        shape: sizes in bytes of a head, an address and a value (`cards.CARD_SHAPE`).
        counts: int64 by card, filled with the number of its addresses.
        people: (name, words, birth, has, place, at, port, six), filled; `sheet.CardSheet` describes them.
    """
    name, words, birth, has, place, at, port, six = people
    head, address, _ = shape
    start = 0
    for card in range(len(ends)):
        name[card] = _number(octets, start, 8)
        for word in range(words.shape[1]):
            words[card, word] = _number(octets, start + 8 + 4 * word, 4)
        after = start + 8 + 4 * words.shape[1]
        birth[card], has[card] = _number(octets, after, 4), _number(octets, after + 4, 2)
        has[card] |= np.int64(octets[after + 7]) << 16
        counts[card] = octets[after + 6]
        for column in range(counts[card]):
            line = start + head + column * address
            place[card, column] = _number(octets, line, 8)
            at[card, column] = np.int64(_number(octets, line + 8, 8))
            port[card, column] = np.int32(_number(octets, line + 16, 4))
            six[card, column] = octets[line + 20] > 0
        start = ends[card]


@outer
def shared_rows(key, part, bits_of_part):
    """Return the indices of keys that occur more than once, sorted by key, then by index (int32).

    `key` is a uint64 array. Only keys whose first `bits_of_part` bits are the number `part` count, so that
    threads can share the work.
    """
    bits = 0
    while len(key) >> bits_of_part + bits > _A_BUCKET:
        bits += 1
    base = part << bits
    starts = np.zeros((1 << bits) + 1, np.int32)
    for row in range(len(key)):
        bucket = _first_bits(key[row], bits_of_part + bits) - base
        if 0 <= bucket < 1 << bits:
            starts[bucket + 1] += 1
    for bucket in range(1 << bits):
        starts[bucket + 1] += starts[bucket]
    total = starts[-1]
    free, keys, rows = starts[:-1].copy(), np.empty(total, np.uint64), np.empty(total, np.int32)
    for row in range(len(key)):
        bucket = _first_bits(key[row], bits_of_part + bits) - base
        if 0 <= bucket < 1 << bits:
            keys[free[bucket]], rows[free[bucket]] = key[row], row
            free[bucket] += 1
    for bucket in range(1 << bits):
        low, high = starts[bucket], starts[bucket + 1]
        if high - low > _FEW:
            _sort(keys, rows, low, high)
        else:
            _sort_few(keys, rows, low, high)
    kept = 0
    for place in range(total):
        before = place > 0 and keys[place - 1] == keys[place]
        if before or (place + 1 < total and keys[place + 1] == keys[place]):
            rows[kept] = rows[place]
            kept += 1
    return rows[:kept].copy()


@inner
def _first_bits(key, bits):
    """Return the first `bits` (0 to 64) bits of a uint64 key as a number.

    In two shifts, since a shift by 64 bits is undefined.
    """
    return np.int64(key >> np.uint64(63 - bits) >> np.uint64(1))


@outer
def _sort(keys, rows, low, high):
    """Sort `keys[low:high]` in place, stably.

    The elements of the parallel array `rows` move with them.
    """
    order = np.argsort(keys[low:high], kind="mergesort")
    keys[low:high], rows[low:high] = keys[low:high][order], rows[low:high][order]


@inner
def _sort_few(keys, rows, low, high):
    """Sort `keys[low:high]`, a few keys, in place; the elements of the parallel array `rows` move with them.

    A stable insertion sort, without a temporary array.
    """
    for at in range(low + 1, high):
        key, row, back = keys[at], rows[at], at
        while back > low and keys[back - 1] > key:
            keys[back], rows[back] = keys[back - 1], rows[back - 1]
            back -= 1
        keys[back], rows[back] = key, row


@outer
def places_by_report(report, size):
    """Group rows by report; `report` is the report of each row, from 0 to `size` - 1.

    Returns `first`, int64[size + 1], and `mine`, int32: the rows of report r are `mine[first[r]:first[r +
    1]]`.
    """
    first = np.zeros(size + 1, np.int64)
    for row in range(len(report)):
        first[report[row] + 1] += 1
    for one in range(size):
        first[one + 1] += first[one]
    free, mine = first.copy(), np.empty(len(report), np.int32)
    for row in range(len(report)):
        mine[free[report[row]]] = row
        free[report[row]] += 1
    return first, mine


@outer
def reaches(key, place, holders, person, known, bounds):
    """Return for each row the number of preceding rows of the same key with which it is paired, int32.

    A row is a value of a report; a fresh row belongs to a report of the batch.

    Args:
        key: value of each row; the rows are sorted by it.
        place: place of the row's report among the holders of the value.
        holders: number of reports that hold the value.
        person: whether the value is a person's.
        known: running count of fresh rows: a row without a fresh row up to it in its key is paired with none.
            If empty, all rows count.
        bounds: (most, near): from place `most` on, a row of a person's value pairs with `near` neighbours
            only; any other value with more than `most` holders pairs with none.
    """
    most, near = bounds
    found, start = np.zeros(len(key), np.int32), 0
    for row in range(len(key)):
        if row > 0 and key[row] != key[row - 1]:
            start = row
        if holders[row] > most and not person[row]:
            continue
        if len(known) and known[row] == (known[start - 1] if start else 0):
            continue
        before = row - start
        if place[row] < most:
            found[row] = before
        elif person[row]:
            found[row] = min(near, before)
    return found


@outer
def kept_of(mark, holders, hub, steps, hub_share):
    """Return the share of points (0..1) that each row's value keeps after its frequency discount.

    `mark` (number of the weight class), `holders` (number of reports with the value) and `hub` (mask: the
    value co-occurs with too many identities) are by row. `steps` is (holders, shares), both indexed by mark
    and step: from so many holders on, the value keeps that share. A hub keeps `hub_share`.
    """
    of, shares = steps
    kept = np.ones(len(mark))
    for row in range(len(mark)):
        for step in range(of.shape[1]):
            if holders[row] < of[mark[row], step]:
                break
            kept[row] = shares[mark[row], step]
        if hub[row]:
            kept[row] = hub_share
    return kept


@outer
def identities_beside(groups, rows, everything, person, suspect):
    """Return the distinct identities that co-occur with the requested values, as columns (group, mark, key).

    An identity is a suspect's value that names a person, in a field of its own. It co-occurs with a value in
    the reports whose suspect holds both. The result's `group` is the position of the value in `groups`,
    `mark` the identity's weight class, `key` its short key.

    Args:
        groups: (start, size, whether requested) of the values in `rows`.
        rows: `Rows` sorted by key.
        everything: all `Rows`, in the order of reports.
        person: by mark (weight class), whether its values name a person.
        suspect: code of the suspect's role.
    """
    start, size, asked = groups
    first = _firsts(everything.report)
    bound = 0
    for group in range(len(start)):
        if asked[group]:
            for row in range(start[group], start[group] + size[group]):
                bound += first[rows.report[row] + 1] - first[rows.report[row]]
    keys, marks, found = (
        np.empty(bound, np.uint64),
        np.empty(bound, np.uint8),
        np.empty(bound, np.int64),
    )
    count = 0
    for group in range(len(start)):
        if not asked[group]:
            continue
        end = count
        for row in range(start[group], start[group] + size[group]):
            if rows.role[row] != suspect or rows.weak[row]:
                continue
            for at in range(first[rows.report[row]], first[rows.report[row] + 1]):
                named = person[everything.mark[at]] and everything.role[at] == suspect
                if named and not everything.weak[at] and everything.key[at] != rows.key[row]:
                    keys[end], marks[end] = everything.key[at], everything.mark[at]
                    end += 1
        _sort(keys, marks, count, end)
        low = count
        for at in range(low, end):
            if at == low or keys[at] != keys[count - 1]:
                found[count], marks[count], keys[count] = group, marks[at], keys[at]
                count += 1
    return found[:count].copy(), marks[:count].copy(), keys[:count].copy()


@outer
def _firsts(report):
    """Return the index of the first row of each report, int64, then the number of rows as an end.

    `report` is the number of the report of each row; the rows are sorted by report.
    """
    first = np.zeros(report[-1] + 2 if len(report) else 1, np.int64)
    for row in range(len(report)):
        first[report[row] + 1] += 1
    for one in range(len(first) - 1):
        first[one + 1] += first[one]
    return first


@outer
def seats_of(key, report, size):
    """Return a new index for each report, int32[size], so that reports that share values lie together.

    `key` and `report` are the columns of the rows (value, report), sorted by `key`; `size` is the number of
    reports. Each connected component gets consecutive indices, by its smallest report, in the reports' order.
    """
    parent = np.arange(size).astype(np.int32)
    for row in range(1, len(key)):
        if key[row] == key[row - 1]:
            _unite(parent, report[row], report[row - 1])
    seats, free = heads_of(parent), np.zeros(size + 1, np.int32)
    for one in range(size):
        free[seats[one] + 1] += 1
    for head in range(size):
        free[head + 1] += free[head]
    for one in range(size):
        head = seats[one]
        seats[one] = free[head]
        free[head] += 1
    return seats


@outer
def join_certain(parent, later, earlier, points, least):
    """Unite the reports of each pair with at least `least` points of evidence; return how many pairs.

    `later` and `earlier` (report numbers) and `points` are columns of the pairs. `parent` is the union-find
    array, whose roots are the smallest members of their sets; it is changed.
    """
    count = 0
    for at in range(len(later)):
        if points[at] >= least:
            _unite(parent, later[at], earlier[at])
            count += 1
    return count


@outer
def heads_of(parent):
    """Return the root (smallest member) of each report's set, int32, from the union-find array `parent`.

    `parent` has an element for each report: a report of the same set, or the report itself if it is the root.
    """
    heads = np.empty(len(parent), np.int32)
    for one in range(len(parent)):
        heads[one] = _head(parent, one)
    return heads


@inner
def _unite(parent, one, two):
    one, two = _head(parent, one), _head(parent, two)
    if one < two:
        parent[two] = one
    elif two < one:
        parent[one] = two


@inner
def _head(parent, one):
    while parent[one] != one:
        parent[one] = parent[parent[one]]
        one = parent[one]
    return one
