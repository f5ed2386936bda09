"""Browsers and people of the tests, keys of the ledger."""

from collections.abc import Iterator

import pytest
from django.core.cache import cache
from django.test import Client


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
    """A browser over TLS."""
    return Client(headers={"X-Forwarded-Proto": "https"})
