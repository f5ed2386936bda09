"""A desk at work behind a live server, and real browsers signed in as its people."""

import copy
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from zlib import crc32

import pytest
from django.conf import settings
from django.test import Client
from playwright.sync_api import Page

from fanal.kernel import clock
from tests.acceptance.conftest import Visit
from tests.examples import EXAMPLES
from tests.kept import SECONDS
from tests.server import TestServer

_HERE = Path(__file__).parent
_IN_BOTH = {"test_look", "test_notices"}


class _Made:
    """The desk that tests which follow each other begin with.

    Made anew after some seconds, as in `tests.kept`, and for a test that has another text reader (trained model).
    """

    def __init__(self) -> None:
        self.until = 0.0
        self.reader = ""
        self.desk: object = None
        self.rows: Mapping[str, bytes] = {}

    def get(self, committed: TestServer) -> object:
        """Have its rows in the database, and return a copy of it."""
        from fanal.analyse.signals.operations.in_force import version_in_force
        from tests.integration.desk.story import open_desk

        reader = version_in_force()
        if time.monotonic() > self.until or reader != self.reader:
            self.desk = open_desk(clock.now())
            self.reader = reader
            self.until = time.monotonic() + SECONDS
            self.rows = committed.copy_rows()
        else:
            committed.put_back(self.rows)
        return copy.deepcopy(self.desk)


_MADE = _Made()


@pytest.fixture
def desk(transactional_db: None, installed_keys: None, committed: TestServer) -> Iterator[object]:
    """People and reports; a password is enough, as the second factor has its own tests."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    try:
        yield _MADE.get(committed)
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


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Run each flow through the pages in one of the languages, some in each; `make search` runs all in both.

    The looks of pages are tested in both by each run, and so is the notice, by which new acts are written.
    """
    if EXAMPLES > 1:
        return
    left_out = [item for item in items if _is_of_the_other_language(item)]
    items[:] = [item for item in items if item not in left_out]
    config.hook.pytest_deselected(items=left_out)


def _is_of_the_other_language(item: pytest.Item) -> bool:
    spec = getattr(item, "callspec", None)
    lang = spec.params.get("lang") if spec else None
    in_both = item.path.stem in _IN_BOTH or item.path.parent != _HERE
    return lang is not None and not in_both and lang != _language_of(item.nodeid.partition("[")[0])


def _language_of(flow: str) -> str:
    return ("fr", "en")[crc32(flow.encode()) % 2]
