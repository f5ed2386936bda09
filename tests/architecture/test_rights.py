"""Rights are decided in one place: outside the policy no code looks at the roles of an actor.

Found in the syntax tree: the roles, the desks and `has` of an actor, and refusals that are not the policy's
(`PermissionError`). A module that shows or records a role, and decides nothing by it, stands in `SHOWN`
with its reason.
"""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from fanal.accounts.domain.policy import POLICY
from tests.architecture.tree import SOURCE, files

DECIDES = {"accounts/domain/policy.py", "kernel/actors.py"}
LOOKS = {"has", "roles", "role_desks", "desks_as"}
SHOWN = {
    "accounts/row_scope.py": "row-level security binds the desks of every rule, whatever the action",
    "cli/actors.py": "the journal notes whether the system read",
    "demo/people.py": "the demo gives each person a role once",
    "ledger/operations.py": "who reads their own report states no motive",
    "web/account/adapter.py": "where a person lands after signing in",
    "web/components/navigation.py": "a role folds pages of the menu; which it may open, the policy says",
    "web/home/sections.py": "a role chooses the numbers of the home page; which list it may open, the policy says",
    "web/home/tour.py": "a role chooses a step of the tour",
    "web/guides/places.py": "a role chooses the guide of a page that has none of its own; all may read all",
    "web/components/tags.py": "the head of a page names the roles of the person",
}


def _is_actor(node: ast.expr) -> bool:
    name = node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")
    if isinstance(node, ast.Call):
        return _is_actor(node.func) or _named(node.func).endswith(("actor_for", "person"))
    return name.endswith(("actor", "actor_of"))


def _named(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _deciders(path: Path) -> Iterator[str]:
    """Yield each place of a module that looks at the roles of an actor, or refuses by itself."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in LOOKS and _is_actor(node.value):
            yield f"{path.relative_to(SOURCE)}:{node.lineno}: .{node.attr} of an actor"
        if isinstance(node, ast.Raise) and node.exc is not None:
            raised = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            if _named(raised) == "PermissionError" and "postgres" not in path.parts:
                yield f"{path.relative_to(SOURCE)}:{node.lineno}: raises PermissionError"
        if isinstance(node, ast.ClassDef) and "PermissionError" in map(_named, node.bases):
            yield f"{path.relative_to(SOURCE)}:{node.lineno}: a refusal of its own"


ASKS = {
    "allows", "for_programs", "may", "needs", "open_to_all", "reach", "reader", "require", "require_somewhere",
}  # fmt: skip


def _asked(path: Path) -> Iterator[str]:
    """Yield the actions that a module asks the policy about, or declares for a route or an opening."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call):
            given = node.args if _named(node.func) in ASKS else []
            # What a kind of act names, the doors of casework and its pages ask for every kind.
            kinds = {"reads", "proposes"} if _named(node.func) == "lifecycle" else set()
            names = {"right", "action", "POST", "DELETE"} | kinds
            named = [k.value for k in node.keywords if k.arg in names]
            shown = node.keywords if _named(node.func) == "Declaration" else []
            tables = [v for k in shown if isinstance(k.value, ast.Dict) for v in k.value.values]
            for value in (*given, *named, *tables):
                chosen = ast.walk(value) if isinstance(value, ast.IfExp) else [value]
                yield from (c.value for c in chosen if isinstance(c, ast.Constant))


def test_every_action_of_the_policy_is_asked_by_code() -> None:
    asked = {action for path in files(".py") if SOURCE in path.parents for action in _asked(path)}
    assert POLICY.actions.keys() - asked == set()


def test_rights_are_decided_by_the_policy_alone() -> None:
    found = [
        place
        for path in files(".py")
        if SOURCE in path.parents and str(path.relative_to(SOURCE)) not in DECIDES
        for place in _deciders(path)
    ]
    of_module = Counter(place.split(":")[0] for place in found)
    assert [p for p in found if p.split(":")[0] not in SHOWN] == []
    assert set(SHOWN) == SHOWN.keys() & of_module.keys(), "a module no longer looks at roles"
