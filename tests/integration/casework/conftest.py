"""Keys, so that the ledger can be written, and people with their roles."""

import pytest

from tests.known import habilitated


@pytest.fixture(autouse=True)
def keys(installed_keys: None, db: None) -> None:
    """Every act is in the ledger."""


@pytest.fixture(autouse=True)
def people(db: None) -> None:
    """The actors of the modules hold their roles in the database too."""
    habilitated()
