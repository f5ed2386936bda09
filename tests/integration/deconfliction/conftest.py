"""Keys, and two supervisors who sign instructions."""

import pytest


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """Messages are signed, secrets sealed."""


@pytest.fixture(autouse=True)
def supervisors(db: None) -> None:
    """Those who sign what may leave."""
    from tests.integration.exchange.sharing import make_supervisors

    make_supervisors()
