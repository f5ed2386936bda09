"""Texts of the report form: questions, answers offered, errors, summary of the check page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy as _

from fanal.web.components.words import day, number
from fanal.web.public.steps import ASKED_ON, AnswerProblem, FormPage, day_of

# The answers offered, in words that a twelve-year-old understands.


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChoice:
    """An answer offered by a question: the code that is stored, its text, a line of explanation (`hint`)."""

    code: str
    words: str | Promise
    hint: str | Promise = ""


DANGER = (
    AnswerChoice(code="YES", words=_("Yes, right now")),
    AnswerChoice(code="NO", words=_("No")),
    AnswerChoice(
        code="UNKNOWN",
        words=_("I don’t know"),
        hint=_("Somebody will read it soon. If you fear for a child, call first."),
    ),
)

KIND = (
    AnswerChoice(
        code="GROOMING",
        words=_("Someone is being too nice, asks for secrets or photos"),
        hint=_("Gifts, lies about age, asking to switch to another app."),
    ),
    AnswerChoice(
        code="SOLICITATION",
        words=_("Someone talks about sex to me or to a child"),
        hint=_("In messages, in a game, on camera, or to meet."),
    ),
    AnswerChoice(
        code="SEXTORTION",
        words=_("Someone threatens to share private pictures"),
        hint=_("They ask for money, more pictures, or silence."),
    ),
    AnswerChoice(
        code="NONCONSENSUAL_IMAGE",
        words=_("A private picture was shared without permission"),
        hint=_("At school, in a group, on a site."),
    ),
    AnswerChoice(
        code="ABUSE_MATERIAL",
        words=_("Pictures or videos of children being abused"),
        hint=_("On a site, in a group, in a shared folder. Do not open, copy or send them."),
    ),
    AnswerChoice(
        code="LIVESTREAM",
        words=_("A child is abused live on camera"),
        hint=_("Someone watches, pays or gives orders during a live video."),
    ),
    AnswerChoice(
        code="TRAFFICKING",
        words=_("A child is sold or pushed into prostitution"),
        hint=_("Online adverts, someone who takes the money."),
    ),
    AnswerChoice(
        code="SEX_TOURISM",
        words=_("Someone travels, or pays, to abuse children"),
        hint=_("In France or in another country."),
    ),
    AnswerChoice(code="OTHER", words=_("Something else, or I don’t know")),
)

CHANNEL = (
    AnswerChoice(code="SOCIAL", words=_("A social network")),
    AnswerChoice(code="MESSAGING", words=_("A messaging app")),
    AnswerChoice(code="GAME", words=_("A game")),
    AnswerChoice(code="METAVERSE", words=_("A virtual world")),
    AnswerChoice(code="WEB", words=_("A website")),
    AnswerChoice(code="P2P", words=_("File sharing (peer-to-peer)")),
    AnswerChoice(code="DARKWEB", words=_("The dark web (Tor)")),
    AnswerChoice(code="TRAVEL", words=_("During a trip")),
    AnswerChoice(code="OTHER", words=_("Somewhere else")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)

WHEN = (
    AnswerChoice(code="TODAY", words=_("Today")),
    AnswerChoice(code="YESTERDAY", words=_("Yesterday")),
    AnswerChoice(code="DATE", words=_("Another day")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)

CHILD = (
    AnswerChoice(code="ME", words=_("It is me")),
    AnswerChoice(code="KNOWN", words=_("A child I know")),
    AnswerChoice(code="STRANGER", words=_("A child I don’t know")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)

CONTACT = (
    AnswerChoice(
        code="ANONYMOUS",
        words=_("No, I stay anonymous"),
        hint=_("You will get a code to follow your report and answer questions."),
    ),
    AnswerChoice(
        code="CONTACT",
        words=_("Yes, you may contact me"),
        hint=_("Your name and contact are locked away from the report. Few people may open them."),
    ),
)


LOCATION = (
    AnswerChoice(code="FRANCE", words=_("In France")),
    AnswerChoice(code="ABROAD", words=_("In another country")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)

MEETING = (
    AnswerChoice(code="YES", words=_("Yes")),
    AnswerChoice(code="NO", words=_("No")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)

MEETING_WHEN = (
    AnswerChoice(code="TODAY", words=_("Today")),
    AnswerChoice(code="TOMORROW", words=_("Tomorrow")),
    AnswerChoice(code="DATE", words=_("Another day")),
    AnswerChoice(code="UNKNOWN", words=_("I don’t know")),
)


PROBLEMS: Mapping[str, str | Promise] = {
    AnswerProblem.CHOOSE: _("Choose one of the answers. “I don’t know” is fine too."),
    AnswerProblem.TOO_LONG: _(
        "This is too long. Shorten it a little; you can add the rest afterwards."
    ),
    AnswerProblem.NO_DATE: _("Write the day as 24/11/2026, or choose “I don’t know”."),
    AnswerProblem.FUTURE: _("This day has not come yet. Check the date."),
    AnswerProblem.NO_TIME: _("Write the time as 21:14, or leave it empty."),
    AnswerProblem.NO_AGE: _("Write an age in years, such as 12, or leave it empty."),
    AnswerProblem.NO_EMAIL: _(
        "This e-mail address looks incomplete. It looks like name@example.org."
    ),
    AnswerProblem.NO_PHONE: _("This phone number looks incomplete."),
    AnswerProblem.NO_CONTACT: _(
        "Leave an e-mail address or a phone number, or choose to stay anonymous."
    ),
}

TOO_LONG = _(
    "This is too long: %(long)s characters, of %(most)s at most. Shorten it; you can add the rest"
    " afterwards."
)

QUESTIONS: Mapping[str, str | Promise] = {
    "danger": _("Is a child in danger right now?"),
    "what": _("What is happening?"),
    "where": _("Where and when did it happen?"),
    "saw": _("What did you see or read?"),
    "who": _("Who is involved?"),
    "meeting": _("Are they going to meet?"),
    "you": _("Do you want us to be able to contact you?"),
    "check": _("Check before you send"),
}

OFFERED: Mapping[str, Mapping[str, tuple[AnswerChoice, ...]]] = {
    "danger": {"danger": DANGER},
    "what": {"kind": KIND},
    "where": {"channel": CHANNEL, "when": WHEN},
    "who": {"suspect_where": LOCATION, "child": CHILD, "child_where": LOCATION},
    "meeting": {"meeting": MEETING, "meeting_when": MEETING_WHEN, "meeting_where": LOCATION},
    "you": {"contact": CONTACT},
}

_LABELS: Mapping[str, str | Promise] = {
    "danger": _("A child in danger right now"),
    "kind": _("What is happening"),
    "channel": _("Where"),
    "service": _("Name of the site, app or game"),
    "nickname": _("Nickname of the person there"),
    "room": _("Room, server, group or place"),
    "address": _("Address of the page"),
    "when": _("When"),
    "time": _("Time"),
    "description": _("What you saw or read"),
    "conversation": _("Conversation"),
    "suspect_name": _("Name of the person who did this"),
    "suspect_contact": _("How to recognise them"),
    "suspect_where": _("Where this person is"),
    "suspect_town": _("Their town"),
    "suspect_country": _("Their country"),
    "child": _("The child"),
    "child_name": _("First name or nickname of the child"),
    "child_age": _("Age of the child"),
    "child_where": _("Where the child is"),
    "child_town": _("Town of the child"),
    "child_country": _("Country of the child"),
    "meeting": _("A meeting is planned"),
    "meeting_when": _("Day of the meeting"),
    "meeting_time": _("Time of the meeting"),
    "meeting_where": _("Where the meeting is"),
    "meeting_town": _("Town of the meeting"),
    "meeting_country": _("Country of the meeting"),
    "contact": _("Contact"),
    "your_name": _("Your name"),
    "your_email": _("Your e-mail address"),
    "your_phone": _("Your phone number"),
}
_SUMMARY = (
    ("danger", ("danger",)),
    ("what", ("kind",)),
    ("where", ("channel", "service", "nickname", "room", "address", "when", "time")),
    ("saw", ("description", "conversation")),
    (
        "who",
        (
            *(
                "suspect_name",
                "suspect_contact",
                "suspect_where",
                "suspect_town",
                "suspect_country",
            ),
            *("child", "child_name", "child_age", "child_where", "child_town", "child_country"),
        ),
    ),
    (
        "meeting",
        (
            *("meeting", "meeting_when", "meeting_time"),
            *("meeting_where", "meeting_town", "meeting_country"),
        ),
    ),
    ("you", ("contact", "your_name", "your_email", "your_phone")),
)
_YOURS = frozenset({"your_name", "your_email", "your_phone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The answers of one page (`step`) as the check page lists them: lines of (label, answer)."""

    step: str
    question: str | Promise
    lines: tuple[tuple[str | Promise, str | Promise], ...]


def errors(
    step: FormPage,
    wrong: Mapping[str, AnswerProblem],
    answers: Mapping[str, str],
    *,
    whole: bool = True,
) -> dict[str, str | Promise]:
    """Return the error texts of a page by field, from the error codes `wrong`.

    The text for a too long answer states its length; not if `whole` is false, when the posted form was cut.
    `step` is the page, `answers` its answers by field.
    """
    found: dict[str, str | Promise] = {name: PROBLEMS[problem] for name, problem in wrong.items()}
    for field in step.fields:
        text = answers.get(field.name, "")
        if wrong.get(field.name) is AnswerProblem.TOO_LONG and whole and len(text) > field.limit:
            found[field.name] = TOO_LONG % lengths(text, most=field.limit)
    return found


def lengths(text: str, *, most: int) -> dict[str, str]:
    """Return `long` and `most`, parameters of the message that a text is too long, as localised numbers.

    `long` is the length of `text`, `most` its maximum length, both in characters.
    """
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    return {"long": number(len(text), lang), "most": number(most, lang)}


def step_context(step: FormPage, answers: Mapping[str, str], *, today: date) -> dict[str, object]:
    """Return the template context of a page: question, answers offered, and on the check page the summary.

    `thin`, on the check page: the report holds nothing to search by (no address, nickname or text). `step` is
    the page; `today` the day in Europe/Paris.
    """
    context: dict[str, object] = {"question": QUESTIONS[step.name], **OFFERED.get(step.name, {})}
    if step.name == "check":
        context["summary"] = tuple(
            Summary(step=name, question=QUESTIONS[name], lines=_lines(fields, answers, today))
            for name, fields in _SUMMARY
        )
        context["thin"] = not any(
            answers.get(name) for name in ("address", "nickname", "description", "conversation")
        )
    return context


def _lines(
    fields: tuple[str, ...], answers: Mapping[str, str], today: date
) -> tuple[tuple[str | Promise, str | Promise], ...]:
    anonymous = answers.get("contact") != "CONTACT"
    lines = []
    for name in fields:
        value = _value(name, answers, today)
        if value and not (anonymous and name in _YOURS):
            lines.append((_LABELS[name], value))
    return tuple(lines)


def _value(name: str, answers: Mapping[str, str], today: date) -> str | Promise:
    answer = answers.get(name, "")
    when = day_of(answers, today=today, asked=name) if name in ASKED_ON else None
    if when is not None:
        return day(when, get_language() or "fr", today=today)
    for offered in OFFERED.values():
        for choice in offered.get(name, ()):
            if choice.code == answer:
                return choice.words
    return answer
