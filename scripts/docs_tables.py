"""Markdown helpers of the generated reference pages."""

from collections.abc import Iterable, Sequence


def cell(value: object) -> str:
    """Return `value` as the text of a table cell, on one line; a dash for None or an empty value."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (tuple, list, set, frozenset)):
        return ", ".join(cell(v) for v in value) or "–"
    return " ".join(str(value).replace("|", "\\|").split()) or "–"


def code(value: object) -> str:
    """Return `value` as inline code that is safe in a table cell."""
    return f"`{cell(value)}`"


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table with the header `head`; without rows, a sentence that there is nothing yet."""
    lines = [f"| {' | '.join(cell(value) for value in row)} |" for row in rows]
    if not lines:
        return "Nothing yet.\n"
    return "\n".join([f"| {' | '.join(head)} |", f"|{'---|' * len(head)}", *lines, ""])


def page(title: str, origin: str, *parts: str) -> str:
    """Return a Markdown page with a title and a line that names its `origin`, the source of its content."""
    return "\n\n".join([f"# {title}", f"*Written from {origin} when this site was built.*", *parts])


def paragraphs(text: str | None) -> str:
    """Return a docstring without its indentation; "" for None."""
    return "\n".join(line.strip() for line in (text or "").strip().splitlines())
