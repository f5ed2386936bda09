"""Reader of the law-enforcement JSON: every value becomes a node with its path; null is absence.

Arrays become repeated nodes (`…/reportedPersons[2]`), numbers and truth values keep their text.
"""

import json
from typing import Final, NoReturn

from fanal.formats.ncmec.model import ElementModel, TypeModel
from fanal.formats.ncmec.read import Complaint, Document, Node
from fanal.formats.ncmec_json.model import TYPES
from fanal.formats.refusal import FormatRefused, Refusal

MAX_BYTES: Final = 16_000_000  # one export lists every file of a report
MAX_DEPTH: Final = 50
MAX_VALUES: Final = 200_000
MAX_KEY: Final = 200


def read_export(body: bytes) -> Document:
    """Return the document of one report; a byte order mark is usual and dropped.

    Raises:
        FormatRefused: the bytes are no JSON object within the limits, or hold neither an id nor
            any reported information.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(Refusal.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = _parse(body)
    if not isinstance(tree, dict):
        raise FormatRefused(Refusal.WRONG_ROOT, parameters={"expected": "object"})
    if tree.get("reportId") is None and tree.get("reportedInformation") is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "reportId")
    walk = _Walk()
    entries = walk.entries("", tree, kind=TYPES["export"], depth=1)
    root = Node("export", "", None, None, (), entries)
    return Document(root=root, complaints=tuple(walk.complaints))


def _parse(body: bytes) -> object:
    try:
        tree: object = json.loads(
            body.decode("utf-8-sig", "strict"),
            parse_constant=_constant,
            parse_int=str,
            parse_float=str,
            object_pairs_hook=_pairs,
        )
    except UnicodeDecodeError as error:
        raise FormatRefused(Refusal.BAD_ENCODING, parameters={"offset": error.start}) from error
    except RecursionError as error:
        raise FormatRefused(Refusal.TOO_DEEP, parameters={"limit": MAX_DEPTH}) from error
    except json.JSONDecodeError as error:
        raise FormatRefused(Refusal.MALFORMED, parameters={"offset": error.pos}) from error
    return tree


def _constant(name: str) -> NoReturn:
    raise FormatRefused(Refusal.MALFORMED, parameters={"value": name})


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise FormatRefused(Refusal.DUPLICATE_FIELD)
    return entries


class _Walk:
    """One pass over the parsed tree, beside the keys known of it."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self._count = 0

    def entries(
        self, parent: str, entries: dict[str, object], *, kind: TypeModel | None, depth: int
    ) -> list[Node]:
        """Return a node for every entry that is not null, of the object whose path is `parent`."""
        nodes: list[Node] = []
        known = kind.elements if kind is not None else {}
        for key, value in entries.items():
            if value is None:
                continue
            if len(key) > MAX_KEY:
                raise FormatRefused(Refusal.TOO_LARGE, parent, parameters={"limit": MAX_KEY})
            _check_text(key, path=parent)
            model = known.get(key)
            path = f"{parent}/{key}" if parent else key
            if model is None:
                self.complaints.append(Complaint(path, "UNKNOWN_ELEMENT"))
            self._add(nodes, value, name=key, model=model, path=path, depth=depth)
        return nodes

    def _add(
        self,
        nodes: list[Node],
        value: object,
        *,
        name: str,
        model: ElementModel | None,
        path: str,
        depth: int,
    ) -> None:
        self._count += 1
        if self._count > MAX_VALUES:
            raise FormatRefused(Refusal.TOO_MANY_VALUES, parameters={"limit": MAX_VALUES})
        if depth > MAX_DEPTH:
            raise FormatRefused(Refusal.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        if isinstance(value, list):
            for index, item in enumerate(value, start=1):
                if item is not None:
                    self._add(
                        nodes,
                        item,
                        name=name,
                        model=model,
                        path=f"{path}[{index}]",
                        depth=depth + 1,
                    )
            return
        if isinstance(value, dict):
            kind = model.type if model is not None else None
            inner = self.entries(path, value, kind=kind, depth=depth + 1)
            nodes.append(Node(name, path, model, None, (), inner))
            return
        text = str(value).lower() if isinstance(value, bool) else str(value)
        _check_text(text, path=path)
        nodes.append(Node(name, path, model, text, (), ()))


def _check_text(text: str, *, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise FormatRefused(Refusal.FORBIDDEN_CHARACTER, path) from error
    if "\0" in text:
        raise FormatRefused(Refusal.FORBIDDEN_CHARACTER, path, parameters={"character": "U+0000"})
