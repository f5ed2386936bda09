"""Pieces of Markdown that every generated page uses."""

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """Return `value` on one line of a table."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(cell(v) for v in value) or "–"
    return " ".join(str(value).replace("|", "\\|").split()) or "–"


def code(value: object) -> str:
    """Return `value` as code, safe in a table."""
    return f"`{cell(value)}`"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a table; an empty one says so."""
    lines = [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    if not lines:
        return "Nothing yet.\n"
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""])


def page(title: str, origin: str, *parts: str) -> str:
    """Return a page that names the file it was written from."""
    return "\n\n".join([f"# {title}", f"*Written from {origin} when this site was built.*", *parts])


def paragraphs(text: str | None) -> str:
    """Return a docstring without its indentation."""
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())
