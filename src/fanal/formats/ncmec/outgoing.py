"""Input of the NCMEC writers, and their shared helpers."""

from collections.abc import Sequence

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.tree import OutgoingElement
from fanal.formats.report.records import Report


class Outgoing(Struct, frozen=True, kw_only=True):
    """Input of the writers: the report, its values beyond the report format, and the sending desk.

    `extra` are pairs (path, value) as in `HarmonisedReport.extra`. `received_at` (RFC 3339) stands in for a
    missing or invalid incident date. `desk_name` and `desk_email` are the reporter if the report has none.
    """

    report: Report
    received_at: str
    desk_name: str
    desk_email: str
    annotations: Sequence[str] = ()
    escalation_reason: str | None = None
    extra: Sequence[tuple[str, str]] = ()


def put_left(root: OutgoingElement, left: Sequence[tuple[str, str]], *, path: str) -> None:
    """Write the values without an element of their own, pairs (path, value), as lines of that at `path`."""
    if left:
        root.put(path, value=writable("\n".join(f"{name}: {value}" for name, value in left)))


def writable(text: str) -> str:
    """Return `text` with the characters that are invalid in XML replaced by Unicode escapes."""
    return "".join(
        mark
        if mark in "\t\n\r" or (mark >= " " and mark not in "\ufffe\uffff")
        else f"\\u{ord(mark):04x}"
        for mark in text
    )


def serialized(root: OutgoingElement) -> bytes:
    """Serialise the document as UTF-8."""
    return etree.tostring(root.element(), xml_declaration=True, encoding="UTF-8", pretty_print=True)
