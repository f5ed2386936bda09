"""Keys, two supervisors, and one member of the indicator service."""

import pytest
from django.test import Client


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """Every act is in the ledger."""


@pytest.fixture
def member(db: None) -> Client:
    """A member's program."""
    from tests.integration.exchange.sharing import make_member, make_supervisors

    make_supervisors()
    return make_member()[1]
