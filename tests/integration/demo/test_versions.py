"""A demo that another version of the agenda began is left as it is; an interrupted one goes on."""

import contextlib
import threading
from datetime import UTC, datetime

import pytest
from django.db import connection

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


def test_a_second_load_waits_for_the_first_however_long_that_takes(
    installed_keys: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Longer than a session of the worker waits for a lock, which is a minute in an installation."""
    monkeypatch.setattr(load, "has_demo_mark", lambda: True)
    load._mark("chapter-0", NOW)
    said: list[str] = []
    with contextlib.closing(connection.copy()) as first, first.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(%s)", [load._LOCK])
        with connection.cursor() as second:
            second.execute("SET LOCAL lock_timeout = '100ms'")

        def say(words: str) -> None:
            said.append(words)
            if len(said) == 1:
                threading.Timer(1, cursor.execute, ["SELECT pg_advisory_unlock_all()"]).start()

        assert load.load(now=NOW, say=say) == 0
    assert said == [
        "demo: being loaded by another process, waiting",
        "demo: loaded by another version, left as it is",
    ]
