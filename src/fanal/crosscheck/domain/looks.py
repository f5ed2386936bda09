"""What two reports are told apart by, compiled: names, days of birth, kinds of values, addresses.

What every pair is compared by is one line of a processor's cache for each report, instants and ports are
another, elsewhere: a pair costs what it costs to read its ends from memory.
"""

import numpy as np
from numba import njit

from fanal.crosscheck.domain.cards import MOST_ADDRESSES
from fanal.crosscheck.domain.meeting import (
    BIRTH,
    BIRTH_DIFFERS,
    IP,
    IP_SECONDS,
    NAME,
    NAME_DIFFERS,
    PORT_SECONDS,
    PREFIX_SECONDS,
)

_NO_PORT = 1 << 31


@njit(nogil=True, cache=True)
def looks_of(people, seats, conflict):
    """Return the looks and the instants of reports by their seats, each uint64[reports, 8].

    `people` are the columns of a sheet after its rows, `conflict` is of `meeting.Tables`: only the kinds that
    it gives points to are told.

    Looks are name; two words; the third word and the day of birth; kinds of values and, above 16 bits, a bit
    for each address; then addresses. Instants are the addresses' seconds, and their ports with, above 32
    bits, whether each is a prefix.
    """
    name, words, birth, has, where, at, port, six = people
    looks = np.zeros((len(name), 4 + MOST_ADDRESSES), np.uint64)
    instants = np.zeros((len(name), 2 * MOST_ADDRESSES), np.uint64)
    telling = np.uint64(0)
    for mark in range(len(conflict)):
        if conflict[mark] != 0:
            telling |= np.uint64(1) << np.uint64(mark)
    for place in range(len(name)):
        one = seats[place]
        looks[one, 0] = name[place]
        looks[one, 1] = np.uint64(words[place, 0]) | np.uint64(words[place, 1]) << np.uint64(32)
        looks[one, 2] = np.uint64(words[place, 2]) | np.uint64(birth[place]) << np.uint64(32)
        bits = np.uint64(0)
        for column in range(MOST_ADDRESSES):
            looks[one, 4 + column] = where[place, column]
            instants[one, column] = np.uint64(at[place, column])
            of_port = np.uint64(np.uint32(port[place, column]))
            six_too = np.uint64(six[place, column]) << np.uint64(32)
            instants[one, MOST_ADDRESSES + column] = of_port | six_too
            if where[place, column]:
                bits |= np.uint64(1) << where[place, column] % np.uint64(48)
        looks[one, 3] = np.uint64(has[place]) & telling | bits << np.uint64(16)
    return looks, instants


@njit(nogil=True, cache=True, inline="always", _nrt=False)
def may_gain(looks, one, two):
    """Return whether name, day of birth or an address could add points."""
    name = looks[one, 0] == looks[two, 0] and looks[one, 0] != 0
    born, other = looks[one, 2] >> np.uint64(32), looks[two, 2] >> np.uint64(32)
    return name or (born == other and born != 0) or may_be_near(looks, one, two)


@njit(nogil=True, cache=True, inline="always", _nrt=False)
def may_be_near(looks, one, two):
    """Return False only where two reports have no address in common."""
    return (looks[one, 3] & looks[two, 3]) >> np.uint64(16) != 0


@njit(nogil=True, cache=True, _nrt=False)
def beside(looks, one, two, shared, conflict, numbers):
    """Return what names and days of birth give or take, and what conflicts take away."""
    name = 0.0
    if looks[one, 0] != 0 and looks[two, 0] != 0:
        if looks[one, 0] == looks[two, 0]:
            name = numbers[NAME]
        if not _common_word(looks, one, two):
            name -= numbers[NAME_DIFFERS]
    birth, born, other = 0.0, looks[one, 2] >> np.uint64(32), looks[two, 2] >> np.uint64(32)
    if born != 0 and other != 0:
        birth = numbers[BIRTH] if born == other else -numbers[BIRTH_DIFFERS]
    differing = np.int64(looks[one, 3] & looks[two, 3] & np.uint64(0xFFFF)) & ~shared
    lost, what = 0.0, 0
    while differing:
        if differing & 1:
            lost += conflict[what]
        differing >>= 1
        what += 1
    return name, birth, lost


@njit(nogil=True, cache=True, _nrt=False)
def _common_word(looks, one, two):
    """Return whether two names have a word in common."""
    low, high = np.uint64(0xFFFFFFFF), np.uint64(32)
    for mine in (looks[one, 1] & low, looks[one, 1] >> high, looks[one, 2] & low):
        if mine != 0:
            for theirs in (looks[two, 1] & low, looks[two, 1] >> high, looks[two, 2] & low):
                if mine == theirs:
                    return True
    return False


@njit(nogil=True, cache=True, _nrt=False)
def near(looks, instants, one, two, numbers):
    """Return the points of one network address near in time, and port where both have one."""
    equal = False
    for i in range(4, 4 + MOST_ADDRESSES):
        for j in range(4, 4 + MOST_ADDRESSES):
            equal |= (looks[one, i] == looks[two, j]) & (looks[one, i] != 0)
    if not equal:
        return 0.0
    for i in range(4, 4 + MOST_ADDRESSES):
        if looks[one, i] == 0:
            break
        for j in range(4, 4 + MOST_ADDRESSES):
            if looks[one, i] != looks[two, j]:
                continue
            here, there = i - 4, j - 4
            port = instants[one, here + MOST_ADDRESSES]
            within = numbers[IP_SECONDS]
            if port >> np.uint64(32):
                within = numbers[PREFIX_SECONDS]
            elif port < _NO_PORT and port == instants[two, there + MOST_ADDRESSES]:
                within = numbers[PORT_SECONDS]
            mine, theirs = instants[one, here], instants[two, there]
            if abs(np.int64(mine) - np.int64(theirs)) <= within:
                return numbers[IP]
    return 0.0
