"""Which desks' rows an actor may read here; what a role may do with them is the policy of accounts."""

from fanal.kernel.actors import Actor, Role

_CONTENT_ROLES = (
    Role.ANALYST,
    Role.SUPERVISOR,
    Role.JUDICIAL_OFFICER,
    Role.MEASURES_OFFICER,
    Role.OVERSEER,
    Role.LABORATORY,
)


class AccessRefused(Exception):
    """The actor may not do this at all."""


def desks_of(actor: Actor) -> list[int] | None:
    """Return the desks whose rows the actor reaches; None means all, and is for the system alone.

    An administrator, a statistician, a partner and the public have no content right: they reach none.
    """
    if actor.has(Role.SYSTEM):
        return sorted(actor.desk_ids) or None
    return sorted(actor.desk_ids) if actor.has(*_CONTENT_ROLES) else []


def require_system(actor: Actor, act: str) -> None:
    """Raise unless the actor is the system.

    Raises:
        AccessRefused: somebody else asked.
    """
    if not actor.has(Role.SYSTEM):
        raise AccessRefused(f"harmonise: {act} is for the system actor")
