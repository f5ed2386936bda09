"""Neutral reports for the tests of orient and of what follows it."""

from datetime import UTC, datetime
from uuid import UUID, uuid4

from fanal.analyse.domain.records import (
    Analysis,
    Because,
    Finding,
    KinFacts,
    Priority,
    PriorityPart,
)
from fanal.formats.report.records import (
    Channel,
    Classification,
    File,
    Person,
    PersonRole,
    Place,
    ReportKind,
)
from fanal.harmonise.domain.records import HarmonisedReport, HarmonisedUrl, TimeRange
from fanal.kernel.ids import new_id
from fanal.orient.domain.records import OrientItem

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def url(address: str, host: str = "pictures.example") -> HarmonisedUrl:
    """One address, already canonical."""
    return HarmonisedUrl(
        reported=address, canonical=address, key=address, host=host, registrable_domain=host
    )


def victim(age: int | None = None, country: str | None = None, born: str | None = None) -> Person:
    """A victim."""
    return Person(role=PersonRole.VICTIM, age=age, country=country, birth_date=born)


def suspect(country: str | None = None) -> Person:
    """A suspect."""
    return Person(role=PersonRole.SUSPECT, country=country)


def period(first: str, last: str) -> TimeRange:
    """The time of the facts, from midnight to midnight UTC."""
    return TimeRange(
        earliest=f"{first}T12:00:00+00:00",
        latest=f"{last}T12:00:00+00:00",
        precision="DAY",
        zone="Europe/Paris",
    )


def item(
    kind: ReportKind = ReportKind.ABUSE_MATERIAL,
    *,
    at: datetime = NOW,
    score: int = 50,
    level: str = "NORMAL",
    floor: str | None = None,
    codes: tuple[str, ...] = (),
    desk_id: int = 1,
    links: int = 0,
    is_test: bool = False,
    report_id: UUID | None = None,
    **values: object,
) -> OrientItem:
    """A report with its analysis and priority; `values` are fields of the harmonised report."""
    report_id = report_id or new_id(at)
    findings = tuple(
        Finding(
            code=code,
            score=1.0,
            value="x",
            because=Because(code=code),
            rule_version="t",
            category=code,
        )
        for code in codes
    )
    part = PriorityPart(
        code="BASE", points=score, because=Because(code="BASE", parameters={"n": 1})
    )
    return OrientItem(
        report=HarmonisedReport(report_id=report_id, reference=str(uuid4()), kind=kind, **values),
        analysis=Analysis(report_id=report_id, findings=findings, rule_version="t"),
        priority=Priority(
            report_id=report_id,
            score=score,
            floor=floor,
            parts=(part,),
            level=level,
            rule_version="t",
        ),
        received_at=at,
        desk_id=desk_id,
        kin=KinFacts(report_id=report_id, links=links, strongest=0.5 if links else 0.0),
        is_test=is_test,
    )


MATERIAL = {"urls": (url("https://pictures.example/a"), url("https://pictures.example/b"))}
CLASSIFIED = (File(classification=Classification(scheme="NCMEC", code="A1")),)
__all__ = [
    "CLASSIFIED",
    "MATERIAL",
    "NOW",
    "Channel",
    "Place",
    "ReportKind",
    "item",
    "period",
    "suspect",
    "url",
    "victim",
]
