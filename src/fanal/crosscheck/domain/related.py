"""Counts of related earlier reports, from the links of a report, for the priority rules."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.records import Link, LinkReason
from fanal.harmonise.domain.records import SelectorRole

_IDENTITY_FROM = 0.4  # a hub or a common name is no sign of the same person
_FILES = frozenset({"SHA256", "SHA1", "MD5", "PDQ"})
_IDENTITIES = frozenset({"EMAIL", "HANDLE", "PHONE", "ACCOUNT", "DEVICE"})


def kin_facts(report_ids: Sequence[UUID], links: Iterable[Link]) -> list[KinFacts]:
    """Return each report's counts of related reports, in the order given, from links to earlier reports."""
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
        if reason.kind in _FILES:
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
        and reason.roles == (SelectorRole.SUSPECT, SelectorRole.SUSPECT)
        and reason.weight >= _IDENTITY_FROM
    )
