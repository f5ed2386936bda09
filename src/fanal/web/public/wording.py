"""Texts of the report form: questions, answers offered, errors, summary of the check page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.translation import (
    get_language,
    gettext as _now,
    gettext_lazy as _,
    pgettext_lazy,
)

from fanal.web.components.words import day, number
from fanal.web.public.choices import offered_to
from fanal.web.public.draft import services_of
from fanal.web.public.saying import Saying, Text
from fanal.web.public.steps import (
    ASKED_ON,
    COPIED,
    MORE_NAMES,
    SERVICES,
    AnswerProblem,
    FormPage,
    Voice,
    asked,
    time_of,
    typed_time,
    voice_of,
    without_hidden,
)
from fanal.web.public.written_ages import read_age
from fanal.web.public.written_times import WrittenTime

PROBLEMS: Mapping[AnswerProblem, Saying] = {
    AnswerProblem.CHOOSE: Saying(
        usual=_("Choose one of the answers. “I don’t know” is fine too."),
        child=pgettext_lazy("to a child", "Choose one of the answers. “I don’t know” is fine too."),
    ),
    AnswerProblem.TOO_LONG: Saying(
        usual=_("This is too long. Shorten it a little; you can add the rest afterwards."),
        child=pgettext_lazy(
            "to a child", "This is too long. Make it a little shorter; add the rest later."
        ),
    ),
    AnswerProblem.NO_EMAIL: Saying(
        usual=_("This e-mail address looks incomplete. It looks like name@example.org."),
        child=pgettext_lazy(
            "to a child", "A part of this address is missing. Example: name@example.org."
        ),
    ),
    AnswerProblem.NO_PHONE: Saying(
        usual=_("This phone number looks incomplete."),
        child=pgettext_lazy("to a child", "Some digits of this number are missing."),
    ),
    AnswerProblem.NO_CONTACT: Saying(
        usual=_("Leave an e-mail address or a phone number, or choose to stay anonymous."),
        child=pgettext_lazy(
            "to a child", "Write an e-mail address or a phone number, or choose “No”."
        ),
    ),
}

TOO_LONG = Saying(
    usual=_(
        "This is too long: %(long)s characters, of %(most)s at most. Shorten it; you can add the rest"
        " afterwards."
    ),
    child=pgettext_lazy(
        "to a child",
        "This is too long: %(long)s characters, of %(most)s at most. Make it shorter; add the rest later.",
    ),
)

QUESTIONS: Mapping[str, Saying] = {
    "whom": Saying(usual=_("Is it for you, or for somebody else?")),
    "danger": Saying(
        usual=_("Is a child in danger right now?"),
        child=pgettext_lazy("to a child", "Are you in danger right now?"),
        parent=_("Is your child in danger right now?"),
    ),
    "what": Saying(
        usual=_("What is happening?"),
        child=pgettext_lazy("to a child", "What is happening to you?"),
    ),
    "where": Saying(
        usual=_("Where and when did it happen?"),
        child=pgettext_lazy("to a child", "Where and when did it happen?"),
    ),
    "saw": Saying(
        usual=_("What did you see or read?"),
        child=pgettext_lazy("to a child", "Can you tell us?"),
        professional=_("What do you know of the facts?"),
    ),
    "who": Saying(
        usual=_("Who did this?"),
        child=pgettext_lazy("to a child", "Who does this to you?"),
    ),
    "child": Saying(
        usual=_("Who is the child?"),
        child=pgettext_lazy("to a child", "And you?"),
        parent=_("Who is your child?"),
    ),
    "meeting": Saying(
        usual=_("Are they going to meet?"),
        child=pgettext_lazy("to a child", "Are you going to meet this person?"),
    ),
    "you": Saying(
        usual=_("May we contact you?"),
        child=pgettext_lazy("to a child", "May we contact you?"),
    ),
    "check": Saying(
        usual=_("Check before you send"),
        child=pgettext_lazy("to a child", "Check before you send"),
    ),
}

_LABELS: Mapping[str, Saying] = {
    "whom": Saying(usual=_("For whom")),
    "danger": Saying(
        usual=_("A child in danger right now"),
        child=_("In danger right now"),
        parent=_("In danger right now"),
    ),
    "kind": Saying(usual=_("What is happening")),
    "channel": Saying(usual=_("Where")),
    "service": Saying(usual=_("Site, apps, games")),
    "nickname": Saying(usual=_("Nickname of the person there")),
    "room": Saying(usual=_("Room, server, group or place")),
    "address": Saying(usual=_("Address of the page")),
    "when": Saying(usual=_("When")),
    "description": Saying(
        usual=_("What you saw or read"),
        child=pgettext_lazy("to a child", "What you tell"),
        professional=_("The facts"),
    ),
    "conversation": Saying(usual=_("Conversation")),
    **dict.fromkeys(COPIED, Saying(usual=_("Message copied by hand"))),
    "suspect_name": Saying(usual=_("Name of the person who did this")),
    "suspect_contact": Saying(usual=_("How to recognise them")),
    "suspect_where": Saying(usual=_("Where this person is")),
    "suspect_town": Saying(usual=_("Their town")),
    "suspect_country": Saying(usual=_("Their country")),
    "child": Saying(usual=_("The child")),
    "child_name": Saying(
        usual=_("First name or nickname of the child"),
        child=pgettext_lazy("to a child", "Your first name or nickname"),
    ),
    "child_age": Saying(usual=_("Age of the child"), child=pgettext_lazy("to a child", "Your age")),
    "child_where": Saying(
        usual=_("Where the child is"), child=pgettext_lazy("to a child", "Where you live")
    ),
    "child_town": Saying(
        usual=_("Town of the child"), child=pgettext_lazy("to a child", "Your town")
    ),
    "child_country": Saying(
        usual=_("Country of the child"), child=pgettext_lazy("to a child", "Your country")
    ),
    "meeting": Saying(usual=_("A meeting is planned")),
    "meeting_when": Saying(usual=_("Day of the meeting")),
    "meeting_where": Saying(usual=_("Where the meeting is")),
    "meeting_town": Saying(usual=_("Place of the meeting")),
    "meeting_country": Saying(usual=_("Country of the meeting")),
    "contact": Saying(usual=_("Contact")),
    "your_name": Saying(usual=_("Your name"), child=pgettext_lazy("to a child", "Your name")),
    "your_email": Saying(
        usual=_("Your e-mail address"),
        child=pgettext_lazy("to a child", "Your e-mail address"),
    ),
    "your_phone": Saying(
        usual=_("Your phone number"), child=pgettext_lazy("to a child", "Your phone number")
    ),
}
_YOURS = frozenset({"your_name", "your_email", "your_phone"})
_WITH_DAY = frozenset({"date", "time", "meeting_date", "meeting_time"})
"""Fields whose answer is shown with that of the question when."""
_AS_WRITTEN = Saying(
    usual=_("As you wrote it"), child=pgettext_lazy("to a child", "As you wrote it")
)
_NEAR_DAYS = {-1: _("yesterday"), 0: _("today"), 1: _("tomorrow")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The answers of one page of the form, as the check page lists them before sending.

    `step` is the name of the page, `question` its heading, `lines` are pairs of label and answer.
    """

    step: str
    question: Text
    lines: tuple[tuple[Text, Text], ...]


def errors(
    step: FormPage,
    wrong: Mapping[str, AnswerProblem],
    answers: Mapping[str, str],
    *,
    whole: bool = True,
) -> dict[str, Text]:
    """Return the error texts of a page by field, from the error codes `wrong`.

    The text for a too long answer states its length; not if `whole` is false, when the posted form was cut.
    `step` is the page, `answers` its answers by field, and those of the other pages.
    """
    voice = voice_of(answers)
    found = {name: PROBLEMS[problem].to(voice) for name, problem in wrong.items()}
    for field in step.fields:
        text = answers.get(field.name, "")
        if wrong.get(field.name) is AnswerProblem.TOO_LONG and whole and len(text) > field.limit:
            found[field.name] = TOO_LONG.to(voice) % lengths(text, most=field.limit)
    return found


def lengths(text: str, *, most: int) -> dict[str, str]:
    """Return `long` and `most`, parameters of the message that a text is too long, as localised numbers.

    `long` is the length of `text`, `most` its maximum length, both in characters.
    """
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    return {"long": number(len(text), lang), "most": number(most, lang)}


def step_context(step: FormPage, answers: Mapping[str, str], *, today: date) -> dict[str, object]:
    """Return the template context of a page of the form.

    Keys: `question`, `understood` (what was read of a typed day, hour or age), the answers offered by field
    (`offered_to`); on the page "where", `services` (field, name, whether it is ticked) and `more_names`; on
    the check page, `summary`, and `thin`: the report holds nothing to search by (no address, nickname or
    text). `step` is the page; `today` the day in Europe/Paris.
    """
    voice = voice_of(answers)
    context: dict[str, object] = {
        "question": QUESTIONS[step.name].to(voice),
        "understood": understood(step, answers, today=today),
        **offered_to(voice, step),
    }
    if step.name == "where":
        context["services"] = [(s.field, s.name, bool(answers.get(s.field))) for s in SERVICES]
        context["more_names"] = MORE_NAMES
    if step.name == "check":
        context["summary"] = tuple(
            Summary(
                step=page.name,
                question=QUESTIONS[page.name].to(voice),
                lines=_lines(page, without_hidden(answers), today),
            )
            for page in asked(answers)
            if page.fields
        )
        context["thin"] = not any(
            answers.get(name)
            for name in ("address", "nickname", "description", "conversation", *COPIED)
        )
    return context


def understood(step: FormPage, answers: Mapping[str, str], *, today: date) -> Text:
    """Return a sentence that says how a typed day, hour or age was understood; empty if nothing was read.

    `step` is the page, `answers` its answers by field; `today` the day in Europe/Paris.
    """
    for asked_for in (field.name for field in step.fields if field.name in ASKED_ON):
        if typed_time(answers, asked=asked_for):
            return _time(time_of(answers, today=today, asked=asked_for), today=today)
    return _years(answers) if "child_age" in {field.name for field in step.fields} else ""


def _time(time: WrittenTime, *, today: date) -> Text:
    """Return a day and an hour in words, `yesterday (Mon 23 Nov) around 21:00`, as far as they are known."""
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    clock = time.clock or ""
    if lang == "fr" and clock:
        hour, minute = clock.split(":")
        clock = f"{int(hour)}\u00a0h" + (f"\u00a0{minute}" if minute != "00" else "")
    if time.day is None:
        return _now("around %(hour)s") % {"hour": clock} if clock else ""
    named = day(time.day, lang, today=today)
    if near := _NEAR_DAYS.get((time.day - today).days):
        named = f"{near} ({named})"
    return _now("%(day)s around %(hour)s") % {"day": named, "hour": clock} if clock else named


def _years(answers: Mapping[str, str]) -> Text:
    age = read_age(answers.get("child_age", ""))
    return "" if age is None else str(age)


def _lines(
    step: FormPage, answers: Mapping[str, str], today: date
) -> tuple[tuple[Text, Text], ...]:
    voice = voice_of(answers)
    unsaid = _WITH_DAY | (_YOURS if answers.get("contact") != "CONTACT" else frozenset())
    unsaid |= {"child"} if voice in {Voice.CHILD, Voice.PARENT} else frozenset()
    lines = []
    for name in (field.name for field in step.fields if field.name in _LABELS):
        value = _value(step, name, answers, today)
        if value and name not in unsaid:
            lines.append((_LABELS[name].to(voice), value))
        typed = _typed(name, answers)
        if typed and value != typed:
            lines.append((_AS_WRITTEN.to(voice), typed))
    return tuple(lines)


def _typed(name: str, answers: Mapping[str, str]) -> str:
    """Return a day with its hour, or an age, as typed in the person's own words; "" for other fields.

    A text without letters, such as a date in digits, also gives "".
    """
    typed = typed_time(answers, asked=name) if name in ASKED_ON else ""
    typed = answers.get(name, "").strip() if name == "child_age" else typed
    return typed if any(map(str.isalpha, typed)) else ""


def _value(step: FormPage, name: str, answers: Mapping[str, str], today: date) -> Text:
    answer = answers.get(name, "")
    if name in ASKED_ON:
        read = _time(time_of(answers, today=today, asked=name), today=today)
        if said := read or typed_time(answers, asked=name):
            return said
    if name == "child_age":
        return _years(answers) or answer
    if name == "service":
        return ", ".join(services_of(answers))
    for offered in (offered_to(voice_of(answers), step), offered_to(Voice.WITNESS, step)):
        for choice in offered.get(name, ()):
            if choice.code == answer:
                return choice.words
    return answer
