"""Comparable data of reports ("cards"), and the values that pairs share, as arrays for the compiled rule.

Cards are stored in columns (structure of arrays). Many reports are processed in spans of rows on several
threads: the compiled loops release the interpreter lock. `Places` (int32), `Ints` (int64), `Keys` (uint64),
`Codes` (uint8), `Points` (float64) and `Flags` (bool) are one-dimensional arrays; `weights` are the points
and limits of the linkage rule.
"""

import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import (
    CARD_SHAPE,
    MARKS,
    MOST_ADDRESSES,
    MOST_WORDS,
    NO_TIME,
    WEAK,
)
from fanal.crosscheck.domain.records import CROSS, OTHER, SAME
from fanal.crosscheck.domain.weights import Family, Weights
from fanal.crosscheck.engine.domain.columns import (
    kept_of,
    reaches,
    read_people,
    read_values,
    shared_rows,
)
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

Ints = NDArray[np.int64]
Keys = NDArray[np.uint64]
Flags = NDArray[np.bool_]
Places = NDArray[np.int32]
Codes = NDArray[np.uint8]
Bits = NDArray[np.uint32]
_AT_ONCE = 50_000


class Rows(NamedTuple):
    """Values of reports as columns, a row for each value of each report, in the order of reports.

    `report` is the number of the report, `key` the short key (first eight bytes of the value's digest),
    `mark` the number of the weight class, `role` the role's code; `weak`: found in a free text only.
    """

    report: Places
    key: Keys
    mark: Codes
    role: Codes
    weak: Flags

    def take(self, wanted: Places | Flags) -> "Rows":
        """Return the rows at the given indices, or those for which the given mask is true."""
        return Rows(
            self.report[wanted],
            self.key[wanted],
            self.mark[wanted],
            self.role[wanted],
            self.weak[wanted],
        )


class CardSheet(NamedTuple):
    """Comparable data of reports as columns, in the order of report ids.

    `rows` hold the values; each other column has one line per report. `name`, `words` (of the name) and
    `birth` (date) are digests; `has` is the bit set of weight classes of which the suspect has a value, and
    from bit 16 on the incident's week. By IP address: its digest (`place`), time of use (`at`, Unix seconds),
    `port`, whether it is IPv6 (`six`).
    """

    rows: Rows
    name: Keys
    words: NDArray[np.uint32]
    birth: NDArray[np.uint32]
    has: Ints
    place: Keys
    at: Ints
    port: Places
    six: Flags


def sheet_of(packed: Sequence[bytes]) -> CardSheet:
    """Decode packed reports (`cards.pack_card`) to columns, in the same order."""
    size = len(packed)
    people = (
        *(np.zeros(size, np.uint64), np.zeros((size, MOST_WORDS), np.uint32)),
        *(np.zeros(size, np.uint32), np.zeros(size, np.int64)),
        np.zeros((size, MOST_ADDRESSES), np.uint64),
        np.full((size, MOST_ADDRESSES), NO_TIME, np.int64),
        np.full((size, MOST_ADDRESSES), -1, np.int32),
        np.zeros((size, MOST_ADDRESSES), np.bool_),
    )

    def read(first: int) -> tuple[Places, Keys, Codes, Codes]:
        # One thread concatenates cards while another decodes: only the former holds the interpreter lock.
        some = packed[first : first + _AT_ONCE]
        octets = np.frombuffer(b"".join(some), np.uint8)
        ends = np.cumsum(np.fromiter(map(len, some), np.int64, len(some)))
        counts = np.zeros(len(some), np.int64)
        theirs = tuple(column[first : first + _AT_ONCE] for column in people)
        read_people(octets, ends, CARD_SHAPE, counts, theirs)
        values: tuple[Places, Keys, Codes, Codes] = read_values(
            octets, ends, CARD_SHAPE, counts, first
        )
        return values

    parts = zip(*in_turn(read, range(0, max(size, 1), _AT_ONCE)), strict=True)
    report, key, mark, role = map(np.concatenate, parts)
    rows = Rows(report, key, mark, role & np.uint8(WEAK - 1), role >= WEAK)
    return CardSheet(rows, *people)


def sorted_rows(sheet: CardSheet) -> CardSheet:
    """Return the sheet with the rows of shared values only, sorted by key, then by report.

    The other columns (one line per report) do not change.
    """
    rows = sheet.rows
    count = processors_for(len(sheet.name))
    bits = count.bit_length() - 1
    parts = in_turn(lambda part: rows.take(shared_rows(rows.key, part, bits)), range(count))
    return sheet._replace(rows=Rows(*map(np.concatenate, zip(*parts, strict=True))))


Work = TypeVar("Work")
Found = TypeVar("Found")
Also = TypeVar("Also")
_ENOUGH = 50_000
"""Number of reports from which a second thread pays off."""


def processors_for(size: int) -> int:
    """Return the number of threads for work on `size` reports: a power of two, at most eight."""
    if size < _ENOUGH:
        return 1
    return min(8, 1 << (len(os.sched_getaffinity(0)).bit_length() - 1))


def together(size: int, one: Callable[[], Found], other: Callable[[], Also]) -> tuple[Found, Also]:
    """Return the results of the functions `one` and `other`, run in parallel if `size` reports justify a
    thread.

    An exception of either is raised here.
    """
    if processors_for(size) == 1:
        return one(), other()
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(one)
        second = other()
        return first.result(), second


def in_turn(act: Callable[[Work], Found], works: Sequence[Work]) -> Iterator[Found]:
    """Yield `act(work)` for each work, in the order of `works`, computed on as many threads as processors.

    Later works are computed ahead while the caller uses an earlier result.
    """
    if len(works) < 2:
        yield from map(act, works)
        return
    threads = len(os.sched_getaffinity(0))
    with ThreadPoolExecutor(threads) as pool:
        ahead = deque(pool.submit(act, work) for work in works[:threads])
        for place in range(len(works)):
            found = ahead.popleft().result()
            if place + threads < len(works):
                ahead.append(pool.submit(act, works[place + threads]))
            yield found


Points = NDArray[np.float64]
FAMILIES = {family: number for number, family in enumerate(Family)}
HOME, FAMILY_COUNT = FAMILIES[Family.HOME], len(FAMILIES)
ROLES = max(ROLE_CODES.values()) + 1
IP, IP_SECONDS, PORT_SECONDS, PREFIX_SECONDS, NAME, BIRTH, NAME_DIFFERS, BIRTH_DIFFERS = range(8)
CROSS_MOST, OTHER_MOST, SHOWN, APART, APART_WEEKS, ALONE = 8, 9, 10, 11, 12, 13
"""Places in `Tables.numbers`."""
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
    """The values that pairs of reports share, as two parallel arrays of row indices in `Rows`.

    Element i of `later` is the row of the value in the later report, of `earlier` that in the earlier report.
    """

    later: Places
    earlier: Places


class ValueStanding(NamedTuple):
    """The document frequency of the value of each row of a `Rows`, as columns.

    `holders`: number of reports that hold the row's value; `place`: place of the row's report among them, by
    id; `hub`: whether the value co-occurs with so many identities that it identifies nobody.
    """

    holders: Ints
    place: Ints
    hub: Flags


class Tables(NamedTuple):
    """The weights as arrays.

    `base`, `family` (a number), `person` and `conflict` are indexed by the number of the mark (weight class
    of a value), with the fields of `MarkWeight`. `further` and `most` are indexed by the number of the family
    (marks whose points overlap): points for each value after the strongest, and greatest total. `side` and
    `factor` are indexed by the roles in both reports (`states_of`); `numbers` holds single limits, at the
    places `IP` to `ALONE`.
    """

    base: Points
    family: Codes
    person: Flags
    conflict: Points
    further: Points
    most: Points
    side: Codes
    factor: Points
    numbers: Points


def tables_of(weights: Weights) -> Tables:
    """Return the weights of the linkage rule as arrays for the compiled loops."""
    marks = [weights.mark[mark] for mark in MARKS]
    families = [weights.family[family] for family in Family]
    side, factor = _sides(weights)
    near = weights.near
    numbers = (
        *(near.ip, near.ip_seconds, near.port_seconds, near.prefix_seconds),
        *(near.name, near.birth, near.name_conflict, near.birth_conflict),
        *(weights.roles.cross_most, weights.roles.other_most, weights.shown),
        *(near.apart, near.apart_weeks, near.alone),
    )
    return Tables(
        base=np.array([mark.base for mark in marks]),
        family=np.array([FAMILIES[mark.family] for mark in marks], np.uint8),
        person=np.array([mark.person for mark in marks]),
        conflict=np.array([mark.conflict for mark in marks]),
        further=np.array([family.further for family in families]),
        most=np.array([family.most for family in families]),
        side=side,
        factor=factor,
        numbers=np.array(numbers),
    )


def worth_of(
    meetings: Meetings, rows: Rows, kept: Points, weights: Weights
) -> tuple[Codes, Points]:
    """Return the side (SAME, CROSS, OTHER) and the points of each shared value, as `rule.weigh` counts them.

    SAME: a value of the suspects of both reports, or of no person; CROSS: the suspect's in one report, and in
    the text of the other; OTHER: any other roles. `kept` is the share of its points that each row keeps
    (`share_kept`). `meetings` are the shared values.
    """
    tables = tables_of(weights)
    mark, state = rows.mark[meetings.later], states_of(rows)
    states, person = (state[meetings.later], state[meetings.earlier]), tables.person[mark]
    side: Codes = np.where(person, tables.side[states], np.uint8(SAME))
    full = tables.base[mark] * np.where(person, tables.factor[states], 1.0)
    # Four decimals, as in stored reasons, so that a reweighting from these gives the same result.
    points: Points = np.round(full * kept[meetings.later], 4)
    return side, points


def states_of(rows: Rows) -> Codes:
    """Return the role of each row (an identifier in a report) as index of `Tables.side`.

    It is the role's code, plus `ROLES` if the identifier is from a text only.
    """
    states: Codes = rows.role + np.uint8(ROLES) * rows.weak
    return states


def share_kept(mark: Codes, standing: ValueStanding, weights: Weights) -> Points:
    """Return the share of points (0..1) that each row's value keeps after frequency and hub discounts.

    `mark` is the weight class of each row, `standing` its document frequency. A hub is a value that co-occurs
    with too many identities.
    """
    steps = [weights.mark[name].steps for name in MARKS]
    most = max(map(len, steps))
    never = np.iinfo(np.int64).max
    holders = np.array([[*(n for n, _ in s), *(never,) * (most - len(s))] for s in steps])
    shares = np.array([[*(share for _, share in s), *(0.0,) * (most - len(s))] for s in steps])
    kept: Points = kept_of(
        mark, standing.holders, standing.hub, (holders, shares), weights.hub_share
    )
    return kept


def _sides(weights: Weights) -> tuple[Codes, Points]:
    """Return two tables by a value's roles in both reports: side (SAME, CROSS, OTHER) and points factor.

    Both are square arrays. The index of a role is its code, or `ROLES` plus its code if only a text gives it.
    """
    side = np.full((2 * ROLES, 2 * ROLES), OTHER, np.uint8)
    factor = np.full((2 * ROLES, 2 * ROLES), weights.roles.other)
    side[_SUSPECT, _SUSPECT], factor[_SUSPECT, _SUSPECT] = SAME, 1.0
    for one, two in ((_SUSPECT, _ASSOCIATED), (_ASSOCIATED, _SUSPECT)):
        side[one, two], factor[one, two] = SAME, weights.roles.associated
    mentioned = [ROLES + role for role in range(ROLES)]
    factor[np.ix_(mentioned, mentioned)] = weights.roles.mention
    spoken = [_CONTENT, ROLES + _CONTENT, ROLES + _SUSPECT]
    for other in spoken:
        side[_SUSPECT, other] = side[other, _SUSPECT] = CROSS
        factor[_SUSPECT, other] = factor[other, _SUSPECT] = weights.roles.cross
    said = ROLES + _SUSPECT
    factor[_SUSPECT, said] = factor[said, _SUSPECT] = weights.roles.said
    factor[said, said] = weights.roles.said_twice
    for one, two in ((_SUSPECT, _VICTIM), (_VICTIM, _SUSPECT)):
        factor[one, two] = weights.roles.role_swap
    return side, factor


def reach_of(rows: Rows, standing: ValueStanding, weights: Weights, fresh: Flags | None) -> Places:
    """Return the number of preceding rows of the same value with which each row forms candidate pairs.

    A row with `most_holders` or more holders of its value before it reaches only `neighbours` rows if the
    value is a person's; any other value with more holders than that reaches none (both are limits of
    `weights`). With `fresh`, a mask of reports, the number is zero where neither the row nor an earlier row
    of the value belongs to one of them. `standing` is the document frequency of each row.
    """
    known = np.zeros(0, np.int64) if fresh is None else np.cumsum(fresh[rows.report])
    person = tables_of(weights).person[rows.mark]
    bounds = weights.most_holders, weights.neighbours
    reach: Places = reaches(rows.key, standing.place, standing.holders, person, known, bounds)
    return reach
