"""Keys, so that the ledger can be written."""

import pytest


@pytest.fixture(autouse=True)
def keys(installed_keys: None, db: None) -> None:
    """Every act is in the ledger."""
