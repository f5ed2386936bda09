"""Reader of the law-enforcement JSON: every value becomes a node with its path; null is absence.

Arrays become repeated nodes (`…/reportedPersons[2]`), numbers and truth values keep their text.
"""

from typing import Final

from fanal.formats.json_tree import TreeWalk, parse
from fanal.formats.ncmec.read import Document, Node
from fanal.formats.ncmec_json.model import TYPES
from fanal.formats.refusal import FormatRefused, Refusal

MAX_BYTES: Final = 16_000_000  # one export lists every file of a report


def read_export(body: bytes) -> Document:
    """Return the document of one report; a byte order mark is usual and dropped.

    Raises:
        FormatRefused: the bytes are no JSON object within the limits, or hold neither an id nor
            any reported information.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(Refusal.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = parse(body)
    if not isinstance(tree, dict):
        raise FormatRefused(Refusal.WRONG_ROOT, parameters={"expected": "object"})
    if tree.get("reportId") is None and tree.get("reportedInformation") is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "reportId")
    walk = TreeWalk()
    entries = walk.entries("", tree, kind=TYPES["export"], depth=1)
    root = Node("export", "", None, None, (), entries)
    return Document(root=root, complaints=tuple(walk.complaints))
