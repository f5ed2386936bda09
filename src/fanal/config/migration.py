"""The steps of `fanal migrate` under a lock: Django's migrations, and what the database must hold for them.

Before the migrations the database gets its mark, DEMO or PRODUCTION, which is written once and never changes.
After them: the lifecycles of official acts, the rules of blockings, bounds of dates and times, row policies
and grants.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg

from fanal import reference
from fanal.accounts.domain.policy import roles_at_desk, roles_everywhere
from fanal.casework.domain.inbox import LEVELS
from fanal.casework.domain.lifecycle import Lifecycle
from fanal.config.databases import DatabaseRefused
from fanal.db.agreement import MOST_APART, clock_offset
from fanal.db.grants import apply_grants
from fanal.db.instants import apply_instant_bounds
from fanal.db.row_security import apply_row_security
from fanal.kernel import clock
from fanal.kernel.calendar import paris_day
from fanal.lifecycles import LIFECYCLES
from fanal.measures.blocking.names import guarded_names
from fanal.measures.blocking.rules import longest_doubt

# The lifecycles of official acts as PostgreSQL's guards read them; `fanal migrate` writes them.


def apply_lifecycles(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Write the transitions of official acts (`LIFECYCLES`) into the database, in place of the stored ones.

    The table of kinds of acts is updated; no kind is removed. All of this is one transaction; `connection`
    belongs to the owner.
    """
    with connection.transaction(), connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO casework_kind (kind, initial, proposers, decided) VALUES (%s, %s, %s, %s)"
            " ON CONFLICT (kind) DO UPDATE SET initial = excluded.initial,"
            " proposers = excluded.proposers, decided = excluded.decided",
            [
                (one.kind, one.states.initial, _roles(one.proposes), one.decided)
                for one in LIFECYCLES
            ],
        )
        cursor.execute("DELETE FROM casework_transition")
        cursor.executemany(
            "INSERT INTO casework_transition (kind, name, source, target, roles, proof, approved, sends,"
            " outcomes, in_force, lapsed, everywhere)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [row for one in LIFECYCLES for row in transitions_of(one)],
        )


def transitions_of(lifecycle: Lifecycle) -> Iterator[tuple[object, ...]]:
    """Yield the rows of the table `casework_transition` for a kind of official act (`lifecycle`).

    There is one for each transition and source state: kind, transition, source and target state, then the
    requirements in the order of the table's columns.
    """
    for transition in lifecycle.states.transitions:
        needs = lifecycle.requirements[transition.name]
        for source in sorted(transition.sources):
            yield (
                lifecycle.kind,
                transition.name,
                source.value,
                transition.target.value,
                _roles(needs.right, *needs.also),
                needs.proof,
                needs.approved,
                needs.sends,
                list(needs.outcomes),
                needs.in_force,
                needs.lapsed,
                sorted({role.value for right in needs.also for role in roles_everywhere(right)}),
            )


def apply_blocking_rules(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Write into the database the rules that its triggers apply to blockings of host names.

    These are the protected names (`names.guarded_names`), and the time within which a doubt must be answered.
    All are replaced in one transaction; `connection` belongs to the owner.
    """
    catalogue, today = reference.load(), paris_day(clock.now())
    rows = sorted(guarded_names(catalogue))
    longest = [(one, longest_doubt(one, catalogue=catalogue, on=today)) for one in LEVELS]
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute("DELETE FROM measures_protected_name")
        with cursor.copy("COPY measures_protected_name (name, covers) FROM STDIN") as copy:
            for row in rows:
                copy.write_row(row)
        cursor.execute("DELETE FROM measures_doubt_delay")
        cursor.executemany(
            "INSERT INTO measures_doubt_delay (level, longest) VALUES (%s, %s)", longest
        )


def _roles(*rights: str) -> list[str]:
    return sorted({role.value for right in rights for role in roles_at_desk(right)})


LOCK = 0x46414E414C  # "FANAL"
"""The advisory lock of a migration; a restore holds it too."""
_OPTIONS = "options="
_LIMIT = "-c%20lock_timeout%3D30s"
_PACKAGES = Path(__file__).resolve().parents[1]

_MARK = """
CREATE TABLE IF NOT EXISTS fanal_instance (
    only_row boolean PRIMARY KEY DEFAULT true,
    mark text NOT NULL,
    made_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT fanal_instance_only_row CHECK (only_row),
    CONSTRAINT fanal_instance_mark CHECK (mark IN ('DEMO', 'PRODUCTION'))
);
CREATE OR REPLACE FUNCTION fanal_instance_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the mark of a database never changes';
END
$$;
CREATE OR REPLACE TRIGGER fanal_instance_is_final BEFORE UPDATE OR DELETE OR TRUNCATE
    ON fanal_instance FOR EACH STATEMENT EXECUTE FUNCTION fanal_instance_is_final();
"""


class DatabaseMark(StrEnum):
    """The purpose of a database, written at its first migration and final.

    DEMO: synthetic data, for a demonstration. PRODUCTION: real reports.
    """

    DEMO = "DEMO"
    PRODUCTION = "PRODUCTION"


def read_mark(url: str) -> DatabaseMark | None:
    """Return the mark (DEMO or PRODUCTION) of the database at `url`; None before its first migration.

    Raises:
        psycopg.Error: the database does not answer.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        return _read_mark(connection)


def refuse_restoring(url: str) -> None:
    """Check that no restore into the database at `url` is running or was interrupted; any role may sign in.

    Raises:
        DatabaseRefused: a restore is running or was interrupted: erased data may be readable, and tables
            missing.
        psycopg.Error: the database does not answer.
    """
    with psycopg.connect(url, connect_timeout=10) as connection:
        _refuse_restoring(connection)


def _refuse_restoring(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    row = connection.execute("SELECT to_regclass('public.fanal_restore') IS NOT NULL").fetchone()
    if row and row[0]:
        raise DatabaseRefused(
            "a restore into this database is running or was broken off: wait for its end, or complete it "
            "with the same 'fanal restore' where it was begun"
        )


def agrees(url: str) -> bool:
    """Return whether the database at `url` has exactly the migrations of this version, and its clock agrees.

    Only migrations of the project's own packages are compared. This takes two short queries without Django;
    `fanal migrate` checks more. The result is False for an empty database.

    Raises:
        psycopg.Error: the database does not answer.
    """
    files = {(file.parts[-3], file.stem) for file in _PACKAGES.glob("*/migrations/[0-9]*.py")}
    with psycopg.connect(url, connect_timeout=10) as connection:
        if _read_mark(connection) is None:
            return False
        offset = clock_offset(connection)
        rows = set(connection.execute("SELECT app, name FROM django_migrations").fetchall())
    ours = {app for app, _ in files}
    known = {row for row in rows if row[0] in ours} == files
    return known and offset <= MOST_APART


@contextmanager
def migrating(*, owner_url: str, mark: DatabaseMark | None) -> Iterator[None]:
    """Hold the migration lock around Django's `migrate`, and run the steps before and after it.

    Before: the database's mark. After: lifecycles of official acts, rules of blockings, bounds of dates and
    times, row policies and grants. `owner_url` is the URL of the database's owner. `mark` is the requested
    mark (DEMO or PRODUCTION); None keeps that of the database (PRODUCTION for a new one).

    Raises:
        DatabaseRefused: the database has the other mark, or is being restored.
    """
    with psycopg.connect(owner_url, autocommit=True, connect_timeout=10) as connection:
        _refuse_restoring(connection)
        connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
        _refuse_restoring(connection)  # one that was killed meanwhile
        _write_mark(connection, mark)
        yield
        apply_lifecycles(connection)
        apply_blocking_rules(connection)
        apply_instant_bounds(connection)
        apply_row_security(connection)
        apply_grants(connection)


def with_lock_timeout(owner_url: str) -> str:
    """Return the owner role's database URL with a `lock_timeout` of 30 seconds in its `options`.

    A statement of a migration that waits longer for a table lock, behind a transaction that does not end,
    fails instead of waiting without limit. The URL's own `options` follow it, so that they take precedence.
    """
    parts = urlsplit(owner_url)
    fields = [field for field in parts.query.split("&") if field]
    own = [field for field in fields if field.startswith(_OPTIONS)]
    # Of several `options` the last one alone is in force (libpq, Django's settings).
    joined = "%20".join([_LIMIT, *(field.removeprefix(_OPTIONS) for field in own[-1:])])
    others = [field for field in fields if field not in own]
    return urlunsplit(parts._replace(query="&".join([*others, f"{_OPTIONS}{joined}"])))


def _read_mark(connection: psycopg.Connection[tuple[object, ...]]) -> DatabaseMark | None:
    known = connection.execute("SELECT to_regclass('public.fanal_instance') IS NOT NULL").fetchone()
    if known is None or not known[0]:
        return None
    row = connection.execute("SELECT mark FROM fanal_instance").fetchone()
    return DatabaseMark(str(row[0])) if row else None


def _write_mark(
    connection: psycopg.Connection[tuple[object, ...]], mark: DatabaseMark | None
) -> None:
    found = _read_mark(connection)
    if found is None:
        with connection.transaction():
            connection.execute(_MARK)
            connection.execute(
                "INSERT INTO fanal_instance (mark) VALUES (%s)", (mark or DatabaseMark.PRODUCTION,)
            )
    elif mark is not None and mark is not found:
        raise DatabaseRefused(
            f"this database was made as {found} and stays so: {mark} was asked for. "
            "Use another FANAL_HOME (or DATABASE_URL)."
        )
