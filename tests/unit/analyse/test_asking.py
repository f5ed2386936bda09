"""Until when the owner of an address can be asked: a pure function of its instant, its country and dated rules."""

from datetime import UTC, datetime

import pytest
from msgspec import structs

from fanal import reference
from fanal.analyse.domain.records import Analysis
from fanal.analyse.priority.domain.facts import facts_of
from fanal.analyse.priority.domain.retention_window import ask_owner, ask_provider, askable_of
from fanal.formats.report.records import IpSighting, Person, PersonRole, Place, ReportKind
from fanal.harmonise.domain.records import Extra, HarmonisedReport
from fanal.kernel.ids import new_id
from fanal.reference import Asking

LAW = reference.load()
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def report(*seen: str, country: str | None = None, place: str | None = None) -> HarmonisedReport:
    ips = tuple(IpSighting(value="192.0.2.1", at=at) for at in seen)
    return HarmonisedReport(
        report_id=new_id(NOW),
        reference="r",
        kind=ReportKind.OTHER,
        place=Place(country=place) if place else None,
        persons=(Person(role=PersonRole.SUSPECT, country=country, ips=ips),),
    )


@pytest.mark.parametrize(
    ("country", "at", "until"),
    [
        # One year in Europe/Paris, to the end of the day, whatever the summer time does in between.
        ("FR", "2026-03-28T23:30:00Z", "2027-03-29T22:00:00+00:00"),
        ("FR", "2024-02-29T10:00:00+01:00", "2025-02-28T23:00:00+00:00"),
        ("fr", "2026-11-20", "2027-11-20T23:00:00+00:00"),
        ("DE", "2026-11-20T21:14:05Z", "2026-11-27T21:14:05+00:00"),
        ("PH", "2026-08-31T00:00:00Z", "2027-02-28T23:00:00+00:00"),
    ],
)
def test_the_clock_follows_the_country_and_the_instant(country: str, at: str, until: str) -> None:
    asked = ask_owner(report(at, country=country), catalogue=LAW)
    assert asked is not None
    assert asked.until.isoformat() == until
    assert not asked.assumed


def test_where_no_rule_is_known_there_is_no_clock() -> None:
    assert ask_owner(report("2026-11-20T00:00:00Z", country="ZZ"), catalogue=LAW) is None
    assert ask_owner(report("no date", country="FR"), catalogue=LAW) is None
    assert ask_owner(report("9999-12-31T23:00:00Z", country="FR"), catalogue=LAW) is None
    assert ask_owner(report(), catalogue=LAW) is None


def test_the_country_comes_from_the_person_then_the_place_then_the_desk() -> None:
    at = "2026-11-20T00:00:00Z"
    of_person = ask_owner(report(at, country="DE", place="PH"), catalogue=LAW)
    of_place = ask_owner(report(at, place="PH"), catalogue=LAW)
    of_desk = ask_owner(report(at), catalogue=LAW)
    assert of_person is not None
    assert of_place is not None
    assert of_desk is not None
    codes = [asked.rule.code for asked in (of_person, of_place, of_desk)]
    assert codes == ["ADDRESS_DE", "ADDRESS_PH", "ADDRESS_FR"]
    assert of_desk.assumed


def test_the_address_that_answers_the_longest_gives_the_clock_and_every_one_is_listed() -> None:
    both = report("2026-01-01T00:00:00Z", "2026-11-20T00:00:00Z", country="FR")
    asked = ask_owner(both, catalogue=LAW)
    assert asked is not None
    assert asked.used_at.month == 11
    assert len(list(askable_of(both, catalogue=LAW))) == 2


def test_the_address_of_an_upload_has_a_clock_in_the_country_of_the_only_suspect() -> None:
    event = "fileDetails[1]/ipCaptureEvent"
    extra = (
        Extra(path=f"{event}/ipAddress", value="192.0.2.9"),
        Extra(path=f"{event}/dateTime", value="2026-11-20T00:00:00Z"),
    )
    one = structs.replace(report(country="DE"), extra=extra)
    two = structs.replace(one, persons=one.persons * 2)
    codes = [[a.rule.code for a in askable_of(r, catalogue=LAW)] for r in (one, two)]
    assert codes == [["ADDRESS_DE"], ["ADDRESS_FR"]]
    facts = facts_of(
        one, Analysis(report_id=one.report_id, findings=(), rule_version="t"), None, now=NOW
    )
    assert facts["ip_age_days"] == 4.5
    assert facts["ip_days_left"] == 2.5


def test_what_the_provider_keeps_has_a_clock_of_its_own() -> None:
    found = ask_provider(platform="Anything", received_at=NOW, catalogue=LAW)
    assert found is not None
    assert found[0].isoformat() == "2027-11-24T23:00:00+00:00"
    early = datetime(2020, 1, 1, tzinfo=UTC)
    assert ask_provider(platform=None, received_at=early, catalogue=LAW) is None


def test_no_length_is_taken_for_read_law() -> None:
    assert all(rule.unchecked(NOW.date()) for rule in LAW.entries(Asking))
    assert all(rule.source and rule.source[0].note for rule in LAW.entries(Asking))
