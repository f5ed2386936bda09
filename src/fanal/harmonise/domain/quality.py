"""Quality score of a report as received: the presence of useful fields, explained part by part.

A pure function of the harmonised record and of dated weights (`data/quality.toml`), each with its points,
condition, reason and source. The score rates the report, never the person or the facts, and has no effect
on priority: a poor report about a child in danger stays first.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Final

from msgspec import Struct

from fanal.formats.report.records import File, Person, PersonRole, ReportKind
from fanal.harmonise.domain.computed import captured_addresses
from fanal.harmonise.domain.datafiles import DataRecord, load
from fanal.harmonise.domain.records import HarmonisedReport

_CONTACT: Final = frozenset(
    {
        ReportKind.GROOMING,
        ReportKind.SEXTORTION,
        ReportKind.SOLICITATION,
        ReportKind.LIVESTREAM,
        ReportKind.TRAFFICKING,
        ReportKind.SEX_TOURISM,
    }
)
_MATERIAL: Final = frozenset({ReportKind.ABUSE_MATERIAL, ReportKind.NONCONSENSUAL_IMAGE})
_SHORT_CONTEXT: Final = 40
_WARNINGS_FOR_NOTHING: Final = 5
_NOT_THE_SENDERS = frozenset(
    {"FILE_NOT_HASHED", "PDQ_LOW_QUALITY"}
)  # warnings about the desk's own computation
_PRECISION: Final = {"SECOND": 1.0, "MINUTE": 1.0, "HOUR": 0.6, "DAY": 0.4, "MONTH": 0.1}
_ZONE_ASSUMED: Final = 0.8
_PSEUDONYM_ALONE: Final = 0.6


class Applies(StrEnum):
    """The condition under which a part of the quality score counts.

    ALWAYS: for every report. HAS_ADDRESS: the report states an IP address. HAS_FILES: it has files.
    MATERIAL: its kind is about abuse material. CONTACT: its kind is about contact with a child, such as
    grooming. URGENT: it declares a danger.
    """

    ALWAYS = "ALWAYS"
    HAS_ADDRESS = "HAS_ADDRESS"
    HAS_FILES = "HAS_FILES"
    MATERIAL = "MATERIAL"
    CONTACT = "CONTACT"
    URGENT = "URGENT"


class PartRule(DataRecord, frozen=True, kw_only=True):
    """The weight of one part of the quality score, such as a useful field.

    `code` names the part; it counts at most `points`, under the condition `when`. `reason` says why, `source`
    where that is published.
    """

    code: str
    points: float
    reason: str
    source: str
    when: Applies = Applies.ALWAYS


class QualityRules(DataRecord, frozen=True, kw_only=True):
    """The weights of the quality score in one version, in force from a date (`data/quality.toml`).

    `part` holds each part of the score: its condition and its points.
    """

    version: str
    in_force_from: date
    part: tuple[PartRule, ...]


class QualityPart(Struct, frozen=True, kw_only=True):
    """A part (`code`) of a report's quality score, such as a useful field: `points` out of `most`."""

    code: str
    points: float
    most: float

    @property
    def missing(self) -> bool:
        """Whether the report has no points for this part."""
        return self.points == 0


class Quality(Struct, frozen=True, kw_only=True):
    """The quality score of a report (0 to 100), its parts in the order of the weights, and their version."""

    score: int
    parts: tuple[QualityPart, ...]
    version: str

    @property
    def lacks(self) -> tuple[str, ...]:
        """The codes of the parts that apply to the report and for which it has no points."""
        return tuple(part.code for part in self.parts if part.missing)


RULES: Final = load("quality.toml", QualityRules)


def assess(report: HarmonisedReport, *, rules: QualityRules = RULES) -> Quality:
    """Return the quality score of a report as received: 0 to 100, with the points of each part.

    Only parts whose condition the report meets count; a report without any such part scores 0.
    """
    parts = tuple(
        QualityPart(
            code=rule.code,
            points=round(rule.points * _SHARES[rule.code](report), 2),
            most=rule.points,
        )
        for rule in rules.part
        if _APPLIES[rule.when](report)
    )
    most = sum(part.most for part in parts)
    earned = sum(part.points for part in parts)
    return Quality(
        score=round(100 * earned / most) if most else 0, parts=parts, version=rules.version
    )


def _suspects(report: HarmonisedReport) -> list[Person]:
    return [p for p in report.persons if p.role in {PersonRole.SUSPECT, PersonRole.ASSOCIATED}]


def _identifier(report: HarmonisedReport) -> float:
    found = _suspects(report)
    if any(p.emails or p.phones or p.accounts or p.devices for p in found):
        return 1.0
    return _PSEUDONYM_ALONE if any(p.handles for p in found) else 0.0


def _address(report: HarmonisedReport) -> float:
    named = any(p.ips for p in _suspects(report))
    return 1.0 if named or captured_addresses(report) else 0.0


def _has_address(report: HarmonisedReport) -> bool:
    return any(p.ips for p in report.persons) or bool(captured_addresses(report))


def _of_addresses(report: HarmonisedReport, *, field: str) -> float:
    ips = [ip for person in report.persons for ip in person.ips]
    ips += captured_addresses(report)
    return _share(getattr(ip, field) is not None for ip in ips)


def _time(report: HarmonisedReport) -> float:
    if report.occurred is None:
        return 0.0
    known = _PRECISION.get(report.occurred.precision, 0.0)
    return known * (_ZONE_ASSUMED if report.occurred.zone_assumed else 1.0)


def _of_files(report: HarmonisedReport, present: Callable[[File], bool]) -> float:
    return _share(present(file) for file in report.files)


def _victim(report: HarmonisedReport) -> float:
    victims = [p for p in report.persons if p.role is PersonRole.VICTIM]
    known = [
        p for p in victims if p.age is not None or p.birth_date or p.handles or p.emails or p.phones
    ]
    return 1.0 if known else 0.0


def _where(report: HarmonisedReport) -> float:
    place = report.place
    stated = place is not None and (place.country or place.postcode or place.locality)
    named = any(p.country or p.postcode or p.locality for p in report.places)
    return 1.0 if stated or named or any(p.country or p.postcode for p in report.persons) else 0.0


def _context(report: HarmonisedReport) -> float:
    if report.conversation or len(report.description or "") >= _SHORT_CONTEXT:
        return 1.0
    return 0.5 if report.description else 0.0


def _readable(report: HarmonisedReport) -> float:
    doubts = sum(1 for warning in report.warnings if warning.code not in _NOT_THE_SENDERS)
    return max(0.0, 1 - doubts / _WARNINGS_FOR_NOTHING)


def _share(given: Iterable[bool]) -> float:
    found: Sequence[bool] = tuple(given)
    return sum(found) / len(found) if found else 0.0


_SHARES: Final[Mapping[str, Callable[[HarmonisedReport], float]]] = {
    "SUSPECT_IDENTIFIER": _identifier,
    "SUSPECT_ADDRESS": _address,
    "ADDRESS_TIME": lambda report: _of_addresses(report, field="at"),
    "ADDRESS_PORT": lambda report: _of_addresses(report, field="port"),
    "TIME_PRECISION": _time,
    "FILE_HASH": lambda report: _of_files(
        report, lambda f: bool(f.sha256 or f.sha1 or f.md5 or f.pdq)
    ),
    "FILE_VIEWED": lambda report: _of_files(report, lambda f: f.seen_by_provider is not None),
    "FILE_CLASS": lambda report: _of_files(report, lambda f: f.classification is not None),
    "FILE_PUBLIC": lambda report: _of_files(report, lambda f: f.publicly_available is not None),
    "CONTENT_ADDRESS": lambda report: 1.0 if report.urls else 0.0,
    "VICTIM_FACTS": _victim,
    "WHERE": _where,
    "ESCALATION_TEXT": lambda report: 1.0 if report.escalation_reason else 0.0,
    "CONTEXT": _context,
    "READABLE": _readable,
}
"""For each part, a function that returns the share of it that a report has, from 0 to 1."""
_APPLIES: Final[Mapping[Applies, Callable[[HarmonisedReport], bool]]] = {
    Applies.ALWAYS: lambda _report: True,
    Applies.HAS_ADDRESS: _has_address,
    Applies.HAS_FILES: lambda report: bool(report.files),
    Applies.MATERIAL: lambda report: report.kind in _MATERIAL,
    Applies.CONTACT: lambda report: report.kind in _CONTACT,
    Applies.URGENT: lambda report: report.emergency,
}
