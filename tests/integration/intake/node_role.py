"""Partners whose secrets a session of a public node shows, or does not."""

from datetime import UTC, datetime
from hashlib import sha256
from uuid import UUID

import psycopg

from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import authenticate_partner_bearer
from fanal.kernel.actors import Actor, system_actor

SYSTEM = system_actor("test")
PUBLIC = UUID(int=0)
SECRETS: dict[UUID | None, bytes] = {}


def program(name: str) -> Actor:
    now = datetime.now(UTC)
    issued = add_partner(actor=SYSTEM, name=name, now=now)
    found = authenticate_partner_bearer(authorization=f"Bearer {issued.token}", now=now)
    assert found is not None
    SECRETS[found.partner_id] = sha256(issued.token.encode()).digest()
    return found.actor


def present(node: psycopg.Connection[tuple[object, ...]], actor: Actor) -> None:
    """As the program does when a partner shows its secret."""
    node.execute(
        "SELECT set_config('fanal.credential', %s, false)", [SECRETS[actor.partner_id].hex()]
    )
