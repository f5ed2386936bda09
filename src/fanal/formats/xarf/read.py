"""Reader of XARF v4 reports of types csam and csem: every value becomes a node with its path.

Strict about the required values and about dangerous content; other violations are kept as complaints.
"""

import re
from typing import Final

from fanal.formats.json_tree import TreeWalk, parse
from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.read import Complaint, Document, Node
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.xarf.checks import check_address, text_of_evidence
from fanal.formats.xarf.model import CLASSES, CODES, DETECTIONS, EXPLOITATIONS, TYPES

MAX_BYTES: Final = 2_000_000  # words only: media has no place in it
MAX_EVIDENCE: Final = 50
_VERSION: Final = re.compile(r"4\.[0-9]+\.[0-9]+")
_REQUIRED: Final = (
    *("xarf_version", "report_id", "timestamp", "reporter", "sender", "source_identifier"),
    *("category", "type", "url", "detection_method"),
)


def read_xarf(body: bytes) -> Document:
    """Parse one XARF report.

    Raises:
        FormatRefused: not a JSON object within the limits, not a csam or csem report of version 4, a missing
            required value, an address outside the web, or evidence that may contain media.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = parse(body)
    if not isinstance(tree, dict):
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "object"})
    walk = TreeWalk()
    entries = walk.entries("", tree, kind=TYPES["xarf"], depth=1)
    root = Node("xarf", "", None, None, (), entries)
    _check_report(root)
    _check_addresses(root)
    _check_evidence(root)
    return Document(root=root, complaints=(*walk.complaints, *_doubts(root)))


def _check_report(root: Node) -> None:
    for name in _REQUIRED:
        _require(root, name)
    kind = _text(root, "type")
    if _text(root, "category") != "content" or kind not in DETECTIONS:
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, "type")
    own, codes = (
        ("classification", CLASSES) if kind == "csam" else ("exploitation_type", EXPLOITATIONS)
    )
    _require(root, own)
    for name, known in ((own, codes), ("detection_method", DETECTIONS[kind])):
        if _text(root, name) not in known:
            raise FormatRefused(DocumentFault.UNKNOWN_CODE, name)
    if _VERSION.fullmatch(_text(root, "xarf_version")) is None:
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, "xarf_version")
    if earliest_instant(_text(root, "timestamp")) is None:
        raise FormatRefused(DocumentFault.BAD_DATE, "timestamp")


def _require(root: Node, name: str) -> None:
    node = root.child(name)
    if node is None or not (node.children or (node.text or "").strip()):
        raise FormatRefused(DocumentFault.MISSING_FIELD, name)


def _check_addresses(root: Node) -> None:
    for node in root.children:
        if node.name in {"url", "screenshot_url"}:
            check_address(node.text or "", path=node.path)


def _check_evidence(root: Node) -> None:
    pieces = [node for node in root.children if node.name == "evidence"]
    if len(pieces) > MAX_EVIDENCE:
        raise FormatRefused(
            DocumentFault.TOO_MANY_VALUES, "evidence", parameters={"limit": MAX_EVIDENCE}
        )
    for piece in pieces:
        text_of_evidence(_text(piece, "content_type"), _text(piece, "payload"), path=piece.path)


def _doubts(root: Node) -> list[Complaint]:
    """Return the violations of the specification for which a report is not refused."""
    found = [
        Complaint(node.path, "INVALID_VALUE", (node.text or "")[:200])
        for node in root.children
        if node.name in CODES and not node.children and (node.text or "") not in CODES[node.name]
    ]
    found += [
        Complaint(node.path, "NEVER_TRANSMITTED")
        for node in root.children
        if node.name == "_internal"
    ]
    return found


def _text(node: Node, name: str) -> str:
    child = node.child(name)
    return (child.text or "").strip() if child is not None else ""
