"""The answers that the form offers, in words that a twelve-year-old understands."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One answer: the code stored, its words, a line of explanation."""

    code: str
    words: str | Promise
    hint: str | Promise = ""


DANGER = (
    Choice(code="YES", words=_("Yes, right now")),
    Choice(code="NO", words=_("No")),
    Choice(
        code="UNKNOWN",
        words=_("I don’t know"),
        hint=_("Somebody will read it soon. If you fear for a child, call first."),
    ),
)

KIND = (
    Choice(
        code="GROOMING",
        words=_("Someone is trying to gain a child’s trust"),
        hint=_("Secrets, gifts, lies about age, asking for photos or to switch to another app."),
    ),
    Choice(
        code="SOLICITATION",
        words=_("Someone makes sexual proposals to a child"),
        hint=_("In messages, in a game, on camera, or to meet."),
    ),
    Choice(
        code="SEXTORTION",
        words=_("Someone threatens to share private pictures"),
        hint=_("They ask for money, more pictures, or silence."),
    ),
    Choice(
        code="NONCONSENSUAL_IMAGE",
        words=_("A private picture was shared without permission"),
        hint=_("At school, in a group, on a site."),
    ),
    Choice(
        code="ABUSE_MATERIAL",
        words=_("Pictures or videos of children being abused"),
        hint=_("On a site, in a group, in a shared folder. Do not open, copy or send them."),
    ),
    Choice(
        code="LIVESTREAM",
        words=_("A child is abused live on camera"),
        hint=_("Someone watches, pays or gives orders during a live video."),
    ),
    Choice(
        code="TRAFFICKING",
        words=_("A child is sold or pushed into prostitution"),
        hint=_("Online adverts, someone who takes the money."),
    ),
    Choice(
        code="SEX_TOURISM",
        words=_("Someone travels, or pays, to abuse children"),
        hint=_("In France or in another country."),
    ),
    Choice(code="OTHER", words=_("Something else, or I don’t know")),
)

CHANNEL = (
    Choice(code="SOCIAL", words=_("A social network")),
    Choice(code="MESSAGING", words=_("A messaging app")),
    Choice(code="GAME", words=_("A game")),
    Choice(code="METAVERSE", words=_("A virtual world")),
    Choice(code="WEB", words=_("A website")),
    Choice(code="TRAVEL", words=_("During a trip")),
    Choice(code="OTHER", words=_("Somewhere else")),
    Choice(code="UNKNOWN", words=_("I don’t know")),
)

WHEN = (
    Choice(code="TODAY", words=_("Today")),
    Choice(code="YESTERDAY", words=_("Yesterday")),
    Choice(code="DATE", words=_("Another day")),
    Choice(code="UNKNOWN", words=_("I don’t know")),
)

CHILD = (
    Choice(code="ME", words=_("It is me")),
    Choice(code="KNOWN", words=_("A child I know")),
    Choice(code="STRANGER", words=_("A child I don’t know")),
    Choice(code="UNKNOWN", words=_("I don’t know")),
)

CONTACT = (
    Choice(
        code="ANONYMOUS",
        words=_("No, I stay anonymous"),
        hint=_("You will get a code to follow your report and answer questions."),
    ),
    Choice(
        code="CONTACT",
        words=_("Yes, you may contact me"),
        hint=_("Your name and contact are locked away from the report. Few people may open them."),
    ),
)
