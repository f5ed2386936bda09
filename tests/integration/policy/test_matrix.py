"""Every route × method × walker × {own, other desk, other partner, sealed}: nothing is exempt.

The routes come from the URLconf, the answers from `tests/policy_table.txt` (written apart from the policy): so
deleting one rule, forgetting one declaration or one check in one view turns this red. It grows by
itself with each route; two things are asked of whoever adds one:

* the view declares its action (`fanal.accounts.routes`), and asks the policy about its object;
* a new name in an address gets a factory in `factories.FACTORIES`; pages whose list shows objects of a new
  kind add their canaries in `world`.

What each cell must hold:

* refused (no right anywhere): sign-in page or 403 by the guard, whatever the object, so that one cell is
  walked over; no canary at all in body and headers. The guard asks the policy for the route's action, before
  the view: on the first route of an action each walker is refused, on the others two, who change from route
  to route. The page of the refusal is the same for all routes: a walker asks for it on the first, and for
  JSON on the others, which the guard answers without that page;
* refused (right, but not on this object): 403 or 404 for every method, before anything else is looked at;
* allowed: neither 403 nor 404 on GET, no 403 on POST, never an error of the server on any method; that the
  act of a form is done is walked in `test_acts`;
* in every body, whatever its status: no canary of a cell outside the walker's reach. That covers lists,
  counts, search, autocomplete and exports, which carry no object in their address.

Each cell begins at the same savepoint, to which the transaction goes back after it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from http.cookies import SimpleCookie
from unittest.mock import patch

import pytest
from django.db import transaction
from django.test import Client

from fanal.accounts.domain.policy import POLICY, Policy
from fanal.kernel.actors import Role
from tests.integration.policy.factories import NO_OBJECT
from tests.integration.policy.held import Walker, rights
from tests.integration.policy.routes import Route, walk
from tests.integration.policy.walking import (
    METHODS,
    browser_of,
    cell_asked,
    rules_behind,
    signed_in_routes,
    undone,
    values,
)
from tests.integration.policy.world import (
    OBJECT_CELLS,
    WALKERS,
    World,
)

# Rights are under test here; the templates of the library leave variables undefined.
# As the worker, who runs the stages: row-level security may not save what the policy lets through.
pytestmark = [pytest.mark.ignore_template_errors, pytest.mark.role("worker")]

RARE_METHODS = ("HEAD", "PUT", "PATCH", "DELETE", "OPTIONS")
RARE_WALKERS = (Role.PUBLIC, Role.SUPERVISOR)
"""Who walks with the methods that no page takes, one a route: the guard asks for all of them as for others."""
_REFUSED_ON_EACH = 2
"""Refused walkers on a route that is not the first of its action."""
_REFUSED = {403, 404}
_NO_SUCH_METHOD = 405
_PARTS = {"desk": 6, "oversight": 2}
_NOT_READY = 503  # `readyz` says so, as no worker runs here


@dataclass(kw_only=True)
class Walking:
    """Who walks, signed in, and the savepoint to which each of their cells goes back.

    `saw_refusal` is set once the guard has refused them a page, which it does in the same words again.
    """

    walker: Walker
    browser: Client
    savepoint: str
    saw_refusal: bool = False


_OF_PEOPLE = {"account.manage", "desk.manage"}
"""Actions of who manages the accounts and desks of the whole installation, and so reads everybody's name."""


def _may_see(walker: Walker, cell: str, action: str, canary: str) -> bool:
    """Return whether a canary of `cell` may stand in an answer under `action`.

    A page of somebody with roles at two desks may show beside its object what they read at the other.
    """
    if action in _OF_PEOPLE and canary.endswith("-colleague"):
        return True  # the name of a person
    shown = rights(walker, action)
    return cell in (shown | rights(walker, "report.read") if isinstance(walker, str) else shown)


def _leaks(answer: object, walker: Walker, action: str, world: World) -> list[str]:
    text = b"".join([answer.getvalue() if answer.streaming else answer.content]).decode(
        "utf-8", "replace"
    )
    text += str(dict(answer.headers))
    return [
        canary
        for canary, cell in world.canaries.items()
        if canary in text and not _may_see(walker, cell, action, canary)
    ]


def _complaint(route: Route, method: str, cell: str, world: World, walking: Walking) -> str | None:
    """Walk one cell and return what is wrong with it, None when nothing is."""
    walker, browser = walking.walker, walking.browser
    signed_in = browser.cookies.output()
    has_no_right = _is_refused_by_guard(route, method, walker)
    headers = {"Accept": "application/json"} if has_no_right and walking.saw_refusal else {}
    walking.saw_refusal |= has_no_right
    with undone(walking.savepoint):
        address = route.path(values(route, world, cell))
        answer = browser.generic(method, address, headers=headers)
    browser.cookies = SimpleCookie(signed_in.replace("Set-Cookie: ", ""))  # a cell may sign out
    where = f"{method} {route.pattern} as {walker or 'NOBODY'} on {cell}: {answer.status_code}"
    if route.declaration is None:
        return f"{where}: the route declares no action"
    action = route.declaration.action_for(method)
    if action is None:
        return None if answer.status_code == 403 else f"{where}: a method without action"
    if answer.status_code >= 500 and answer.status_code != _NOT_READY:
        return f"{where}: error of the server"
    leaked = _leaks(answer, walker, action, world)
    if leaked:
        return f"{where}: shows {leaked}"
    if route.declaration.public or answer.status_code == _NO_SUCH_METHOD:
        return None
    return _wrong_status(route, method, walker, cell, answer, where)


def _wrong_status(
    route: Route, method: str, walker: Walker, cell: str, answer: object, where: str
) -> str | None:
    action = route.declaration.action_for(method)
    to_sign_in = answer.status_code == 302 and "/login/" in answer["Location"]
    if walker is Role.PUBLIC:
        return None if to_sign_in else f"{where}: open to the public"
    cells = rights(walker, action)
    if action == "account.read":
        return None if answer.status_code < 500 else f"{where}: own account"
    if not cells:
        return None if answer.status_code == 403 else f"{where}: no right to {action}"
    carries_object = not NO_OBJECT.issuperset(route.arguments)
    if carries_object and cell_asked(cell, action) not in cells:
        return None if answer.status_code in _REFUSED else f"{where}: not theirs"
    if answer.status_code in ({403} if method == "POST" else _REFUSED if method == "GET" else ()):
        return f"{where}: refused what is theirs"
    return None


def _is_refused_by_guard(route: Route, method: str, walker: Walker) -> bool:
    asked = route.declaration.action_for(method) if route.declaration else None
    return asked is not None and not route.declaration.public and not rights(walker, asked)


@cache
def _firsts() -> frozenset[tuple[str, str]]:
    """Return method and pattern of the first route of each action."""
    firsts: dict[tuple[str, str | None], str] = {}
    for route in walk():
        for method in METHODS if route.declaration else ():
            firsts.setdefault((method, route.declaration.action_for(method)), route.pattern)
    return frozenset((method, pattern) for (method, _action), pattern in firsts.items())


def _walks(route: Route, method: str, walker: Walker) -> bool:
    """Return whether a walker walks with a method over a route: all but some whom the guard refuses."""
    if method in RARE_METHODS:
        turn = len(route.pattern) + WALKERS.index(walker)
        return method == RARE_METHODS[turn % len(RARE_METHODS)]
    if (method, route.pattern) in _firsts() or not _is_refused_by_guard(route, method, walker):
        return True
    refused = [one for one in WALKERS if _is_refused_by_guard(route, method, one)]
    turn = refused.index(walker) + len(route.pattern)
    return turn % len(refused) < _REFUSED_ON_EACH


def _cells(route: Route, method: str, walker: Walker, world: World) -> Sequence[str]:
    """Return the cells to walk over: those that differ in their address, or one where the guard refuses.

    The guard refuses, before the object is looked at, whoever the policy gives the action nowhere; which of
    the four cells shows that changes from route to route.
    """
    if _is_refused_by_guard(route, method, walker):
        return (OBJECT_CELLS[len(route.pattern) % len(OBJECT_CELLS)],)
    addresses = {route.path(values(route, world, cell)): cell for cell in reversed(OBJECT_CELLS)}
    return [cell for cell in OBJECT_CELLS if cell in addresses.values()]


def _walk(
    routes: list[Route],
    world: World,
    *,
    walkers: Sequence[Walker] = WALKERS,
    methods: Sequence[str] = METHODS,
) -> Iterator[str]:
    """Yield what is wrong, as it is met."""
    for walker in walkers:
        browser = browser_of(world, walker)
        walking = Walking(walker=walker, browser=browser, savepoint=transaction.savepoint())
        for route in routes:
            rare = RARE_METHODS if methods == METHODS and walker in RARE_WALKERS else ()
            for method in (m for m in (*methods, *rare) if _walks(route, m, walker)):
                cells = _cells(route, method, walker, world)
                for cell in cells[:1] if method in rare else cells:
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


def test_deleting_a_rule_turns_the_walk_red(world: World) -> None:
    routes = signed_in_routes()
    for rule in rules_behind(routes):
        rest = tuple(other for other in POLICY.rules if other is not rule)
        touched = [
            r
            for r in routes
            if {r.declaration.action_for("GET"), r.declaration.action_for("POST")} & rule.actions
        ]
        mutant = Policy(actions=POLICY.actions, rules=rest)
        with patch("fanal.accounts.domain.policy.POLICY", mutant):
            # The first thing wrong is enough, and it is met by those who lost the right.
            walkers = [walker for walker in WALKERS if walker in rule.roles]
            seen = next(_walk(touched, world, walkers=walkers, methods=("GET", "POST")), None)
        assert seen, f"unseen without the rule: {rule.why}"
