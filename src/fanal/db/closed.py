"""The database roles (logins) whose connections the database refuses, after a session that did not end.

`fanal.db.hoarding` closes them. Only a person readmits them: by `fanal provision --new-passwords`, or by a
`GRANT` as the owner.
"""

from collections.abc import Sequence
from typing import Protocol

MAY_BE_CLOSED = ("fanal_auditor", "fanal_intake")
"""Logins that may be closed: not the desk's and the worker's, which an attacker could then shut out."""


class AnyCursor(Protocol):
    """The common interface of Django's and psycopg's cursors."""

    def execute(self, query: str, params: Sequence[str | None], /) -> object:
        """Execute a SQL statement with its parameters."""

    def fetchall(self) -> Sequence[Sequence[object]]:
        """Return the rows of the result."""


def closed_logins(cursor: AnyCursor, database: str | None = None) -> tuple[str, ...]:
    """Return the logins (roles) whose connections `database` refuses, by default that of the session.

    Only the logins of the auditor and of public nodes (servers on the internet that take reports) can be
    among them. `cursor` is open on any database of the server. The result is empty for an incompletely
    provisioned database, which has admitted nobody yet.
    """
    cursor.execute(
        "SELECT r.rolname FROM pg_roles r JOIN pg_database d ON d.datname = coalesce(%s, current_database())"
        " JOIN pg_roles app ON app.rolname = 'fanal_app'"
        " WHERE r.rolname IN (%s, %s) AND has_database_privilege(app.oid, d.oid, 'CONNECT')"
        " AND NOT has_database_privilege(r.oid, d.oid, 'CONNECT') ORDER BY 1",
        [database, *MAY_BE_CLOSED],
    )
    return tuple(str(row[0]) for row in cursor.fetchall())
