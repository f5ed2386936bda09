"""Comparable data of all reports as arrays, for a rebuild of the links; and the dossiers that the pairs
form.
"""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple
from uuid import UUID

import numpy as np

from fanal.crosscheck.domain.weights import Weights, score_of
from fanal.crosscheck.dossiers.domain import Judgement, Strong, membership
from fanal.crosscheck.engine.domain.columns import heads_of, join_certain
from fanal.crosscheck.engine.domain.rule import Pairs, Seated, least_certain, seat
from fanal.crosscheck.engine.domain.sheet import (
    CardSheet,
    Flags,
    Places,
    Points,
    ValueStanding,
    sheet_of,
    sorted_rows,
    together,
)
from fanal.crosscheck.links.domain.document_frequency import Groups, at_least, standing_of
from fanal.crosscheck.links.domain.reasons import ValueState


class Whole(NamedTuple):
    """Comparable data of all reports as arrays, for a rebuild of the links.

    `sheet` holds a row for each value of each report, sorted by value; values that only one report holds
    are left out. `standing` is the document frequency of each row's value. `groups` are the distinct
    values, with a mark for hubs (values seen with too many identities). `seated` are the reports,
    renumbered so that related ones are adjacent in memory.
    """

    sheet: CardSheet
    standing: ValueStanding
    groups: Groups
    seated: Seated


def whole_of(
    packed: Sequence[bytes],
    weights: Weights,
    *,
    kept: Mapping[int, ValueState] = MappingProxyType({}),
) -> Whole:
    """Decode all reports, each encoded by `pack_card`, to the arrays from which pairs are weighted.

    `packed` is in the order of report ids. `weights` says with how many identities a value must occur to be
    a hub. `kept` maps the short key of a value to its state before reports that held it were erased: its
    frequency here is at least that of the state.
    """
    sheet = sheet_of(packed)
    shared = sorted_rows(sheet)
    (standing, groups), seated = together(
        len(packed),
        lambda: standing_of(shared.rows, sheet.rows, weights),
        lambda: seat(shared, weights),
    )
    if kept:
        standing, groups = at_least(kept, shared.rows, standing, groups, weights)
    return Whole(shared, standing, groups, seated)


class Joined:
    """Union-find over reports: reports joined by certain pairs form one set.

    `size` is the number of reports. A report is given by its place (row) in a `CardSheet`. All added pairs
    are kept too, since people's judgements need their scores. `certain` counts the certain ones.
    """

    def __init__(self, size: int) -> None:
        self._parent: Places = np.arange(size, dtype=np.int32)
        self._pairs: list[tuple[Places, Places, Points]] = []
        self.certain = 0

    def add(self, pairs: Pairs, weights: Weights) -> None:
        """Keep `pairs`, and unite the two reports of each certain pair.

        A pair is certain from a number of points (the sum of its evidence) that `weights` sets.
        """
        self._pairs.append((pairs.later, pairs.earlier, pairs.points))
        self.certain += join_certain(
            self._parent, pairs.later, pairs.earlier, pairs.points, least_certain(weights)
        )

    def heads(self) -> Places:
        """Return by place of a report the place of the earliest report of its set, as an array.

        A report alone in its set has its own place.
        """
        heads: Places = heads_of(self._parent)
        return heads

    def anchors(
        self,
        ids: Sequence[UUID],
        judgements: Iterable[Judgement],
        weights: Weights,
        ties: Sequence[Strong] = (),
    ) -> dict[UUID, UUID]:
        """Return by report id the earliest report of its dossier (its anchor); reports without a dossier
        are absent.

        `ids` are the report ids in the order of the sheet's rows, ascending. `judgements` are people's.
        `ties` are certain links with reports outside `ids`. The result equals that of
        `dossiers.domain.membership` for the certain pairs and `ties`. To save time only sets with a report
        in a judgement or a tie go through that function: without one, each set of at least two reports is a
        dossier. `weights` says from how many points a pair is certain.
        """
        counted = list(judgements)
        heads = self.heads()
        named = {report for one in counted for report in (*one.left, *one.right)}
        named.update(end for tie in ties for end in (tie.one, tie.two))
        place = {report: number for number, report in enumerate(ids) if report in named}
        judged = np.zeros(len(heads), np.bool_)
        judged[heads[list(place.values())]] = True
        together = np.bincount(heads, minlength=len(heads)) > 1
        plain = np.flatnonzero(together[heads] & ~judged[heads]).tolist()
        anchors = {
            ids[one]: ids[head] for one, head in zip(plain, heads[plain].tolist(), strict=True)
        }
        if place:
            reports = [ids[one] for one in np.flatnonzero(judged[heads]).tolist()]
            strong = [*self._strong(ids, judged[heads], weights), *ties]
            anchors |= membership([*reports, *(named - place.keys())], strong, counted)
        return anchors

    def _strong(self, ids: Sequence[UUID], wanted: Flags, weights: Weights) -> list[Strong]:
        found: list[Strong] = []
        for later, earlier, points in self._pairs:
            at = wanted[later] & (points >= least_certain(weights))
            found.extend(
                Strong(one=ids[a], two=ids[b], score=round(score_of(p / weights.certain), 4))
                for a, b, p in zip(
                    later[at].tolist(), earlier[at].tolist(), points[at].tolist(), strict=True
                )
            )
        return found
