"""A demo that another version of the agenda began is left as it is; an interrupted one goes on."""

from datetime import UTC, datetime

import pytest

from fanal.demo import load
from fanal.demo.world import DemoBroken, World

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
pytestmark = [pytest.mark.django_db, pytest.mark.role("worker")]


def test_a_demo_of_another_version_is_left_alone(installed_keys: None) -> None:
    load._mark("chapter-0", NOW)
    said: list[str] = []
    assert load._play_all(World(now=NOW), said.append) == 0
    assert said == ["demo: loaded by another version, left as it is"]


def test_a_demo_of_this_version_goes_on(installed_keys: None) -> None:
    names = [name for name, _ in load._contents()]
    for name in [*names[:-1], load._agenda_name()]:
        load._mark(name, NOW)
    with pytest.raises(DemoBroken, match="no account claire"):
        load._play_all(World(now=NOW), lambda _words: None)
