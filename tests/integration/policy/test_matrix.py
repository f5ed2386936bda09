"""Every route × method × walker × {own, other desk, other partner, sealed}: nothing is exempt.

The routes come from the URLconf, the answers from `tests/policy_table.txt` (written apart from the policy): so
deleting one rule, forgetting one declaration or one check in one view turns this red. It grows by
itself with each route; two things are asked of whoever adds one:

* the view declares its action (`fanal.accounts.routes`), and asks the policy about its object;
* a new name in an address gets a factory in `factories.FACTORIES`; pages whose list shows objects of a new
  kind add their canaries in `world`.

What each cell must hold:

* refused (no right anywhere): sign-in page, 403 or 404, and no canary at all in body and headers;
* refused (right, but not on this object): 403 or 404 for every method, before anything else is looked at;
* allowed: neither 403 nor 404 on GET, never an error of the server on any method;
* in every body, whatever its status: no canary of a cell outside the walker's reach. That covers lists,
  counts, search, autocomplete and exports, which carry no object in their address.

Each cell begins at the same savepoint, to which the transaction goes back after it.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookies import SimpleCookie
from unittest.mock import patch

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from fanal.accounts.domain.policy import POLICY, Policy
from fanal.kernel.actors import Role
from tests.integration.policy.factories import FACTORIES, NO_OBJECT
from tests.integration.policy.routes import Route, walk
from tests.integration.policy.world import (
    OBJECT_CELLS,
    WALKERS,
    World,
)
from tests.policy_cells import OF_A_BODY, agreed

# Rights are under test here; the templates of the library leave variables undefined.
pytestmark = pytest.mark.ignore_template_errors

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
SEALED_ACTIONS = frozenset[str]().union(*(rule.actions for rule in POLICY.rules if rule.sealed))
_REFUSED = {403, 404}
_NO_SUCH_METHOD = 405
_PARTS = {"desk": 6, "oversight": 2}
_NOT_READY = 503  # `readyz` says so, as no worker runs here


@contextmanager
def _undone(savepoint: str) -> Iterator[None]:
    """Undo a cell: back to the savepoint, which stays; durable writes take the test's transaction for none."""
    queued = len(connection.run_on_commit)
    yield
    transaction.savepoint_rollback(savepoint)
    transaction.set_rollback(False)
    del connection.run_on_commit[queued:]


@dataclass(frozen=True, kw_only=True)
class Walking:
    """Who walks, signed in, and the savepoint to which each of their cells goes back."""

    walker: Role | None
    browser: Client
    savepoint: str


def _browser(world: World, walker: Role | None) -> Client:
    browser = Client(headers={"X-Forwarded-Proto": "https"}, raise_request_exception=False)
    if walker is not Role.PUBLIC:
        browser.force_login(world.users[walker], backend=settings.AUTHENTICATION_BACKENDS[1])
    return browser


def _values(route: Route, world: World, cell: str) -> dict[str, object]:
    missing = set(route.arguments) - set(FACTORIES)
    assert not missing, f"{route.pattern}: add {missing} to FACTORIES in factories.py"
    return {name: FACTORIES[name](world, cell) for name in route.arguments}


def _may_see(
    walker: Role | None, cell: str, action: str, table: dict[object, frozenset[str]]
) -> bool:
    """Return whether a canary of `cell` may stand in an answer under `action`."""
    if walker is None or (action == "link.read" and cell != "own"):
        return False  # across desks a link shows existence and contact, never a value
    return cell in table.get((action, walker), frozenset())


def _cell_asked(cell: str, action: str, walker: Role) -> str:
    """Return the cell of the table that an object of `cell` stands for under `action`."""
    if cell == "sealed" and action not in SEALED_ACTIONS:
        cell = "own"
    return "own_partner" if cell == "own" and walker in OF_A_BODY else cell


def _leaks(
    answer: object, walker: Role | None, action: str, world: World, table: object
) -> list[str]:
    text = b"".join([answer.getvalue() if answer.streaming else answer.content]).decode(
        "utf-8", "replace"
    )
    text += str(dict(answer.headers))
    return [
        canary
        for canary, cell in world.canaries.items()
        if canary in text and not _may_see(walker, cell, action, table)
    ]


def _complaint(route: Route, method: str, cell: str, world: World, walking: Walking) -> str | None:
    """Walk one cell and return what is wrong with it, None when nothing is."""
    table, walker, browser = agreed(), walking.walker, walking.browser
    signed_in = browser.cookies.output()
    with _undone(walking.savepoint):
        address = route.path(_values(route, world, cell))
        answer = browser.generic(method, address)
    browser.cookies = SimpleCookie(signed_in.replace("Set-Cookie: ", ""))  # a cell may sign out
    where = f"{method} {route.pattern} as {walker or 'NOBODY'} on {cell}: {answer.status_code}"
    if route.declaration is None:
        return f"{where}: the route declares no action"
    action = route.declaration.action_for(method)
    if action is None:
        return None if answer.status_code == 403 else f"{where}: a method without action"
    if answer.status_code >= 500 and answer.status_code != _NOT_READY:
        return f"{where}: error of the server"
    leaked = _leaks(answer, walker, action, world, table)
    if leaked:
        return f"{where}: shows {leaked}"
    if route.declaration.public or answer.status_code == _NO_SUCH_METHOD:
        return None
    return _wrong_status(route, method, walker, cell, answer, where)


def _wrong_status(
    route: Route, method: str, walker: Role | None, cell: str, answer: object, where: str
) -> str | None:
    action = route.declaration.action_for(method)
    to_sign_in = answer.status_code == 302 and "/login/" in answer["Location"]
    if walker is Role.PUBLIC:
        return None if to_sign_in else f"{where}: open to the public"
    rights = agreed().get((action, walker), frozenset()) if walker else frozenset()
    if action == "account.read":
        return None if answer.status_code < 500 else f"{where}: own account"
    if not rights:
        return None if answer.status_code == 403 else f"{where}: no right to {action}"
    carries_object = not NO_OBJECT.issuperset(route.arguments)
    if carries_object and _cell_asked(cell, action, walker) not in rights:
        return None if answer.status_code in _REFUSED else f"{where}: not theirs"
    if method == "GET" and answer.status_code in _REFUSED:
        return f"{where}: refused what is theirs"
    return None


def _walk(
    routes: list[Route],
    world: World,
    *,
    walkers: Sequence[Role | None] = WALKERS,
    methods: Sequence[str] = METHODS,
) -> Iterator[str]:
    """Yield what is wrong, as it is met."""
    for walker in walkers:
        browser = _browser(world, walker)
        walking = Walking(walker=walker, browser=browser, savepoint=transaction.savepoint())
        for route in routes:
            cells = OBJECT_CELLS[:1] if NO_OBJECT.issuperset(route.arguments) else OBJECT_CELLS
            for method in methods:
                for cell in cells:
                    complaint = _complaint(route, method, cell, world, walking)
                    if complaint:
                        yield complaint


def _groups() -> list[str]:
    """Return the beginnings of route names, so that the walk spreads over processes."""
    return ["", "account", "mfa", "public", "api-v1", "ispws", "desk", "oversight", "partners"]


def _group_of(route: Route) -> str:
    first = route.name.split(":")[0].split("_")[0]
    return first if first in _groups() else ""


def _parts() -> list[tuple[str, int]]:
    """Return groups, the long one in parts: as many tests, of which each process walks some."""
    return [(group, part) for group in _groups() for part in range(_PARTS.get(group, 1))]


@pytest.mark.parametrize(("group", "part"), _parts())
def test_every_cell_of_every_route(group: str, part: int, world: World) -> None:
    of_group = [route for route in walk() if _group_of(route) == group]
    routes = of_group[part :: _PARTS.get(group, 1)]
    assert routes
    complaints = sorted(_walk(routes, world))
    assert not complaints, "\n".join(complaints)


def test_every_route_declares_its_action() -> None:
    silent = [route.pattern for route in walk() if route.declaration is None]
    assert not silent


def test_an_undeclared_route_is_refused(world: World) -> None:
    from django.http import HttpRequest, HttpResponse
    from django.test import RequestFactory

    from fanal.web.account.middleware import RouteGuard

    def forgotten(request: HttpRequest) -> HttpResponse:
        return HttpResponse("canary")

    guard = RouteGuard(forgotten)
    request = RequestFactory().get("/fr/forgotten/", headers={"Accept": "application/json"})
    request.user = world.users[Role.SUPERVISOR]
    request.session = {}
    guard(request)
    answer = guard.process_view(request, forgotten, (), {})
    assert answer is not None
    assert answer.status_code == 403


def _rules_behind(routes: list[Route]) -> list[int]:
    """Return the rules on which some signed-in route rests: those whose deletion pages can show."""
    actions = {
        route.declaration.action_for(method)
        for route in routes
        if route.declaration and not route.declaration.public
        for method in METHODS
    } - {"account.read"}
    return [i for i, rule in enumerate(POLICY.rules) if rule.actions & actions]


def test_deleting_a_rule_turns_the_walk_red(world: World) -> None:
    routes = [
        route
        for route in walk()
        if route.declaration and not route.declaration.public and _group_of(route) != "mfa"
    ]
    walkable = {route.declaration.action_for("GET") for route in routes}
    for index in _rules_behind(routes):
        rule = POLICY.rules[index]
        roles = rule.roles - {Role.SYSTEM, Role.PUBLIC}
        if not roles or not rule.actions & walkable:
            continue
        rest = (*POLICY.rules[:index], *POLICY.rules[index + 1 :])
        touched = [r for r in routes if r.declaration.action_for("GET") in rule.actions]
        mutant = Policy(actions=POLICY.actions, rules=rest)
        with patch("fanal.accounts.domain.policy.POLICY", mutant):
            # The first thing wrong is enough, and it is met by those who lost the right.
            walkers = [walker for walker in WALKERS if walker in roles]
            seen = next(_walk(touched, world, walkers=walkers, methods=("GET",)), None)
        assert seen or _only_repeats(rule), f"unseen without the rule: {rule.why}"


def _only_repeats(rule: object) -> bool:
    """Return whether another rule opens each of the rule's actions, as routes see them, to its roles."""
    from fanal.accounts.domain.policy import allows
    from tests.policy_cells import CELLS, actor_as

    rest = Policy(actions=POLICY.actions, rules=tuple(r for r in POLICY.rules if r is not rule))
    return all(
        allows(actor_as(role), action, resource, policy=rest).allowed
        == allows(actor_as(role), action, resource).allowed
        for role in rule.roles
        for action in rule.actions
        for resource in CELLS.values()
    )
