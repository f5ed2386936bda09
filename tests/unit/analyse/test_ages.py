"""Ages that contradict one another: in a talk, against the facts of an account, in a reporter's words."""

from uuid import UUID

import pytest

from fanal.analyse.domain.records import Finding
from fanal.analyse.signals.domain.ages import find_ages
from fanal.formats.report.records import Handle, Message, Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import HarmonisedReport


def pretences(report: HarmonisedReport) -> list[Finding]:
    found = find_ages(report, [], rule_version="test")
    return [finding for finding in found if finding.code == "GROOMING_MINOR_PRETENCE"]


def talk(*lines: str, persons: tuple[Person, ...] = (), description: str | None = None):
    said = [line.partition(": ") for line in lines]
    return HarmonisedReport(
        report_id=UUID(int=1),
        reference="r",
        kind=ReportKind.GROOMING,
        description=description,
        persons=persons,
        conversation=tuple(Message(speaker=who, text=text) for who, _, text in said),
    )


def suspect(age: int | None = None, *, name: str = "skater_fan", born: str | None = None) -> Person:
    return Person(role=PersonRole.SUSPECT, age=age, birth_date=born, handles=(Handle(value=name),))


@pytest.mark.parametrize(
    ("first", "second", "ages"),
    [
        ("I'm 14, you?", "between us I am actually 32 years old", ["14", "32"]),
        ("j'ai 13 ans et toi", "en fait j'ai 28 ans", ["13", "28"]),
        ("g 15 ans", "bon en vrai j'ai trente ans", ["15", "30"]),
        ("im fourteen lol", "I'm 27", ["14", "27"]),
        ("tengo 14 años", "tengo 35 años", ["14", "35"]),
        ("ich bin 15", "ich bin 31 Jahre alt", ["15", "31"]),
        ("tenho 13 anos", "tenho 29 anos", ["13", "29"]),
        ("мне 14", "мне 33 года", ["14", "33"]),
        ("عمري ١٤", "عمري ٣٠ سنة", ["14", "30"]),
    ],
)
def test_a_speaker_of_two_ages(first: str, second: str, ages: list[str]) -> None:
    (finding,) = pretences(talk(f"max: {first}", "lea: ok", f"max: {second}"))
    assert finding.because.code == "AGES_CONTRADICT"
    assert finding.because.parameters["ages"] == ages
    assert finding.because.parameters["speaker"] == "max"
    assert finding.source == "conversation[2].text"
    assert finding.score >= 0.8


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("I'm 14", "I'm 14 minutes away"),
        ("I'm 14", "when I'm 30 I will have a boat"),
        ("I'm 14", "I'm 15 now!"),
        ("j'ai 14 ans", "j'ai 40 euros"),
        ("j'ai 14 ans", "quand j'avais 30 ans"),
        ("j'ai 14 ans", "ma mère a 41 ans"),
        ("I'm 18 on my profile", "I'm 15"),  # a child who made an account as an adult
        ("I'm 14", "I'm 30% done"),
        ("I'm not 14", "I'm 33"),
        ("I'm 13", "I'm like 30 on that list"),
        ("if I'm 14 or not", "I am 45"),
        ("I'm 14", "my dad says I am 50 times too lazy"),
    ],
)
def test_no_contradiction(first: str, second: str) -> None:
    assert pretences(talk(f"max: {first}", f"max: {second}")) == []


def test_two_people_may_have_two_ages() -> None:
    assert pretences(talk("max: I'm 14", "dad: I'm 41")) == []
    assert pretences(talk(description="I'm 14. I am 41.")) == []  # nobody is named: two may write


def test_an_account_of_an_adult_says_to_be_a_child() -> None:
    (finding,) = pretences(talk("Skater_Fan: I'm 13 too", persons=(suspect(41),)))
    assert finding.because.code == "AGE_AGAINST_ACCOUNT"
    assert finding.because.parameters == {
        "speaker": "Skater_Fan", "said": "13", "held": "41", "place": "persons[0]",
    }  # fmt: skip
    assert finding.score >= 0.9


def test_an_account_of_a_child_says_to_be_an_adult() -> None:
    (finding,) = pretences(talk("skater_fan: I am 38", persons=(suspect(14),)))
    assert finding.because.parameters["held"] == "14"


def test_the_account_of_another_and_a_victim_who_lied_are_none() -> None:
    assert pretences(talk("lea: I'm 13", persons=(suspect(41),))) == []
    child = Person(role=PersonRole.VICTIM, age=13, handles=(Handle(value="lea"),))
    assert pretences(talk("lea: I am 24", persons=(child,))) == []


def test_an_account_has_two_ages_in_its_facts() -> None:
    (finding,) = pretences(talk(persons=(suspect(14), suspect(39))))
    assert finding.because.code == "ACCOUNT_AGES_CONTRADICT"
    assert finding.because.parameters["ages"] == ["14", "39"]
    assert pretences(talk(persons=(suspect(14), suspect(39, name="other")))) == []


@pytest.mark.parametrize(
    "text",
    [
        "He told my daughter he was 15, but he is 34.",
        "Il disait avoir 14 ans, en réalité il en a 36.",
        "He says he is 13. His profile elsewhere shows he is 29.",
        "Elle prétend avoir 15 ans alors qu'elle a 31 ans.",
        "He is 45 and he pretended to be 14.",
        "il se fait passer pour un ado de 15 ans mais il a 40 ans",
    ],
)
def test_what_a_reporter_tells_of_two_ages(text: str) -> None:
    (finding,) = pretences(talk(description=text))
    assert finding.because.code == "AGES_TOLD_CONTRADICT"
    assert finding.value in text


@pytest.mark.parametrize(
    "text",
    [
        "My daughter said she was 15, he is 34.",
        "Ma fille lui a dit qu'elle avait 14 ans et il a 36 ans.",
        "He told me he was 34. My son is 13.",
        "He said he was 15 and his sister is 34.",
        "He said he was 15.",
        "On m'a dit qu'il avait 15 ans et son frère 31 ans.",
    ],
)
def test_ages_of_two_people_are_no_contradiction(text: str) -> None:
    assert pretences(talk(description=text)) == []


def test_long_texts_of_numbers_take_a_moment() -> None:
    assert pretences(talk(*["max: I'm 14 i m 7 " * 400] * 40)) == []
