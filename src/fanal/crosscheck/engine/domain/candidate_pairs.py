"""Shared values of pairs of reports: the roles on both sides, and the weights as arrays for the loops."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import MARKS
from fanal.crosscheck.domain.records import CROSS, OTHER, SAME
from fanal.crosscheck.domain.weights import Family, Weights
from fanal.crosscheck.engine.domain.columns import kept_of, reaches
from fanal.crosscheck.engine.domain.sheet import Codes, Flags, Ints, Places, Rows
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

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
    """Shared values of pairs of reports, as two parallel arrays of row indices in `Rows`.

    Element i of `later` is the row of the value in the later report, of `earlier` that in the earlier report.
    """

    later: Places
    earlier: Places


class ValueStanding(NamedTuple):
    """Document frequency by row of a sheet (values of reports as columns).

    `holders`: number of reports that hold the row's value; `place`: place of the row's report among them, by
    id; `hub`: whether the value co-occurs with so many identities that it identifies nobody.
    """

    holders: Ints
    place: Ints
    hub: Flags


class Tables(NamedTuple):
    """The weights as arrays.

    `base` to `conflict` are indexed by the number of the mark (weight class of a value), with the fields of
    `MarkWeight`. `further` and `most` are indexed by the number of the family (marks whose points overlap):
    points for each value after the strongest, and greatest total. `side` and `factor` are indexed by the
    roles in both reports (`states_of`); `numbers` holds single limits, at the places `IP` to `ALONE`.
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
    """Return the weights as arrays for the compiled loops."""
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
