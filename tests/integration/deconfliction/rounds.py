"""Steps of a round as this desk makes them, and what they leave."""

from uuid import UUID

import pytest

from fanal.deconfliction import queries
from fanal.deconfliction.domain.records import RoundState
from fanal.deconfliction.operations.receiving import receive
from fanal.deconfliction.operations.steps import make_offer
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
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
    return make_offer(actor=SYSTEM, counterpart=found, now=now())


def take(body: bytes) -> UUID:
    return receive(actor=SYSTEM, body=body, now=now())


def refused(code: str, body: bytes) -> None:
    before = rows("SELECT count(*) FROM deconfliction_message")
    with pytest.raises(Refusal, match=f"^{code}$"):
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
    from fanal.accounts.operations.instructions import revoke_instruction
    from fanal.accounts.queries.instructions import list_instructions
    from fanal.accounts.queries.people import actor_for, find_user

    actor = actor_for(user=find_user(username="proposer"), now=now())
    for found in list_instructions(actor=SYSTEM):
        revoke_instruction(actor=actor, instruction_id=found.id, reason="Test.", now=now())
