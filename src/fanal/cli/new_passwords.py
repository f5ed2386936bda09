"""Change of the database passwords (`fanal provision --new-passwords`) while `fanal run` is running."""

import time
from collections.abc import Sequence

import psycopg

from fanal.cli.supervisor import Child, say
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole

_EVERY = 1.0
_AGAIN = 5.0


class PasswordWatch:
    """A watch that restarts the processes of `fanal run` when the database passwords in their file change.

    It waits until the database accepts the new passwords. `databases` holds the present connection URLs.
    """

    def __init__(self, databases: Databases) -> None:
        self.databases = databases
        """The present connection URLs."""
        self._said, self._due = "", 0.0

    def follow(self, children: Sequence[Child]) -> None:
        """Check the password file, at most every second; if its passwords have changed, restart the children.

        They restart in the order given. Passwords that the database refuses are reported and change
        nothing: open sessions continue.
        """
        if self.databases.passwords is None or time.monotonic() < self._due:
            return
        self._due = time.monotonic() + _EVERY
        try:
            found = self.databases.renewed()
            if found == self.databases:
                return
            for role in {_role_of(child) for child in children}:
                psycopg.connect(found.url(role), connect_timeout=2).close()
        except (OSError, ValueError, psycopg.Error) as failure:
            self._due = time.monotonic() + _AGAIN
            self._say_once(failure)
            return
        self.databases, self._said = found, ""
        say("the database has new passwords: every process restarts with them, the calls first")
        for child in children:
            child.renew(DATABASE_URL=found.url(_role_of(child)))

    def _say_once(self, failure: Exception) -> None:
        why = " ".join(str(failure).split())
        if why != self._said:
            path = self.databases.passwords.path if self.databases.passwords else ""
            what = (
                "the database refuses" if isinstance(failure, psycopg.Error) else "nobody can read"
            )
            say(f"{what} the passwords of {path}; processes keep those they have: {why}")
        self._said = why


def _role_of(child: Child) -> DatabaseRole:
    return DatabaseRole(child.environment["FANAL_DB_ROLE"])
