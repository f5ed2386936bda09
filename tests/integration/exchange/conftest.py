"""Keys, two supervisors, and one member of the indicator service."""

from collections.abc import Iterator

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


@pytest.fixture
def fetches(db: None) -> Iterator[None]:
    """This machine may be fetched from, as in a demo."""
    from fanal.connectors import outside
    from tests.integration.exchange.sharing import make_supervisors

    make_supervisors()
    outside.install(outside.Door(loopback=True, seconds=60))
    yield
    outside.install(outside.Door())
