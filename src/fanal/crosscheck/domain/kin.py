"""What priority needs to know of a report's kin, from its links to earlier reports."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
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
    for link in links:
        by_report[link.report_id].append(link)
    return [_facts(report_id, by_report.get(report_id, []), weights) for report_id in report_ids]


def _facts(report_id: UUID, links: Sequence[Link], weights: Weights) -> KinFacts:
    files: dict[str, set[str]] = defaultdict(set)
    for link in links:
        for reason in link.reasons:
            if weights.kind[SelectorKind(reason.kind)].family == "FILE":
                files[reason.kind].add(reason.value)
    return KinFacts(
        report_id=report_id,
        links=len(links),
        strongest=max((link.score for link in links), default=0.0),
        previously_reported_suspect=sum(
            any(_same_suspect(reason, weights) for reason in link.reasons) for link in links
        ),
        shared_files=max(map(len, files.values()), default=0),
    )


def _same_suspect(reason: Reason, weights: Weights) -> bool:
    return (
        weights.kind[SelectorKind(reason.kind)].identity
        and reason.roles == (SelectorRole.SUSPECT, SelectorRole.SUSPECT)
        and reason.weight >= _IDENTITY_FROM
    )
