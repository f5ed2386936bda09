"""What many tests begin with, made once for those that follow each other.

A test in a transaction of its own changes nothing for the next one, so what it begins with may stand in a
transaction around it: made once, it is there as new for each, and taken back before a test that begins
otherwise. It is made anew after some seconds, as pages tell how long ago something was.
"""

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

import pytest
from django.db import connection, transaction

T = TypeVar("T")
SECONDS = 20.0
"""After these it is made anew: what was a moment ago when it was made is so still."""
_ALL: list["Kept[object]"] = []


class Kept(Generic[T]):
    """What the tests of a folder begin with that ask for one fixture and commit nothing."""

    def __init__(
        self,
        fixture: str,
        make: Callable[[], T],
        *,
        folder: Path,
        role: str = "app",
        seconds: float = SECONDS,
    ) -> None:
        self._fixture, self._make, self._folder, self._role = fixture, make, folder, role
        self._made: T | None = None
        self._block: transaction.Atomic | None = None
        self._session: object = None
        self._until, self._seconds = 0.0, seconds
        self._asked = False
        _ALL.append(self)

    def get(self) -> T:
        """Return a copy of what is kept; before the first test that is none, and it is made in the test's own."""
        self._asked = True
        return self._make() if self._made is None else copy.deepcopy(self._made)

    def serves(self, item: pytest.Item | None) -> bool:
        """Return whether a test begins with this, and gives back all that it does."""
        if item is None or self._folder not in item.path.parents:
            return False
        names = set(getattr(item, "fixturenames", ()))
        marker = item.get_closest_marker("django_db")
        commits = {"live_server", "transactional_db"} & names or (
            marker is not None and marker.kwargs.get("transaction")
        )
        role = item.get_closest_marker("role")
        same = (role.args[0] if role else "app") == self._role
        return self._fixture in names and not commits and same

    def stand(self) -> None:
        """Have it stand before a test begins."""
        if self._block is not None and (time.monotonic() > self._until or not self._is_whole()):
            self.give_back()
        if self._block is None and self._asked:
            block = transaction.atomic()
            block._from_testcase = (
                True  # what insists on an outermost transaction takes it for none
            )
            block.__enter__()
            self._block, self._session = block, connection.connection
            self._until = time.monotonic() + self._seconds
            try:
                self._made = self._make()
            except BaseException:
                self.give_back()
                raise

    def give_back(self) -> None:
        """Undo what was made."""
        if self._block is not None:
            block, self._block, self._made = self._block, None, None
            transaction.set_rollback(True)
            block.__exit__(None, None, None)

    def _is_whole(self) -> bool:
        """Return whether the last test left the session and its transaction."""
        return (
            connection.connection is self._session
            and connection.in_atomic_block
            and not connection.needs_rollback
            and not connection.closed_in_transaction
        )


def before(item: pytest.Item) -> None:
    """Have what a test begins with stand, and nothing else."""
    for kept in _ALL:
        if kept.serves(item):
            kept.stand()


def after(following: pytest.Item | None) -> None:
    """Undo what the next test does not begin with."""
    for kept in _ALL:
        if not kept.serves(following):
            kept.give_back()
