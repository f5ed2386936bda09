"""Links between reports: the reasons of weighted pairs, and the points that reasons give.

A report's links also give its counts of related earlier reports, for the priority rules. `weights` are the
points and limits of the linkage rule.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.cards import MARKS, mark_of, short_key
from fanal.crosscheck.domain.records import CROSS, OTHER, SAME, SIMILAR, Link, LinkReason
from fanal.crosscheck.domain.weights import Family, Mark, Weights, score_of
from fanal.crosscheck.engine.domain.features import points_beside
from fanal.crosscheck.engine.domain.rule import Pairs, weigh
from fanal.crosscheck.engine.domain.sheet import (
    CardSheet,
    Flags,
    Points,
    ValueStanding,
    share_kept,
    worth_of,
)
from fanal.crosscheck.links.domain.reasons import FILES
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.sightings import ROLE_OF_CODE

# The values behind the keys of a batch, read from its records, for the reasons of links.


class ReportWords:
    """Look-up of identifiers (selectors) in loaded reports, by short key.

    The short key is the first eight bytes of an identifier's digest. A report is named by its place in `ids`;
    `reports` are the loaded records.
    """

    def __init__(self, reports: Sequence[HarmonisedReport], ids: Sequence[UUID]) -> None:
        place = {report_id: number for number, report_id in enumerate(ids)}
        self._records = {place[report.report_id]: report for report in reports}
        self._selectors: dict[int, dict[int, Selector]] = {}

    def record(self, place: int) -> HarmonisedReport:
        """Return the record of the report at position `place` in `ids`.

        Raises:
            KeyError: the record is not loaded.
        """
        return self._records[place]

    def selector(self, place: int, key: int) -> Selector:
        """Return the selector (identifier) with the short key `key` of the report at `place` in `ids`.

        A short key is the first eight bytes of a selector key.

        Raises:
            KeyError: the record is not loaded, or has no such selector.
        """
        known = self._selectors.get(place)
        if known is None:
            record = self.record(place)  # a subclass may drop the others
            known = self._selectors[place] = {
                short_key(s.kind, s.value): s for s in record.selectors
            }
        return known[key]

    def forget(self) -> None:
        """Forget the harmonised records loaded so far, and their identifiers, to free memory."""
        self._records, self._selectors = {}, {}


SelectorOf = Callable[[int, int], Selector]
"""Returns the selector of a report (its place in the sheet) for a short key."""


def link(
    sheet: CardSheet,
    standing: ValueStanding,
    weights: Weights,
    *,
    ids: Sequence[UUID],
    told: SelectorOf,
    fresh: Flags | None = None,
) -> Iterator[Link]:
    """Yield the links between the reports of a sheet, in the order of its pairs; `ids` are their ids.

    The sheet holds comparable data in columns. `standing` is the document frequency of its rows; `told`
    returns the selector (identifier) of a report (its place in the sheet) for a short key. `weights` holds
    points and limits of the rule. With `fresh`, a mask of reports, only links with at least one of these are
    given.
    """
    kept = share_kept(sheet.rows.mark, standing, weights)
    for pairs in weigh(sheet, standing, weights, fresh=fresh):
        explainer = Explainer(sheet, pairs, kept, told, weights)
        yield from explainer.links(ids, fresh=fresh)


class Explainer:
    """Builds the links of weighted pairs of reports: scores, and reasons with their values.

    `weights` are those of the linkage rule. The `sheet` holds the reports' comparable data in columns; `kept`
    is the share of points (0..1) that each of its rows keeps. `told` is a function of a report (place in the
    sheet) and a short key; it returns the report's identifier with that key.
    """

    def __init__(
        self,
        sheet: CardSheet,
        pairs: Pairs,
        kept: Points,
        told: SelectorOf,
        weights: Weights,
    ) -> None:
        self._sheet, self._pairs, self._kept, self._weights = sheet, pairs, kept, weights
        self._side, self._points = worth_of(pairs.meetings, sheet.rows, kept, weights)
        self._selector = told

    def links(self, ids: Sequence[UUID], *, fresh: Flags | None = None) -> Iterator[Link]:
        """Yield the links of all weighted pairs, in order; `ids` are the report ids by place in the sheet.

        With `fresh`, a mask of reports, the shared values are read from the records of these reports; without
        it, from the later report's.
        """
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
    ) -> tuple[LinkReason, ...]:
        """Return the reasons of the pair with number `place`, the strongest first.

        `later` and `earlier` are the row numbers of its reports in the sheet; `fresh` is a mask of the
        reports whose records are loaded, None for all later ones.
        """
        # The value is read from an end whose record is loaded.
        known = later if fresh is None or fresh[later] else earlier
        found = [
            *self._values(place, known),
            *self._beside(int(self._pairs.beside[place])),
        ]
        return tuple(sorted(found, key=lambda r: (-r.weight, r.kind, r.value)))

    def _values(self, place: int, known: int) -> list[LinkReason]:
        first = self._pairs.first
        return [self._value(at, known) for at in range(int(first[place]), int(first[place + 1]))]

    def _value(self, at: int, known: int) -> LinkReason:
        rows, met = self._sheet.rows, self._pairs.meetings
        later, earlier = int(met.later[at]), int(met.earlier[at])
        selector = self._selector(known, int(rows.key[later]))
        return LinkReason(
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

    def _beside(self, beside: int) -> list[LinkReason]:
        given = zip(
            ("IP", "NAME", "BIRTH", "APART", "ALONE"),
            points_beside(beside, self._weights),
            strict=True,
        )
        roles = ("SUSPECT", "SUSPECT")
        return [
            *(
                LinkReason(kind=kind, value="", weight=points, roles=roles)
                for kind, points in given
                if points
            ),
            *(
                conflict_of(mark, self._weights)
                for number, mark in enumerate(MARKS)
                if beside >> number & 1
            ),
        ]


def conflict_of(mark: Mark, weights: Weights) -> LinkReason:
    """Return the reason, of negative weight, for suspects with different values of the weight class `mark`.

    The caller has found that both have values of this class, and none in common.
    """
    return LinkReason(kind="CONFLICT", value=mark.value, weight=-weights.mark[mark].conflict)


def is_of_value(reason: LinkReason) -> bool:
    """Return whether a reason is a shared value, not further evidence such as a name or a conflict."""
    return reason.kind != "CONFLICT" and reason.value != ""


def mark_of_reason(reason: LinkReason) -> Mark:
    """Return the weight class (`Mark`) of a link's reason that is a shared value.

    Raises:
        ValueError: the value is a placeholder, or of a kind that is no evidence.
    """
    mark = mark_of(
        Selector(kind=SelectorKind(reason.kind), value=reason.value, role=ROLE_OF_CODE[1])
    )
    if mark is None:
        raise ValueError("a reason of a value that is no evidence")
    return mark


_BESIDE = frozenset(("NAME", "BIRTH", "APART", "ALONE", "CONFLICT", "TOGETHER", *SIMILAR))
"""Kinds of reasons whose points are added as they are."""


def points_of(reasons: Iterable[LinkReason], weights: Weights) -> float:
    """Return the points of a link computed from its reasons.

    They equal those that `rule.weigh` computes from columns. `weights` sets how much further values of a
    family add, and the greatest totals.
    """
    families: dict[int, dict[Family, list[float]]] = defaultdict(lambda: defaultdict(list))
    beside = 0.0
    for reason in reasons:
        if reason.kind in _BESIDE:
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


def _family(reason: LinkReason, weights: Weights) -> Family:
    if reason.kind == "IP":
        return Family.HOME
    return weights.mark[mark_of_reason(reason)].family


_IDENTITY_FROM = 0.4  # a hub or a common name is no sign of the same person

_IDENTITIES = frozenset({"EMAIL", "HANDLE", "PHONE", "ACCOUNT", "DEVICE"})


def kin_facts(report_ids: Sequence[UUID], links: Iterable[Link]) -> list[KinFacts]:
    """Return for each report the counts of its related earlier reports, in the order of `report_ids`.

    `links` are the links from these reports to earlier ones; the counts of a report without links are zero.
    """
    by_report: dict[UUID, list[Link]] = defaultdict(list)
    for link in links:
        by_report[link.report_id].append(link)
    return [_facts(report_id, by_report.get(report_id, [])) for report_id in report_ids]


class _Told(NamedTuple):
    """Facts from a link's reasons: whether the suspect is the same, and the shared files by hash kind."""

    same_suspect: bool
    files: Mapping[str, list[str]]


def _told(reasons: Sequence[LinkReason]) -> _Told:
    files: dict[str, list[str]] = defaultdict(list)
    for reason in reasons:
        if reason.kind in FILES:
            files[reason.kind].append(reason.value)
    return _Told(any(_same_suspect(reason) for reason in reasons), files)


def _facts(report_id: UUID, links: Sequence[Link]) -> KinFacts:
    files: dict[str, set[str]] = defaultdict(set)
    known = [_told(link.reasons) for link in links]
    for kind, values in (pair for each in known for pair in each.files.items()):
        files[kind].update(values)
    return KinFacts(
        report_id=report_id,
        links=len(links),
        strongest=max((link.score for link in links), default=0.0),
        previously_reported_suspect=sum(each.same_suspect for each in known),
        shared_files=max(map(len, files.values()), default=0),
    )


def _same_suspect(reason: LinkReason) -> bool:
    return (
        reason.kind in _IDENTITIES
        and reason.side != OTHER  # in the texts of both
        and reason.roles == (SelectorRole.SUSPECT, SelectorRole.SUSPECT)
        and reason.weight >= _IDENTITY_FROM
    )
