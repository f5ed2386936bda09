"""Every route that the code or a template names exists."""

import ast
import re

from django.urls import URLPattern, URLResolver, get_resolver

from fanal.accounts.routes import NAMED_ROUTES
from fanal.web.components.navigation import DAILY, NAVIGATION
from tests.architecture.tree import SOURCE, name

CALLS = {"reverse", "reverse_lazy", "redirect", "resolve_url"}
IN_TEMPLATES = re.compile(r"""\{%\s*url\s+["']([^"']+)["']""")


def _names(patterns, space=""):
    for entry in patterns:
        if isinstance(entry, URLResolver):
            inner = f"{space}{entry.namespace}:" if entry.namespace else space
            yield from _names(entry.url_patterns, inner)
        elif isinstance(entry, URLPattern) and entry.name:
            yield f"{space}{entry.name}"


ROUTES = frozenset(_names(get_resolver().url_patterns))
SPACES = "|".join(sorted({route.split(":")[0] for route in ROUTES if ":" in route}))
SPACED = re.compile(rf"\b(?:{SPACES}):[a-z][a-z0-9_-]*\b")


def _called(tree):
    """Yield the plain strings given as a route to the functions that look routes up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and _called_name(node.func) in CALLS:
            first = node.args[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _called_name(function):
    return getattr(function, "id", getattr(function, "attr", ""))


def _literals(tree):
    """Yield each string that is wholly a name with a namespace, such as "desk:queue"."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and SPACED.fullmatch(node.value)
        ):
            yield node.value


def _named_in_code(path):
    tree = ast.parse(path.read_text())
    return {*(n for n in _called(tree) if not n.startswith("/")), *_literals(tree)}


def _named_in_template(path):
    text = path.read_text()
    return {*IN_TEMPLATES.findall(text), *SPACED.findall(text)}


WEB = (SOURCE / "web", SOURCE / "accounts", SOURCE / "api", SOURCE / "config")
CODE = [path for folder in WEB for path in sorted(folder.rglob("*.py"))]
TEMPLATES = sorted(SOURCE.rglob("*.html"))


def test_code_names_routes_that_exist():
    unknown = {name(path): sorted(_named_in_code(path) - ROUTES) for path in CODE}
    assert {path: routes for path, routes in unknown.items() if routes} == {}


def test_templates_name_routes_that_exist():
    unknown = {name(path): sorted(_named_in_template(path) - ROUTES) for path in TEMPLATES}
    assert {path: routes for path, routes in unknown.items() if routes} == {}


def test_the_walk_finds_what_is_there():
    named = {route for path in CODE for route in _named_in_code(path)}
    assert {"desk:report", "desk:queue", "account_login", "partners:sent"} <= named
    assert any(IN_TEMPLATES.search(path.read_text()) for path in TEMPLATES)


def test_the_navigation_and_the_policy_name_routes_that_exist():
    entries = {entry.route for _title, group in NAVIGATION for entry in group}
    assert sorted(entries - ROUTES) == []
    assert {route for routes in DAILY.values() for route in routes} <= entries
    assert sorted(set(NAMED_ROUTES) - ROUTES) == []
