"""What priority needs to know of a report's kin, from its links to earlier reports."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.records import Link, Reason
from fanal.crosscheck.domain.weights import Weights
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

_IDENTITY_FROM = 0.4  # a damped or weak identifier under this does not say "the same person"


def kin_facts(
    report_ids: Sequence[UUID], links: Iterable[Link], weights: Weights
) -> list[KinFacts]:
    """Return the kin facts of each report, in the order given; only links to earlier reports count."""
    by_report: dict[UUID, list[Link]] = defaultdict(list)
    told: dict[
        int, _Told
    ] = {}  # by identity: many links have their reasons in common, as one object
    for link in links:
        by_report[link.report_id].append(link)
        if id(link.reasons) not in told:
            told[id(link.reasons)] = _told(link.reasons, weights)
    return [_facts(report_id, by_report.get(report_id, []), told) for report_id in report_ids]


class _Told(NamedTuple):
    """What the reasons of a link tell: whether the suspect is the same, and the files by kind of hash."""

    same_suspect: bool
    files: dict[str, list[str]]


def _told(reasons: Sequence[Reason], weights: Weights) -> _Told:
    files: dict[str, list[str]] = defaultdict(list)
    for reason in reasons:
        if weights.kind[SelectorKind(reason.kind)].family == "FILE":
            files[reason.kind].append(reason.value)
    return _Told(any(_same_suspect(reason, weights) for reason in reasons), files)


def _facts(report_id: UUID, links: Sequence[Link], told: Mapping[int, _Told]) -> KinFacts:
    files: dict[str, set[str]] = defaultdict(set)
    known = [told[id(link.reasons)] for link in links]
    for kind, values in (pair for each in known for pair in each.files.items()):
        files[kind].update(values)
    return KinFacts(
        report_id=report_id,
        links=len(links),
        strongest=max((link.score for link in links), default=0.0),
        previously_reported_suspect=sum(each.same_suspect for each in known),
        shared_files=max(map(len, files.values()), default=0),
    )


def _same_suspect(reason: Reason, weights: Weights) -> bool:
    return (
        weights.kind[SelectorKind(reason.kind)].identity
        and reason.roles == (SelectorRole.SUSPECT, SelectorRole.SUSPECT)
        and reason.weight >= _IDENTITY_FROM
    )
