"""Browsers and people of the tests, keys of the ledger."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client

from tests.integration.accounts.provider import Provider, set_up


@pytest.fixture(autouse=True)
def signed(installed_keys: None, db: None) -> None:
    """Let the ledger sign, and every test begin without counters."""
    cache.clear()


@pytest.fixture
def make_user(db: None) -> object:
    """Return a function that makes an account, with one habilitation when a role is given."""
    from tests.integration.accounts.people import make_user

    return make_user


@pytest.fixture
def no_second_factor() -> Iterator[None]:
    """As in a demo: a password signs in."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    yield
    second_factor.install(required=True)


@pytest.fixture
def web() -> Client:
    """A browser over TLS; it names the host as browsers do, without a port."""
    return Client(headers={"X-Forwarded-Proto": "https", "Host": "testserver"})


@pytest.fixture
def provider(settings: object) -> Iterator[Provider]:
    """A provider of single sign-on, and an installation that is set up for it."""
    stub = Provider()
    set_up(settings, stub)
    yield stub
    stub.stop()
