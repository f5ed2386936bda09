"""Meetings: every two reports that hold one value, on which side of the matter, and the points it gives."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from fanal.crosscheck.domain.cards import MARKS
from fanal.crosscheck.domain.sheet import Flags, Ints, Sheet
from fanal.crosscheck.domain.weights import Family, Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

Points = NDArray[np.float64]
SAME, CROSS, OTHER = 0, 1, 2
"""Sides of a meeting: one and the same side; a suspect's value in the other's sentences; all the rest."""
FAMILIES = {family: number for number, family in enumerate(Family)}
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

    def take(self, wanted: Ints | Flags) -> "Meetings":
        """Return the meetings at these places."""
        return Meetings(
            self.later[wanted], self.earlier[wanted], self.side[wanted], self.points[wanted]
        )


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
        family=np.array([FAMILIES[mark.family] for mark in marks]),
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


def _sides(weights: Weights) -> tuple[Ints, Points]:
    """Return side and factor of two roles; a role that only a text gives is `_ROLES + role`."""
    side = np.full((2 * _ROLES, 2 * _ROLES), OTHER)
    factor = np.full((2 * _ROLES, 2 * _ROLES), weights.roles.other)
    side[_SUSPECT, _SUSPECT], factor[_SUSPECT, _SUSPECT] = SAME, 1.0
    for one, two in ((_SUSPECT, _ASSOCIATED), (_ASSOCIATED, _SUSPECT)):
        side[one, two], factor[one, two] = SAME, weights.roles.associated
    mentioned = [_ROLES + role for role in range(_ROLES)]
    factor[np.ix_(mentioned, mentioned)] = weights.roles.mention
    spoken = [_CONTENT, _ROLES + _CONTENT, _ROLES + _SUSPECT]
    for other in spoken:
        side[_SUSPECT, other] = side[other, _SUSPECT] = CROSS
        factor[_SUSPECT, other] = factor[other, _SUSPECT] = weights.roles.cross
    for one, two in ((_SUSPECT, _VICTIM), (_VICTIM, _SUSPECT)):
        factor[one, two] = weights.roles.role_swap
    return side, factor


def meet(sheet: Sheet, standing: Standing, weights: Weights, fresh: Flags | None) -> Meetings:  # noqa: PLR0917
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


def _partners(  # noqa: PLR0917
    sheet: Sheet, standing: Standing, weights: Weights, fresh: Flags | None
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
