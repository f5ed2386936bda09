"""The questions of the report form: fields, limits, validation of answers, services offered by name. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from enum import StrEnum

from fanal.formats.report.read import MAX_TEXT_BYTES
from fanal.formats.report.records import Channel
from fanal.kernel.calendar import PARIS
from fanal.web.public.written_times import WrittenTime, read_time


@dataclass(frozen=True, slots=True)
class OfferedService:
    """An online service that the form offers as a tile.

    `id` is its code in `harmonise`, `name` its display name, `channel` the kind of service that it is.
    """

    id: str
    name: str
    channel: Channel

    @property
    def field(self) -> str:
        """The name of the service's tick box in the form."""
        return f"app_{self.id}"


SERVICES = (
    OfferedService("snapchat", "Snapchat", Channel.MESSAGING),
    OfferedService("instagram", "Instagram", Channel.SOCIAL),
    OfferedService("tiktok", "TikTok", Channel.SOCIAL),
    OfferedService("whatsapp", "WhatsApp", Channel.MESSAGING),
    OfferedService("discord", "Discord", Channel.MESSAGING),
    OfferedService("messenger", "Messenger", Channel.MESSAGING),
    OfferedService("telegram", "Telegram", Channel.MESSAGING),
    OfferedService("youtube", "YouTube", Channel.SOCIAL),
    OfferedService("yubo", "Yubo", Channel.SOCIAL),
    OfferedService("twitch", "Twitch", Channel.SOCIAL),
    OfferedService("roblox", "Roblox", Channel.GAME),
    OfferedService("fortnite", "Fortnite", Channel.GAME),
    OfferedService("minecraft", "Minecraft", Channel.GAME),
    OfferedService("playstation", "PlayStation", Channel.GAME),
    OfferedService("xbox", "Xbox", Channel.GAME),
    OfferedService("vrchat", "VRChat", Channel.METAVERSE),
)
MORE_NAMES = (
    "Among Us", "BeReal", "Bigo Live", "Brawl Stars", "Call of Duty", "Clash Royale", "Coco",
    "EA Sports FC", "Facebook", "Free Fire", "Genshin Impact", "Google Chat", "Gorilla Tag", "GTA Online",
    "Horizon Worlds", "Kik", "League of Legends", "LINE", "MYM", "Nintendo Switch", "Omegle", "OmeTV",
    "OnlyFans", "Pinterest", "Rec Room", "Reddit", "Rocket League", "Session", "Signal", "Skype", "Steam",
    "Threads", "Tinder", "Tumblr", "Valorant", "Viber", "VK", "Wattpad", "WeChat", "Wizz", "X (Twitter)",
    "Zepeto",
)  # fmt: skip
"""Names suggested while a person types, besides those with a tile."""


_EMAIL = re.compile(r"[^\s@]{1,128}@[^\s@]{1,190}\.[^\s@.]{2,63}")
_PHONE = re.compile(r"\+?[\d\s().-]{6,24}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")

_LONGEST_CODE = 40
_SAID = 60
"""Maximum characters of a day, an hour or an age, in anybody's own words."""
COPIED = ("copied_1", "copied_2", "copied_3")
"""Fields for messages copied by hand, of who has only screenshots."""

Answers = Mapping[str, str]


class AnswerProblem(StrEnum):
    """Code of an error in an answer of the report form; `wording.py` has the texts.

    CHOOSE: no answer was chosen. TOO_LONG: over the field's limit. NO_EMAIL, NO_PHONE: no valid address or
    number. NO_CONTACT: the reporter wants to be contacted and gave neither.
    """

    CHOOSE = "CHOOSE"
    TOO_LONG = "TOO_LONG"
    NO_EMAIL = "NO_EMAIL"
    NO_PHONE = "NO_PHONE"
    NO_CONTACT = "NO_CONTACT"


class Voice(StrEnum):
    """The kind of person who fills in the form, by an answer of the first page; it decides the wording."""

    CHILD = "CHILD"
    PARENT = "PARENT"
    WITNESS = "WITNESS"
    PROFESSIONAL = "PROFESSIONAL"


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """An input of the report form: name, maximum characters (`limit`), allowed codes, whether it is required.

    `codes` is empty for free text. Each answer is also limited to the maximum bytes of a text in the report
    format: some scripts take four bytes a character.
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
    """Return the fields of a question about a place: in France or abroad, town, country."""
    return (
        Field(name=f"{whose}_where", codes=("FRANCE", "ABROAD", "UNKNOWN")),
        Field(name=f"{whose}_town"),
        Field(name=f"{whose}_country"),
    )


_HIDDEN = {"FRANCE": ("country",), "UNKNOWN": ("town", "country")}


def without_hidden(answers: "Answers") -> dict[str, str]:
    """Return the answers without those typed in fields that the page hides by the chosen answer.

    With “in France” no country is shown, with “I don't know” (“I would rather not say”) no town either.
    """
    hidden = {
        f"{whose}_{part}"
        for whose in ("suspect", "child", "meeting")
        for part in _HIDDEN.get(answers.get(f"{whose}_where", ""), ())
    }
    return {name: answer for name, answer in answers.items() if name not in hidden}


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
            *(Field(name=service.field, codes=("YES",)) for service in SERVICES),
            Field(name="service"),
            Field(name="nickname"),
            Field(name="room"),
            Field(name="address", limit=20_000),
            Field(name="when", codes=("TODAY", "YESTERDAY", "DATE", "UNKNOWN")),
            Field(name="date", limit=_SAID),
            Field(name="time", limit=_SAID),
        ),
    ),
    FormPage(
        name="saw",
        fields=(
            Field(name="description", limit=20_000),
            Field(name="conversation", limit=60_000),
            *(Field(name=name, limit=500) for name in COPIED),
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
            Field(name="child_age", limit=_SAID),
            *_place("child"),
        ),
    ),
    FormPage(
        name="meeting",
        fields=(
            Field(name="meeting", codes=("YES", "NO", "UNKNOWN")),
            Field(name="meeting_when", codes=("TODAY", "TOMORROW", "DATE", "UNKNOWN")),
            Field(name="meeting_date", limit=_SAID),
            Field(name="meeting_time", limit=_SAID),
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
"""Keys of the minutes (Europe/Paris) of the answers; they are no fields: nobody can post them."""
TYPED_IN = {"when": "typed_in", "meeting_when": "meeting_typed_in"}
"""Keys of the language (`fr`, `en`) in which the answers were typed; no fields either."""
_DATES = {"when": "date", "meeting_when": "meeting_date"}
_HOURS = {"when": "time", "meeting_when": "meeting_time"}
_DAYS = {"TODAY": 0, "YESTERDAY": -1, "TOMORROW": 1}
_DATED = frozenset({"DATE", "UNKNOWN", ""})
"""Answers with which a typed date counts: “another day”, “I don't know”, or none."""


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
    """Return the code of the field `child`, which says who the child is.

    If a child or a parent fills in the form, the code follows from that: ME or KNOWN.
    """
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


def dated(step: FormPage, answers: Answers, *, now: datetime, lang: str) -> dict[str, str]:
    """Return a page's answers, with the minute of `now` in Europe/Paris if the page asks when it happened.

    An answer such as “today” or “in an hour” then keeps its meaning later, and a date in digits that of the
    page's language (`lang`). `step` is the page, `answers` its answers by field, `now` an aware instant.
    """
    minute = now.astimezone(PARIS).replace(tzinfo=None).isoformat(timespec="minutes")
    kept = {ASKED_ON[field.name]: minute for field in step.fields if field.name in ASKED_ON}
    kept |= {TYPED_IN[field.name]: lang for field in step.fields if field.name in TYPED_IN}
    return {**answers, **kept}


def problems(step: FormPage, answers: Answers) -> dict[str, AnswerProblem]:
    """Return the errors in a page's answers, by field; first those of length and choice, in the page's order.

    `step` is the page.
    """
    found: dict[str, AnswerProblem] = {}
    for field in step.fields:
        problem = _problem(field, answers.get(field.name, ""))
        if problem is not None:
            found[field.name] = problem
    for name, check in _CHECKS.get(step.name, ()):
        if name not in found and (problem := check(answers)) is not None:
            found[name] = problem
    return found


def time_of(answers: Answers, *, today: date, asked: str = "when") -> WrittenTime:
    """Return the day and hour that the answers name, as far as they can be read.

    “Today” is the day of the answer, or the whole of `today` when none was stored. `asked` is the question:
    `when` the facts happened, or `meeting_when`.
    """
    when, ahead = answers.get(asked, ""), asked == "meeting_when"
    asked_on = answers.get(ASKED_ON[asked]) or today.isoformat()
    now = datetime.fromisoformat(asked_on)
    if "T" not in asked_on and not ahead:
        now = datetime.combine(now, time.max)
    typed, hour = answers.get(_DATES[asked], ""), answers.get(_HOURS[asked], "")
    if when in _DATED:
        american = answers.get(TYPED_IN[asked]) == "en"
        return read_time(typed, hour=hour, now=now, ahead=ahead, month_first=american)
    chosen = now.date() + timedelta(days=_DAYS[when]) if when in _DAYS else None
    read = read_time("", hour=hour, now=now, ahead=ahead, chosen=chosen)
    return replace(read, whole=read.whole and not typed.strip())


def typed_time(answers: Answers, *, asked: str = "when") -> str:
    """Return the day and hour as the person typed them, whichever day was chosen; empty if nothing was."""
    fields = (_DATES[asked], _HOURS[asked])
    return " ".join(filter(None, (answers.get(name, "").strip() for name in fields)))


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


def _your_email(answers: Answers) -> AnswerProblem | None:
    if answers.get("contact") != "CONTACT":
        return None
    text = answers.get("your_email", "")
    if not text and not answers.get("your_phone", ""):
        return AnswerProblem.NO_CONTACT
    return AnswerProblem.NO_EMAIL if text and not is_email(text) else None


def _your_phone(answers: Answers) -> AnswerProblem | None:
    text = answers.get("your_phone", "") if answers.get("contact") == "CONTACT" else ""
    return AnswerProblem.NO_PHONE if text and not is_phone(text) else None


_CHECKS = {"you": (("your_email", _your_email), ("your_phone", _your_phone))}
