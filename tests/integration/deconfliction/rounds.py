"""Steps of a round as this desk makes them, and what they leave."""

from uuid import UUID

import pytest

from fanal.deconfliction import operations, queries
from fanal.deconfliction.domain.states import DeconflictionRefused, RoundState
from fanal.kernel import clock
from tests.deconfliction_peer import Peer
from tests.integration.deconfliction.world import (
    SYSTEM,
    rows,
)

BOTH, OURS, THEIRS = "both@mail.example", "ours@mail.example", "theirs@mail.example"


def now():
    return clock.now()


def offer_to(other: Peer) -> tuple[UUID, bytes]:
    found = queries.find_counterpart(name=other.name)
    assert found is not None
    return operations.make_offer(actor=SYSTEM, counterpart=found, now=now())


def take(body: bytes) -> UUID:
    return operations.receive(actor=SYSTEM, body=body, now=now())


def refused(code: str, body: bytes) -> None:
    before = rows("SELECT count(*) FROM deconfliction_message")
    with pytest.raises(DeconflictionRefused, match=f"^{code}$"):
        take(body)
    assert rows("SELECT count(*) FROM deconfliction_message") == before


def sealed() -> int:
    """Return how many secrets of rounds can still be opened."""
    found = rows(
        "SELECT count(*) FROM vault_object WHERE kind = 'deconfliction_round' AND wrapped_key IS NOT NULL"
    )
    return int(str(found[0][0]))


def state(round_id: UUID) -> RoundState:
    found = queries.get_round(actor=SYSTEM, round_id=round_id)
    assert found is not None
    return found.state


def messages(kind: str) -> list[bytes]:
    found = rows(f"SELECT body FROM deconfliction_message WHERE kind = '{kind}'")
    return [bytes(row[0]) for row in found]


def revoke_all() -> None:
    from fanal.accounts import operations as accounts, queries as people

    actor = people.actor_for(user=people.find_user(username="proposer"), now=now())
    for found in people.list_instructions(actor=SYSTEM):
        accounts.revoke_instruction(actor=actor, instruction_id=found.id, reason="Test.", now=now())
