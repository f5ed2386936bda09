"""The questions: what is refused, and in which words."""

import re
from datetime import UTC, date, datetime, time, timedelta

import pytest
from django.utils import translation

from fanal.harmonise.domain.values.handles import PLATFORM_NAMES
from fanal.kernel.calendar import PARIS
from fanal.web.public import choices, sayings, wording
from fanal.web.public.choices import offered_to
from fanal.web.public.steps import (
    BY_NAME,
    COPIED,
    MORE_NAMES,
    SERVICES,
    STEPS,
    AnswerProblem,
    Voice,
    asked,
    child_of,
    dated,
    fitting,
    is_phone,
    problems,
    take,
    time_of,
    voice_of,
)
from fanal.web.public.written_times import WrittenTime

TODAY = date(2026, 11, 24)


def _wrong(step: str, **answers: str) -> dict[str, AnswerProblem]:
    return problems(BY_NAME[step], take(BY_NAME[step], answers))


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
        ("where", {"when": "DATE", "date": "24/11/2026"}, {}),
        ("where", {"date": "24/11/2026"}, {}),
        ("where", {"when": "UNKNOWN", "date": "last week"}, {}),
        ("where", {"service": "x" * 201}, {"service": AnswerProblem.TOO_LONG}),
        ("child", {"child_where": "MARS"}, {"child_where": AnswerProblem.CHOOSE}),
        ("meeting", {"meeting_when": "DATE", "meeting_date": "25/11/2026"}, {}),
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
    now = datetime.combine(TODAY, time(23, 50), tzinfo=PARIS)
    answers = dated(BY_NAME["where"], {"when": "TODAY"}, now=now, lang="fr")
    later = TODAY + timedelta(days=1)
    answers |= dated(
        BY_NAME["meeting"], {"meeting_when": "TODAY"}, now=now + timedelta(minutes=20), lang="fr"
    )
    assert time_of(answers, today=later).day == TODAY
    assert time_of(answers, today=TODAY, asked="meeting_when").day == later


def test_a_date_keeps_the_reading_of_the_language_in_which_it_was_typed() -> None:
    now = datetime(2026, 12, 1, 9, tzinfo=UTC)
    said = {"meeting_date": "12/05"}
    for lang, day in (("en", date(2026, 12, 5)), ("fr", date(2027, 5, 12))):
        answers = dated(BY_NAME["meeting"], said, now=now, lang=lang)
        answers |= dated(BY_NAME["where"], {"when": "TODAY"}, now=now, lang="fr")
        assert time_of(answers, today=TODAY, asked="meeting_when").day == day


def test_an_hour_of_today_is_that_after_the_answer() -> None:
    now = datetime(2026, 11, 24, 15, 30, tzinfo=UTC)
    said = {"meeting_when": "TODAY", "meeting_time": "5"}
    answers = dated(BY_NAME["meeting"], said, now=now, lang="fr")
    found = time_of(answers, today=TODAY, asked="meeting_when")
    assert found == WrittenTime(day=TODAY, clock="17:00", whole=False)
    answers = dated(BY_NAME["meeting"], said | {"meeting_time": "in an hour"}, now=now, lang="fr")
    found = time_of(answers, today=TODAY + timedelta(days=1), asked="meeting_when")
    assert (found.day, found.clock) == (TODAY, "17:30")


def test_texts_are_taken_as_typed_but_for_what_no_text_holds() -> None:
    taken = take(BY_NAME["saw"], {"description": "a\r\nb\x00\u202ec\ud800\t<b>", "other": "x"})
    assert taken == {"description": "a\nb\u202ec\t<b>", "conversation": ""} | dict.fromkeys(
        COPIED, ""
    )


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
    wrong = problems(step, answers)
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
    tiles = {service.field for service in SERVICES}
    accepted = {
        f.name: set(f.codes) for s in STEPS for f in s.fields if f.codes and f.name not in tiles
    }
    assert offered == accepted
    assert len(choices.KIND) == 9


def test_every_problem_and_step_has_words() -> None:
    assert set(wording.PROBLEMS) == set(AnswerProblem)
    assert set(wording.QUESTIONS) == set(BY_NAME)


def test_a_phone_number_has_digits() -> None:
    assert is_phone("01 99 00 12 34")
    assert not is_phone("(((---)))")


@pytest.mark.parametrize(
    ("answers", "day", "clock", "whole"),
    [
        ({"when": "YESTERDAY", "time": "9 h du soir"}, "2026-11-23", "21:00", True),
        ({"when": "TODAY", "time": "hier 21 h"}, "2026-11-24", "21:00", False),
        ({"date": "hier soir", "time": "9"}, "2026-11-23", "21:00", True),
        ({"when": "DATE", "date": "samedi", "time": "tard"}, "2026-11-21", None, False),
        ({"when": "DATE", "date": "25/11/2026"}, None, None, False),
        ({"when": "UNKNOWN", "date": "hier", "time": "21:14"}, "2026-11-23", "21:14", True),
    ],
)
def test_a_chosen_day_goes_before_a_typed_one(
    answers: dict[str, str], day: str | None, clock: str | None, whole: bool
) -> None:
    assert _wrong("where", **answers) == {}, "nothing is refused"
    found = time_of(answers, today=TODAY)
    assert (found.day and found.day.isoformat(), found.clock, found.whole) == (day, clock, whole)


def test_a_meeting_lies_ahead() -> None:
    assert time_of({"meeting_date": "samedi"}, today=TODAY, asked="meeting_when").day == date(
        2026, 11, 28
    )


@pytest.mark.parametrize(
    ("answers", "page", "said"),
    [
        ({"date": "hier soir", "time": "9"}, "where", "hier (lun. 23 nov.) vers 21\u00a0h"),
        (
            {"when": "YESTERDAY", "time": "21:14"},
            "where",
            "hier (lun. 23 nov.) vers 21\u00a0h\u00a014",
        ),
        ({"when": "UNKNOWN", "time": "9 h"}, "where", "vers 9\u00a0h"),
        ({"when": "YESTERDAY"}, "where", ""),
        ({"date": "je sais plus"}, "where", ""),
        ({"meeting_date": "samedi"}, "meeting", "sam. 28 nov."),
        ({"child_age": "douze ans"}, "child", "12"),
        ({"child_age": "petit"}, "child", ""),
        ({}, "saw", ""),
    ],
)
def test_what_was_understood_is_said(answers: dict[str, str], page: str, said: str) -> None:
    with translation.override("fr"):
        assert wording.understood(BY_NAME[page], answers, today=TODAY) == said


def test_tiles_are_services_that_harmonise_knows() -> None:
    assert [s.id for s in SERVICES if PLATFORM_NAMES.get(s.name.lower()) != s.id] == []
    assert len({*MORE_NAMES, *(s.name for s in SERVICES)}) == len(MORE_NAMES) + len(SERVICES)
