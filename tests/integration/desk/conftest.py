"""A desk at work, and browsers signed in as its people."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from fanal.kernel import clock
from tests.kept import Kept
from tests.server import install_keys


def _open() -> object:
    from tests.integration.desk.story import open_desk

    install_keys()
    return open_desk(clock.now())


_DESK = Kept("desk", _open, folder=Path(__file__).parent)


@pytest.fixture
def desk(db: None, installed_keys: None) -> Iterator[object]:
    """People and reports; a password is enough, as the second factor has its own tests."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    try:
        yield _DESK.get()
    finally:
        second_factor.install(required=True)


@pytest.fixture
def sign_in(desk: object) -> Callable[[str], Client]:
    """Return a function that gives a browser signed in as a person of the desk."""

    def browser(name: str) -> Client:
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(desk.users[name], backend=settings.AUTHENTICATION_BACKENDS[1])
        return client

    return browser


@pytest.fixture
def installed(desk: object) -> object:
    """The desk with its first rule set in force and a second supervisor, Hélène."""
    from fanal.analyse.priority.operations import load_shipped
    from fanal.kernel.actors import Role, system_actor
    from tests.integration.accounts.people import make_user

    load_shipped(actor=system_actor("install"), now=desk.now)
    desk.users["helene"] = make_user("helene", Role.SUPERVISOR)
    return desk
