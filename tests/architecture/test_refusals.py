"""A test of a guard of the database names the SQLSTATE: any other error would pass for the guard."""

import ast
import re

from tests.architecture.tree import ROOT, files, name

ANY_FAILURE = re.compile(
    r"raises\(\s*(?:psycopg\.(?:errors\.)?)?"
    r"(?:DatabaseError|Error|InternalError|ProgrammingError|IntegrityError|DataError)\s*\)"
)
NAMED = re.compile(r"sqlstate|pgcode|diag")


def _tests():
    for path in files(".py"):
        if path.is_relative_to(ROOT / "tests"):
            text = path.read_text()
            lines = text.split("\n")
            for node in ast.walk(ast.parse(text)):
                if isinstance(node, ast.FunctionDef):
                    yield path, node, "\n".join(lines[node.lineno - 1 : node.end_lineno])


def test_no_test_takes_any_failure_of_the_database_for_a_refusal():
    found = [
        f"{name(path)}: {node.name}"
        for path, node, source in _tests()
        if ANY_FAILURE.search(source) and not NAMED.search(source)
    ]
    assert found == []


def test_no_helper_swallows_a_failure_without_its_sqlstate():
    found = [
        f"{name(path)}: {node.name}"
        for path, node, source in _tests()
        for handler in ast.walk(node)
        if isinstance(handler, ast.ExceptHandler)
        and handler.name is None  # whoever keeps the failure may ask what it was
        and handler.type is not None
        and ast.unparse(handler.type) in {"DatabaseError", "Error", "psycopg.Error"}
        and not NAMED.search(source)
    ]
    assert found == []
