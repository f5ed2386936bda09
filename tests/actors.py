"""People of desks, for tests that need no account."""

from collections.abc import Iterable
from uuid import UUID

from fanal.kernel.actors import Actor, Role


def desk_actor(
    *, person_id: UUID, roles: Iterable[Role], desks: Iterable[int], motive: str = ""
) -> Actor:
    """Return a person who holds each of `roles` at each of `desks`."""
    held, at = frozenset(roles), tuple(desks)
    return Actor(
        person_id=person_id,
        roles=held,
        motive=motive,
        role_desks=frozenset((role, desk) for role in held for desk in at),
    )
