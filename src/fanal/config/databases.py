"""The database of this installation: found or started, and its address for each role.

`open_databases` opens it for every command. Three cases:

* `DATABASE_URL` that signs in as `fanal_owner` and the like: that role's address;
* `DATABASE_URL` alone: a real server, for each role with the password of `keys/database.json`;
* neither: the embedded PostgreSQL of `FANAL_HOME`, started when it does not run.

No command but `fanal provision` creates or alters a role on a real server: its roles serve every node. The
embedded server belongs to this data folder; its missing roles are created at its first start.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from fanal.config.definitions import close_definitions
from fanal.config.environment import SettingRefused, require_own_login
from fanal.db.closed import closed_logins
from fanal.postgres import Cluster, DatabaseRole, PasswordFile

DATABASE = "fanal"
_BOUNDS_LOCK = 0x464E424E  # "FNBN"
_EXTENSIONS = ("pg_trgm", "unaccent")
_MAY_MAKE_TEMPORARY_TABLES = (DatabaseRole.OWNER, DatabaseRole.APP, DatabaseRole.WORKER)
_SHARED_FUNCTIONS = ("pg%advisory%lock%", "pg_terminate_backend", "pg_cancel_backend")
_ENDS_SESSIONS = (
    ("pg_signal_backend", DatabaseRole.OWNER),
    ("pg_checkpoint", DatabaseRole.WORKER),
)
_OF_THE_OWNER = ("lo_creat", "lo_create", "lo_from_bytea", "pg_logical_emit_message")
_CONNECTIONS = {DatabaseRole.INTAKE: 2, DatabaseRole.AUDITOR: 10}
"""Which part of the server's connections a role may have open."""
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_STRONGER = frozenset({"remote_apply"})
"""Not `local`, which waits for no standby, nor `remote_write`, which waits for no disk of one."""


class DatabaseRefused(Exception):
    """The database cannot be used as it is; the text says why and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The addresses of one database, one for each role this process may sign in as."""

    urls: Mapping[DatabaseRole, str]
    cluster: Cluster | None
    """The embedded server, None with a real one."""

    def url(self, role: DatabaseRole) -> str:
        """Return the address of the database for `role`.

        Raises:
            DatabaseRefused: this process was given the address of another role only.
        """
        if role not in self.urls:
            given = ", ".join(self.urls)
            raise DatabaseRefused(
                f"this needs the role '{role}' and DATABASE_URL is that of {given}; 'fanal run' of a "
                "desk needs an address that may create roles, that of a public node FANAL_PUBLIC_NODE=1"
            )
        return self.urls[role]


@contextlib.contextmanager
def open_databases(*, home: Path, environ: Mapping[str, str]) -> Iterator[Databases]:
    """Yield the database of this installation, ready: roles, passwords, extensions, durability.

    The embedded server is stopped afterwards when nobody else uses it.

    Raises:
        DatabaseRefused: it cannot be reached, provisioned, or would lose committed data.
        NoBinaries, PlaceRefused, AccountMissing, ClusterFailed: from the launcher.
    """
    address = environ.get("DATABASE_URL", "")
    role = environ.get("FANAL_DB_ROLE") or role_of(address)
    if address and role:
        try:
            require_own_login(address, role)
        except SettingRefused as error:
            raise DatabaseRefused(str(error)) from error
        yield Databases(urls={DatabaseRole(role): address}, cluster=None)
        return
    if address:
        yield _open_provisioned(address, PasswordFile(home / "keys" / "database.json"))
        return
    cluster = Cluster.open(home=home, environ=environ)
    try:
        cluster.hold()
        found = provision(admin_url=cluster.admin_url(DATABASE), passwords=cluster.passwords)
        yield Databases(urls=found.urls, cluster=cluster)
    finally:
        cluster.release()


def _open_provisioned(address: str, passwords: PasswordFile) -> Databases:
    """Return the addresses of a real server's roles; send no statement that changes it.

    Raises:
        DatabaseRefused: this folder holds no passwords, or others than the server's.
    """
    database = _database_of(address)
    urls = _role_urls(address, database, passwords.read())
    if not urls:
        raise DatabaseRefused(
            f"{passwords.path} holds no password of this database's roles. On a new server run "
            "'fanal provision' once; for a further node copy the keys folder of the first one"
        )
    try:
        check_durability(urls.values())
    except psycopg.OperationalError as error:
        raise DatabaseRefused(
            f"the database cannot be opened with the passwords of {passwords.path}: "
            f"{str(error).strip()}. Is the server up? If this folder is another installation's, bring "
            "the keys folder of this one; 'fanal provision' prepares a new server"
        ) from error
    return Databases(urls=urls, cluster=None)


def provision(*, admin_url: str, passwords: PasswordFile, renew: bool = False) -> Databases:
    """Create database, roles, passwords and extensions where they are missing; safe to repeat.

    Existing roles stay as they are, unless `renew` sets new passwords for all of them: every other
    process and node then needs the new password file.

    Raises:
        DatabaseRefused: the server cannot be prepared, would lose committed data, or has these roles with
            other passwords.
    """
    database = _database_of(admin_url)
    kept = passwords.renewed() if renew else passwords.ensure()
    urls = _role_urls(admin_url, database, kept)
    if not renew:
        try:
            check_durability(urls.values())
        except psycopg.OperationalError:
            pass
        else:
            _bring_bounds(admin_url, database)
            return Databases(urls=urls, cluster=None)
    _create(admin_url, database, kept, renew=renew)
    if renew:
        passwords.write(kept)
    try:
        check_durability(urls.values())
    except psycopg.OperationalError as error:
        raise DatabaseRefused(
            f"the roles of this server have other passwords than {passwords.path}: "
            f"{str(error).strip()}. Copy the keys folder of the node that works with it; if it is lost, "
            "'fanal provision --new-passwords' sets new ones, which every node then needs"
        ) from error
    return Databases(urls=urls, cluster=None)


def _database_of(address: str) -> str:
    return unquote(urlsplit(address).path.lstrip("/")) or DATABASE


def _role_urls(
    address: str, database: str, passwords: Mapping[str, str]
) -> dict[DatabaseRole, str]:
    """Return the address of each role whose password is known."""
    return {
        r: _url_as(admin_url=address, database=database, login=r.login, password=passwords[r.value])
        for r in DatabaseRole
        if r.value in passwords
    }


def role_of(address: str) -> str:
    """Return the role that an address signs in as, empty when it is none of ours."""
    login = unquote(urlsplit(address).username or "")
    return next((role.value for role in DatabaseRole if role.login == login), "")


def _url_as(*, admin_url: str, database: str, login: str, password: str) -> str:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(login)}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{quote(database, safe='')}"))


def check_durability(urls: Iterable[str]) -> None:
    """Sign in as each role and refuse a server that may lose what it acknowledged.

    Each role is asked, since `ALTER ROLE … SET synchronous_commit` is one role's own setting; one that the
    database lets in no more is left out (`fanal.db.closed`).

    Raises:
        DatabaseRefused: the server, or a role's own setting, is not durable.
    """
    closed: tuple[str, ...] = ()
    for url in urls:
        if unquote(urlsplit(url).username or "") in closed:
            continue
        with psycopg.connect(url, connect_timeout=10) as connection:
            closed = closed_logins(connection.cursor())
            for name, wanted in _DURABLE.items():
                value = str(_scalar(connection, f"SHOW {name}"))
                if value != wanted and not (name == "synchronous_commit" and value in _STRONGER):
                    raise DatabaseRefused(
                        f"PostgreSQL runs with {name} = {value}: a power cut would lose reports that "
                        f"were acknowledged. Set {name} = on (postgresql.conf, ALTER SYSTEM, ALTER "
                        "ROLE or ALTER DATABASE) and start again."
                    )


def _create(admin_url: str, database: str, passwords: Mapping[str, str], *, renew: bool) -> None:
    try:
        with _connect(_with_database(admin_url, "postgres")) as connection:
            _refuse_foreign_installation(connection, database)
            for role in DatabaseRole:
                _create_role(connection, role, passwords[role.value], renew=renew)
            _bound_public_nodes(connection)
            _create_database(connection, database, renew=renew)
        with _connect(_with_database(admin_url, database)) as connection:
            _prepare_schema(connection, database)
    except psycopg.Error as error:
        raise _not_prepared(error) from error


def _bring_bounds(admin_url: str, database: str) -> None:
    """Give a server that an earlier release prepared the bounds of today."""
    try:
        with _connect(_with_database(admin_url, database)) as connection:
            if _is_superuser(connection):  # to others, the lock may be closed by now
                # Commands that start together would change one row of the catalogue at once.
                connection.execute("SELECT pg_advisory_lock(%s)", (_BOUNDS_LOCK,))
            _bound_public_nodes(connection)
            close_shared_functions(connection)
            if _is_superuser(connection):
                close_definitions(connection)
    except psycopg.Error as error:
        raise _not_prepared(error) from error


def _not_prepared(error: psycopg.Error) -> DatabaseRefused:
    return DatabaseRefused(
        f"the database cannot be prepared: {str(error).strip()}. DATABASE_URL must name a role "
        "that may create roles and databases on PostgreSQL 15 or later."
    )


def _connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url, autocommit=True, connect_timeout=10)


def _with_database(url: str, database: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{quote(database, safe='')}"))


def _scalar(connection: psycopg.Connection[tuple[object, ...]], query: str) -> object:
    row = connection.execute(query.encode()).fetchone()
    return row[0] if row else None


def _refuse_foreign_installation(
    connection: psycopg.Connection[tuple[object, ...]], database: str
) -> None:
    """Refuse to change the passwords of roles that another installation of this server uses."""
    others = connection.execute(
        "SELECT d.datname FROM pg_database d JOIN pg_roles r ON r.oid = d.datdba"
        " WHERE r.rolname = %s AND d.datname <> %s AND d.datname NOT LIKE 'test%%'",
        (DatabaseRole.OWNER.login, database),
    ).fetchall()
    if others:
        names = ", ".join(str(row[0]) for row in others)
        raise DatabaseRefused(
            f"this server already carries another installation (database {names}) with the same role "
            "names. Use its FANAL_HOME, or another server."
        )


def _create_role(
    connection: psycopg.Connection[tuple[object, ...]],
    role: DatabaseRole,
    password: str,
    *,
    renew: bool,
) -> None:
    """Create one role, or renew its password; only the SCRAM verifier travels, so no log holds the word."""
    login = sql.Identifier(role.login)
    known = connection.execute(
        "SELECT 1 FROM pg_roles WHERE rolname = %s", (role.login,)
    ).fetchone()
    if known and not renew:
        return
    verb = sql.SQL("ALTER") if known else sql.SQL("CREATE")
    verifier = connection.pgconn.encrypt_password(
        password.encode(), role.login.encode(), b"scram-sha-256"
    )
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOCREATEROLE PASSWORD {}").format(
            verb, login, sql.Literal(verifier.decode())
        )
    )


def _bound_public_nodes(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Leave half of the connections to the desk, whatever public nodes open, and bound the auditor's too.

    The operator's own bounds stay.
    """
    for role, part in _CONNECTIONS.items():
        row = connection.execute(
            "SELECT greatest(current_setting('max_connections')::int / %s, 1) FROM pg_roles"
            " WHERE rolname = %s AND rolconnlimit = -1",
            (part, role.login),
        ).fetchone()
        if row:
            connection.execute(
                sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}").format(
                    sql.Identifier(role.login), sql.Literal(row[0])
                )
            )
    hide_statements(connection)
    let_owner_end_sessions(connection)
    _close_other_databases(connection)


def let_owner_end_sessions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Let the owner's functions end sessions of public nodes that hoard locks (`fanal.db.hoarding`).

    Who looks for them, as the worker, has what lies in memory written out before it kills one.
    """
    if not may_owner_end_sessions(connection) and _is_superuser(connection):
        for right, role in _ENDS_SESSIONS:
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(right), sql.Identifier(role.login))
            )


def may_owner_end_sessions(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether `let_owner_end_sessions` did its work on this server."""
    return all(
        connection.execute("SELECT pg_has_role(%s, %s, 'USAGE')", (role.login, right)).fetchone()
        == (True,)
        for right, role in _ENDS_SESSIONS
    )


def hide_statements(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Keep what a public node asks out of `pg_stat_activity`: its role's other sessions would read it there.

    The digests of secrets that partners show to one node would let another, taken over, act for them. Only a
    superuser sets this, and the role cannot take it back; `fanal doctor` tells where it is missing.
    """
    if not are_statements_hidden(connection) and _is_superuser(connection):
        connection.execute(
            sql.SQL("ALTER ROLE {} SET track_activities = off").format(
                sql.Identifier(DatabaseRole.INTAKE.login)
            )
        )


def are_statements_hidden(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether `hide_statements` did its work on this server."""
    hidden = connection.execute(
        "SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = %s"
        " AND s.setdatabase = 0 AND 'track_activities=off' = ANY (s.setconfig)",
        (DatabaseRole.INTAKE.login,),
    ).fetchone()
    return hidden is not None


def _close_other_databases(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Keep public nodes out of the server's own databases, whose functions are open to everybody.

    Whoever may sign in there today still may, by a right of their own.
    """
    login = DatabaseRole.INTAKE.login
    for (name,) in connection.execute(
        "SELECT datname FROM pg_database WHERE datname IN ('postgres', 'template1')"
        " AND pg_has_role(datdba, 'USAGE') AND has_database_privilege(%s, oid, 'CONNECT')",
        (login,),
    ).fetchall():
        database = sql.Identifier(str(name))
        others = connection.execute(
            "SELECT rolname FROM pg_roles WHERE rolcanlogin AND rolname <> %s"
            " AND has_database_privilege(rolname, %s, 'CONNECT')",
            (login, name),
        ).fetchall()
        roles = sql.SQL(", ").join(sql.Identifier(str(row[0])) for row in others)
        connection.execute(sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, roles))
        connection.execute(
            sql.SQL("REVOKE CONNECT, TEMPORARY ON DATABASE {} FROM PUBLIC").format(database)
        )


def _is_superuser(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    return _scalar(connection, "SELECT rolsuper FROM pg_roles WHERE rolname = current_user") is True


def close_shared_functions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Leave to the roles that use it what every role may call: locks, ends, large objects, messages.

    The locks lie in memory that all sessions share: one that takes enough of them keeps everybody out. The
    sessions of all public nodes are one role's, so that each could end the others'. A large object is its
    maker's: the owner reads none of a role's, and no backup of the whole database ends well. A message to
    the log is a gigabyte that every commit waits behind. Whoever is no superuser may not close these: `fanal
    doctor` tells where they are open.
    """
    served = (DatabaseRole.OWNER, DatabaseRole.APP, DatabaseRole.WORKER)
    for names, users in ((_SHARED_FUNCTIONS, served), (_OF_THE_OWNER, served[:1])):
        logins = sql.SQL(", ").join(sql.Identifier(role.login) for role in users)
        closing = connection.execute(
            "SELECT p.oid::regprocedure::text FROM pg_proc p"
            " WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proname LIKE ANY (%s)"
            " AND pg_has_role(p.proowner, 'USAGE') AND has_function_privilege(%s, p.oid, 'EXECUTE')",
            ([*names], DatabaseRole.INTAKE.login),
        ).fetchall()
        for signature in (str(row[0]) for row in closing):
            name = sql.SQL(signature)
            connection.execute(sql.SQL("REVOKE EXECUTE ON FUNCTION {} FROM PUBLIC").format(name))
            connection.execute(sql.SQL("GRANT EXECUTE ON FUNCTION {} TO {}").format(name, logins))


def _create_database(
    connection: psycopg.Connection[tuple[object, ...]], database: str, *, renew: bool
) -> None:
    """Make the database and let the roles in: one that was closed comes back with new passwords alone."""
    owner, name = sql.Identifier(DatabaseRole.OWNER.login), sql.Identifier(database)
    if not _is_superuser(connection):
        # Giving something to a role needs membership in it.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if exists.fetchone() is None:
        connection.execute(
            sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0").format(
                name, owner
            )
        )
    closed = () if renew else closed_logins(connection.cursor(), database)
    with connection.transaction():
        connection.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(name))
        for role in DatabaseRole:
            if role.login in closed:
                continue
            rights = "CONNECT, TEMPORARY" if role in _MAY_MAKE_TEMPORARY_TABLES else "CONNECT"
            connection.execute(
                sql.SQL("GRANT {} ON DATABASE {} TO {}").format(
                    sql.SQL(rights), name, sql.Identifier(role.login)
                )
            )


def _prepare_schema(connection: psycopg.Connection[tuple[object, ...]], database: str) -> None:
    version = connection.info.server_version
    if version < 150000:
        raise DatabaseRefused(
            f"the server is PostgreSQL {version // 10000}; 15 or later is needed ({database})"
        )
    for extension in _EXTENSIONS:
        connection.execute(
            sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(extension))
        )
    close_shared_functions(connection)
    if _is_superuser(connection):
        close_definitions(connection)
    connection.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
    for role in DatabaseRole:
        right = "USAGE, CREATE" if role is DatabaseRole.OWNER else "USAGE"
        connection.execute(
            sql.SQL("GRANT {} ON SCHEMA public TO {}").format(
                sql.SQL(right), sql.Identifier(role.login)
            )
        )
