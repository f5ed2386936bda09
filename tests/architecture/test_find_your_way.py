"""The page "Find your way in the code" answers at least ten questions with places that exist."""

import ast
import re

from tests.architecture.tree import ROOT, SOURCE

PAGE = ROOT / "docs/explanation/find-your-way.md"
PLACE = re.compile(r"`(fanal(?:\.\w+)+):(\w+)`")


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


def test_the_readme_leads_to_the_page():
    assert f"({PAGE.relative_to(ROOT)})" in (ROOT / "README.md").read_text()
