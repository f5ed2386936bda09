"""Sharing limits: what of ours may enter a set for a counterpart."""

from collections.abc import Iterable

from msgspec import Struct

from fanal.deconfliction.domain.states import DeconflictionRefused
from fanal.harmonise.domain.records import SelectorKind, SelectorRole

KINDS = tuple(SelectorKind)
ROLES = (
    SelectorRole.SUSPECT,
    SelectorRole.RECIPIENT,
    SelectorRole.ASSOCIATED,
    SelectorRole.CONTENT,
)
"""Roles that may be opened. A victim's or a witness's never: not even a person can open those here."""
NEVER = frozenset(SelectorRole) - set(ROLES)
MOST_MONTHS = 72
MOST_ROUNDS = 24
"""Rounds that a counterpart may begin in a day: each costs us a whole set."""
DAILY_POINTS = 1 << 15
"""Points that a counterpart may show in a day until somebody says otherwise: all numbers of a country take it
thousands of years."""
MOST_HOLDERS = 1000
"""Sightings beyond which a value is nobody’s, whatever cross-check keeps: suspects are met by the hundred."""


class SharingLimits(Struct, frozen=True, kw_only=True):
    """What may enter a set: kinds, roles, desks (none: all), and how many months back."""

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
"""What a counterpart gets until somebody says otherwise: what names a suspect."""


def checked(
    *, kinds: Iterable[str], roles: Iterable[str], desk_ids: Iterable[int], months: int
) -> SharingLimits:
    """Return limits, each thing once and in order.

    Raises:
        DeconflictionRefused: KINDS, ROLES, MONTHS.
    """
    asked_kinds, asked_roles = set(kinds), set(roles)
    if not asked_kinds or not asked_kinds <= set(KINDS):
        raise DeconflictionRefused("KINDS")
    if not asked_roles or not asked_roles <= set(ROLES):
        raise DeconflictionRefused("ROLES")
    if not 1 <= months <= MOST_MONTHS:
        raise DeconflictionRefused("MONTHS")
    return SharingLimits(
        kinds=tuple(kind for kind in KINDS if kind in asked_kinds),
        roles=tuple(role for role in ROLES if role in asked_roles),
        desk_ids=tuple(sorted(set(desk_ids))),
        months=months,
    )
