"""Every act of a form × walker × cell: whoever may do it has done it, whoever may not has changed nothing.

Done means an entry of the person in the ledger that is no mere reading, or for an act that is not journaled
(views) the redirection that follows it. So a right that the policy gives and an operation refuses turns this
red, and so does an operation that takes what the policy refuses.
"""

import pytest
from django.db import connection, transaction
from django.test import Client

from tests.integration.policy.factories import NO_OBJECT
from tests.integration.policy.forms import FORMS, STEPS, UNJOURNALED
from tests.integration.policy.held import Walker, rights
from tests.integration.policy.routes import Route, walk
from tests.integration.policy.walking import browser_of, cell_asked, undone, values
from tests.integration.policy.world import WALKERS, World

# As the worker, who runs the stages: row-level security may not save what the policy lets through.
pytestmark = [pytest.mark.ignore_template_errors, pytest.mark.role("worker")]

CELLS = ("own", "other_desk")
READING = (".read", ".list", ".search", ".view")
TAKES_NO_POST = 405


def _acts() -> dict[str, Route]:
    return {route.name: route for route in walk() if route.name in FORMS}


def _entries(world: World, walker: Walker) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action FROM ledger_entry WHERE actor_id = %s", [world.users[walker].person_id]
        )
        return [action for (action,) in cursor.fetchall() if not action.endswith(READING)]


def _complaint(world: World, walker: Walker, route: Route, cell: str, browser: Client) -> str:
    """Send one filled-in form; return what is wrong, nothing where the policy is kept."""
    action = route.declaration.action_for("POST")
    cells = rights(walker, action)
    allowed = (
        bool(cells) if NO_OBJECT.issuperset(route.arguments) else cell_asked(cell, action) in cells
    )
    before = _entries(world, walker)
    answer = browser.post(route.path(values(route, world, cell)), FORMS[route.name](world, cell))
    written = len(_entries(world, walker)) > len(before)
    done = answer.status_code < 400 and (written or route.name in UNJOURNALED)
    if done == allowed:
        return ""
    return f"{route.name} as {walker} on {cell}: {answer.status_code}, allowed {allowed}, written {written}"


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_act_is_done_by_whoever_may_and_by_nobody_else(name: str, world: World) -> None:
    route, complaints = _acts()[name], []
    for walker in [w for w in WALKERS if w in world.users]:
        browser, savepoint = browser_of(world, walker), transaction.savepoint()
        for cell in CELLS[:1] if NO_OBJECT.issuperset(route.arguments) else CELLS:
            with undone(savepoint):
                complaints.append(_complaint(world, walker, route, cell, browser))
    assert not any(complaints), "\n".join(filter(None, complaints))


def test_every_route_that_takes_a_form_has_one_here(world: World) -> None:
    signed_in = [r for r in walk() if r.declaration and not r.declaration.public]
    silent, savepoint = [], transaction.savepoint()
    for route in [
        r for r in signed_in if r.name not in FORMS | STEPS and not r.name.startswith("mfa_")
    ]:
        action = route.declaration.action_for("POST")
        walker = next(w for w in WALKERS if w in world.users and rights(w, action))
        with undone(savepoint):
            answer = browser_of(world, walker).post(route.path(values(route, world, "own")))
        if answer.status_code != TAKES_NO_POST:
            silent.append(route.name)
    assert not silent, " ".join(sorted(silent))
