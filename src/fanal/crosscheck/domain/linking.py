"""Links from the rule's columns: each pair with its reasons, and a link's points from its reasons again."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from uuid import UUID

from fanal.crosscheck.domain.cards import MARKS, mark_of
from fanal.crosscheck.domain.looks import points_beside
from fanal.crosscheck.domain.meeting import (
    CROSS,
    OTHER,
    SAME,
    Points,
    Standing,
    share_kept,
    worth_of,
)
from fanal.crosscheck.domain.records import Link, Reason
from fanal.crosscheck.domain.rule import Pairs, weigh
from fanal.crosscheck.domain.sheet import Flags, Sheet
from fanal.crosscheck.domain.weights import Family, Mark, Weights, score_of
from fanal.harmonise.domain.records import Selector, SelectorKind
from fanal.harmonise.domain.sightings import ROLE_OF_CODE

SelectorOf = Callable[[int, int], Selector]
"""Returns the selector behind a key (as cards name it) of a report (its place in the sheet)."""


def link(
    sheet: Sheet,
    standing: Standing,
    weights: Weights,
    *,
    ids: Sequence[UUID],
    told: SelectorOf,
    fresh: Flags | None = None,
) -> Iterator[Link]:
    """Yield the links of a sheet, in the order of their reports; `ids` are those of its reports.

    With `fresh`, the links that have an end among these reports.
    """
    kept = share_kept(sheet.rows.mark, standing, weights)
    for pairs in weigh(sheet, standing, weights, fresh=fresh):
        explainer = Explainer(sheet, pairs, kept, told, weights)
        yield from explainer.links(ids, fresh=fresh)


class Explainer:
    """Makes links of pairs: their scores, and their reasons in words."""

    def __init__(
        self,
        sheet: Sheet,
        pairs: Pairs,
        kept: Points,
        told: SelectorOf,
        weights: Weights,
    ) -> None:
        self._sheet, self._pairs, self._kept, self._weights = sheet, pairs, kept, weights
        self._side, self._points = worth_of(pairs.meetings, sheet.rows, kept, weights)
        self._selector = told

    def links(self, ids: Sequence[UUID], *, fresh: Flags | None = None) -> Iterator[Link]:
        """Yield the links of the pairs, in their order; `ids` are those of the reports."""
        pairs, weights = self._pairs, self._weights
        for place, (later, earlier, points) in enumerate(
            zip(pairs.later.tolist(), pairs.earlier.tolist(), pairs.points.tolist(), strict=True)
        ):
            yield Link(
                report_id=ids[later],
                other_id=ids[earlier],
                score=round(score_of(points / weights.certain), 4),
                reasons=self.reasons(place, later, earlier, fresh),
                rule_version=weights.version,
            )

    def reasons(
        self, place: int, later: int, earlier: int, fresh: Flags | None
    ) -> tuple[Reason, ...]:
        """Return the reasons of one pair, the strongest first."""
        # The texts of a value are those of an end whose record is at hand.
        known = later if fresh is None or fresh[later] else earlier
        found = [
            *self._values(place, known),
            *self._beside(int(self._pairs.beside[place])),
        ]
        return tuple(sorted(found, key=lambda r: (-r.weight, r.kind, r.value)))

    def _values(self, place: int, known: int) -> list[Reason]:
        first = self._pairs.first
        return [self._value(at, known) for at in range(int(first[place]), int(first[place + 1]))]

    def _value(self, at: int, known: int) -> Reason:
        rows, met = self._sheet.rows, self._pairs.meetings
        later, earlier = int(met.later[at]), int(met.earlier[at])
        selector = self._selector(known, int(rows.key[later]))
        return Reason(
            kind=selector.kind.value,
            value=selector.value,
            weight=float(self._points[at]),
            roles=(
                ROLE_OF_CODE[int(rows.role[later])].value,
                ROLE_OF_CODE[int(rows.role[earlier])].value,
            ),
            kept=float(self._kept[later]),
            side=int(self._side[at]),
        )

    def _beside(self, beside: int) -> list[Reason]:
        given = zip(("IP", "NAME", "BIRTH"), points_beside(beside, self._weights), strict=True)
        roles = ("SUSPECT", "SUSPECT")
        return [
            *(
                Reason(kind=kind, value="", weight=points, roles=roles)
                for kind, points in given
                if points
            ),
            *(
                conflict_of(mark, self._weights)
                for number, mark in enumerate(MARKS)
                if beside >> number & 1
            ),
        ]


def conflict_of(mark: Mark, weights: Weights) -> Reason:
    """Return what tells against a pair: both suspects have values of one kind, and none in common."""
    return Reason(kind="CONFLICT", value=mark.value, weight=-weights.mark[mark].conflict)


def is_of_value(reason: Reason) -> bool:
    """Return whether a reason is a value that both reports hold: not what is beside it."""
    return reason.kind != "CONFLICT" and reason.value != ""


def mark_of_reason(reason: Reason) -> Mark:
    """Return the mark of a reason that is a value.

    Raises:
        ValueError: the value is no evidence.
    """
    mark = mark_of(
        Selector(kind=SelectorKind(reason.kind), value=reason.value, role=ROLE_OF_CODE[1])
    )
    if mark is None:
        raise ValueError("a reason of a value that is no evidence")
    return mark


def points_of(reasons: Iterable[Reason], weights: Weights) -> float:
    """Return the points of a link from its reasons, as `rule.weigh` gives them from columns."""
    families: dict[int, dict[Family, list[float]]] = defaultdict(lambda: defaultdict(list))
    beside = 0.0
    for reason in reasons:
        if reason.kind in {"NAME", "BIRTH", "CONFLICT"}:
            beside += reason.weight
        elif reason.weight > 0:
            families[reason.side][_family(reason, weights)].append(reason.weight)
    same, cross, other = (_sum(families[side], weights) for side in (SAME, CROSS, OTHER))
    told = same + min(cross, weights.roles.cross_most)
    other = min(other, weights.roles.other_most)
    return round((told + other / 2 if told > 0 else other) + beside, 4)


def _sum(families: dict[Family, list[float]], weights: Weights) -> float:
    total = 0.0
    for family, points in families.items():
        weight = weights.family[family]
        total += min(max(points) + weight.further * (len(points) - 1), weight.most)
    return total


def _family(reason: Reason, weights: Weights) -> Family:
    if reason.kind == "IP":
        return Family.HOME
    return weights.mark[mark_of_reason(reason)].family
