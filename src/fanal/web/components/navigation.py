"""The desk's way-finding as data: groups of pages, each with the action it needs.

A page appears when its route exists on this node and the person's roles may take its action. The page
itself checks again: a hidden entry protects nothing.
"""

from dataclasses import dataclass

from django.urls import NoReverseMatch, reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from fanal.kernel.actors import Role

_DESK = frozenset({Role.ANALYST, Role.SUPERVISOR})
_MEASURES = _DESK | {Role.MEASURES_OFFICER}
_JUDICIAL = _DESK | {Role.JUDICIAL_OFFICER}
_ALL = frozenset(Role) - {Role.SYSTEM, Role.PUBLIC}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One page of the navigation: route name, words, pictogram, roles that see it."""

    route: str
    words: str | Promise
    icon: str
    roles: frozenset[Role]


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
            Entry(route="desk:queue", words=_("Queue"), icon="queue", roles=_DESK),
            Entry(
                route="desk:second", words=_("To second"), icon="two", roles=_MEASURES | _JUDICIAL
            ),
            Entry(
                route="desk:dossiers",
                words=_("Dossiers"),
                icon="graph",
                roles=_MEASURES | _JUDICIAL,
            ),
            Entry(
                route="desk:search", words=_("Search"), icon="search", roles=_MEASURES | _JUDICIAL
            ),
        ),
    ),
    (
        _("What follows"),
        (
            Entry(route="desk:measures", words=_("Measures"), icon="shield", roles=_MEASURES),
            Entry(route="desk:referrals", words=_("Referrals"), icon="law", roles=_JUDICIAL),
            Entry(
                route="oversight:home",
                words=_("Oversight"),
                icon="target",
                roles=frozenset({Role.OVERSEER}),
            ),
        ),
    ),
    (
        _("Know"),
        (
            Entry(route="desk:statistics", words=_("Statistics"), icon="chart", roles=_ALL),
            Entry(route="desk:reference", words=_("Rules and law"), icon="book", roles=_ALL),
        ),
    ),
    (
        _("Run"),
        (
            Entry(
                route="desk:quarantine",
                words=_("Quarantine"),
                icon="alert",
                roles=frozenset({Role.SUPERVISOR}),
            ),
            Entry(
                route="desk:accounts",
                words=_("Accounts"),
                icon="people",
                roles=frozenset({Role.SUPERVISOR, Role.ADMINISTRATOR}),
            ),
        ),
    ),
)


def links_for(roles: frozenset[Role], path: str) -> list[tuple[str | Promise, list[Link]]]:
    """Return the groups that `roles` see, the entry of `path` marked as current."""
    groups = []
    for title, entries in NAVIGATION:
        links = [link for entry in entries if (link := _link(entry, roles, path))]
        if links:
            groups.append((title, links))
    return groups


def _link(entry: Entry, roles: frozenset[Role], path: str) -> Link | None:
    if roles.isdisjoint(entry.roles):
        return None
    try:
        href = reverse(entry.route)
    except NoReverseMatch:
        return None
    return Link(href=href, words=entry.words, icon=entry.icon, current=path.startswith(href))
