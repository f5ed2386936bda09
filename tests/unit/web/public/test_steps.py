"""The questions: what is refused, and in which words."""

import re
from datetime import date, timedelta

import pytest
from django.utils import translation

from fanal.web.public import choices, sayings, wording
from fanal.web.public.choices import offered_to
from fanal.web.public.steps import (
    BY_NAME,
    STEPS,
    AnswerProblem,
    Voice,
    asked,
    child_of,
    dated,
    day_of,
    fitting,
    is_phone,
    problems,
    read_age,
    read_clock,
    read_date,
    take,
    voice_of,
)

TODAY = date(2026, 11, 24)


def _wrong(step: str, **answers: str) -> dict[str, AnswerProblem]:
    return problems(BY_NAME[step], take(BY_NAME[step], answers), today=TODAY)


def test_only_three_questions_must_be_answered_and_all_have_a_way_out() -> None:
    required = {f.name for step in STEPS for f in step.fields if f.required}
    assert required == {"danger", "kind", "contact"}
    for name in ("whom", "where", "saw", "who", "child", "meeting", "check"):
        assert _wrong(name) == {}


@pytest.mark.parametrize(
    ("step", "answers", "expected"),
    [
        ("danger", {}, {"danger": AnswerProblem.CHOOSE}),
        ("danger", {"danger": "MAYBE"}, {"danger": AnswerProblem.CHOOSE}),
        ("danger", {"danger": "UNKNOWN"}, {}),
        ("what", {"kind": "OTHER"}, {}),
        ("where", {"when": "DATE"}, {"date": AnswerProblem.NO_DATE}),
        ("where", {"when": "DATE", "date": "31/02/2026"}, {"date": AnswerProblem.NO_DATE}),
        ("where", {"when": "DATE", "date": "25/11/2026"}, {"date": AnswerProblem.FUTURE}),
        ("where", {"when": "DATE", "date": "24/11/2026"}, {}),
        ("where", {"when": "DATE", "date": "0001-01-01"}, {"date": AnswerProblem.NO_DATE}),
        ("where", {"when": "DATE", "date": "01/01/0001"}, {"date": AnswerProblem.NO_DATE}),
        ("where", {"date": "24/11/2026"}, {}),
        ("where", {"date": "last week"}, {"date": AnswerProblem.NO_DATE}),
        ("where", {"when": "UNKNOWN", "date": "last week"}, {}),
        ("where", {"time": "25:00"}, {"time": AnswerProblem.NO_TIME}),
        ("where", {"service": "x" * 201}, {"service": AnswerProblem.TOO_LONG}),
        ("child", {"child_age": "about"}, {"child_age": AnswerProblem.NO_AGE}),
        ("child", {"child_age": "200"}, {"child_age": AnswerProblem.NO_AGE}),
        ("child", {"child_where": "MARS"}, {"child_where": AnswerProblem.CHOOSE}),
        ("meeting", {"meeting_when": "DATE"}, {"meeting_date": AnswerProblem.NO_DATE}),
        ("meeting", {"meeting_when": "DATE", "meeting_date": "25/11/2026"}, {}),
        ("meeting", {"meeting_time": "late"}, {"meeting_time": AnswerProblem.NO_TIME}),
        ("you", {"contact": "CONTACT"}, {"your_email": AnswerProblem.NO_CONTACT}),
        (
            "you",
            {"contact": "CONTACT", "your_email": "a@b"},
            {"your_email": AnswerProblem.NO_EMAIL},
        ),
        ("you", {"contact": "CONTACT", "your_phone": "12"}, {"your_phone": AnswerProblem.NO_PHONE}),
        ("you", {"contact": "ANONYMOUS", "your_email": "a@b"}, {}),
    ],
)
def test_problems(step: str, answers: dict[str, str], expected: dict[str, AnswerProblem]) -> None:
    assert _wrong(step, **answers) == expected


@pytest.mark.parametrize("voice", Voice)
def test_each_person_is_offered_codes_that_are_accepted(voice: Voice) -> None:
    for step in STEPS:
        accepted = {field.name: set(field.codes) for field in step.fields}
        for name, offered in offered_to(voice, step).items():
            assert {choice.code for choice in offered} <= accepted[name]
            assert "UNKNOWN" not in accepted[name] or "UNKNOWN" in {c.code for c in offered}


def test_a_child_is_addressed_as_one_on_every_page() -> None:
    """No sentence of the child's path, French or English, is in the formal words or about a child far away."""
    told = {"whom": "CHILD", "danger": "YES"}
    with translation.override("fr"):
        said = [
            *map(str, sayings.said_to(Voice.CHILD).values()),
            *(str(words.to(Voice.CHILD)) for words in wording.PROBLEMS.values()),
            *(str(words.to(Voice.CHILD)) for words in wording.QUESTIONS.values()),
            str(wording.TOO_LONG.to(Voice.CHILD)),
            *(
                f"{choice.words}. {choice.hint}"
                for step in STEPS
                for offered in offered_to(Voice.CHILD, step).values()
                for choice in offered
                if choice.code != "CONTACT"
            ),
        ]
    formal = re.compile(r"\b(vous|votre|vos|(?!chez\b)\w+ez)\b", re.IGNORECASE)
    assert [words for words in said if formal.search(words)] == []
    assert voice_of(told) is Voice.CHILD
    sentences = [
        part for words in said for part in re.split(r"[.?!:;]\s", words.replace("\u202f", ""))
    ]
    assert [part for part in sentences if len(part.split()) > 18] == []


def test_pages_that_do_not_apply_are_left_out_but_never_an_answer() -> None:
    material = {"kind": "ABUSE_MATERIAL"}
    assert BY_NAME["meeting"] not in asked(material)
    assert asked(material | {"meeting_town": "Lille"}) == STEPS
    assert len(asked({"whom": "CHILD"})) == 10


@pytest.mark.parametrize(
    ("answers", "child"),
    [
        ({"whom": "CHILD", "child": "KNOWN"}, "ME"),
        ({"whom": "PARENT"}, "KNOWN"),
        ({"whom": "WITNESS", "child": "STRANGER"}, "STRANGER"),
        ({"child": "ME"}, "ME"),
        ({}, ""),
    ],
)
def test_who_the_child_is_follows_from_who_writes(answers: dict[str, str], child: str) -> None:
    assert child_of(answers) == child


def test_today_is_the_day_of_each_answer() -> None:
    answers = dated(BY_NAME["where"], {"when": "TODAY"}, today=TODAY)
    later = TODAY + timedelta(days=1)
    answers |= dated(BY_NAME["meeting"], {"meeting_when": "TODAY"}, today=later)
    assert day_of(answers, today=later) == TODAY
    assert day_of(answers, today=TODAY, asked="meeting_when") == later


def test_texts_are_taken_as_typed_but_for_what_no_text_holds() -> None:
    taken = take(BY_NAME["saw"], {"description": "a\r\nb\x00\u202ec\ud800\t<b>", "other": "x"})
    assert taken == {"description": "a\nb\u202ec\t<b>", "conversation": ""}


def test_an_answer_that_is_too_long_is_taken_whole_and_travels_in_no_draft() -> None:
    step = BY_NAME["where"]
    taken = take(step, {"service": "x" * 10_000, "room": "hall", "channel": "C" * 10_000})
    assert len(taken["service"]) == 10_000
    assert len(taken["channel"]) == 40
    carried = fitting(step, taken)
    assert "service" not in carried
    assert carried["room"] == "hall"


def test_words_say_by_how_much_a_text_is_too_long() -> None:
    step = BY_NAME["saw"]
    answers = {"description": "x" * 20_001, "conversation": "\U00020000" * 50_001}
    wrong = problems(step, answers, today=TODAY)
    with translation.override("fr"):
        told = {name: str(words) for name, words in wording.errors(step, wrong, answers).items()}
    assert "20\u202f001 caractères, pour 20\u202f000 au plus" in told["description"]
    assert not any(letter.isdigit() for letter in told["conversation"])


def test_offered_choices_are_the_accepted_codes() -> None:
    offered = {
        name: {c.code for c in answers}
        for fields in choices.OFFERED.values()
        for name, answers in fields.items()
    }
    accepted = {f.name: set(f.codes) for step in STEPS for f in step.fields if f.codes}
    assert offered == accepted
    assert len(choices.KIND) == 9


def test_every_problem_and_step_has_words() -> None:
    assert set(wording.PROBLEMS) == set(AnswerProblem)
    assert set(wording.QUESTIONS) == set(BY_NAME)


@pytest.mark.parametrize(
    "text", ["24/11/2026", "24.11.2026", "24-11-2026", "2026-11-24", " 24 11 2026 "]
)
def test_dates(text: str) -> None:
    assert read_date(text) == TODAY


def test_a_phone_number_has_digits() -> None:
    assert is_phone("01 99 00 12 34")
    assert not is_phone("(((---)))")


def test_digits_of_any_script_are_read_as_ours() -> None:
    assert read_clock("21:3\u0660") == "21:30"
    assert read_clock("\u0662\u0661h\u0663\u0660") == "21:30"
    assert read_date("\u0662\u0664/11/\u0662\u0660\u0662\u0666") == TODAY
    assert read_age("\u0661\u0663") == 13
    assert read_clock("21:3\u00b2") is None
