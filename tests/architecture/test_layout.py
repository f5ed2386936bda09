"""Every stage looks alike inside, so that a reader guesses right."""

import ast
import tomllib

import pytest

from tests.architecture.tree import HOLDERS, ROOT, SOURCE, STAGES, files, name

VAGUE = {"utils", "util", "common", "helpers", "helper", "core", "misc", "lib", "tools", "stuff"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_the_same_names_inside(stage):
    folder = SOURCE / stage
    assert (folder / "README.md").is_file()
    assert (folder / "domain").is_dir()
    for door in ("operations", "queries"):
        assert (folder / f"{door}.py").is_file() or (folder / door / "__init__.py").is_file()


@pytest.mark.parametrize("package", [*STAGES, *HOLDERS])
def test_only_one_initial_migration(package):
    numbers = [p.name for p in (SOURCE / package / "migrations").glob("[0-9]*.py")]
    assert [n[:4] for n in sorted(numbers)] == [f"{i:04}" for i in range(1, len(numbers) + 1)]


def test_no_vague_name():
    found = [
        name(path)
        for path in files(".py")
        if VAGUE & {part.removesuffix(".py") for part in path.relative_to(ROOT).parts}
    ]
    assert found == []


def public_functions(path):
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node


def door_modules(*doors):
    for stage in STAGES:
        for door in doors:
            single, package = SOURCE / stage / f"{door}.py", SOURCE / stage / door
            yield from [single] if single.is_file() else sorted(package.glob("*.py"))


def test_doors_take_keywords_only():
    """A call reads like a sentence, and an argument never lands in another's place."""
    positional = [
        f"{name(path)}:{node.lineno} {node.name}"
        for path in door_modules("operations", "queries")
        if exported(path)
        for node in public_functions(path)
        if node.name in exported(path) and (node.args.args or node.args.posonlyargs)
    ]
    assert positional == []


def exported(path):
    """Return the public names of a door: all of a single module, or what the package re-exports."""
    if path.name in {"operations.py", "queries.py"}:
        return {node.name for node in public_functions(path)}
    tree = ast.parse((path.parent / "__init__.py").read_text())
    return {a.name for n in tree.body if isinstance(n, ast.ImportFrom) for a in n.names}


def test_operations_and_queries_do_not_read_the_clock():
    reading = [
        name(path)
        for path in door_modules("operations", "queries")
        if "clock.now(" in path.read_text() or "timezone.now(" in path.read_text()
    ]
    assert reading == []


def test_every_package_is_in_the_layers():
    """import-linter is exhaustive about packages; this says it in the test report too."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layers = next(c for c in contracts["contracts"] if c["id"] == "flow")["layers"]
    named = {part.strip(" ()") for layer in layers for part in layer.split("|")}
    here = {p.name for p in SOURCE.iterdir() if p.is_dir() and p.name != "__pycache__"}
    assert here <= named
