"""A desk at work behind a live server, and real browsers signed in as its people."""

from collections.abc import Callable, Iterator

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from fanal.kernel import clock
from tests.acceptance.conftest import Visit


@pytest.fixture
def desk(transactional_db: None, installed_keys: None) -> Iterator[object]:
    """People and reports; a password is enough, as the second factor has its own tests."""
    from fanal.web.account import second_factor
    from tests.integration.desk.story import open_desk

    second_factor.install(required=False)
    try:
        yield open_desk(clock.now())
    finally:
        second_factor.install(required=True)


@pytest.fixture
def open_as(visit: Visit, desk: object, live_server: object) -> Callable[..., Page]:
    """Return a function that opens a page as a person: `open_as("ana", "/fr/desk/", width=360)`."""

    def open_page(name: str, path: str, **look: object) -> Page:
        client = Client(headers={"X-Forwarded-Proto": "https"})
        client.force_login(desk.users[name], backend=settings.AUTHENTICATION_BACKENDS[1])
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        return visit(path, cookies={cookie.key: cookie.value}, **look)

    return open_page
