"""Docstrings use the terms of the trade: words that only this project gave a meaning are left out."""

import ast
import re

from tests.architecture.tree import SOURCE, files, name

PRIVATE = re.compile(
    r"\b(anew|goes round|worn keys?|nearness|kin|whoever|what leaves|that is none|set aside|told|beside"
    r"|seconded|seconding|ground gone)\b",
    re.IGNORECASE,
)
QUOTED = re.compile(r"`[^`]*`|\"[^\"]*\"|\([a-z ]*\)")
"""Names in code, and words explained in brackets."""
READ_BY_OTHERS = re.compile(r"\b(command|group|get|post|put|delete|patch)\b")
"""Decorators of functions whose docstring is an output: help of a command, text of OpenAPI."""


def docstrings():
    for path in files(".py"):
        if not path.is_relative_to(SOURCE) or "migrations" in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(
                node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
            ):
                continue
            decorators = getattr(node, "decorator_list", [])
            if any(READ_BY_OTHERS.search(ast.unparse(each)) for each in decorators):
                continue
            if text := ast.get_docstring(node):
                yield f"{name(path)}:{getattr(node, 'name', 'module')}", text


def test_no_docstring_speaks_the_dialect_of_the_house():
    read = list(docstrings())
    assert len(read) > 5000
    assert [
        f"{where} {word}" for where, text in read for word in PRIVATE.findall(QUOTED.sub("", text))
    ] == []
