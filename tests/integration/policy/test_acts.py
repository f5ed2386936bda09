"""Every act of a form × walker × cell: whoever may do it has done it, whoever may not has changed nothing.

Done means that the act's tables were written, and an entry of the person stands in the ledger that is no mere
reading (but for acts that are not journaled). Refused means 403 or 404 (422 where the cell stands in the
form), and no row of any table written but the session and what was read. So a right that the policy gives
and an operation refuses turns this red, and so does an operation that takes what the policy refuses.
"""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from django.db import connection, transaction

from fanal.kernel.actors import Role
from tests.integration.policy.factories import NO_OBJECT
from tests.integration.policy.forms import FORMS, Act
from tests.integration.policy.held import Walker, rights
from tests.integration.policy.routes import Route, walk
from tests.integration.policy.scenes import Posted, Scene, shown_of
from tests.integration.policy.walking import (
    CELLS,
    SEEN,
    browser_of,
    cell_asked,
    undone,
    values,
    written_rows,
)
from tests.integration.policy.world import WALKERS, World

# As the worker, who runs the stages: row-level security may not save what the policy lets through.
pytestmark = [pytest.mark.ignore_template_errors, pytest.mark.role("worker")]

READING = (".read", ".list", ".search", ".view")
TAKES_NO_POST = 405
REFUSED = frozenset({403, 404})
SIGN_IN = "/fr/login/"


def _acts() -> dict[str, Route]:
    return {route.name: route for route in walk() if route.name in FORMS}


def _entries(world: World, walker: Walker) -> list[str]:
    """Return what the walker did, as the ledger has it; of somebody who is not signed in what anybody did."""
    person_id = world.users[walker].person_id if walker in world.users else None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT action FROM ledger_entry WHERE %(id)s::uuid IS NULL OR actor_id = %(id)s",
            {"id": person_id},
        )
        return [action for (action,) in cursor.fetchall() if not action.endswith(READING)]


def _may(route: Route, act: Act, walker: Walker, cell: str) -> bool:
    action = route.declaration.action_for("POST")
    if act.own:
        return walker is not Role.PUBLIC
    cells = rights(walker, action)
    if act.in_form or not NO_OBJECT.issuperset(route.arguments):
        return cell_asked(cell, action) in cells
    return bool(cells)


def _complaint(route: Route, act: Act, scene: Scene, made: Posted | None) -> str:
    """Send one filled-in form; return what is wrong, nothing where the policy is kept."""
    world, walker = scene.world, scene.walker
    posted = act.prepare(scene) if made is None else made
    named = {**values(route, world, scene.cell), **posted.address}
    entries, rows = _entries(world, walker), written_rows()
    answer = scene.browser.post(route.path(named), {**shown_of(named), **posted.form})
    changed = {table for table, count in written_rows().items() if count > rows.get(table, 0)}
    journaled = len(_entries(world, walker)) > len(entries)
    where = f"{route.name} as {walker} on {scene.cell}: {answer.status_code} {sorted(changed)}"
    if _may(route, act, walker, scene.cell):
        done = answer.status_code < 400 and act.writes <= changed
        return "" if done and journaled is not act.silent else f"{where}: not done, {journaled}"
    said = REFUSED | {422} if act.in_form else REFUSED
    to_sign_in = answer.status_code == 302 and SIGN_IN in answer["Location"]
    refused = answer.status_code in said or (walker is Role.PUBLIC and to_sign_in)
    return "" if refused and changed <= SEEN and not journaled else f"{where}: not refused"


def _walk_cell(route: Route, act: Act, world: World, cell: str) -> Iterator[str]:
    """Have every walker send the form on a cell, from the same beginning; yield what is wrong.

    Whoever the policy gives the action nowhere is refused before the object is looked at: they walk over the
    first cell alone.
    """
    action = route.declaration.action_for("POST")
    scene = Scene(world=world, walker=None, cell=cell, browser=browser_of(world, None))
    made = None if act.each else act.prepare(scene)
    savepoint = transaction.savepoint()
    for walker in WALKERS:
        if cell == CELLS[0] or rights(walker, action):
            each = replace(scene, walker=walker, browser=browser_of(world, walker))
            with undone(savepoint):
                yield _complaint(route, act, each, made)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_act_is_done_by_whoever_may_and_by_nobody_else(name: str, world: World) -> None:
    route, act, complaints = _acts()[name], FORMS[name], []
    savepoint = transaction.savepoint()
    one = NO_OBJECT.issuperset(route.arguments) and not act.in_form
    for cell in CELLS[:1] if one else CELLS:
        with undone(savepoint):
            complaints += _walk_cell(route, act, world, cell)
    assert not any(complaints), "\n".join(filter(None, complaints))


def test_every_route_that_takes_a_form_has_one_here(world: World) -> None:
    signed_in = [r for r in walk() if r.declaration and not r.declaration.public]
    silent, savepoint = [], transaction.savepoint()
    for route in [r for r in signed_in if r.name not in FORMS and not r.name.startswith("mfa_")]:
        action = route.declaration.action_for("POST")
        walker = next(w for w in WALKERS if w in world.users and rights(w, action))
        with undone(savepoint):
            answer = browser_of(world, walker).post(route.path(values(route, world, "own")))
        if answer.status_code != TAKES_NO_POST:
            silent.append(route.name)
    assert not silent, " ".join(sorted(silent))
