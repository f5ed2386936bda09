"""The letter of a referral says what was computed, and nothing that was not."""

from datetime import date
from uuid import UUID

import msgspec
import pytest

from fanal import reference
from fanal.formats.report.records import Place, PlaceRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedPlace, HarmonisedReport, TimeRange
from fanal.judicial.domain.letters import read_facts, referral_text
from fanal.judicial.domain.records import ReferralFacts
from fanal.orient.domain.records import Basis

CATALOGUE = reference.load()
FACTS = ReferralFacts(
    report_id=UUID(int=2),
    kind="GROOMING",
    channel="GAME",
    platform=None,
    first_day=date(1994, 5, 1),
    last_day=date(1994, 5, 1),
    country="FR",
    locality=None,
    victims=1,
    victim_ages=(12,),
    suspects=1,
    files=0,
    addresses=(),
    selectors=(),
)
MEETING = HarmonisedPlace(
    role=PlaceRole.MEETING,
    country="FR",
    locality="Lyon",
    postcode="69001",
    time=TimeRange(
        earliest="2026-12-05T14:00:00Z", latest="2026-12-05T14:59:59Z", precision="HOUR", zone="Z"
    ),
)
OFFENCES = CATALOGUE.entries(reference.Offence)


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_no_rule_of_limitation_is_applied_that_was_not_computed(lang: str) -> None:
    bases = tuple(Basis(entry_id=o.entry_id, code=o.code) for o in OFFENCES[:3])
    text = referral_text(
        FACTS,
        referral_id=UUID(int=1),
        body=CATALOGUE.entries(reference.Body)[0].code,
        bases=bases,
        summary="",
        catalogue=CATALOGUE,
        lang=lang,
    )
    rules = {code for offence in OFFENCES for code in offence.value.limitation}
    assert rules
    said = [CATALOGUE.label("limitation", code, lang) for code in rules]
    assert [words for words in said if words in text] == []
    assert "rescription" not in text
    assert "imitation" not in text
    assert [line[0] for line in text.splitlines() if line[1:3] == ". "] == list("12345")


def letter(*places: HarmonisedPlace, place: Place | None = None, lang: str = "fr") -> list[str]:
    """The lines of the letter on a report with these places."""
    report = HarmonisedReport(
        report_id=UUID(int=2), reference="r", kind=ReportKind.GROOMING, place=place, places=places
    )
    text = referral_text(
        read_facts(report), referral_id=UUID(int=1), body="OFMIN", bases=(), summary="",
        catalogue=CATALOGUE, lang=lang,
    )  # fmt: skip
    return text.splitlines()


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("fr", "Rendez-vous prévu\u00a0: le 5\u00a0décembre 2026 à 15:00, 69001 Lyon, France"),
        ("en", "Planned meeting: 5\u00a0December 2026 at 15:00, 69001 Lyon, France"),
    ],
)
def test_a_planned_meeting_is_said_with_its_time_and_its_place(lang: str, said: str) -> None:
    """In the time of Paris. The place of the facts is said too where it is another one, and not twice."""
    lines = letter(MEETING, lang=lang)
    assert said in lines
    assert [line for line in lines if line.startswith(("Lieu", "Place"))] == []
    place = Place(country="BE", locality="Namur")
    assert any("Namur" in line for line in letter(MEETING, place=place, lang=lang))
    assert said in letter(MEETING, place=place, lang=lang)


@pytest.mark.parametrize(
    ("meeting", "said"),
    [
        (msgspec.structs.replace(MEETING, time=None), "moment inconnu, 69001 Lyon, France"),
        (
            HarmonisedPlace(role=PlaceRole.MEETING, time=MEETING.time),
            "le 5\u00a0décembre 2026 à 15:00, lieu inconnu",
        ),
        (HarmonisedPlace(role=PlaceRole.MEETING), "moment inconnu, lieu inconnu"),
        (
            msgspec.structs.replace(
                MEETING, time=msgspec.structs.replace(MEETING.time, precision="DAY")
            ),
            "le 5\u00a0décembre 2026, 69001 Lyon, France",
        ),
    ],
)
def test_what_is_unknown_of_a_meeting_is_said(meeting: HarmonisedPlace, said: str) -> None:
    assert f"Rendez-vous prévu\u00a0: {said}" in letter(meeting)


def test_no_meeting_no_line() -> None:
    assert [line for line in letter() if "Rendez-vous" in line] == []
