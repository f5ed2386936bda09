"""What `fanal doctor` says of the role that all public nodes share: what the server leaves open to it."""

from collections.abc import Iterator

import psycopg

from fanal.cli.finding import Finding, fine, problem
from fanal.config.databases import are_statements_hidden, may_owner_end_sessions
from fanal.postgres import DatabaseRole

_CLOSE = "run 'fanal provision' with a superuser's DATABASE_URL"
_LOGIN = DatabaseRole.INTAKE.login


def look_at_nodes(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[Finding]:
    """Yield what one public node that is taken over could do to the others, and to the server."""
    yield _look_at_functions(connection)
    yield _look_at_hoarding(connection)
    yield _look_at_statements(connection)
    yield _look_at_databases(connection)


def _look_at_functions(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    for function, can in (
        ("pg_advisory_lock(bigint)", "take PostgreSQL's advisory locks, until nobody connects"),
        ("pg_terminate_backend(integer,bigint)", "end each other's sessions"),
    ):
        ask = "SELECT has_function_privilege(%s, %s, 'EXECUTE')"
        if connection.execute(ask, (_LOGIN, f"pg_catalog.{function}")).fetchone() == (True,):
            return problem(f"public nodes may {can}: {_CLOSE}")
    return fine("PostgreSQL's advisory locks are closed to public nodes")


def _look_at_hoarding(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    if not may_owner_end_sessions(connection):
        return problem(
            "a public node may fill PostgreSQL's table of locks with nested savepoints, and nothing ends its "
            f"sessions: {_CLOSE}"
        )
    return fine("sessions of public nodes that hoard locks are ended")


def _look_at_statements(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    if not are_statements_hidden(connection):
        return problem(
            "public nodes read in pg_stat_activity what the others ask, digests of partners' secrets "
            f"among it: {_CLOSE}"
        )
    return fine("public nodes do not see each other's statements")


def _look_at_databases(connection: psycopg.Connection[tuple[object, ...]]) -> Finding:
    names = connection.execute(
        "SELECT datname FROM pg_database WHERE datallowconn AND datname <> current_database()"
        " AND has_database_privilege(%s, oid, 'CONNECT') ORDER BY datname",
        (_LOGIN,),
    ).fetchall()
    if names:
        listed = ", ".join(str(row[0]) for row in names)
        return problem(
            f"public nodes may sign in to other databases of this server ({listed}), where nothing is "
            "closed to them: REVOKE CONNECT ON DATABASE ... FROM PUBLIC; for postgres and template1, "
            f"{_CLOSE}"
        )
    return fine("public nodes reach no other database of the server")
