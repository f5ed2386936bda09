"""What is written to an NCMEC document, and what its writers share."""

from collections.abc import Sequence

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.tree import OutgoingElement
from fanal.formats.report.records import Report


class Outgoing(Struct, frozen=True, kw_only=True):
    """What is written: the report, what it carries beyond the format, and who sends it.

    `extra` is (path, value) pairs as harmonise keeps them. `received_at` (RFC 3339) stands for an
    incident date that is none. `desk_name` and `desk_email` report where nobody else did.
    """

    report: Report
    received_at: str
    desk_name: str
    desk_email: str
    annotations: Sequence[str] = ()
    escalation_reason: str | None = None
    extra: Sequence[tuple[str, str]] = ()


def put_left(root: OutgoingElement, left: Sequence[tuple[str, str]], *, path: str) -> None:
    """Tell at `path` what found no place of its own."""
    if left:
        root.put(path, value=writable("\n".join(f"{name}: {value}" for name, value in left)))


def writable(text: str) -> str:
    """Return `text` with the characters that XML cannot hold written as escapes."""
    return "".join(
        mark
        if mark in "\t\n\r" or (mark >= " " and mark not in "\ufffe\uffff")
        else f"\\u{ord(mark):04x}"
        for mark in text
    )


def serialized(root: OutgoingElement) -> bytes:
    """Return the document as UTF-8 bytes."""
    return etree.tostring(root.element(), xml_declaration=True, encoding="UTF-8", pretty_print=True)
