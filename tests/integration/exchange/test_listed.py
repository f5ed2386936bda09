"""Sources are listed in as many statements for many as for one, by the command and on the page's way."""

from itertools import pairwise

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from fanal.cli import exchange
from fanal.exchange.domain.records import Service
from tests.integration.exchange.fetched import add, other

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fetches")]


def listed() -> tuple[list[str], int]:
    """Return the names that `fanal lists source list` prints, and how many statements that took."""
    with CaptureQueriesContext(connection) as asked:
        lines = [line for line, _ in exchange._rows()]
    return [line["name"] for line in lines if isinstance(line, dict)], len(asked)


def test_statements_do_not_grow_with_the_sources() -> None:
    add(Service.HASHSHARING, "http://127.0.0.1:1/hashsharing")
    one, statements = listed()
    for number in range(5):
        other("http://127.0.0.1:1/hashsharing", f"z{number}")
    many, again = listed()
    assert (len(one), len(many)) == (1, 6)
    assert all(former < later for former, later in pairwise(many))
    assert again == statements > 0
