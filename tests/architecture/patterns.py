"""Every regular expression of the program and how it is called, collected in a process of its own.

Run as a script it prints one JSON object a line. A pattern is recorded where Python compiles it: while the
modules are imported, and while the functions that compile on demand are called (`compile_on_demand`).
Literals within functions are read from the source.
"""

import ast
import importlib
import json
import pkgutil
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src/fanal"
METHODS = ("match", "fullmatch", "search", "findall", "finditer", "sub", "subn", "split")
_OF_RE = str(Path(re.__file__).parent)
_NOT_RUN = (
    "__main__",
    ".migrations.",
    "fanal.config.wsgi",
    "fanal.config.served",
    "fanal.config.urls",
)


@dataclass(frozen=True, kw_only=True)
class Found:
    """A pattern: the file and line that compile it, its text, its flags, and the methods that use it."""

    file: str
    line: int
    pattern: str
    binary: bool
    flags: int
    methods: tuple[str, ...]


class Calls(ast.NodeVisitor):
    """The uses of `re` in one module: constants within functions, names given to patterns, methods called."""

    def __init__(self, tree: ast.Module) -> None:
        self.sites: dict[int, str] = {}
        """Line of each call of `re`, and the method."""
        self.constants: dict[int, tuple[str | bytes, int]] = {}
        self.names: dict[int, str] = {}
        self.used: dict[str, set[str]] = {}
        self.visit(tree)

    def visit_Assign(self, node: ast.Assign) -> None:
        self._name(node.targets[0], node.value)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        if node.value is not None:
            self._name(node.target, node.value)

    def visit_Call(self, node: ast.Call) -> None:
        self.generic_visit(node)
        function = node.func
        if not isinstance(function, ast.Attribute):
            return
        owner = function.value
        if isinstance(owner, ast.Name) and owner.id == "re":
            if function.attr in (*METHODS, "compile"):
                self._site(node, function.attr)
        elif function.attr in METHODS:
            name = getattr(owner, "id", getattr(owner, "attr", ""))
            self.used.setdefault(name, set()).add(function.attr)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        self.generic_visit(node)
        if node.attr in METHODS:  # handed on without a call: `map(_WORD.sub, …)`
            name = getattr(node.value, "id", getattr(node.value, "attr", ""))
            self.used.setdefault(name, set()).add(node.attr)

    def _name(self, target: ast.expr, value: ast.expr) -> None:
        if isinstance(target, ast.Name):
            for line in range(value.lineno, (value.end_lineno or value.lineno) + 1):
                self.names[line] = target.id
        self.visit(value)

    def _site(self, node: ast.Call, method: str) -> None:
        self.sites[node.lineno] = method
        first = node.args[0]
        if isinstance(first, ast.Constant):
            flags = [k.value for k in node.keywords if k.arg == "flags"] + (
                node.args[1:] if method == "compile" else []
            )
            value = eval(compile(ast.Expression(flags[0]), "", "eval"), {"re": re}) if flags else 0
            self.constants[node.lineno] = (first.value, int(value))


def compile_on_demand() -> None:
    """Call what compiles patterns from reference data or from a value only when it is asked."""
    phones = importlib.import_module("fanal.harmonise.domain.values.addresses")
    for code in range(1, 1000):
        phones._plan_of(str(code))
    search = importlib.import_module("fanal.harmonise.domain.redaction.search")
    search._spaced("jean.dupont@mail.example")
    search._spaced("aaaaaaaaaaaaaaaa")
    unnamed = importlib.import_module("fanal.harmonise.domain.redaction.outside")
    for alone in (True, False):
        unnamed._pattern("dupontjean", alone=alone)
        unnamed._pattern("aaaaaaaaaa", alone=alone)


def collect() -> Iterator[Found]:
    """Import every module, and yield the patterns that they compile and the literals that they hold.

    Raises:
        LookupError: a call of `re` in the source was neither recorded nor read.
    """
    recorded = _recorded()
    calls = {path: Calls(ast.parse(path.read_text())) for path in sorted(SOURCE.rglob("*.py"))}
    used: dict[str, set[str]] = {}
    for module in calls.values():
        for name, methods in module.used.items():
            used.setdefault(name, set()).update(methods)
    seen = set()
    for file, line, pattern, flags in recorded:
        path = Path(file)
        site = _site(calls[path].sites, line)
        seen.add((path, site))
        method = calls[path].sites.get(site or 0, "compile")
        yield _found(path, line, pattern, flags, _methods(calls[path], line, method, used))
    for path, module in calls.items():
        for line, method in module.sites.items():
            if (path, line) in seen:
                continue
            if line not in module.constants:
                raise LookupError(f"{path}:{line}: call it in `compile_on_demand`")
            pattern, flags = module.constants[line]
            yield _found(path, line, pattern, flags, _methods(module, line, method, used))


def _recorded() -> list[tuple[str, int, str | bytes, int]]:
    """Import everything; return file, line, text and flags of what is compiled meanwhile."""
    found: dict[tuple[str, int, str | bytes, int], None] = {}
    genuine: Callable[..., re.Pattern[str]] = re._compiler.compile  # type: ignore[attr-defined]

    def record(pattern: str | bytes, flags: int = 0) -> re.Pattern[str]:
        frame = sys._getframe(1)
        while frame.f_code.co_filename.startswith(_OF_RE) and frame.f_back is not None:
            frame = frame.f_back
        if frame.f_code.co_filename.startswith(str(SOURCE)):
            found[frame.f_code.co_filename, frame.f_lineno, pattern, int(flags)] = None
        return genuine(pattern, flags)

    re._compiler.compile = record  # type: ignore[attr-defined]
    re._MAXCACHE = 0  # type: ignore[attr-defined]
    _import_everything()
    compile_on_demand()
    return list(found)


def _import_everything() -> None:
    import django

    django.setup()
    package = importlib.import_module("fanal")
    for module in pkgutil.walk_packages(package.__path__, "fanal."):
        if not any(part in module.name for part in _NOT_RUN):
            importlib.import_module(module.name)


def _site(sites: dict[int, str], line: int) -> int | None:
    """Return the call of `re` that stands on `line`, or the last one before: a call has several lines."""
    return max((at for at in sites if at <= line), default=None)


def _methods(module: Calls, line: int, method: str, used: dict[str, set[str]]) -> tuple[str, ...]:
    if method != "compile":
        return (method,)
    name = module.names.get(line, "")
    found = module.used.get(name) or (used.get(name) if not name.startswith("_") else None)
    if not name:  # kept in a field: whatever the module calls on something that is no constant
        found = set().union(*(of for owner, of in module.used.items() if not owner.isupper()))
    return tuple(sorted(found)) if found else ("fullmatch", "match", "search")


def _found(
    path: Path, line: int, pattern: str | bytes, flags: int, methods: tuple[str, ...]
) -> Found:
    binary = isinstance(pattern, bytes)
    text = pattern.decode("latin-1") if isinstance(pattern, bytes) else pattern
    file = str(path.relative_to(SOURCE.parent))
    return Found(file=file, line=line, pattern=text, binary=binary, flags=flags, methods=methods)


if __name__ == "__main__":
    for pattern in collect():
        sys.stdout.write(json.dumps(asdict(pattern)) + "\n")
