"""One real `fanal run` and one partner for all clients."""

from collections.abc import Iterator

import pytest

from tests.live import Live, Partner, live


@pytest.fixture(scope="package")
def server() -> Iterator[Live]:
    with live() as running:
        yield running


@pytest.fixture(scope="package")
def partner(server: Live) -> Partner:
    return server.add_partner("Polygon Talk")
