"""The questions of the report form: fields, limits, validation of answers. Pure."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum
from functools import partial

from fanal.formats.report.read import MAX_TEXT_BYTES
from fanal.kernel.calendar import read_day

_AGE = re.compile(r"\D*(\d{1,3})\D*", re.ASCII)
_TIME = re.compile(r"([01]?\d|2[0-3])[:hH]([0-5]\d)?")
_EMAIL = re.compile(r"[^\s@]{1,128}@[^\s@]{1,190}\.[^\s@.]{2,63}")
_PHONE = re.compile(r"\+?[\d\s().-]{6,24}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_LONGEST_CODE = 40

Answers = Mapping[str, str]


class AnswerProblem(StrEnum):
    """Error code of an answer in the report form; `wording.py` has the texts."""

    CHOOSE = "CHOOSE"
    TOO_LONG = "TOO_LONG"
    NO_DATE = "NO_DATE"
    FUTURE = "FUTURE"
    NO_TIME = "NO_TIME"
    NO_AGE = "NO_AGE"
    NO_EMAIL = "NO_EMAIL"
    NO_PHONE = "NO_PHONE"
    NO_CONTACT = "NO_CONTACT"


class Voice(StrEnum):
    """The person who fills in the form, to whom it speaks; an answer of the first page."""

    CHILD = "CHILD"
    PARENT = "PARENT"
    WITNESS = "WITNESS"
    PROFESSIONAL = "PROFESSIONAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An input of the report form: name, maximum characters, allowed codes, whether it is required.

    Each answer is also limited to the maximum bytes of a text in the report format: some scripts take four
    bytes a character.
    """

    name: str
    limit: int = 200
    codes: tuple[str, ...] = ()
    required: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class FormPage:
    """A page of the report form: its name, and its input fields in order."""

    name: str
    fields: tuple[Field, ...] = ()


def _place(whose: str) -> tuple[Field, ...]:
    """Return the fields of a question where somebody is: in France or not, town, country."""
    return (
        Field(name=f"{whose}_where", codes=("FRANCE", "ABROAD", "UNKNOWN")),
        Field(name=f"{whose}_town"),
        Field(name=f"{whose}_country"),
    )


STEPS: tuple[FormPage, ...] = (
    FormPage(name="whom", fields=(Field(name="whom", codes=tuple(Voice)),)),
    FormPage(
        name="danger",
        fields=(Field(name="danger", codes=("YES", "NO", "UNKNOWN"), required=True),),
    ),
    FormPage(
        name="what",
        fields=(
            Field(
                name="kind",
                codes=(
                    "GROOMING",
                    "SOLICITATION",
                    "SEXTORTION",
                    "NONCONSENSUAL_IMAGE",
                    "ABUSE_MATERIAL",
                    "LIVESTREAM",
                    "TRAFFICKING",
                    "SEX_TOURISM",
                    "OTHER",
                ),
                required=True,
            ),
        ),
    ),
    FormPage(
        name="where",
        fields=(
            Field(
                name="channel",
                codes=(
                    "SOCIAL", "MESSAGING", "GAME", "METAVERSE", "WEB", "P2P", "DARKWEB", "TRAVEL", "OTHER",
                    "UNKNOWN",
                ),
            ),
            Field(name="service"),
            Field(name="nickname"),
            Field(name="room"),
            Field(name="address", limit=20_000),
            Field(name="when", codes=("TODAY", "YESTERDAY", "DATE", "UNKNOWN")),
            Field(name="date", limit=10),
            Field(name="time", limit=8),
        ),
    ),
    FormPage(
        name="saw",
        fields=(
            Field(name="description", limit=20_000),
            Field(name="conversation", limit=60_000),
        ),
    ),
    FormPage(
        name="who",
        fields=(
            Field(name="suspect_name"),
            Field(name="suspect_contact", limit=2_000),
            *_place("suspect"),
        ),
    ),
    FormPage(
        name="child",
        fields=(
            Field(name="child", codes=("ME", "KNOWN", "STRANGER", "UNKNOWN")),
            Field(name="child_name"),
            Field(name="child_age", limit=20),
            *_place("child"),
        ),
    ),
    FormPage(
        name="meeting",
        fields=(
            Field(name="meeting", codes=("YES", "NO", "UNKNOWN")),
            Field(name="meeting_when", codes=("TODAY", "TOMORROW", "DATE", "UNKNOWN")),
            Field(name="meeting_date", limit=10),
            Field(name="meeting_time", limit=8),
            *_place("meeting"),
        ),
    ),
    FormPage(
        name="you",
        fields=(
            Field(name="contact", codes=("ANONYMOUS", "CONTACT"), required=True),
            Field(name="your_name"),
            Field(name="your_email", limit=254),
            Field(name="your_phone", limit=30),
        ),
    ),
    FormPage(name="check"),
)  # fmt: skip
BY_NAME: Mapping[str, FormPage] = {step.name: step for step in STEPS}
FIELDS = tuple(field.name for step in STEPS for field in step.fields)
ASKED_ON = {"when": "asked_on", "meeting_when": "meeting_asked_on"}
"""Keys of the days (Europe/Paris) on which “today” was answered; they are no fields: nobody can post them."""
_DATES = {"when": "date", "meeting_when": "meeting_date"}
_DAYS = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
_DATED = frozenset({"DATE", ""})
"""Answers with which a typed date counts: “another day”, or none."""


_MATERIAL_ALONE = frozenset({"ABUSE_MATERIAL"})
"""Kinds of report in which nobody is to meet: that page is left out unless it holds an answer."""


def asked(answers: Answers) -> tuple[FormPage, ...]:
    """Return the pages that apply to these answers, in order."""
    if answers.get("kind") not in _MATERIAL_ALONE:
        return STEPS
    told = any(answers.get(field.name) for field in BY_NAME["meeting"].fields)
    return tuple(step for step in STEPS if told or step.name != "meeting")


def voice_of(answers: Answers) -> Voice:
    """Return who fills in the form; a witness if nobody said."""
    told = answers.get("whom", "")
    return Voice(told) if told in set(Voice) else Voice.WITNESS


def child_of(answers: Answers) -> str:
    """Return who the child is, a code of the field `child`; for a child or a parent it follows from that."""
    follows = {Voice.CHILD: "ME", Voice.PARENT: "KNOWN"}.get(voice_of(answers))
    return follows or answers.get("child", "")


def take(step: FormPage, posted: Mapping[str, str]) -> dict[str, str]:
    """Return a page's answers from the posted fields; unknown fields are ignored.

    Line ends become line feeds, invalid characters are removed. An answer above its limit is kept, so that
    the person can shorten it; `problems` refuses it, and the draft leaves it out (`fitting`). `step` is the
    page.
    """
    answers: dict[str, str] = {}
    for field in step.fields:
        text = posted.get(field.name, "")
        if field.codes:
            text = text[:_LONGEST_CODE]
        text = as_typed(text)
        answers[field.name] = text.strip("\n ") if not field.codes else text
    return answers


def as_typed(text: str) -> str:
    """Return a posted text with line feeds as line ends, without invalid control characters."""
    return _CONTROL.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def fitting(step: FormPage, answers: Answers) -> dict[str, str]:
    """Return a page's answers without those over their limit, which the draft does not store.

    `step` is the page, `answers` its posted answers by field. Its page is shown again until they are
    shortened.
    """
    long = {field.name for field in step.fields if _is_too_long(field, answers.get(field.name, ""))}
    return {name: answer for name, answer in answers.items() if name not in long}


def dated(step: FormPage, answers: Answers, *, today: date) -> dict[str, str]:
    """Return a page's answers, with the date `today` if the page asks when it happened.

    An answer such as “today” then keeps its meaning after midnight. `step` is the page, `answers` its answers
    by field.
    """
    asked = [ASKED_ON[field.name] for field in step.fields if field.name in ASKED_ON]
    return {**answers, **dict.fromkeys(asked, today.isoformat())}


def problems(step: FormPage, answers: Answers, *, today: date) -> dict[str, AnswerProblem]:
    """Return the errors in a page's answers, by field; first those of length and choice, in the page's order.

    `today` is the day in Europe/Paris: events cannot lie in the future. `step` is the page.
    """
    found: dict[str, AnswerProblem] = {}
    for field in step.fields:
        problem = _problem(field, answers.get(field.name, ""))
        if problem is not None:
            found[field.name] = problem
    for name, check in _CHECKS.get(step.name, ()):
        if name not in found and (problem := check(answers, today)) is not None:
            found[name] = problem
    return found


def day_of(answers: Answers, *, today: date, asked: str = "when") -> date | None:
    """Return the day that the answers name, or None when it is unknown or unreadable.

    “Today” is the day of the answer, or `today` when none was stored. `asked` is the question: `when` the
    facts happened, or `meeting_when`.
    """
    when = answers.get(asked, "")
    if asked_on := answers.get(ASKED_ON[asked]):
        today = date.fromisoformat(asked_on)
    if when in _DAYS:
        return today + timedelta(days=_DAYS[when])
    return read_date(answers.get(_DATES[asked], "")) if when in _DATED else None


def read_date(text: str) -> date | None:
    """Return the day in a text such as `2026-11-24` (as browsers send it) or `24/11/2026`, or None.

    The digits may be of any script.
    """
    written = _plain_digits(text)
    parts = re.fullmatch(r"(\d{1,2})[/.\s-](\d{1,2})[/.\s-](\d{4})", written)
    return read_day(f"{parts[3]}-{parts[2]:0>2}-{parts[1]:0>2}" if parts else written)


def read_clock(text: str) -> str | None:
    """Return `21:14` from `21:14`, `21h14` or `21h`, in the digits of any script; None for other texts."""
    match = _TIME.fullmatch(_plain_digits(text))
    return None if match is None else f"{int(match[1]):02d}:{match[2] or '00'}"


def read_age(text: str) -> int | None:
    """Return the single number in a text such as `12`, `about 12` or `12 ans`, between 0 and 120, or None."""
    match = _AGE.fullmatch(_plain_digits(text))
    return int(match[1]) if match is not None and int(match[1]) <= 120 else None


def _plain_digits(text: str) -> str:
    """Return a stripped text with the digits of any script as `0` to `9`."""
    return "".join(str(unicodedata.decimal(c, c)) for c in text.strip())


def is_email(text: str) -> bool:
    """Return whether `text` looks like an e-mail address."""
    return _EMAIL.fullmatch(text.strip()) is not None


def is_phone(text: str) -> bool:
    """Return whether `text` looks like a phone number: at least six digits."""
    return _PHONE.fullmatch(text.strip()) is not None and sum(c.isdigit() for c in text) >= 6


def _problem(field: Field, answer: str) -> AnswerProblem | None:
    if field.codes:
        if answer not in field.codes and (answer or field.required):
            return AnswerProblem.CHOOSE
        return None
    return AnswerProblem.TOO_LONG if _is_too_long(field, answer) else None


def _is_too_long(field: Field, answer: str) -> bool:
    return len(answer) > field.limit or len(answer.encode()) > MAX_TEXT_BYTES


def _date(answers: Answers, today: date) -> AnswerProblem | None:
    if _no_date(answers, "when"):
        return AnswerProblem.NO_DATE
    day = read_date(answers.get("date", "")) if answers.get("when", "") in _DATED else None
    return AnswerProblem.FUTURE if day is not None and day > today else None


def _no_date(answers: Answers, asked: str) -> bool:
    """Return whether a date is missing or unreadable; `asked` is the question, `when` or `meeting_when`."""
    when, text = answers.get(asked, ""), answers.get(_DATES[asked], "")
    return (when == "DATE" or (not when and bool(text))) and read_date(text) is None


def _meeting_date(answers: Answers, _: date) -> AnswerProblem | None:
    return AnswerProblem.NO_DATE if _no_date(answers, "meeting_when") else None


def _time(answers: Answers, _: date, *, name: str = "time") -> AnswerProblem | None:
    text = answers.get(name, "")
    return AnswerProblem.NO_TIME if text and read_clock(text) is None else None


def _child_age(answers: Answers, _: date) -> AnswerProblem | None:
    text = answers.get("child_age", "")
    return AnswerProblem.NO_AGE if text and read_age(text) is None else None


def _your_email(answers: Answers, _: date) -> AnswerProblem | None:
    if answers.get("contact") != "CONTACT":
        return None
    text = answers.get("your_email", "")
    if not text and not answers.get("your_phone", ""):
        return AnswerProblem.NO_CONTACT
    return AnswerProblem.NO_EMAIL if text and not is_email(text) else None


def _your_phone(answers: Answers, _: date) -> AnswerProblem | None:
    text = answers.get("your_phone", "") if answers.get("contact") == "CONTACT" else ""
    return AnswerProblem.NO_PHONE if text and not is_phone(text) else None


_CHECKS = {
    "where": (("date", _date), ("time", _time)),
    "child": (("child_age", _child_age),),
    "meeting": (
        ("meeting_date", _meeting_date),
        ("meeting_time", partial(_time, name="meeting_time")),
    ),
    "you": (("your_email", _your_email), ("your_phone", _your_phone)),
}
