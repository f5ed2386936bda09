"""Files stay readable in one sitting."""

from tests.architecture.tree import ROOT, STAGES, files, name

LIMITS = {"module": 500, "test": 500, "template": 150, "page": 500, "readme": 60}


def kind_of(path):
    parts = path.relative_to(ROOT).parts
    if path.suffix == ".py" and "migrations" not in parts:
        return "test" if parts[0] == "tests" else "module"
    if path.suffix == ".html":
        return "template"
    if path.suffix == ".md" and parts[0] == "docs":
        return "page"
    if path.name == "README.md" and len(parts) == 4 and parts[2] in STAGES:
        return "readme"
    return None


def lengths():
    for path in files(".py", ".html", ".md"):
        kind = kind_of(path)
        if kind is not None:
            yield name(path), len(path.read_text().splitlines()), LIMITS[kind]


def test_no_file_is_over_its_limit():
    over = [f"{n}: {size} lines, {limit} at most" for n, size, limit in lengths() if size > limit]
    assert over == []
