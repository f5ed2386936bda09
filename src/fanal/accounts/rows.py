"""Whose rows the database shows to this request: the desks of its person, set for one transaction each.

The role `app` is under row-level security (`config.row_security`, ADR 0012). Every statement that Django
sends as `app` carries the bounds of the actor at work as `SET LOCAL`, in the same message: what is set
never outlives the statement's transaction, whatever connection the next request is given. Without an
actor nothing is set, and nothing is seen.
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
"""Statements that move between savepoints: they read nothing, and come in failed transactions too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What is shown: rows of `desks`, reports of `sender`, and by `scope` more (OVERSIGHT, ALL)."""

    desks: frozenset[int] = frozenset()
    sender: UUID | None = None
    scope: str = ""


NOTHING: Final = Bounds()
_EVERYTHING: Final = Bounds(scope="ALL")
_current: ContextVar[Bounds] = ContextVar("fanal_rows", default=NOTHING)
_presented: ContextVar[bytes] = ContextVar("fanal_presented", default=b"")


def bounds_of(actor: Actor) -> Bounds:
    """Return what the policy lets the actor reach at most, whatever the action.

    Desks are those where some rule of scope DESK holds; the system reaches all; whoever may recommend
    on measures reads them at every desk.
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
    """Show from now on what the actor reaches, to the end of the request or of the block around it."""
    _current.set(bounds_of(actor))


@contextmanager
def shown_to(actor: Actor | None) -> Iterator[None]:
    """Show inside the block what the actor reaches, nothing for None; then what was shown before."""
    with _showing(NOTHING if actor is None else bounds_of(actor)):
        yield


@contextmanager
def across_desks() -> Iterator[None]:
    """Lift the bounds for a block whose result shows no row: figures, and dossiers derived again."""
    with _showing(_EVERYTHING):
        yield


def present(digest: bytes) -> None:
    """Let the database know the SHA-256 of the secret that a partner showed to this request.

    A public node acts for that partner until the end of the request, and for no other.
    """
    _presented.set(digest)
    _tell_presented(connection)


@contextmanager
def speaking_for_nobody() -> Iterator[None]:
    """Forget, before the block and after it, which partner's secret was shown."""
    token = _presented.set(b"")
    try:
        yield
    finally:
        told = _presented.get()
        _presented.reset(token)
        if told:
            try:
                _tell_presented(connection)
            except DatabaseError:  # of a transaction that failed, or a server that is gone
                connection.close()


def bind_connection(*, connection: BaseDatabaseWrapper, **_: object) -> None:
    """Bind a connection that was just opened, when it is the app's (signal `connection_created`)."""
    bound = connection.settings_dict["USER"] == DatabaseRole.APP.login
    connection.execute_wrappers[:] = [w for w in connection.execute_wrappers if w is not _execute]
    if bound:
        connection.execute_wrappers.append(_execute)
    if _presented.get():
        _tell_presented(connection)


def is_bound(connection: BaseDatabaseWrapper) -> bool:
    """Return whether each statement of a connection is sent with its bounds."""
    return _execute in connection.execute_wrappers


def send_bounds(connection: BaseDatabaseWrapper) -> None:
    """Set the bounds, to the end of the transaction, for statements that Django does not send itself."""
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
    """Send a statement with its bounds, in one message, which is one transaction where none is open."""
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
