"""The ledger of the tests in this folder."""

import pytest

from tests.unit.ledger.ledgers import Ledger, chain_of, checkpoint_of, stored_entry


@pytest.fixture(scope="session")
def ledger() -> Ledger:
    """500 entries, a checkpoint every hundred."""
    places = chain_of([stored_entry(i) for i in range(500)])
    return Ledger(
        places=places, checkpoints=[checkpoint_of(places[:n]) for n in range(100, 501, 100)]
    )
