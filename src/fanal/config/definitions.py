"""Which roles define anything in the database: the owner alone.

PostgreSQL lets every role say things of itself (`DROP OWNED BY`, which takes it out of policies; `ALTER
DEFAULT PRIVILEGES`), and takes a table's lock for some of what it then refuses (`CREATE RULE`, `CREATE
STATISTICS`): everybody waits behind whoever asks. An event trigger refuses all of it before anything is
looked at. Statements on what databases share (`ALTER ROLE`, `DROP DATABASE`) call no event trigger.
"""

import psycopg
from psycopg import sql

from fanal.postgres import DatabaseRole

_NAME = "fanal_definitions"
"""Of the schema, which nobody reads, of the function in it, and of the trigger."""
_TEMPORARY = (
    "CREATE TABLE",
    "CREATE TABLE AS",
    "SELECT INTO",
    "CREATE INDEX",
    "DROP TABLE",
    "DROP INDEX",
)
"""What app and worker, which may make temporary tables, do with them."""


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
    """Make the event trigger in the database of `connection`, which is a superuser's."""
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
    """Return whether `close_definitions` did its work on this database."""
    found = connection.execute(
        "SELECT FROM pg_event_trigger t JOIN pg_proc p ON p.oid = t.evtfoid"
        " WHERE t.evtname = %s AND t.evtenabled = 'A' AND p.prosrc = %s",
        (_NAME, _BODY),
    ).fetchone()
    return found is not None
