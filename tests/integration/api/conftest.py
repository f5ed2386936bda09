"""A partner with its credentials, and a client that speaks as its program."""

import base64

import pytest
from django.test import Client

from fanal.accounts.domain.records import IssuedCredentials
from fanal.kernel import clock
from fanal.kernel.actors import system_actor


@pytest.fixture(autouse=True)
def keys(installed_keys: None) -> None:
    """Every test of the interfaces seals and signs."""


@pytest.fixture
def credentials(db: None) -> IssuedCredentials:
    """A partner without quota."""
    from fanal.accounts.operations.partners import add_partner  # Django is ready by now

    return add_partner(
        actor=system_actor("test"), name="Cube Messenger", quota=None, now=clock.now()
    )


@pytest.fixture
def bearer(credentials: IssuedCredentials) -> Client:
    """The partner's JSON client."""
    return Client(headers={"Authorization": f"Bearer {credentials.token}"})


@pytest.fixture
def basic(credentials: IssuedCredentials) -> Client:
    """The partner's wire client."""
    pair = base64.b64encode(f"{credentials.user}:{credentials.password}".encode()).decode()
    return Client(headers={"Authorization": f"Basic {pair}"})
