"""The desk's people, as actors."""

from uuid import UUID, uuid4

from fanal.kernel.actors import Actor, Role, system_actor
from tests.actors import desk_actor
from tests.known import known

WORKER = system_actor("stages")


def person(*roles: Role, desk: int = 1, person_id: UUID | None = None) -> Actor:
    """A person with roles at one desk."""
    actor = desk_actor(
        person_id=person_id or uuid4(), roles=frozenset(roles), desks={desk}, motive="test"
    )
    return known(actor)
