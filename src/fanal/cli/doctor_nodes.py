"""Diagnosis of the database role that all public nodes share: privileges that the server leaves to it."""

from collections.abc import Iterator

import psycopg

from fanal.cli.finding import DoctorFinding, fine, problem
from fanal.config.databases import are_statements_hidden, may_owner_end_sessions
from fanal.db.closed import closed_logins
from fanal.db.row_security import are_definitions_closed, faults_in_row_security
from fanal.postgres import DatabaseRole

_CLOSE = "run 'fanal provision' with a superuser's DATABASE_URL"
_LOGIN = DatabaseRole.INTAKE.login
_UNUSED = 100_000_000
"""Unused report numbers drawn after the last used one, above which a node is exhausting the sequence."""


def look_at_nodes(connection: psycopg.Connection[tuple[object, ...]]) -> Iterator[DoctorFinding]:
    """Yield the findings on the harm that a compromised public node could do to others and to the server.

    Each concerns a privilege or limit of the nodes' database role. `connection` reads PostgreSQL's settings.
    """
    yield _look_at_closed(connection)
    yield _look_at_functions(connection)
    yield _look_at_definitions(connection)
    yield _look_at_policies(connection)
    yield _look_at_remains(connection)
    yield _look_at_hoarding(connection)
    yield _look_at_statements(connection)
    yield _look_at_databases(connection)
    yield look_at_numbers(connection)


def _look_at_closed(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if closed := closed_logins(connection.cursor()):
        return problem(
            f"the database lets {' and '.join(closed)} in no more: sessions of theirs kept everybody out and "
            "heard of no end. Whoever has that password is not you: find the machine, then "
            "'fanal provision --new-passwords' (or, as the owner, GRANT CONNECT ON DATABASE)"
        )
    return fine("public nodes and the auditor are let in")


def _look_at_functions(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    for function, can in (
        ("pg_advisory_lock", "take PostgreSQL's advisory locks, until nobody connects"),
        (
            "pg_logical_emit_message",
            "write gigabytes to PostgreSQL's log, which every commit waits behind",
        ),
        ("pg_terminate_backend", "end each other's sessions"),
        ("lo_create", "fill the disk with large objects, which nobody else can read or remove"),
    ):
        ask = (
            "SELECT FROM pg_proc WHERE pronamespace = 'pg_catalog'::regnamespace AND proname = %s"
            " AND has_function_privilege(%s, oid, 'EXECUTE')"
        )
        if connection.execute(ask, (function, _LOGIN)).fetchone() is not None:
            return problem(f"public nodes may {can}: {_CLOSE}")
    return fine("PostgreSQL's advisory locks and large objects are closed to public nodes")


def _look_at_definitions(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not are_definitions_closed(connection):
        return problem(
            "roles may take themselves out of the rules on rows (DROP OWNED), and make everybody wait for "
            f"what is then refused (CREATE RULE): {_CLOSE}"
        )
    return fine("nobody but the owner defines anything in the database")


def _look_at_policies(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if wrong := faults_in_row_security(connection):
        return problem(
            f"the rules on rows of {len(wrong)} tables ({', '.join(wrong[:3])}...) are not those of this "
            "version: run 'fanal migrate' as the owner. If the tables were of this version already, ask who "
            "changed the rules"
        )
    return fine("the rules on rows are those of this version")


def _look_at_remains(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    """Return the finding on objects that a node's session could leave: prepared transactions, large objects.

    They outlive the session, with their locks. `connection` reads PostgreSQL's settings and catalogues.
    """
    row = connection.execute(
        "SELECT current_setting('max_prepared_transactions') <> '0', count(*) FROM pg_largeobject_metadata"
    ).fetchone()
    prepared, objects = row or (False, 0)
    if prepared:
        return problem(
            "a public node may leave locks that belong to no session (PREPARE TRANSACTION): set "
            "max_prepared_transactions = 0 and start PostgreSQL again"
        )
    if objects:
        return problem(
            f"the database holds {objects} large objects, and Fanal makes none: take those of "
            "pg_largeobject_metadata away (lo_unlink, as a superuser), and ask who made them"
        )
    return fine("no session leaves locks or large objects behind")


def _look_at_hoarding(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not may_owner_end_sessions(connection):
        return problem(
            "a public node may fill PostgreSQL's table of locks with nested savepoints, and nothing ends its "
            f"sessions: {_CLOSE}"
        )
    return fine("sessions of public nodes that hoard locks are ended")


def _look_at_statements(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    if not are_statements_hidden(connection):
        return problem(
            "public nodes read in pg_stat_activity what the others ask, digests of partners' secrets "
            f"among it: {_CLOSE}"
        )
    return fine("public nodes do not see each other's statements")


def _look_at_databases(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
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


def look_at_numbers(connection: psycopg.Connection[tuple[object, ...]]) -> DoctorFinding:
    """Return the finding on whether a public node wastes the API's report numbers.

    They are 32-bit integers for its clients, and so can be exhausted. `connection` reads their sequence.
    """
    row = connection.execute(
        "SELECT coalesce(max(wire_id), 1000000) + 1,"
        " pg_sequence_last_value('intake_wire_id_seq'::regclass) - coalesce(max(wire_id), 1000000) > %s"
        " FROM intake_wire",
        (_UNUSED,),
    ).fetchone()
    following, wasted = row or (0, False)
    if wasted:
        return problem(
            "a public node uses up the numbers of the wire, which end at 2147483647 for its clients: find "
            f"it, then, as the owner, ALTER SEQUENCE intake_wire_id_seq RESTART WITH {following}"
        )
    return fine("the numbers of the wire are given to reports")
