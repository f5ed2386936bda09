"""The desk's navigation: its menu as data (groups of pages by route name), and URLs for links.

A page is listed when its route exists on this node and the policy opens its declared action to the actor:
menu and route guard use the same declaration.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from django.http import HttpRequest
from django.urls import NoReverseMatch, URLResolver, get_resolver, get_urlconf, resolve, reverse
from django.utils.functional import Promise
from django.utils.http import urlencode
from django.utils.translation import get_language, gettext_lazy as _

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import declaration_of
from fanal.kernel.actors import Actor, Role


def own_address(request: HttpRequest) -> str:
    """Return path and query of `request` with exactly one slash at the start.

    As a link, a path with two slashes would name another host.
    """
    return "/" + request.get_full_path().lstrip("/")


def selector_link(kind: str, value: str) -> str:
    """Return the URL of the desk's search page for one identifier: `kind` (such as EMAIL) and `value`."""
    return f"{reverse('desk:search')}?{urlencode({'kind': kind, 'value': value})}"


# The icons of `icons.toml`, by name: the content of a 24 × 24 SVG.

ICONS: dict[str, str] = tomllib.loads(Path(__file__).with_name("icons.toml").read_text())


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationPage:
    """A page of the menu, as configured: route name, label (`words`), icon name."""

    route: str
    words: str | Promise
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NavigationLink:
    """An entry of the menu as shown to a person, for the template.

    `href` is its URL, `words` its label, `icon` the name of its icon. `current`: it leads to the page shown.
    `key` is its HTML id, by which the numbers of what waits are filled in.
    """

    href: str
    words: str | Promise
    icon: str
    current: bool
    key: str

    @property
    def counted(self) -> bool:
        """Whether the menu shows the number of items that wait on that page (route `desk:menu-counts`)."""
        return self.key in _COUNTED


_COUNTED = frozenset({"desk-queue", "desk-emergency_calls", "desk-second", "desk-referrals"})
NAVIGATION: tuple[tuple[str | Promise, tuple[NavigationPage, ...]], ...] = (
    (
        _("Work"),
        (
            NavigationPage(route="home:home", words=_("Home"), icon="home"),
            NavigationPage(route="partners:sent", words=_("What you sent"), icon="send"),
            NavigationPage(route="partners:feedback", words=_("Feedback"), icon="note"),
            NavigationPage(route="partners:lists", words=_("Lists for you"), icon="download"),
            NavigationPage(route="partners:laboratory", words=_("Laboratory"), icon="inbox"),
            NavigationPage(route="desk:queue", words=_("Queue"), icon="queue"),
            NavigationPage(route="desk:entry", words=_("Enter a report"), icon="phone"),
            NavigationPage(route="desk:second", words=_("Awaiting second approval"), icon="two"),
            NavigationPage(route="desk:dossiers", words=_("Dossiers"), icon="graph"),
            NavigationPage(route="desk:hits", words=_("Matches"), icon="building"),
            NavigationPage(route="desk:suggestions", words=_("Suggested links"), icon="help"),
            NavigationPage(route="desk:payments", words=_("Payments"), icon="chart"),
            NavigationPage(route="desk:search", words=_("Search"), icon="search"),
            NavigationPage(route="desk:team", words=_("Team"), icon="people"),
        ),
    ),
    (
        _("Follow-up"),
        (
            NavigationPage(route="desk:emergency_calls", words=_("Emergency calls"), icon="phone"),
            NavigationPage(route="desk:measures", words=_("Measures"), icon="shield"),
            NavigationPage(route="desk:blockings", words=_("Blockings"), icon="lock"),
            NavigationPage(route="desk:mirrors", words=_("Mirrors"), icon="copy"),
            NavigationPage(route="desk:dereferencings", words=_("Dereferencings"), icon="search"),
            NavigationPage(route="desk:appeals", words=_("Appeals"), icon="hand"),
            NavigationPage(route="desk:notices", words=_("Notices to providers"), icon="mail"),
            NavigationPage(route="desk:referrals", words=_("Referrals"), icon="law"),
            NavigationPage(route="desk:sheets", words=_("Intelligence sheets"), icon="file"),
            NavigationPage(route="desk:examples", words=_("Examples of the desk"), icon="note"),
            NavigationPage(route="desk:distribution", words=_("Other desks"), icon="globe"),
            NavigationPage(route="oversight:home", words=_("Oversight"), icon="target"),
            NavigationPage(
                route="oversight:recommendations", words=_("Recommendations"), icon="note"
            ),
            NavigationPage(route="oversight:openings", words=_("Identities opened"), icon="key"),
            NavigationPage(
                route="oversight:habilitations", words=_("Habilitations"), icon="people"
            ),
        ),
    ),
    (
        _("Resources"),
        (
            NavigationPage(route="desk:wall", words=_("Wall board"), icon="pulse"),
            NavigationPage(route="desk:statistics", words=_("Statistics"), icon="chart"),
            NavigationPage(route="desk:providers", words=_("Providers"), icon="inbox"),
            NavigationPage(
                route="desk:addressees", words=_("Addressees of measures"), icon="building"
            ),
            NavigationPage(route="desk:reference", words=_("Rules and law"), icon="book"),
        ),
    ),
    (
        _("Administration"),
        (
            NavigationPage(route="desk:rulesets", words=_("Rule sets"), icon="target"),
            NavigationPage(route="desk:readers", words=_("Text reader"), icon="search"),
            NavigationPage(route="desk:exchange", words=_("Exchange of lists"), icon="send"),
            NavigationPage(route="desk:deconfliction", words=_("De-confliction"), icon="refresh"),
            NavigationPage(
                route="desk:instructions", words=_("Standing instructions"), icon="sign"
            ),
            NavigationPage(route="desk:lists", words=_("Lists"), icon="file"),
            NavigationPage(route="desk:holds", words=_("Legal holds"), icon="lock"),
            NavigationPage(route="desk:reviews", words=_("Reviews"), icon="clock"),
            NavigationPage(route="desk:quarantine", words=_("Quarantine"), icon="alert"),
            NavigationPage(
                route="account_installation", words=_("State of the installation"), icon="pulse"
            ),
            NavigationPage(
                route="account_quarantine", words=_("Failures of processing"), icon="alert"
            ),
            NavigationPage(route="account_lists", words=_("State of the lists"), icon="file"),
            NavigationPage(route="account_retention", words=_("Retention"), icon="clock"),
            NavigationPage(route="account_ledger", words=_("Ledger"), icon="ledger"),
            NavigationPage(route="account_duty", words=_("Duty roster"), icon="alarm"),
            NavigationPage(route="account_public", words=_("Public pages"), icon="globe"),
            NavigationPage(route="account_desks", words=_("Desks"), icon="building"),
            NavigationPage(route="account_people", words=_("Accounts"), icon="person"),
            NavigationPage(route="account_resets", words=_("Resets of sign-in"), icon="refresh"),
            NavigationPage(route="account_access", words=_("Partners’ access"), icon="key"),
            NavigationPage(route="account_habilitations", words=_("Habilitations"), icon="people"),
        ),
    ),
)


DAILY: Mapping[Role, tuple[str, ...]] = {
    Role.ANALYST: (
        "home:home",
        "desk:queue",
        "desk:entry",
        "desk:emergency_calls",
        "desk:dossiers",
        "desk:suggestions",
        "desk:hits",
        "desk:payments",
        "desk:search",
    ),
    Role.SUPERVISOR: (
        "home:home",
        "desk:queue",
        "desk:wall",
        "desk:second",
        "desk:emergency_calls",
        "desk:dossiers",
        "account_habilitations",
        "desk:search",
        "desk:team",
    ),
    Role.JUDICIAL_OFFICER: (
        "home:home",
        "desk:referrals",
        "desk:emergency_calls",
        "desk:sheets",
        "desk:queue",
        "desk:dossiers",
        "desk:payments",
        "desk:distribution",
        "desk:search",
    ),
    Role.MEASURES_OFFICER: (
        "home:home",
        "desk:second",
        "desk:measures",
        "desk:blockings",
        "desk:dereferencings",
        "desk:appeals",
        "desk:notices",
        "desk:queue",
        "desk:search",
    ),
}
"""Pages of each day by role, routes in the order of the menu; the other pages are folded beneath them."""
_FEW = 10
"""A menu of at most so many pages is shown whole."""
Group = tuple[str | Promise, list[NavigationLink]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """The menu of a person, as groups of pages (heading, links).

    `shown` are always visible, `folded` only after a click on "All pages". `unfolded`: the present page is
    one of the latter, so that they are shown.
    """

    shown: list[Group]
    folded: list[Group]
    unfolded: bool


def menu_of(actor: Actor, path: str) -> Menu:
    """Return the menu with the pages that `actor` may open.

    If there are more than ten, those that the person's role does not need daily are folded away. The entry
    whose URL is the longest prefix of `path` is current.
    """
    found = {
        page.route: (page, href)
        for _title, pages in NAVIGATION
        for page in pages
        if (href := reachable(page.route, actor))
    }
    above = [href for _page, href in found.values() if path.startswith(href)]
    current = max(above, key=len, default="")
    daily = dict.fromkeys(
        route for role, routes in DAILY.items() if actor.has(role) for route in routes
    )

    def group(title: str | Promise, routes: Iterable[str]) -> Group:
        pairs = [found[route] for route in routes if route in found]
        return title, [
            NavigationLink(
                href=href,
                words=page.words,
                icon=page.icon,
                current=href == current,
                key=page.route.replace(":", "-"),
            )
            for page, href in pairs
        ]

    if not daily or len(found) <= _FEW:
        daily = {}
    rest = [
        group(title, (page.route for page in pages if page.route not in daily))
        for title, pages in NAVIGATION
    ]
    rest = [(title, links) for title, links in rest if links]
    if not daily:
        return Menu(shown=rest, folded=[], unfolded=False)
    unfolded = any(link.current for _title, links in rest for link in links)
    return Menu(shown=[group(_("Every day"), daily)], folded=rest, unfolded=unfolded)


def reachable(route: str, actor: Actor) -> str:
    """Return the URL of a route by its name, "" if this node lacks the route or `actor` the right to it."""
    href, action = _place(get_resolver(get_urlconf()), route, get_language())
    return href if action is not None and may(actor, action) else ""


@lru_cache(maxsize=1024)
def _place(_routes: URLResolver, route: str, _language: str | None) -> tuple[str, str | None]:
    """Return the URL of a route in the current language, and its policy action; "" and None if it is missing.

    Cached by all arguments: to resolve the menu's routes for every page would take two milliseconds. The
    first (the node's URL resolver) and the last serve as cache keys only.
    """
    try:
        href = reverse(route)
    except NoReverseMatch:
        return "", None
    match = resolve(href)
    declaration = declaration_of(match.func, match.view_name)
    return href, declaration.action_for("GET") if declaration else None
