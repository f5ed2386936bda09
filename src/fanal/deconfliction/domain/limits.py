"""Sharing limits: which of our identifiers may be compared with those of another organisation."""

from collections.abc import Iterable

from msgspec import Struct

from fanal.harmonise.domain.records import SelectorKind, SelectorRole
from fanal.kernel.refusal import Refusal

KINDS = tuple(SelectorKind)
ROLES = (
    SelectorRole.SUSPECT,
    SelectorRole.RECIPIENT,
    SelectorRole.ASSOCIATED,
    SelectorRole.CONTENT,
)
"""Roles that limits may allow. Victims and witnesses are never among them; nobody can add them."""
NEVER = frozenset(SelectorRole) - set(ROLES)
MOST_MONTHS = 72
MOST_ROUNDS = 24
"""Maximum number of rounds that a counterpart may begin in a day: each costs the computation of a set."""
DAILY_POINTS = 1 << 15
"""Default number of points that a counterpart may send in a day: testing a billion phone numbers then
takes more than eighty years."""
MOST_HOLDERS = 1000
"""Maximum number of sightings of an identifier that enters a set: beyond, it identifies nobody."""


class SharingLimits(Struct, frozen=True, kw_only=True):
    """The limits of the identifiers that may be compared with those of a counterpart (organisation).

    `kinds` are the kinds of identifier allowed (such as e-mail addresses), `roles` the roles of their owners
    in a report (such as suspect). `desk_ids` are the desks whose reports count, empty for all. `months`: how
    far back from now the reports may be.
    """

    kinds: tuple[SelectorKind, ...]
    roles: tuple[SelectorRole, ...]
    desk_ids: tuple[int, ...] = ()
    months: int = 24


DEFAULT = SharingLimits(
    kinds=(
        SelectorKind.ACCOUNT,
        SelectorKind.DEVICE,
        SelectorKind.EMAIL,
        SelectorKind.HANDLE,
        SelectorKind.PHONE,
    ),
    roles=(SelectorRole.SUSPECT,),
)
"""Limits of a new counterpart: identifiers of suspects."""


def checked(
    *, kinds: Iterable[str], roles: Iterable[str], desk_ids: Iterable[int], months: int
) -> SharingLimits:
    """Validate sharing limits and return them without duplicates, in canonical order.

    `kinds` are codes of kinds of identifier, `roles` codes of the owners' roles in a report; those of victims
    and witnesses are refused. No `desk_ids`: all desks. `months`: how far back the reports may be, 1 to 72.

    Raises:
        Refusal: KINDS (none, or an unknown one), ROLES (none, an unknown or forbidden one), MONTHS (outside 1
            to 72).
    """
    asked_kinds, asked_roles = set(kinds), set(roles)
    if not asked_kinds or not asked_kinds <= set(KINDS):
        raise Refusal("deconfliction", "KINDS")
    if not asked_roles or not asked_roles <= set(ROLES):
        raise Refusal("deconfliction", "ROLES")
    if not 1 <= months <= MOST_MONTHS:
        raise Refusal("deconfliction", "MONTHS")
    return SharingLimits(
        kinds=tuple(kind for kind in KINDS if kind in asked_kinds),
        roles=tuple(role for role in ROLES if role in asked_roles),
        desk_ids=tuple(sorted(set(desk_ids))),
        months=months,
    )
