"""Sessions of the database that the tests of a folder hand to each other.

A new session reads the definitions of all tables that a page needs: a quarter of a second of the server, and
each browser of a test begins one. What a session holds is discarded before the next one takes it.
"""

from collections import defaultdict
from pathlib import Path

import psycopg
import pytest
from django.db.backends.postgresql.base import DatabaseWrapper


class KeptSessions:
    """Keeps sessions from the first test that asks for it, until a test of another folder comes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._free: dict[str, list[psycopg.Connection[tuple[object, ...]]]] = defaultdict(list)
        self._patch: pytest.MonkeyPatch | None = None

    def keep(self, config: pytest.Config) -> None:
        """Keep sessions from now on."""
        if not config.pluginmanager.is_registered(self):
            config.pluginmanager.register(self)
        if self._patch is None:
            self._patch = pytest.MonkeyPatch()
            begin, end = DatabaseWrapper.get_new_connection, DatabaseWrapper._close

            def taken(wrapper: DatabaseWrapper, parameters: object) -> object:
                free = self._free[str(wrapper.settings_dict)]
                return free.pop() if free else begin(wrapper, parameters)

            def given_back(wrapper: DatabaseWrapper) -> None:
                if not self._is_kept(wrapper):
                    end(wrapper)

            self._patch.setattr(DatabaseWrapper, "get_new_connection", taken)
            self._patch.setattr(DatabaseWrapper, "_close", given_back)

    def _is_kept(self, wrapper: DatabaseWrapper) -> bool:
        """Return whether the session of a connection that closes is as new, and kept."""
        session = wrapper.connection
        if session is None or session.closed or wrapper.in_atomic_block:
            return False
        try:
            session.rollback()
            session.autocommit = True
            session.execute("DISCARD ALL")
        except psycopg.OperationalError:  # the server ended it
            return False
        self._free[str(wrapper.settings_dict)].append(session)
        return True

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """End them with a test, unless the next one is of the folder: the database may be dropped then."""
        ends = nextitem is None or self._folder not in nextitem.path.parents
        if ends and self._patch is not None:
            self._patch.undo()
            self._patch = None
            for session in [one for free in self._free.values() for one in free]:
                session.close()
            self._free.clear()
