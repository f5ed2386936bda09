"""Answers that the report form offers, in words that a twelve-year-old understands."""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_lazy as _, pgettext_lazy

from fanal.web.public.saying import Text
from fanal.web.public.steps import FormPage, Voice


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerChoice:
    """An answer offered by a question: the code that is stored, its text (`words`), a line of explanation."""

    code: str
    words: Text
    hint: Text = ""


WHOM = (
    AnswerChoice(code="CHILD", words=_("For me"), hint=_("I am under 18.")),
    AnswerChoice(code="PARENT", words=_("For my child"), hint=_("Or a child in my care.")),
    AnswerChoice(
        code="WITNESS",
        words=_("For somebody else"),
        hint=_("I saw or read something, or it happened to me before I was 18."),
    ),
    AnswerChoice(
        code="PROFESSIONAL",
        words=_("In my work"),
        hint=_("School, health, association, company …"),
    ),
)

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
        words=_("Someone talks about sex to a child"),
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

DANGER_OF_CHILD = (
    AnswerChoice(code="YES", words=_("Yes, right now")),
    AnswerChoice(code="NO", words=_("No")),
    AnswerChoice(
        code="UNKNOWN",
        words=_("I don’t know"),
        hint=pgettext_lazy(
            "to a child", "Somebody will read it soon. If you are afraid, call first."
        ),
    ),
)

KIND_OF_CHILD = (
    AnswerChoice(
        code="GROOMING",
        words=_("Someone is being too nice, asks for secrets or photos"),
        hint=pgettext_lazy("to a child", "They give gifts, lie about their age, want another app."),
    ),
    AnswerChoice(
        code="SOLICITATION",
        words=_("Someone talks to me about sex"),
        hint=_("In messages, in a game, on camera, or to meet."),
    ),
    AnswerChoice(
        code="SEXTORTION",
        words=_("Someone threatens to show pictures of me"),
        hint=_("They ask for money, more pictures, or silence."),
    ),
    AnswerChoice(
        code="NONCONSENSUAL_IMAGE",
        words=_("A private picture of me was shown to others"),
        hint=_("At school, in a group, on a site."),
    ),
    AnswerChoice(
        code="LIVESTREAM",
        words=_("I am told to do things in front of a camera"),
        hint=_("Live, sometimes for money."),
    ),
    AnswerChoice(
        code="TRAFFICKING",
        words=_("I am made to meet people for money or gifts"),
        hint=_("Someone decides, or takes the money."),
    ),
    AnswerChoice(
        code="ABUSE_MATERIAL",
        words=_("I saw pictures of children who are hurt"),
        hint=pgettext_lazy("to a child", "Do not open, copy or send them."),
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


CHANNEL_OF_CHILD = tuple(
    choice for choice in CHANNEL if choice.code not in {"P2P", "DARKWEB", "TRAVEL"}
)

HOME_OF_CHILD = (
    AnswerChoice(code="FRANCE", words=_("In France")),
    AnswerChoice(code="ABROAD", words=_("In another country")),
    AnswerChoice(code="UNKNOWN", words=_("I would rather not say")),
)

CONTACT_OF_CHILD = (
    AnswerChoice(
        code="ANONYMOUS",
        words=_("No, I stay anonymous"),
        hint=pgettext_lazy(
            "to a child", "You will get a code. With it you read our answers and questions."
        ),
    ),
    AnswerChoice(
        code="CONTACT",
        words=pgettext_lazy("to a child", "Yes, you may contact me"),
        hint=pgettext_lazy("to a child", "Your name is locked away. Very few people may read it."),
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


OFFERED: Mapping[str, Mapping[str, tuple[AnswerChoice, ...]]] = {
    "whom": {"whom": WHOM},
    "danger": {"danger": DANGER},
    "what": {"kind": KIND},
    "where": {"channel": CHANNEL, "when": WHEN},
    "who": {"suspect_where": LOCATION},
    "child": {"child": CHILD, "child_where": LOCATION},
    "meeting": {"meeting": MEETING, "meeting_when": MEETING_WHEN, "meeting_where": LOCATION},
    "you": {"contact": CONTACT},
}
_TO_A_CHILD: Mapping[str, tuple[AnswerChoice, ...]] = {
    "danger": DANGER_OF_CHILD,
    "kind": KIND_OF_CHILD,
    "channel": CHANNEL_OF_CHILD,
    "child_where": HOME_OF_CHILD,
    "contact": CONTACT_OF_CHILD,
}


def offered_to(voice: Voice, step: FormPage) -> dict[str, tuple[AnswerChoice, ...]]:
    """Return the answers that a page offers by field, in the words for the person of `voice`.

    A professional is not offered the answer that the child is the reporter. `step` is the page.
    """
    found = dict(OFFERED.get(step.name, {}))
    if voice is Voice.CHILD:
        found |= {name: own for name, own in _TO_A_CHILD.items() if name in found}
    if voice is Voice.PROFESSIONAL and "child" in found:
        found["child"] = tuple(choice for choice in CHILD if choice.code != "ME")
    return found
