"""Words around the questions: page titles, errors, the summary of the check page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy as _

from fanal.web.components.numbers import number
from fanal.web.components.words import day
from fanal.web.public import choices
from fanal.web.public.steps import Problem, Step, day_of

PROBLEMS: Mapping[str, str | Promise] = {
    Problem.CHOOSE: _("Choose one of the answers. “I don’t know” is fine too."),
    Problem.TOO_LONG: _("This is too long. Shorten it a little; you can add the rest afterwards."),
    Problem.NO_DATE: _("Write the day as 24/11/2026, or choose “I don’t know”."),
    Problem.FUTURE: _("This day has not come yet. Check the date."),
    Problem.NO_TIME: _("Write the time as 21:14, or leave it empty."),
    Problem.NO_AGE: _("Write an age in years, such as 12, or leave it empty."),
    Problem.NO_EMAIL: _("This e-mail address looks incomplete. It looks like name@example.org."),
    Problem.NO_PHONE: _("This phone number looks incomplete."),
    Problem.NO_CONTACT: _(
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
    "you": _("Do you want us to be able to contact you?"),
    "check": _("Check before you send"),
}

OFFERED: Mapping[str, Mapping[str, tuple[choices.Choice, ...]]] = {
    "danger": {"danger": choices.DANGER},
    "what": {"kind": choices.KIND},
    "where": {"channel": choices.CHANNEL, "when": choices.WHEN},
    "who": {"child": choices.CHILD},
    "you": {"contact": choices.CONTACT},
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
    "suspect_contact": _("How to recognize them"),
    "child": _("The child"),
    "child_name": _("First name or nickname of the child"),
    "child_age": _("Age of the child"),
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
    ("who", ("suspect_name", "suspect_contact", "child", "child_name", "child_age")),
    ("you", ("contact", "your_name", "your_email", "your_phone")),
)
_YOURS = frozenset({"your_name", "your_email", "your_phone"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """One page's answers on the check page."""

    step: str
    question: str | Promise
    lines: tuple[tuple[str | Promise, str | Promise], ...]


def errors(
    step: Step, wrong: Mapping[str, Problem], answers: Mapping[str, str], *, whole: bool = True
) -> dict[str, str | Promise]:
    """Return the words of a step's problems, by field; of a text that is too long, by how much.

    `whole` is false where only the beginning of what was posted is known.
    """
    found: dict[str, str | Promise] = {name: PROBLEMS[problem] for name, problem in wrong.items()}
    for field in step.fields:
        text = answers.get(field.name, "")
        if wrong.get(field.name) is Problem.TOO_LONG and whole and len(text) > field.limit:
            found[field.name] = TOO_LONG % lengths(text, most=field.limit)
    return found


def lengths(text: str, *, most: int) -> dict[str, str]:
    """Return the characters of a text and how many it may have, as the page's language writes numbers."""
    lang = "en" if (get_language() or "fr").startswith("en") else "fr"
    return {"long": number(len(text), lang), "most": number(most, lang)}


def step_context(step: Step, answers: Mapping[str, str], *, today: date) -> dict[str, object]:
    """Return what a step's template needs: the question, the answers offered, the summary."""
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
    when = day_of(answers, today=today) if name == "when" else None
    if when is not None:
        return day(when, get_language() or "fr", today=today)
    for offered in OFFERED.values():
        for choice in offered.get(name, ()):
            if choice.code == answer:
                return choice.words
    return answer
