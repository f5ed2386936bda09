"""One real `fanal run` and one partner for all clients."""

from collections.abc import Generator
from pathlib import Path

import pytest

from tests.live import Live, Partner, SharedLive

_SHARED = SharedLive(Path(__file__).parent, "Polygon Talk")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Item, nextitem: pytest.Item | None
) -> Generator[None, None, None]:
    """Stop the installation once no test of this folder follows."""
    try:
        return (yield)
    finally:
        _SHARED.leave(nextitem)


@pytest.fixture(scope="module")
def server() -> Live:
    return _SHARED.get()[0]


@pytest.fixture(scope="module")
def partner() -> Partner:
    return _SHARED.get()[1]
