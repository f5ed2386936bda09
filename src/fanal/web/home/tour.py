"""The tour: five steps that explain the pages to a new person; the third is that of the person's role."""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from msgspec import Struct

from fanal.kernel.actors import Actor, Role
from fanal.web.components.navigation import reachable

Words = str | Promise


class TourStep(Struct, frozen=True, kw_only=True):
    """A step of the tour: its `title`, what it says (`text`), an icon, and the route it explains.

    `link` is the label of the link to that route; both are "" without one.
    """

    title: Words
    text: Words
    icon: str
    route: str = ""
    link: Words = ""


_HOME = TourStep(
    title=_("What waits for you is on this page"),
    text=_(
        "Your home page counts the work of your roles, the most urgent first. Each number leads to the list"
        " with exactly these items. The Fanal mark, top left, brings you back here."
    ),
    icon="home",
)
_MENU = TourStep(
    title=_("Two ways to any page"),
    text=_(
        "The menu holds the pages of each day; “All pages” opens the rest. Ctrl and K together open the quick"
        " search: type a page, the number of a report or of a dossier, an identifier."
    ),
    icon="search",
)
_ALARM = TourStep(
    title=_("A child in danger comes before everything"),
    text=_(
        "A red line then stands on top of every page, and rings until somebody takes the report. That"
        " person also calls the emergency services where needed: the number and what to say are on the page."
    ),
    icon="alarm",
    route="desk:emergency_calls",
    link=_("Emergency calls"),
)
_RECORDED = TourStep(
    title=_("What you consult is recorded"),
    text=_(
        "Each consultation of personal data is written to the ledger with its purpose. Your account page"
        " shows your habilitations, and lets you state the purpose of your present task."
    ),
    icon="ledger",
    route="account_home",
    link=_("My account"),
)
_HELP = TourStep(
    title=_("Help is one key away"),
    text=_(
        "The ? key opens the guide of the page, in your language. Words underlined with dots explain"
        " themselves when you choose them. You find this tour again in the list of guides."
    ),
    icon="help",
    route="guides:index",
    link=_("The guides"),
)
_OF_ROLE: Mapping[Role, TourStep] = {
    Role.ANALYST: TourStep(
        title=_("One report after the other"),
        text=_(
            "The queue ranks the reports and says why. Take one, read what is said and what it shares with"
            " others, decide with a reason; Ctrl and Enter record the decision and open the next report."
        ),
        icon="queue",
        route="desk:queue",
        link=_("Queue"),
    ),
    Role.SUPERVISOR: TourStep(
        title=_("Share the work, approve the acts"),
        text=_(
            "“Team” shows what each person has in charge; you assign reports from there or from the queue. An"
            " act that another person proposed leaves only once you have read its exact text and approved it."
        ),
        icon="people",
        route="desk:team",
        link=_("Team"),
    ),
    Role.JUDICIAL_OFFICER: TourStep(
        title=_("From the decision to the answer"),
        text=_(
            "“Referrals” lists what is to send, what awaits an answer and what is closed. Nothing is sent by"
            " itself: download the letter, send it, then record the sending with its proof."
        ),
        icon="law",
        route="desk:referrals",
        link=_("Referrals"),
    ),
    Role.MEASURES_OFFICER: TourStep(
        title=_("Two people for each measure"),
        text=_(
            "You propose a removal request, another person approves its exact text, then you record the"
            " sending and each later step. The board shows the statutory deadlines that run."
        ),
        icon="shield",
        route="desk:measures",
        link=_("Measures"),
    ),
    Role.OVERSEER: TourStep(
        title=_("See every measure, at random"),
        text=_(
            "A session draws measures at random and shows the method. Each has its grounds and its proofs; a"
            " recommendation must be answered by the desk within its deadline."
        ),
        icon="target",
        route="oversight:home",
        link=_("Oversight"),
    ),
    Role.ADMINISTRATOR: TourStep(
        title=_("People and machines, never content"),
        text=_(
            "You open accounts and see whether the installation works. Habilitations give the rights, and a"
            " supervisor grants them. No report is shown to you."
        ),
        icon="pulse",
        route="account_installation",
        link=_("State of the installation"),
    ),
    Role.STATISTICIAN: TourStep(
        title=_("Figures with their definition"),
        text=_(
            "Choose a period; each figure opens its definition and its table, and leaves as CSV or JSON. Only"
            " numbers are shown, never a report or a person."
        ),
        icon="chart",
        route="desk:statistics",
        link=_("Statistics"),
    ),
}
STEPS = 5
"""Number of steps of the tour."""


def steps_for(actor: Actor) -> Sequence[TourStep]:
    """Return the five steps of the tour for a person; the third is that of their role."""
    own = next((step for role, step in _OF_ROLE.items() if actor.has(role)), _RECORDED)
    danger = reachable("desk:emergency_calls", actor)
    return (_HOME, _MENU, own, _ALARM if danger else _RECORDED, _HELP)
