"""Which roles the database lets in no more, since their sessions heard of no end (`fanal.db.hoarding`).

Nobody lets them in again but a person: `fanal provision --new-passwords`, or a `GRANT` as the owner.
"""

from collections.abc import Sequence
from typing import Protocol

MAY_BE_CLOSED = ("fanal_auditor", "fanal_intake")
"""The desk and the worker never are: who closed them would do what an attacker wants."""


class AnyCursor(Protocol):
    """What Django's cursors and the driver's have in common."""

    def execute(self, query: str, params: Sequence[str | None], /) -> object:
        """Run a statement."""

    def fetchall(self) -> Sequence[Sequence[object]]:
        """Return its rows."""


def closed_logins(cursor: AnyCursor, database: str | None = None) -> tuple[str, ...]:
    """Return the logins that `database`, by default the session's, lets in no more.

    One that was never prepared to its end has let nobody in yet, the desk neither: nobody is closed there.
    """
    cursor.execute(
        "SELECT r.rolname FROM pg_roles r JOIN pg_database d ON d.datname = coalesce(%s, current_database())"
        " JOIN pg_roles app ON app.rolname = 'fanal_app'"
        " WHERE r.rolname IN (%s, %s) AND has_database_privilege(app.oid, d.oid, 'CONNECT')"
        " AND NOT has_database_privilege(r.oid, d.oid, 'CONNECT') ORDER BY 1",
        [database, *MAY_BE_CLOSED],
    )
    return tuple(str(row[0]) for row in cursor.fetchall())
