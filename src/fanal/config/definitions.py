"""The event trigger that reserves data definition (DDL) for the owner of the database.

PostgreSQL lets every role run some DDL on itself (`DROP OWNED BY`, which removes the role from policies;
`ALTER DEFAULT PRIVILEGES`). Other statements take a table lock before PostgreSQL refuses them (`CREATE RULE`,
`CREATE STATISTICS`), and block every other session meanwhile. The event trigger refuses all of them first.
Statements on objects that databases share (`ALTER ROLE`, `DROP DATABASE`) fire no event trigger.
"""

import psycopg
from psycopg import sql

from fanal.postgres import DatabaseRole

_NAME = "fanal_definitions"
"""Name of the schema, which nobody may read, of the function in it, and of the event trigger."""
_TEMPORARY = (
    "CREATE TABLE",
    "CREATE TABLE AS",
    "SELECT INTO",
    "CREATE INDEX",
    "DROP TABLE",
    "DROP INDEX",
)
"""Commands that app and worker may run, on temporary tables only."""


def _literals(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


_BODY = f"""
BEGIN
    IF current_user IN ({_literals((DatabaseRole.INTAKE.login, DatabaseRole.AUDITOR.login))})
        OR current_user IN ({_literals((DatabaseRole.APP.login, DatabaseRole.WORKER.login))})
        AND tg_tag NOT IN ({_literals(_TEMPORARY)})
    THEN
        RAISE insufficient_privilege USING MESSAGE = format('%s is not for %s', tg_tag, current_user);
    END IF;
END
"""


def close_definitions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Create the event trigger in the database of `connection`, a superuser's; do nothing if it exists."""
    if are_definitions_closed(connection):
        return
    name = sql.Identifier(_NAME)
    with connection.transaction():
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(name))
        connection.execute(
            sql.SQL(
                "CREATE OR REPLACE FUNCTION {0}.{0}() RETURNS event_trigger LANGUAGE plpgsql"
                " SET search_path = pg_catalog, pg_temp AS {1}"
            ).format(name, sql.Literal(_BODY))
        )
        connection.execute(sql.SQL("DROP EVENT TRIGGER IF EXISTS {}").format(name))
        connection.execute(
            sql.SQL(
                "CREATE EVENT TRIGGER {0} ON ddl_command_start EXECUTE FUNCTION {0}.{0}()"
            ).format(name)
        )
        connection.execute(sql.SQL("ALTER EVENT TRIGGER {} ENABLE ALWAYS").format(name))


def are_definitions_closed(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the event trigger of `close_definitions` is installed and enabled in this database."""
    found = connection.execute(
        "SELECT FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid"
        " WHERE t.evtname = %s AND t.evtenabled = 'A' AND p.prosrc = %s",
        (_NAME, _BODY),
    ).fetchone()
    return found is not None
