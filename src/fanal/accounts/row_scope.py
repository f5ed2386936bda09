"""Row-level security: bounds of the rows that the database shows to the current request.

The role `app` is under row-level security (`db.row_security`, ADR 0012). Every statement that Django sends as
`app` carries the bounds of the current actor as `SET LOCAL`, in the same message (an `executemany` in the
message before): they end with the statement's transaction and cannot leak to the next request on the
connection. Without an actor the bounds are empty, and no protected row is visible. In pipeline mode, several
statements of a transaction share one round trip.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from uuid import UUID

from django.db import DatabaseError, connection, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql as composing

from fanal.accounts.domain import policy
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.postgres import DatabaseRole

_BARE: Final = ("SAVEPOINT", "RELEASE", "ROLLBACK")
"""Statements on savepoints: they read nothing, and are also sent in failed transactions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The rows visible to a request: those of `desks` (numbers), and the reports that `sender` sent.

    `sender` is the id of an organisation, None for no sender. `scope`: "OVERSIGHT" adds the removal requests
    of every desk, "ALL" every row, "" nothing.
    """

    desks: frozenset[int] = frozenset()
    sender: UUID | None = None
    scope: str = ""


NOTHING: Final = Bounds()
_EVERYTHING: Final = Bounds(scope="ALL")
_current: ContextVar[Bounds] = ContextVar("fanal_rows", default=NOTHING)
_presented: ContextVar[bytes] = ContextVar("fanal_presented", default=b"")


def bounds_of(actor: Actor) -> Bounds:
    """Return the row-security bounds of an actor: the widest that the policy gives for any action.

    Desks: those where the actor has a role of some policy rule with the scope DESK. The system sees all rows;
    an actor who may recommend on removal requests sees those of every desk (OVERSIGHT).
    """
    if policy.reach(actor, "pipeline.run").everywhere:
        return _EVERYTHING
    roles = {
        role
        for rule in policy.POLICY.rules
        if rule.scope is policy.Scope.DESK
        for role in rule.roles
    }
    oversees = policy.reach(actor, "measure.recommend").everywhere
    return Bounds(
        desks=actor.desks_as(roles),
        sender=policy.reach(actor, "report.status").partner_id,
        scope="OVERSIGHT" if oversees else "",
    )


def show_to(actor: Actor) -> None:
    """Set the actor's row-security bounds: the database then shows only the rows within them.

    They hold until the end of the request, or of the block (`shown_to`, `across_desks`) around the call.
    """
    _current.set(bounds_of(actor))


@contextmanager
def shown_to(actor: Actor | None) -> Iterator[None]:
    """Apply the actor's row-security bounds inside the block; with None, no row is visible in it."""
    with _showing(NOTHING if actor is None else bounds_of(actor)):
        yield


@contextmanager
def across_desks() -> Iterator[None]:
    """Lift row security for a block whose result contains no row of a desk.

    Examples are statistics, and the recomputation of dossiers across desks.
    """
    with _showing(_EVERYTHING):
        yield


def present(digest: bytes) -> None:
    """Pass the SHA-256 digest of the partner's secret presented in this request to the database.

    A public node can then act for that partner only, until the end of the request.
    """
    _presented.set(digest)
    _tell_presented(connection)


@contextmanager
def speaking_for_nobody() -> Iterator[None]:
    """Run the block (a request) without a partner's credential, and remove at its end one that was presented.

    `present` passes a partner's credential to the database, which then lets a public node act for that
    partner. The next request on the same connection must not inherit it.
    """
    token = _presented.set(b"")
    try:
        yield
    finally:
        told = _presented.get()
        _presented.reset(token)
        if told:
            try:
                _tell_presented(connection)
            except DatabaseError:  # after a failed transaction, or a lost server
                connection.close()


def bind_connection(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Put row-level security on a new connection if its role is `app` (signal `connection_created`).

    A partner's credential presented earlier in the request is passed to the database again.
    """
    bound = connection.settings_dict["USER"] == DatabaseRole.APP.login
    connection.execute_wrappers[:] = [w for w in connection.execute_wrappers if w is not _execute]
    if bound:
        connection.execute_wrappers.append(_execute)
    if _presented.get():
        _tell_presented(connection)


def is_bound(connection: BaseDatabaseWrapper) -> bool:
    """Return whether the statements of a connection are sent with row-security bounds."""
    return _execute in connection.execute_wrappers


def send_bounds(connection: BaseDatabaseWrapper) -> None:
    """Set the row-security bounds until the end of the transaction, for statements sent without Django.

    Such statements (psycopg) bypass the wrapper that sets the bounds for Django's. Nothing happens on a
    connection that is not under row-level security.
    """
    if is_bound(connection):
        connection.connection.execute(_settings(_current.get()))


def _tell_presented(connection: BaseDatabaseWrapper) -> None:
    if connection.settings_dict["USER"] == DatabaseRole.INTAKE.login:
        sql.run("SELECT set_config('fanal.credential', %s, false)", [_presented.get().hex()])


@contextmanager
def _showing(bounds: Bounds) -> Iterator[None]:
    token = _current.set(bounds)
    try:
        yield
    finally:
        _current.reset(token)


@lru_cache(maxsize=256)
def _settings(bounds: Bounds) -> str:
    desks = ",".join(str(int(desk)) for desk in sorted(bounds.desks))
    return (
        f"SET LOCAL fanal.desks = '{{{desks}}}'; SET LOCAL fanal.sender = '{bounds.sender or ''}';"
        f" SET LOCAL fanal.scope = '{bounds.scope}'; "
    )


def _execute(
    execute: Callable[..., object],
    sql: str | composing.Composable,
    params: object,
    many: bool,
    context: dict[str, object],
) -> object:
    """Send a statement with its row-security settings before it, in one message and one transaction.

    For `executemany` (`many`) the settings are a message of their own in the same transaction. Statements
    on savepoints are sent without them. Parameters and result are those of a Django `execute_wrapper`.
    """
    settings = _settings(_current.get())
    cursor = context["cursor"]
    if many:
        with transaction.atomic():
            cursor.cursor.execute(settings)  # type: ignore[attr-defined]
            return execute(sql, params, many, context)
    if isinstance(sql, str):
        if sql.startswith(_BARE):
            return execute(sql, params, many, context)
        bound: str | composing.Composable = settings + sql
    else:
        bound = composing.SQL(settings) + sql
    answer = execute(bound, params, many, context)
    while cursor.nextset():  # type: ignore[attr-defined]
        pass
    return answer


@contextmanager
def together() -> Iterator[None]:
    """Run the statements of the block in libpq pipeline mode: a fetch waits for its own result only.

    The end of the block waits for all. Each statement sees the effects of the earlier ones. For INSERT,
    UPDATE, DELETE and SELECT inside a transaction, which the first error aborts; COPY is not possible. On a
    connection under row-level security (`row_scope`), the statements are sent one by one.

    Raises:
        django.db.Error: a statement failed; raised at the next fetch or at the end of the block.
    """
    connection.ensure_connection()
    if is_bound(connection):
        yield
        return
    with connection.wrap_database_errors, connection.connection.pipeline():
        yield
