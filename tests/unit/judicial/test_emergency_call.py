"""An emergency call: the number for where the child is, and what to say in both languages."""

from uuid import UUID

import msgspec
import pytest

from fanal import reference
from fanal.formats.report.records import Handle, Person, PersonRole, Place, PlaceRole
from fanal.harmonise.domain.records import HarmonisedPlace, TimeRange
from fanal.intake.domain.number import desk_number
from fanal.judicial.domain.letters import spoken_start
from fanal.judicial.emergency_call.acts import draft_of, facts_of, said_of
from fanal.judicial.emergency_call.document import CallDocument
from fanal.judicial.emergency_call.rules import is_abroad, numbers_for
from fanal.kernel.calendar import paris_day
from tests.unit.orient.items import NOW, item, period, victim

ON = paris_day(NOW)
HANDLES = (
    Handle(value="renard_77", platform="arcadia"),
    Handle(value="loup", platform="Monde Bloc"),
)


@pytest.mark.parametrize(
    ("country", "numbers"),
    [
        ("FR", "17 112 114"),
        ("fr", "17 112 114"),
        (None, "17 112 114"),
        ("RE", "17 112 114"),
        ("NC", "17 112 114"),
        ("DE", "112 17 114"),
        ("ABROAD", "112 17 114"),
        ("Espange", "112 17 114"),
    ],
)
def test_the_number_follows_the_child(country: str | None, numbers: str) -> None:
    found = numbers_for(country, catalogue=reference.load(), on=ON)
    assert [entry.value.number for entry in found] == numbers.split()
    assert [entry.unchecked(ON) for entry in found if entry.value.number == "112"] == [True]
    abroad = numbers.startswith("112")
    assert is_abroad(country, catalogue=reference.load(), on=ON) is abroad


@pytest.mark.parametrize(
    ("stated", "victims", "expected"),
    [
        ("ABROAD", None, "ABROAD"), ("Espange", None, "Espange"), ("La Réunion", None, "RE"),
        ("France", None, "FR"), ("belgique", None, "BE"), (None, "BE", "BE"), ("FR", "BE", "FR"),
        (None, None, None),
    ],
)  # fmt: skip
def test_the_country_is_that_of_the_childs_place_else_of_the_victims(
    stated: str | None, victims: str | None, expected: str | None
) -> None:
    places = (HarmonisedPlace(role=PlaceRole.CHILD, country=stated, locality="Mons"),)
    report = item(places=places, persons=(victim(12, country=victims),)).report
    assert facts_of(report.report_id, report).country == expected


@pytest.mark.parametrize(
    ("precision", "words"),
    [("YEAR", "2026"), ("MONTH", "novembre 2026"), ("DAY", "1er\u00a0novembre 2026")],
)
def test_a_date_is_said_as_finely_as_it_is_stated(precision: str, words: str) -> None:
    assert spoken_start("2026-11-01T00:00:00Z", precision, "fr") == words


def test_what_to_say_names_place_child_person_date_and_number() -> None:
    report = item(
        persons=(victim(12), Person(role=PersonRole.SUSPECT, handles=HANDLES)),
        place=Place(country="FR", locality="Lille", postcode="59000"),
        occurred=period("2026-11-24", "2026-11-24"),
        platform="Arcadia",
    ).report
    facts = facts_of(report.report_id, report)
    french = {line.code: line.words for line in said_of(facts, lang="fr")}
    assert french["PLACE"] == "59000 Lille, France"
    assert french["CHILD"] == "12 ans"
    assert french["PERSON"] == "renard_77, loup (Monde Bloc), sur Arcadia"
    assert french["WHEN"] == "24\u00a0novembre 2026"
    assert french["NUMBER"] == desk_number(report.report_id)
    english = {line.code: line.words for line in said_of(facts, lang="en")}
    assert (english["CHILD"], english["PLACE"]) == ("aged 12", "59000 Lille, France")


def test_what_the_report_does_not_say_is_said_too() -> None:
    said = {line.code: line for line in said_of(facts_of(UUID(int=7), None), lang="fr")}
    assert said["PLACE"].missing
    assert said["PLACE"].words == "lieu inconnu"
    assert said["WHAT"].words == "signalement pas encore analysé"


def test_the_place_of_the_child_comes_before_that_of_the_report() -> None:
    report = item(
        persons=(victim(12, country="BE"),), place=Place(country="FR", locality="Lille")
    ).report
    facts = facts_of(report.report_id, report)
    assert (facts.country, facts.child.locality) == ("BE", "")


def test_stated_places_and_a_planned_meeting_are_said() -> None:
    places = (
        HarmonisedPlace(role=PlaceRole.CHILD, country="FR", locality="Lens"),
        HarmonisedPlace(role=PlaceRole.PERSON, country="BE"),
        HarmonisedPlace(
            role=PlaceRole.MEETING,
            locality="Lille",
            time=TimeRange(
                earliest="2026-11-28T14:00:00Z",
                latest="2026-11-28T14:00:59Z",
                precision="MINUTE",
                zone="Europe/Paris",
            ),
        ),
    )
    report = item(places=places, place=Place(country="DE")).report
    facts = facts_of(report.report_id, report)
    said = {line.code: line.words for line in said_of(facts, lang="en")}
    assert (said["PLACE"], said["PERSON"]) == ("Lens, France", "Belgium")
    assert said["MEETING"] == "28\u00a0November 2026 at 15:00, Lille"
    assert facts.country == "FR"


def test_the_document_holds_both_languages_and_nothing_of_the_reporter() -> None:
    draft = draft_of(UUID(int=7), desk_id=1, record=None)
    said = msgspec.json.decode(draft.content, type=CallDocument)
    assert "Un enfant est en danger" in said.text.fr
    assert "A child is in danger" in said.text.en
    assert (draft.level, draft.decision_id) == ("DANGER", None)
