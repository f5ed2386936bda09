"""Every action that the ledger knows is written by some code, and code writes no other."""

import ast
import re
from collections.abc import Iterator

from fanal.ledger.domain.records import VERBS
from fanal.lifecycles import LIFECYCLES
from tests.architecture.tree import SOURCE, files, name

KINDS = [one.kind for one in LIFECYCLES]
EARLIER = {"report.search"}
"""Entries of earlier versions, which histories still show."""
_CODE = re.compile(r"[a-z]+\.[a-z_]+")
_WRITERS = {"record", "record_batch", "consult"}
_READ = {"needs", "may", "require", "require_somewhere", "reach", "allows"}
"""What asks the policy, whose actions have names of the same shape."""


def _written() -> Iterator[tuple[str, str]]:
    """Yield each action that some code writes, with its file.

    An action is an argument `action`, an argument of a package's own function around the ledger (`_log`),
    or a value of a table from moves to actions. A formatted one stands for each that fits; where it begins
    with a value, that is a kind of act.
    """
    for path in files(".py"):
        if not path.is_relative_to(SOURCE) or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Dict):
                places = [value for value in node.values if value is not None]
            elif isinstance(node, ast.Call) and _called(node) not in _READ:
                given = node.args if _called(node).startswith("_") else []
                places = [*given, *(k.value for k in node.keywords if k.arg == "action")]
            else:
                continue
            for place in places:
                for action in _actions(place):
                    yield action, name(path)


def _called(node: ast.Call) -> str:
    return ast.unparse(node.func).rpartition(".")[2]


def _actions(place: ast.expr) -> list[str]:
    if isinstance(place, ast.IfExp):
        return [*_actions(place.body), *_actions(place.orelse)]
    if isinstance(place, ast.JoinedStr):
        first, *others = [
            re.escape(str(p.value)) if isinstance(p, ast.Constant) else "[a-z_]+"
            for p in place.values
        ]
        if not isinstance(place.values[0], ast.Constant):
            first = f"({'|'.join(KINDS)})"
        return [action for action in VERBS if re.fullmatch(first + "".join(others), action)]
    if isinstance(place, ast.Constant) and isinstance(place.value, str):
        return [place.value]
    return []


def test_every_action_is_written_by_some_code():
    written = {action for action, _ in _written()}
    assert sorted(VERBS.keys() - written - EARLIER) == []
    assert not EARLIER & written
    assert VERBS.keys() >= EARLIER


def test_every_action_that_code_writes_is_known():
    found = {}
    for path in files(".py"):
        if not path.is_relative_to(SOURCE):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and _called(node) in _WRITERS:
                for place in (k.value for k in node.keywords if k.arg == "action"):
                    found |= {a: name(path) for a in _actions(place) if _CODE.fullmatch(a)}
    assert len(found) > 50
    assert {action: path for action, path in found.items() if action not in VERBS} == {}
