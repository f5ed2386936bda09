"""The desk's way-finding as data: groups of pages by route name.

A page appears when its route exists on this node and the policy opens its declared action to the actor:
the menu and the guard read the same declaration.
"""

from dataclasses import dataclass

from django.urls import NoReverseMatch, resolve, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fanal.accounts.domain.policy import may
from fanal.accounts.routes import declaration_of
from fanal.kernel.actors import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page of the navigation: route name, words, pictogram."""

    route: str
    words: str | Promise
    icon: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """An entry ready to print."""

    href: str
    words: str | Promise
    icon: str
    current: bool


NAVIGATION: tuple[tuple[str | Promise, tuple[Entry, ...]], ...] = (
    (
        _("Work"),
        (
            Entry(route="partners:sent", words=_("What you sent"), icon="send"),
            Entry(route="partners:feedback", words=_("Feedback"), icon="note"),
            Entry(route="partners:lists", words=_("Lists for you"), icon="download"),
            Entry(route="partners:laboratory", words=_("Laboratory"), icon="inbox"),
            Entry(route="desk:queue", words=_("Queue"), icon="queue"),
            Entry(route="desk:second", words=_("To second"), icon="two"),
            Entry(route="desk:dossiers", words=_("Dossiers"), icon="graph"),
            Entry(route="desk:hits", words=_("Hits"), icon="building"),
            Entry(route="desk:suggestions", words=_("Suggested links"), icon="help"),
            Entry(route="desk:payments", words=_("Payments"), icon="chart"),
            Entry(route="desk:search", words=_("Search"), icon="search"),
        ),
    ),
    (
        _("What follows"),
        (
            Entry(route="desk:measures", words=_("Measures"), icon="shield"),
            Entry(route="desk:notices", words=_("Notices to providers"), icon="mail"),
            Entry(route="desk:referrals", words=_("Referrals"), icon="law"),
            Entry(route="desk:sheets", words=_("Intelligence sheets"), icon="file"),
            Entry(route="desk:distribution", words=_("Other desks"), icon="globe"),
            Entry(route="oversight:home", words=_("Oversight"), icon="target"),
            Entry(route="oversight:recommendations", words=_("Recommendations"), icon="note"),
            Entry(route="oversight:openings", words=_("Identities opened"), icon="key"),
            Entry(route="oversight:habilitations", words=_("Habilitations"), icon="people"),
        ),
    ),
    (
        _("Know"),
        (
            Entry(route="desk:statistics", words=_("Statistics"), icon="chart"),
            Entry(route="desk:providers", words=_("Providers"), icon="inbox"),
            Entry(route="desk:reference", words=_("Rules and law"), icon="book"),
        ),
    ),
    (
        _("Run"),
        (
            Entry(route="desk:rulesets", words=_("Rule sets"), icon="target"),
            Entry(route="desk:exchange", words=_("Exchange of lists"), icon="send"),
            Entry(route="desk:deconfliction", words=_("De-confliction"), icon="refresh"),
            Entry(route="desk:instructions", words=_("Standing instructions"), icon="sign"),
            Entry(route="desk:lists", words=_("Lists"), icon="file"),
            Entry(route="desk:reviews", words=_("Reviews"), icon="clock"),
            Entry(route="desk:quarantine", words=_("Quarantine"), icon="alert"),
            Entry(route="account_people", words=_("Accounts"), icon="person"),
            Entry(route="account_habilitations", words=_("Habilitations"), icon="people"),
        ),
    ),
)


def links_for(actor: Actor, path: str) -> list[tuple[str | Promise, list[Link]]]:
    """Return the groups that `actor` sees; the entry whose address is nearest to `path` is current."""
    groups = [
        (title, [(entry, href) for entry in entries if (href := _reachable(entry.route, actor))])
        for title, entries in NAVIGATION
    ]
    above = [href for _title, pairs in groups for _entry, href in pairs if path.startswith(href)]
    current = max(above, key=len, default="")
    return [
        (title, [_link(entry, href, current) for entry, href in pairs])
        for title, pairs in groups
        if pairs
    ]


def _link(entry: Entry, href: str, current: str) -> Link:
    return Link(href=href, words=entry.words, icon=entry.icon, current=href == current)


def _reachable(route: str, actor: Actor) -> str:
    """Return the address of a route that exists and that the policy opens to the actor, else ''."""
    try:
        href = reverse(route)
    except NoReverseMatch:
        return ""
    match = resolve(href)
    declaration = declaration_of(match.func, match.view_name)
    action = declaration.action_for("GET") if declaration else None
    return href if action is not None and may(actor, action) else ""
