"""From a harmonised report to the facts of a referral. Nothing of the reporter's goes in (decisions 8)."""

from datetime import date, datetime

from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.judicial.domain.records import Facts
from fanal.kernel.calendar import paris_day


def read_facts(report: HarmonisedReport) -> Facts:
    """Return what a referral says of a report."""
    first, last = _days(report)
    victims = [p for p in report.persons if p.role is PersonRole.VICTIM]
    place = report.place
    return Facts(
        report_id=report.report_id,
        kind=report.kind.value,
        channel=report.channel.value if report.channel else None,
        platform=report.platform,
        first_day=first,
        last_day=last,
        country=place.country if place else None,
        locality=place.locality if place else None,
        victims=len(victims),
        victim_ages=tuple(sorted(p.age for p in victims if p.age is not None)),
        suspects=sum(p.role is PersonRole.SUSPECT for p in report.persons),
        files=len(report.files),
        addresses=tuple(dict.fromkeys(url.reported for url in report.urls)),
        selectors=tuple(
            dict.fromkeys((s.role.value, s.kind.value, s.value) for s in report.selectors)
        ),
    )


def _days(report: HarmonisedReport) -> tuple[date | None, date | None]:
    if report.occurred is None:
        return None, None
    return (
        paris_day(datetime.fromisoformat(report.occurred.earliest)),
        paris_day(datetime.fromisoformat(report.occurred.latest)),
    )
