"""Strict parsing of external JSON to trees, and to nodes with their paths.

Duplicate keys, NaN, lone surrogates and NUL are refused. Numbers keep their text, so no number is too
large. Null means absent. Arrays become repeated nodes (`…/reportedPersons[2]`).
"""

import json
from collections.abc import Mapping
from typing import Final, NoReturn

from fanal.formats.ncmec.model import ElementModel, TypeModel
from fanal.formats.ncmec.read import Complaint, Node
from fanal.formats.refusal import DocumentFault, FormatRefused

MAX_DEPTH: Final = 50
MAX_VALUES: Final = 200_000
MAX_KEY: Final = 200
ANY: Final = "*"
"""Wildcard key of a model for all unlisted keys: they are reported as unknown, and read by its rules."""


class Number(str):
    """The text of a number as written, distinct from a string of digits."""

    __slots__ = ()


def parse(body: bytes) -> object:
    """Parse one JSON text; a byte order mark is dropped, numbers become `Number`.

    Raises:
        FormatRefused: not strict JSON, or nested too deeply for the interpreter.
    """
    try:
        tree: object = json.loads(
            body.decode("utf-8-sig", "strict"),
            parse_constant=_constant,
            parse_int=Number,
            parse_float=Number,
            object_pairs_hook=_pairs,
        )
    except UnicodeDecodeError as error:
        raise FormatRefused(
            DocumentFault.BAD_ENCODING, parameters={"offset": error.start}
        ) from error
    except RecursionError as error:
        raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH}) from error
    except json.JSONDecodeError as error:
        raise FormatRefused(DocumentFault.MALFORMED, parameters={"offset": error.pos}) from error
    return tree


def _constant(name: str) -> NoReturn:
    raise FormatRefused(DocumentFault.MALFORMED, parameters={"value": name})


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise FormatRefused(DocumentFault.DUPLICATE_FIELD)
    return entries


def check_text(text: str, *, path: str) -> None:
    """Refuse text that a database or a log cannot store.

    Raises:
        FormatRefused: a lone surrogate or NUL.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:  # a lone surrogate
        raise FormatRefused(DocumentFault.FORBIDDEN_CHARACTER, path) from error
    if "\0" in text:
        raise FormatRefused(
            DocumentFault.FORBIDDEN_CHARACTER, path, parameters={"character": "U+0000"}
        )


def build_types(keys: Mapping[str, Mapping[str, str]]) -> dict[str, TypeModel]:
    """Build the model of a JSON format, by the names of its types, from its known keys.

    `keys` maps each type of object to its keys, and each key to the type of its value, "" for a plain value.
    """
    types = {
        name: TypeModel(name=name, holds_text=False, ordered=False, is_choice=False)
        for name in keys
    }
    for name, held_by_key in keys.items():
        for order, (key, held) in enumerate(held_by_key.items()):
            types[name].elements[key] = ElementModel(
                name=key,
                key=f"{name}/{key}",
                order=order,
                repeatable=False,
                required=False,
                flag=False,
                type=types[held] if held else None,
                is_leaf=not held,
                allows=None,
            )
    return types


class TreeWalk:
    """Traversal of a parsed tree that assigns each key its model; unknown keys become `complaints`."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []
        self._count = 0

    def entries(
        self, parent: str, entries: dict[str, object], *, kind: TypeModel | None, depth: int
    ) -> list[Node]:
        """Return the nodes of the non-null entries of an object at path `parent`; an array gives several.

        `kind` is the model of the object, None if unknown; `depth` its nesting level, from 1.

        Raises:
            FormatRefused: over a limit, or text with a forbidden character.
        """
        nodes: list[Node] = []
        known = kind.elements if kind is not None else {}
        for key, value in entries.items():
            if value is None:
                continue
            if len(key) > MAX_KEY:
                raise FormatRefused(DocumentFault.TOO_LARGE, parent, parameters={"limit": MAX_KEY})
            check_text(key, path=parent)
            model = known.get(key)
            path = f"{parent}/{key}" if parent else key
            if model is None:
                self.complaints.append(Complaint(path, "UNKNOWN_ELEMENT"))
                model = known.get(ANY)
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
            raise FormatRefused(DocumentFault.TOO_MANY_VALUES, parameters={"limit": MAX_VALUES})
        if depth > MAX_DEPTH:
            raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
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
        check_text(text, path=path)
        nodes.append(Node(name, path, model, text, (), ()))
