"""Numbers and addresses of strangers are read by `kernel.typed`, which knows what `int` and `urlsplit` refuse."""

import ast

from tests.architecture.tree import ROOT, SOURCE, files, name

DIGITS = {"isdigit", "isdecimal", "isnumeric"}
SPLITTERS = {"urlsplit", "urlparse"}
OPEN = [SOURCE / folder for folder in ("web", "api", "cli", "harmonise", "formats", "exchange")]


def _calls(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield getattr(node.func, "id", getattr(node.func, "attr", "")), node


def _asked(function, names):
    return {
        ast.unparse(call.func.value)
        for called, call in _calls(function)
        if called in names and isinstance(call.func, ast.Attribute)
    }


def _converts_what_it_checked(function):
    """Return whether the function gives `int` a string whose signs it asked for digits, not for ASCII."""
    asked = _asked(function, DIGITS) - _asked(function, {"isascii"})
    return any(
        called == "int" and call.args and ast.unparse(call.args[0]) in asked
        for called, call in _calls(function)
    )


def _functions(path):
    tree = ast.parse(path.read_text())
    return [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]


def test_numbers_of_strangers_are_read_by_one_function():
    found = [
        f"{name(path)}: {function.name}"
        for path in files(".py")
        if any(path.is_relative_to(folder) for folder in OPEN)
        and not path.is_relative_to(ROOT / "benchmarks")
        for function in _functions(path)
        if _converts_what_it_checked(function)
    ]
    assert found == []


def test_pages_and_programs_split_addresses_by_one_function():
    found = [
        name(path)
        for path in files(".py")
        if any(path.is_relative_to(SOURCE / folder) for folder in ("web", "api"))
        and any(called in SPLITTERS for called, _call in _calls(ast.parse(path.read_text())))
    ]
    assert found == []


def test_the_rule_finds_the_fault_that_it_is_for():
    (function,) = ast.parse("def f(t):\n    return int(t) if t.isdigit() else 0").body
    assert _converts_what_it_checked(function)
