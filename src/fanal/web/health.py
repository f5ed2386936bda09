"""`/healthz` (liveness) and `/readyz` (readiness: database, migrations, clock, keys, vault, worker, calls).

The answers say nothing about stored data: no count, no version, no name.
"""

from collections.abc import Callable

from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from fanal.accounts.routes import open_to_all
from fanal.db import agreement, sql
from fanal.orient.alarms.queries import calls_alive

_LONGEST_SILENCE = "60 seconds"
_keys: list[Callable[[], bool]] = []
_vault: list[Callable[[], bool]] = []


def install(*, keys: Callable[[], bool], vault: Callable[[], bool]) -> None:
    """Register the checks of whether this machine holds the keys of its database, and its vault.

    `vault` is false if the vault bears the mark of another database: nothing can be sealed then. Called once
    by `config.wiring`.
    """
    _keys[:] = [keys]
    _vault[:] = [vault]


@open_to_all("page.public")
@never_cache
@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 as long as the process serves requests."""
    return JsonResponse({"status": "alive"})


@open_to_all("page.public")
@never_cache
@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """Return 200 when all parts are ready, else 503; the body says which part is not.

    Parts: database, migrations, clock, keys, vault, worker, calls.
    """
    return _answer(_everywhere() | {"worker": _worker, "calls": calls_alive})


@open_to_all("page.public")
@never_cache
@require_safe
def readyz_public(request: HttpRequest) -> HttpResponse:
    """Return the readiness of a public node as `readyz`, without worker and calls, which it may not query."""
    return _answer(_everywhere())


def _everywhere() -> dict[str, Callable[[], bool]]:
    return {
        "database": _database,
        "migrations": _migrations,
        "clock": _clock,
        "keys": _holds_keys,
        "vault": _has_its_vault,
    }


def _answer(checks: dict[str, Callable[[], bool]]) -> JsonResponse:
    with agreement.unrefused():
        parts = {name: _holds(check) for name, check in checks.items()}
    ready = all(parts.values())
    body = {"status": "ready" if ready else "not ready", **parts}
    return JsonResponse(body, status=200 if ready else 503)


def _holds(check: Callable[[], bool]) -> bool:
    try:
        return check()
    except DatabaseError:
        connection.close()
        return False


def _database() -> bool:
    """Return True if the database answers.

    Clock and schema have checks of their own.

    Raises:
        DatabaseError: it does not answer.
    """
    agreement.look()
    return True


def _migrations() -> bool:
    """Return whether the database schema is that of this version, neither older nor newer."""
    if agreement.Disagreement.TABLES in agreement.look():
        return False
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _clock() -> bool:
    return agreement.Disagreement.CLOCK not in agreement.look()


def _holds_keys() -> bool:
    return all(holds() for holds in _keys)


def _has_its_vault() -> bool:
    return all(has() for has in _vault)


def _worker() -> bool:
    """Return whether a worker has sent a heartbeat to the job queue within a minute."""
    found = sql.row(
        "SELECT EXISTS (SELECT FROM procrastinate_workers"
        " WHERE last_heartbeat > now() - %s::interval)",
        [_LONGEST_SILENCE],
    )
    return bool(found == (True,))
