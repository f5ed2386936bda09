"""Who may do what here by role; the rows of a report follow its desk."""

from fanal.kernel.actors import Actor, Role

_READERS = (
    Role.SYSTEM,
    Role.ANALYST,
    Role.SUPERVISOR,
    Role.JUDICIAL_OFFICER,
    Role.MEASURES_OFFICER,
    Role.OVERSEER,
)
_RULE_MAKERS = (Role.SUPERVISOR, Role.ADMINISTRATOR)


class AccessRefused(Exception):
    """The actor may not do this at all."""


def may_read(actor: Actor) -> bool:
    """Return whether the actor's role reads findings and priorities (of reports it reaches)."""
    return actor.has(*_READERS)


def require_system(actor: Actor, act: str) -> None:
    """Raise unless the actor is the system.

    Raises:
        AccessRefused: somebody else asked.
    """
    if not actor.has(Role.SYSTEM):
        raise AccessRefused(f"analyse: {act} is for the system actor")


def require_rule_maker(actor: Actor, act: str) -> None:
    """Raise unless the actor is a person who makes rules: the system is none.

    Raises:
        AccessRefused: another role asked.
    """
    if not actor.has(*_RULE_MAKERS):
        raise AccessRefused(f"analyse: {act} is for supervisors and administrators")


def require_list_keeper(actor: Actor, act: str) -> None:
    """Raise unless the actor keeps lists: rule makers, and the system for standing instructions.

    Raises:
        AccessRefused: another role asked.
    """
    if not actor.has(Role.SYSTEM, *_RULE_MAKERS):
        raise AccessRefused(f"analyse: {act} is for supervisors, administrators and the system")
