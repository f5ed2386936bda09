"""A clone alone holds everything that its tests read: none looks outside the repository."""

import ast

from tests.architecture.tree import ROOT, files, name

HERE = ROOT / "tests"


def _steps_up(tree):
    """Yield how far each `Path(…).parents[n]` of a module climbs."""
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Subscript)
            and isinstance(node.value, ast.Attribute)
            and node.value.attr == "parents"
            and isinstance(node.slice, ast.Constant)
        ):
            yield node.slice.value


def test_no_test_reads_what_lies_outside_the_repository():
    outside = [
        name(path)
        for path in files(".py")
        if path.is_relative_to(HERE)
        for steps in _steps_up(ast.parse(path.read_text()))
        if steps >= len(path.relative_to(ROOT).parts)
    ]
    assert outside == []


def test_each_folder_of_public_vectors_has_its_licence():
    folders = [path for path in (HERE / "vectors").iterdir() if path.is_dir()]
    assert len(folders) >= 4
    assert [f.name for f in folders if not (f / "LICENSE").is_file()] == []
