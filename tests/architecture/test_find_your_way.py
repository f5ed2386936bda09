"""The page "Find your way in the code" and the READMEs of the formats name places that exist."""

import ast
import re

from tests.architecture.tree import ROOT, SOURCE

PAGE = ROOT / "docs/explanation/find-your-way.md"
PLACE = re.compile(r"`(fanal(?:\.\w+)+):(\w+)`")
FUNCTION = re.compile(r"(?<![\w.@/])([a-z]\w*)\.([a-z]+(?:_[a-z]+)+)\b")
"""Such as `read.read_report`, in the README of a format; names of functions contain an underscore."""


def names_of(module):
    """Return the names that a module defines or imports at its top level, or None without such a module."""
    path = SOURCE.parent / module.replace(".", "/")
    found = [p for p in (path.with_suffix(".py"), path / "__init__.py") if p.is_file()]
    if not found:
        return None
    names = set()
    for node in ast.parse(found[0].read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom):
            names |= {alias.asname or alias.name for alias in node.names}
    return names


def test_each_question_is_answered_by_a_place_that_exists():
    questions = re.split(r"^## ", PAGE.read_text(), flags=re.MULTILINE)[1:]
    assert len(questions) >= 10
    assert [q.splitlines()[0] for q in questions if not PLACE.search(q)] == []
    places = {place for question in questions for place in PLACE.findall(question)}
    assert [f"{m}:{n}" for m, n in sorted(places) if n not in (names_of(m) or ())] == []


def test_the_readmes_of_the_formats_name_functions_and_modules_that_exist():
    wrong = []
    for readme in sorted((SOURCE / "formats").glob("*/README.md")):
        package = f"fanal.formats.{readme.parent.name}"
        quoted = "\n".join(re.findall(r"`([^`\n]+)`", readme.read_text()))
        for module, function in FUNCTION.findall(quoted):
            if function not in (names_of(f"{package}.{module}") or ()):
                wrong.append(f"{package}.{module}.{function}")
        modules = re.findall(r"^(\w+\.py)$", quoted, flags=re.MULTILINE)
        present = {
            path.name for path in (*readme.parent.glob("*.py"), *readme.parent.parent.glob("*.py"))
        }
        wrong.extend(f"{package}: {module}" for module in modules if module not in present)
    assert wrong == []


def test_the_readme_leads_to_the_page():
    assert f"({PAGE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
