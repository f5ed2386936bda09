"""Print the size of the program and the amount of repeated code: `python scripts/figures.py`.

Counted are the modules of `src/fanal` without migrations; those that only mark a package, with no statement
but a docstring, are counted apart. Code is the lines without docstrings, imports and
blank lines. A repeated run is at least six lines of code that occur word for word in two to eight places.
"""

import ast
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TypeGuard

SOURCE = Path(__file__).resolve().parents[1] / "src/fanal"
RUN = 6
Line = tuple[Path, int]


def main() -> None:
    """Print the figures, one a line."""
    modules = [p for p in sorted(SOURCE.rglob("*.py")) if "migrations" not in p.parts]
    texts = {path: path.read_text().splitlines() for path in modules}
    trees = {path: ast.parse("\n".join(lines)) for path, lines in texts.items()}
    lines = sum(map(len, texts.values()))
    imported = {path: set(_import_lines(tree)) for path, tree in trees.items()}
    importers = Counter(name for tree in trees.values() for name in _imports(tree))
    classes = Counter(
        node.name
        for tree in trees.values()
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    )
    once = sum(count == 1 for count in classes.values())
    single = sum(importers[_name(path)] == 1 for path in modules)
    docstrings = {path: set(_docstring_lines(tree)) for path, tree in trees.items()}
    code = sum(
        bool(line.strip()) and number not in docstrings[path] | imported[path]
        for path, text in texts.items()
        for number, line in enumerate(text, 1)
    )
    imports = sum(map(len, imported.values()))
    left_out = {path: imported[path] | docstrings[path] for path in modules}
    print(f"lines                         {lines:>8}")
    print(f"lines of code                 {code:>8}")
    print(f"lines of docstrings           {sum(map(len, docstrings.values())):>8}")
    marks = sum(not any(not _is_docstring(node) for node in tree.body) for tree in trees.values())
    print(f"modules                       {len(modules) - marks:>8}")
    print(f"packages marked by a file     {marks:>8}")
    print(f"modules with one importer     {single:>8}")
    print(f"lines that import             {imports / lines:>8.1%}")
    print(f"class names that stand once   {once / len(classes):>8.1%}")
    print(f"repeated runs of {RUN} lines     {_repeated(texts, left_out):>8}")


def _name(path: Path) -> str:
    parts = path.relative_to(SOURCE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module) -> set[str]:
    """Return the names that a module imports: modules, and the members that it takes from them."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def _import_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _docstring_lines(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        if _is_docstring(node):
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)


def _repeated(texts: dict[Path, list[str]], left_out: dict[Path, set[int]]) -> int:
    """Return the number of repeated runs; overlapping windows of six lines count as one run.

    `texts` are the lines of each module, `left_out` the numbers of its lines that are no code.
    """
    places: dict[tuple[str, ...], list[Line]] = defaultdict(list)
    for path, lines in texts.items():
        kept = [
            (n, line.strip())
            for n, line in enumerate(lines, 1)
            if line.strip() and n not in left_out[path]
        ]
        for start in range(len(kept) - RUN + 1):
            window = tuple(line for _, line in kept[start : start + RUN])
            places[window].append((path, start))
    pairs = sorted(
        (one[0], other[0], other[1] - one[1], one[1])
        for found in places.values()
        if 1 < len(found) <= RUN + 2  # what stands everywhere is the language's own
        for i, one in enumerate(found)
        for other in found[i + 1 :]
        if one[0] != other[0] or other[1] - one[1] >= RUN
    )
    follows = sum(a[:3] == b[:3] and b[3] == a[3] + 1 for a, b in pairwise(pairs))
    return len(pairs) - follows


if __name__ == "__main__":
    main()
