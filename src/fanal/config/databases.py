"""The PostgreSQL database of this installation: its connection URL for each database role.

`open_databases` opens it for every command. Three cases:

* `DATABASE_URL` with the login of one role (`fanal_owner` and so on): the URL of that role alone;
* any other `DATABASE_URL`: an external server, one URL a role with the passwords of `keys/database.json`;
* no `DATABASE_URL`: the embedded PostgreSQL of `FANAL_HOME`, started if it is not running.

`fanal provision` is the only command that creates or alters roles on an external server, because all nodes
share them. The embedded server belongs to this data folder; its first start creates its roles.
"""

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

import psycopg
from psycopg import sql

from fanal.config.environment import SettingRefused, require_own_login
from fanal.db.closed import closed_logins
from fanal.db.row_security import close_definitions
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
"""Divisor of `max_connections` for each role with a connection limit: 2 allows a half, 10 a tenth."""
_DURABLE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}
_STRONGER = frozenset({"remote_apply"})
"""Values of `synchronous_commit` that are at least as durable as `on`.

`local` does not wait for a standby, `remote_write` does not wait for the standby's disk: both are refused.
"""


class DatabaseRefused(Exception):
    """Error: the database cannot be used in its present state; the message gives reason and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """The connection URLs (`urls`) of one database, by role, for the roles available to this process."""

    urls: Mapping[DatabaseRole, str]
    cluster: Cluster | None
    """The embedded server; None for an external server."""
    passwords: PasswordFile | None = None
    """The file that the passwords of `urls` are read from; None if DATABASE_URL holds the only one."""

    def url(self, role: DatabaseRole) -> str:
        """Return the connection URL of the database for `role`.

        Raises:
            DatabaseRefused: this process holds only the URL of another role.
        """
        if role not in self.urls:
            given = ", ".join(self.urls)
            raise DatabaseRefused(
                f"this needs the role '{role}' and DATABASE_URL is that of {given}; 'fanal run' of a "
                "desk needs an address that may create roles, that of a public node FANAL_PUBLIC_NODE=1"
            )
        return self.urls[role]

    def renewed(self) -> "Databases":
        """Return these database URLs with the passwords that the password file holds now.

        Raises:
            OSError, ValueError: the file cannot be read.
        """
        address = next(iter(self.urls.values()))
        kept = self.passwords.read() if self.passwords else {}
        found = _role_urls(address, _database_of(address), kept)
        return replace(self, urls={role: found.get(role, url) for role, url in self.urls.items()})


@contextlib.contextmanager
def open_databases(*, home: Path, environ: Mapping[str, str]) -> Iterator[Databases]:
    """Yield the database URLs of this installation, after a check of sign-in and durability.

    `environ` may hold `DATABASE_URL` and `FANAL_DB_ROLE`; of one role's URL only the login's name is checked.
    The embedded server gets missing roles first, and is stopped afterwards if no other process uses it.

    Raises:
        DatabaseRefused: the database is unreachable, cannot be provisioned, or would lose committed data.
        NoBinaries, PlaceRefused, AccountMissing, ClusterFailed: the embedded server cannot start.
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
        yield replace(found, cluster=cluster)
    finally:
        cluster.release()


def _open_provisioned(address: str, passwords: PasswordFile) -> Databases:
    """Return the role URLs of the external server at `address`; run no statement that changes it.

    Raises:
        DatabaseRefused: the data folder holds no passwords, the server rejects them, or it is not durable.
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
            f"{str(error).strip()}. Is the server up? After 'fanal provision --new-passwords' on "
            "another machine copy its file here. If this folder is another installation's, bring the keys "
            "folder of this one; 'fanal provision' prepares a new server"
        ) from error
    return Databases(urls=urls, cluster=None, passwords=passwords)


def provision(*, admin_url: str, passwords: PasswordFile, renew: bool = False) -> Databases:
    """Create the missing database, roles, passwords and extensions, and return the role URLs; idempotent.

    `admin_url` names a role that may create roles and databases. `renew` sets new passwords for all roles;
    every other node then needs the new password file. Without `renew`, existing roles keep their passwords.

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
            return Databases(urls=urls, cluster=None, passwords=passwords)
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
    return Databases(urls=urls, cluster=None, passwords=passwords)


def _database_of(address: str) -> str:
    return unquote(urlsplit(address).path.lstrip("/")) or DATABASE


def _role_urls(
    address: str, database: str, passwords: Mapping[str, str]
) -> dict[DatabaseRole, str]:
    """Return the URL of `database` on the server of `address` for each role in `passwords` (by role name)."""
    return {
        r: _url_as(admin_url=address, database=database, login=r.login, password=passwords[r.value])
        for r in DatabaseRole
        if r.value in passwords
    }


def role_of(address: str) -> str:
    """Return the database role of the login in a database URL; empty if the login is not a Fanal role."""
    login = unquote(urlsplit(address).username or "")
    return next((role.value for role in DatabaseRole if role.login == login), "")


def _url_as(*, admin_url: str, database: str, login: str, password: str) -> str:
    parts = urlsplit(admin_url)
    host = parts.netloc.rpartition("@")[2]
    netloc = f"{quote(login)}:{quote(password, safe='')}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{quote(database, safe='')}"))


def check_durability(urls: Iterable[str]) -> None:
    """Sign in with each URL and refuse a server that may lose committed transactions.

    `fsync`, `full_page_writes` and `synchronous_commit` must be on (the last one or `remote_apply`), for each
    role (`ALTER ROLE … SET`). Roles whose connections the database refuses (`fanal.db.closed`) are skipped.

    Raises:
        DatabaseRefused: a setting of the server or of a role is not durable.
        psycopg.OperationalError: the server is unreachable, or rejects a password.
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
    """Apply the current connection limits and revocations to a server provisioned by an earlier release.

    Raises:
        DatabaseRefused: the server refuses a statement.
    """
    try:
        with _connect(_with_database(admin_url, database)) as connection:
            if _is_superuser(connection):  # other roles may have lost access to advisory locks
                # Commands that start at the same time would update the same catalogue row concurrently.
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
    """Refuse to change the passwords of roles that another installation on this server uses.

    Raises:
        DatabaseRefused: another database of this server is owned by the same role (not counting those whose
            name starts with `test`).
    """
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
    """Create a login role, or with `renew` set a new password for an existing one.

    Only the SCRAM verifier is sent to the server, so that no log holds the password.
    """
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
    """Limit the connections of public nodes to half of the server's, the auditor's to a tenth.

    Limits that an operator has set are kept. Also closes other databases and shared views to public nodes.
    """
    for role, part in _CONNECTIONS.items():
        row = connection.execute(
            "SELECT greatest(current_setting('max_connections')::int / %s, 1) FROM pg_roles"
            " WHERE rolname = %s AND rolconnlimit = -1",
            (part, role.login),
        ).fetchone()
        if row:
            limit = sql.SQL("ALTER ROLE {} CONNECTION LIMIT {}")
            connection.execute(limit.format(sql.Identifier(role.login), sql.Literal(row[0])))
    hide_statements(connection)
    let_owner_end_sessions(connection)
    _close_other_databases(connection)


def let_owner_end_sessions(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Allow the owner's functions to end public nodes' sessions with too many locks (`fanal.db.hoarding`).

    Grants `pg_signal_backend` to the owner and `pg_checkpoint` to the worker, which requests a checkpoint
    before it ends a session. Only a superuser can grant them.
    """
    if not may_owner_end_sessions(connection) and _is_superuser(connection):
        for right, role in _ENDS_SESSIONS:
            connection.execute(
                sql.SQL("GRANT {} TO {}").format(sql.Identifier(right), sql.Identifier(role.login))
            )


def may_owner_end_sessions(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether the owner role may end the sessions of other roles (`let_owner_end_sessions`)."""
    return all(
        connection.execute("SELECT pg_has_role(%s, %s, 'USAGE')", (role.login, right)).fetchone()
        == (True,)
        for right, role in _ENDS_SESSIONS
    )


def hide_statements(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Hide the statements of public nodes from `pg_stat_activity`, readable by all sessions of their role.

    The statements carry digests of partners' secrets: a compromised node could read those of another node and
    impersonate the partner. Only a superuser can set this, and the role cannot undo it. `fanal doctor`
    reports a server without it.
    """
    if not are_statements_hidden(connection) and _is_superuser(connection):
        login = sql.Identifier(DatabaseRole.INTAKE.login)
        connection.execute(sql.SQL("ALTER ROLE {} SET track_activities = off").format(login))


def are_statements_hidden(connection: psycopg.Connection[tuple[object, ...]]) -> bool:
    """Return whether `pg_stat_activity` hides the statements of public nodes (see `hide_statements`)."""
    hidden = connection.execute(
        "SELECT FROM pg_db_role_setting s JOIN pg_roles r ON r.oid = s.setrole WHERE r.rolname = %s"
        " AND s.setdatabase = 0 AND 'track_activities=off' = ANY (s.setconfig)",
        (DatabaseRole.INTAKE.login,),
    ).fetchone()
    return hidden is not None


def _close_other_databases(connection: psycopg.Connection[tuple[object, ...]]) -> None:
    """Revoke the public nodes' right to connect to `postgres` and `template1`: functions are unrestricted.

    PUBLIC loses the right, other logins that have it get a grant. A database of another role is left alone.
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
    """Revoke from PUBLIC the functions on shared resources, such as advisory locks and large objects.

    Advisory locks share one memory area: a session with enough of them blocks all others. The sessions of all
    public nodes belong to one role, so that each could end the others'. A large object belongs to its
    creator: the owner cannot read it, and a backup of the database fails. A logical message
    (`pg_logical_emit_message`) can write a gigabyte to the WAL, which delays every commit. Only a superuser
    can revoke these; `fanal doctor` reports a server where they are open.
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
    """Create the database and grant the roles access.

    A role whose connections the database refuses (`fanal.db.closed`) regains access only with `renew`.
    """
    owner, name = sql.Identifier(DatabaseRole.OWNER.login), sql.Identifier(database)
    if not _is_superuser(connection):
        # A grant of ownership requires membership in the role.
        connection.execute(sql.SQL("GRANT {} TO CURRENT_USER").format(owner))
    exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (database,))
    if exists.fetchone() is None:
        create = sql.SQL("CREATE DATABASE {} OWNER {} ENCODING 'UTF8' TEMPLATE template0")
        connection.execute(create.format(name, owner))
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
