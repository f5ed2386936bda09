"""The world that is walked over: made once for the walks that follow each other."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kept import Kept
from tests.server import install_keys


def _make() -> object:
    from tests.integration.policy.world import make_world

    install_keys()
    return make_world()


_WORLD = Kept("world", _make, folder=Path(__file__).parent, role="worker", seconds=600.0)
"""No page here is asked how long ago something was."""


@pytest.fixture
def world(db: None, installed_keys: None, settings: object) -> Iterator[object]:
    """One world for a test; a password is enough, as the second factor has its own tests."""
    from fanal.web.account import second_factor

    second_factor.install(required=False)
    try:
        yield _WORLD.get()
    finally:
        second_factor.install(required=True)
