"""How many reports hold each value, and beside how many other identities: what makes it a hub."""

from typing import NamedTuple

import numpy as np

from fanal.crosscheck.domain.columns import identities_beside
from fanal.crosscheck.domain.meeting import Standing, tables_of
from fanal.crosscheck.domain.sheet import Codes, Flags, Ints, Keys, Rows
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES

_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]


class Beside(NamedTuple):
    """Identities that stand beside a value in the reports of its suspects: a line each, distinct."""

    group: Ints
    mark: Codes
    key: Keys


class Groups(NamedTuple):
    """The values of a sheet: where each begins in its rows, how many rows it has, which is a hub."""

    start: Ints
    size: Ints
    hub: Flags
    beside: Beside


def standing_of(rows: Rows, everything: Rows, weights: Weights) -> tuple[Standing, Groups]:
    """Return the standing of each row (sorted, shared values alone) among all there is.

    `everything` holds every row of every report, in the order of reports.
    """
    total = len(rows.key)
    new = np.append(True, rows.key[1:] != rows.key[:-1]) if total else np.zeros(0, np.bool_)
    start = np.flatnonzero(new)
    size = np.diff(np.append(start, total))
    beside = _beside(rows, everything, (start, size), weights)
    hub = np.zeros(len(start), np.bool_)
    hub[_crowded(beside, weights)] = True
    place = np.arange(total) - np.repeat(start, size)
    standing = Standing(np.repeat(size, size), place, np.repeat(hub, size))
    return standing, Groups(start, size, hub, beside)


def _crowded(beside: Beside, weights: Weights) -> Ints:
    """Return the groups beside which more identities of one mark stand than `companions`."""
    pairs, counts = np.unique(beside.group * 256 + beside.mark, return_counts=True)
    crowded: Ints = pairs[counts > weights.companions] // 256
    return crowded


def _beside(rows: Rows, everything: Rows, groups: tuple[Ints, Ints], weights: Weights) -> Beside:
    person = tables_of(weights).person
    start, size = groups
    asked = (size > weights.companions) & person[rows.mark[start]]
    return Beside(*identities_beside((start, size, asked), rows, everything, person, _SUSPECT))
