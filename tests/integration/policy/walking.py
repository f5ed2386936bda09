"""A browser of each walker, the address of a cell, and the way back after it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.test import Client
from django.test.client import ClientHandler

from fanal.accounts.domain.policy import POLICY, PolicyRule
from fanal.kernel.actors import Role
from tests.integration.policy.factories import FACTORIES
from tests.integration.policy.held import Walker
from tests.integration.policy.routes import Route, walk
from tests.integration.policy.world import World

SEALED_ACTIONS = frozenset[str]().union(*(rule.actions for rule in POLICY.rules if rule.sealed))
METHODS = ("GET", "POST")
CELLS = ("own", "other_desk")
"""The cells of an act: on the same object of another desk the same role is refused."""
SEEN = frozenset(
    {"django_session", "ledger_entry", "ledger_motive", "ledger_object", "ledger_pending"}
)
"""Tables that a refused request may write: its session, and what was read before it was refused."""
_HANDLER = ClientHandler(enforce_csrf_checks=False)


@contextmanager
def undone(savepoint: str) -> Iterator[None]:
    """Undo a cell: back to the savepoint, which stays; durable writes take the test's transaction for none."""
    queued = len(connection.run_on_commit)
    yield
    transaction.savepoint_rollback(savepoint)
    transaction.set_rollback(False)
    del connection.run_on_commit[queued:]


def browser_of(world: World, walker: Walker) -> Client:
    """Return a browser with the walker's session, which the world holds; a new one each time.

    All of them share one handler: the middleware lists every static file when it is loaded.
    """
    browser = Client(headers={"X-Forwarded-Proto": "https"}, raise_request_exception=False)
    browser.handler = _HANDLER
    if walker is not Role.PUBLIC:
        browser.cookies.load(world.cookies[walker])
    return browser


def values(route: Route, world: World, cell: str) -> dict[str, object]:
    missing = set(route.arguments) - set(FACTORIES)
    assert not missing, f"{route.pattern}: add {missing} to FACTORIES in factories.py"
    return {name: FACTORIES[name](world, cell) for name in route.arguments}


def cell_asked(cell: str, action: str) -> str:
    """Return the cell of the table that an object of `cell` stands for under `action`."""
    return "own" if cell == "sealed" and action not in SEALED_ACTIONS else cell


def signed_in_routes() -> list[Route]:
    """Return the routes for whoever is signed in, without those of one's own second factors."""
    return [
        route
        for route in walk()
        if route.declaration and not route.declaration.public and not route.name.startswith("mfa_")
    ]


def rules_behind(routes: Sequence[Route]) -> list[PolicyRule]:
    """Return the rules on which some signed-in route rests: those whose deletion pages can show."""
    actions = {route.declaration.action_for(m) for route in routes for m in METHODS}
    shown = actions - {"account.read"}
    return [
        rule
        for rule in POLICY.rules
        if rule.actions & shown and rule.roles - {Role.SYSTEM, Role.PUBLIC}
    ]


def written_rows() -> dict[str, int]:
    """Return how many rows of each table this transaction wrote up to now, undone ones too."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce(pg_partition_root(relid), relid)::regclass::text,"
            " sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_xact_user_tables GROUP BY 1"
        )
        return {table: int(rows) for table, rows in cursor.fetchall()}
