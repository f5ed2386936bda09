"""Every stage looks alike inside, so that a reader guesses right."""

import ast
import tomllib
from functools import cache

import pytest

from tests.architecture.tree import HOLDERS, ROOT, SOURCE, STAGES, files, name

VAGUE = {"utils", "util", "common", "helpers", "helper", "core", "misc", "lib", "tools", "stuff"}


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_the_same_names_inside(stage):
    folder = SOURCE / stage
    assert (folder / "README.md").is_file()
    assert (folder / "domain").is_dir()
    for door in ("operations", "queries"):  # its own, or those of its rooms
        assert [*folder.glob(f"**/{door}.py"), *folder.glob(f"**/{door}/__init__.py")] != []


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
    """Yield the modules of these doors: of each stage, and of the rooms inside it."""
    for stage in STAGES:
        for door in doors:
            yield from sorted((SOURCE / stage).glob(f"**/{door}.py"))
            yield from sorted((SOURCE / stage).glob(f"**/{door}/*.py"))


@cache
def uses(path):
    """Return what a module imports, (module, name, its name here), and what it takes from a name, (name, attribute).

    Told without the syntax tree, so that each stage may ask again.
    """
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imported = {
        (node.module, alias.name, alias.asname or alias.name)
        for node in nodes
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    taken = {
        (node.value.id, node.attr)
        for node in nodes
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    return imported, taken


@cache
def called_from_outside(stage):
    """Return (module, name) of what code outside a stage imports from it, or takes from its modules."""
    found = set()
    for path in files(".py"):
        if not path.is_relative_to(SOURCE) or path.is_relative_to(SOURCE / stage):
            continue
        imported, taken = uses(path)
        ours = {use for use in imported if f"{use[0]}.".startswith(f"fanal.{stage}.")}
        aliases = {here: f"{module}.{name}" for module, name, here in ours}
        found |= {(module, name) for module, name, _ in ours}
        found |= {(aliases[name], attribute) for name, attribute in taken if name in aliases}
    return found


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
    """Return the public functions of a module of a door: all if it is the stage's only one, else what others call."""
    names = {node.name for node in public_functions(path)}
    stage, *inside = path.relative_to(SOURCE).with_suffix("").parts
    if len(inside) == 1:
        return names
    module, package = f"fanal.{stage}.{'.'.join(inside)}", path.parent / "__init__.py"
    reexported = {
        alias.name
        for node in ast.parse(package.read_text()).body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    return names & (reexported | {n for m, n in called_from_outside(stage) if m == module})


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


def test_every_room_is_in_the_layers():
    """A room is a folder of a stage with a `domain` or doors of its own."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    rooms = next(c for c in contracts["contracts"] if c["id"] == "inside-a-room")["containers"]
    here = {
        f"fanal.{stage}.{inside.parent.name}"
        for stage in STAGES
        for inside in (SOURCE / stage).glob("*/*")
        if inside.name.removesuffix(".py") in {"domain", "operations", "queries"}
    }
    assert here == set(rooms)
