"""Compiled comparison features of reports: names, dates of birth, kinds of values, IP addresses.

The features compared for every pair fill a single cache line per report; times and ports lie in another
array. So the cost of a pair is that of two memory reads. `looks` is uint64[seats, LOOKS], `instants`
uint64[seats, MOST_ADDRESSES] and `numbers` float64, one for each limit.
"""

import numpy as np

from fanal.crosscheck.domain.cards import MARKS, MOST_ADDRESSES, SEVERAL, WEEKS
from fanal.crosscheck.domain.weights import IDENTIFIERS, Weights
from fanal.crosscheck.engine.domain.columns import inner, outer
from fanal.crosscheck.engine.domain.sheet import (
    ALONE,
    APART,
    APART_WEEKS,
    BIRTH,
    BIRTH_DIFFERS,
    IP,
    IP_SECONDS,
    NAME,
    NAME_DIFFERS,
    PORT_SECONDS,
    PREFIX_SECONDS,
)

NEAR, NAMED, FOREIGN, BORN, OTHER_DAY, LONG_APART, SINGLE = (1 << bit for bit in range(16, 23))
"""Further evidence of a pair, as bits above those of the marks in conflict: an IP address close in time;
equal names, names without a common word; equal dates of birth, different ones; incidents long apart; a single
kind of identifier shared by suspects who have several."""
DIFFERING = SEVERAL - 1
"""The bits of the marks in conflict."""
_IDENTIFIERS = sum(1 << number for number, mark in enumerate(MARKS) if mark in IDENTIFIERS)
LOOKS = 4 + MOST_ADDRESSES
_EPOCH = 1 << 38  # offset that makes the seconds of times before 1970 positive
_SECONDS, _PORTS = np.uint64((1 << 40) - 1), np.uint64((1 << 23) - 1)
_ADDRESSES, _WEEK = np.uint64((1 << 40) - 1), np.uint64(56)
_PORT, _PREFIX = np.uint64(40), np.uint64(63)


@outer
def look(people, seats, conflict, seen):
    """Write the comparison features of reports to the arrays of `seen`, all zero before.

    Args:
        people: columns of a `CardSheet` after its rows, a line per report.
        seats: for each report the row to write.
        conflict: points lost by differing values, by weight class (mark); marks without any are left out.
        seen: (looks uint64[reports, LOOKS], instants uint64[reports, MOST_ADDRESSES], faces uint64[reports]).

    Names, dates and addresses are digests. The columns of `looks`: 0 the name; 1 two of its words; 2 its
    third word, and from bit 32 the date of birth; 3 the marks, from bit 16 a bit per address, from bit 56 the
    week; from 4 on the addresses. An instant is the time of an address in seconds (40 bits), its port plus 1
    (23 bits), and whether it is an IPv6 prefix. A face is a small Bloom filter of name, date of birth and
    addresses: if those of two reports have no common bit, none of the three can add points.
    """
    name, words, birth, has, where, at, port, six = people
    looks, instants, faces = seen
    telling = np.uint64(SEVERAL)
    for mark in range(len(conflict)):
        if conflict[mark] != 0:
            telling |= np.uint64(1) << np.uint64(mark)
    for place in range(len(name)):
        one = seats[place]
        looks[one, 0] = name[place]
        looks[one, 1] = np.uint64(words[place, 0]) | np.uint64(words[place, 1]) << np.uint64(32)
        looks[one, 2] = np.uint64(words[place, 2]) | np.uint64(birth[place]) << np.uint64(32)
        face = np.uint64(0)
        for column in range(MOST_ADDRESSES):
            if where[place, column] == 0:
                break
            looks[one, 4 + column] = where[place, column]
            face |= np.uint64(1) << np.uint64(16) + where[place, column] % np.uint64(40)
            instants[one, column] = (
                np.uint64(at[place, column] + _EPOCH)
                | np.uint64(port[place, column] + 1) << _PORT
                | np.uint64(six[place, column]) << _PREFIX
            )
        week = np.uint64(has[place]) >> np.uint64(16)
        looks[one, 3] = np.uint64(has[place]) & telling | face | week << _WEEK
        if name[place] != 0:
            face |= np.uint64(1) << name[place] % np.uint64(10)
        if birth[place] != 0:
            face |= np.uint64(1) << np.uint64(10) + np.uint64(birth[place]) % np.uint64(6)
        faces[one] = face


@inner
def may_gain(looks, one, two):
    """Return whether name, date of birth or IP address could add points to the pair of seats `one` and `two`.

    A seat is the row of a report in `looks`, the features that `look` wrote. False is certain, True means
    maybe.
    """
    name = looks[one, 0] == looks[two, 0] and looks[one, 0] != 0
    born, other = looks[one, 2] >> np.uint64(32), looks[two, 2] >> np.uint64(32)
    return name or (born == other and born != 0) or may_be_near(looks, one, two)


@inner
def may_be_near(looks, one, two):
    """Return False if two reports certainly have no IP address in common; True means maybe.

    `one` and `two` are the seats of the reports: their rows in `looks`, the features that `look` wrote.
    """
    return (looks[one, 3] & looks[two, 3]) >> np.uint64(16) & _ADDRESSES != 0


@inner
def beside(looks, one, two, shared, conflict, numbers):
    """Return the evidence of a pair of reports other than shared values, as four numbers.

    They are (points for the name, points for the date of birth, points lost by differences, bit set). The
    first two are negative where name or date differ. The bit set says what was found: the marks (weight
    classes) in which the suspects hold different values, and `NAMED` to `SINGLE`. `one` and `two` are the
    reports' rows in `looks`, the features that `look` wrote. `shared` is the bit set of marks of which the
    suspects share a value. `conflict` (points lost, by mark) and `numbers` (single limits) are columns of
    `sheet.Tables`.
    """
    name, code = 0.0, 0
    if looks[one, 0] != 0 and looks[two, 0] != 0:
        if looks[one, 0] == looks[two, 0]:
            name, code = numbers[NAME], NAMED
        if not _common_word(looks, one, two):
            name -= numbers[NAME_DIFFERS]
            code |= FOREIGN
    birth, born, other = 0.0, looks[one, 2] >> np.uint64(32), looks[two, 2] >> np.uint64(32)
    if born != 0 and other != 0:
        birth = numbers[BIRTH] if born == other else -numbers[BIRTH_DIFFERS]
        code |= BORN if born == other else OTHER_DAY
    both = np.int64(looks[one, 3] & looks[two, 3] & np.uint64(0xFFFF))
    differing = both & DIFFERING & ~shared
    code |= differing
    lost, what, same = 0.0, 0, shared & _IDENTIFIERS
    if both & SEVERAL and same != 0 and same & (same - 1) == 0:
        lost = numbers[ALONE]
        code |= SINGLE
    while differing:
        if differing & 1:
            lost += conflict[what]
        differing >>= 1
        what += 1
    mine, theirs = np.int64(looks[one, 3] >> _WEEK), np.int64(looks[two, 3] >> _WEEK)
    between = abs(mine - theirs)
    if mine != 0 and theirs != 0 and min(between, WEEKS - between) >= numbers[APART_WEEKS]:
        lost += numbers[APART]
        code |= LONG_APART
    return name, birth, lost, code


def points_beside(code: int, weights: Weights) -> tuple[float, float, float, float, float]:
    """Return the points of a pair for IP address, name, date of birth, time between, and a single identifier.

    Points are negative for a difference. `code` says which of the five the pair has: a bit set as `beside`
    returns it, plus `NEAR` for a shared address. `weights` holds the points of each.
    """
    near = weights.near
    return (
        near.ip * bool(code & NEAR),
        near.name * bool(code & NAMED) - near.name_conflict * bool(code & FOREIGN),
        near.birth * bool(code & BORN) - near.birth_conflict * bool(code & OTHER_DAY),
        -near.apart * bool(code & LONG_APART),
        -near.alone * bool(code & SINGLE),
    )


@inner
def _common_word(looks, one, two):
    """Return whether the names of two reports have a word in common, compared by the words' digests.

    `one` and `two` are the reports' seats (rows of `looks`), `looks` the features that `look` wrote.
    """
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    for mine in (looks[one, 1] & low, looks[one, 1] >> high, looks[one, 2] & low):
        if mine != 0:
            for theirs in (looks[two, 1] & low, looks[two, 1] >> high, looks[two, 2] & low):
                if mine == theirs:
                    return True
    return False


@inner
def near(looks, instants, one, two, numbers):
    """Return the points of an IP address that two reports had within a time window; 0 without any.

    `looks` and `instants` are the features that `look` wrote, `one` and `two` the rows of the two reports in
    them. `numbers` are the single limits of `sheet.Tables`. The window depends on the address: an
    IPv6 prefix, an equal port, or neither.
    """
    for i in range(MOST_ADDRESSES):
        if looks[one, 4 + i] == 0:
            break
        for j in range(MOST_ADDRESSES):
            if looks[two, 4 + j] == 0:
                break
            if looks[one, 4 + i] != looks[two, 4 + j]:
                continue
            mine, theirs = instants[one, i], instants[two, j]
            port = mine >> _PORT & _PORTS
            within = numbers[IP_SECONDS]
            if mine >> _PREFIX:
                within = numbers[PREFIX_SECONDS]
            elif port != 0 and port == theirs >> _PORT & _PORTS:
                within = numbers[PORT_SECONDS]
            if abs(np.int64(mine & _SECONDS) - np.int64(theirs & _SECONDS)) <= within:
                return numbers[IP]
    return 0.0
