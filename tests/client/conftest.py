"""One real `fanal run` and one partner for all clients."""

from pathlib import Path

import pytest

from tests.live import Live, Partner, SharedLive

_SHARED = SharedLive(Path(__file__).parent, "Polygon Talk")


@pytest.fixture(scope="module")
def server(request: pytest.FixtureRequest) -> Live:
    return _SHARED.get(request.config)[0]


@pytest.fixture(scope="module")
def partner(request: pytest.FixtureRequest) -> Partner:
    return _SHARED.get(request.config)[1]
