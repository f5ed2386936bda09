"""Who may link, judge and read kin by role; which rows, by desk."""

from collections.abc import Iterable

from fanal.kernel.actors import Actor, Role

_JUDGES = (Role.ANALYST, Role.SUPERVISOR, Role.JUDICIAL_OFFICER)
_READERS = (*_JUDGES, Role.MEASURES_OFFICER, Role.OVERSEER)


class AccessRefused(Exception):
    """The actor may not do this at all."""


def desks_of(actor: Actor) -> list[int] | None:
    """Return the desks whose rows the actor reads; None means all, and is for the system alone."""
    if actor.has(Role.SYSTEM):
        return sorted(actor.desk_ids) or None
    return sorted(actor.desk_ids) if actor.has(*_READERS) else []


def require_system(actor: Actor, act: str) -> None:
    """Raise unless the actor is the system.

    Raises:
        AccessRefused: somebody else asked.
    """
    if not actor.has(Role.SYSTEM):
        raise AccessRefused(f"crosscheck: {act} is for the system actor")


def require_judge(actor: Actor, desk_ids: Iterable[int]) -> None:
    """Raise unless the actor is a person who judges, on reports of their own desks alone.

    Raises:
        AccessRefused: another role, or a report of another desk.
    """
    if not actor.has(*_JUDGES) or not actor.desk_ids.issuperset(desk_ids):
        raise AccessRefused("crosscheck: one judges links of one's own desk's reports")
