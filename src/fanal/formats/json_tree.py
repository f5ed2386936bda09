"""Strict parsing of external JSON: to trees, to nodes with their paths, and as a stream.

Duplicate keys and NaN are refused, lone surrogates and NUL once a tree becomes nodes. Numbers keep their
text, so no number is too large. Null means absent. Arrays become repeated nodes (`…/reportedPersons[2]`).

The streaming reader gives the elements of selected arrays as bytes, then the remainder of the document.
Memory is bounded by one element, whatever the size of the file. Only brackets, strings and separators are
scanned; `parse` reads each piece strictly. The usual streaming library in C ends the whole process on a
number of 5 000 digits and silently replaces lone surrogates.
"""

import json
import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from typing import BinaryIO, Final, NoReturn

import msgspec
from msgspec import Struct

from fanal.formats.ncmec.model import ElementModel, TypeModel
from fanal.formats.ncmec.read import Complaint, Node
from fanal.formats.refusal import DocumentFault, FormatRefused

MAX_DEPTH: Final = 50
MAX_VALUES: Final = 200_000
MAX_KEY: Final = 200
ANY: Final = "*"
"""Wildcard key of a model for all unlisted keys: they are reported as unknown, and read by its rules."""


class Number(str):
    """The text of a JSON number as written, distinct from a string of digits."""

    __slots__ = ()


def parse(body: bytes) -> object:
    """Parse one JSON text; a byte order mark is dropped, numbers become `Number`.

    Texts with a lone surrogate or NUL are accepted here: `check_text` refuses them.

    Raises:
        FormatRefused: not strict JSON, a repeated key, or nested too deeply for the interpreter.
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


def raw_entries(body: bytes) -> dict[str, msgspec.Raw]:
    """Return the entries of a JSON object, each as the bytes of its value; a byte order mark is dropped.

    Raises:
        FormatRefused: not a JSON object, or a text with a lone surrogate in it.
    """
    try:
        return msgspec.json.decode(body.removeprefix(_BOM), type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatRefused(DocumentFault.MALFORMED) from error


def _constant(name: str) -> NoReturn:
    raise FormatRefused(DocumentFault.MALFORMED, parameters={"value": name})


def _pairs(pairs: list[tuple[str, object]]) -> dict[str, object]:
    entries = dict(pairs)
    if len(entries) != len(pairs):
        raise FormatRefused(DocumentFault.DUPLICATE_FIELD)
    return entries


def check_text(text: str, *, path: str) -> None:
    """Check that a database and a log can store a text; `path` names it in the refusal.

    Raises:
        FormatRefused: the text has a lone surrogate or NUL.
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
    """Return the types of a JSON format by name, built from its known keys.

    `keys` maps each type of object to its keys, and each key to the type of its value, "" for a plain
    value.
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
    """Converter of one parsed JSON document to nodes, each with the schema model (`ElementModel`) of its key.

    Unknown keys are listed in `complaints`; their nodes get the wildcard model (`ANY`) if there is one, else
    none. Nulls give no node, an array several.
    """

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


MAX_PIECE: Final = 4_000_000
"""Maximum bytes of one element, and of the remainder of a document or of an opened element."""
_CHUNK: Final = 1 << 18
_BOM: Final = b"\xef\xbb\xbf"
# Possessive quantifiers: a text of backslashes takes one pass and no stack.
_STRING: Final = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TOKEN: Final = re.compile(
    rb"[ \t\r\n]*+(" + _STRING + rb'|[{}\[\]:,]|[^ \t\r\n{}\[\]:,"]++)', re.S
)
# An unclosed string extends to the end of the window: its characters are not tried one by one.
_NESTING: Final = re.compile(_STRING + rb'|[{}\[\]]|(").*+', re.S)

Path = tuple[str, ...]
"""Keys from the root; `*` is any index of an array."""


class Cut(Enum):
    """How the streaming reader splits an array: into whole elements, or with their own arrays split too."""

    WHOLE = auto()
    """Each element is one piece."""
    OPENED = auto()
    """Each element is a piece without its own selected arrays, whose elements precede it as pieces."""


class Piece(Struct, frozen=True, gc=False):
    """A piece of a JSON document read as a stream: `body`, the bytes of an element of the array at `path`.

    With an empty path, it is the remainder of the document.
    """

    path: Path
    body: bytes

    def tree(self) -> object:
        """Return the piece parsed as strict JSON.

        Raises:
            FormatRefused: it is not strict JSON.
        """
        return parse(self.body)


class _Frame(Struct):
    """An open object or array on the stack of the streaming parser.

    `path` leads to it, `key` is the current key of an object, `cut` how it is split, if it is an array to
    split. `owns`: at its end, the remainder `left` becomes a piece of its own. `is_map`: it is an object.
    In an array to split, `full`: an element was read; `due`: a comma was read.
    """

    path: Path
    is_map: bool
    key: str | None = None
    cut: Cut | None = None
    left: bytearray | None = None  # the remainder of the innermost opened element, or of the root
    owns: bool = False
    full: bool = False  # an element of a cut array was read, a comma is expected
    due: bool = False  # a comma was read, an element is expected


def read_pieces(stream: BinaryIO, *, cuts: Mapping[Path, Cut]) -> Iterator[Piece]:
    """Yield the elements of the arrays at the paths of `cuts`, then the remainder of the document.

    The remainder has an empty path and holds these arrays empty. An opened element (`Cut.OPENED`) follows the
    elements of its own arrays.

    Raises:
        FormatRefused: not JSON, truncated, an element or the remainder over `MAX_PIECE` bytes, nested over 50
            levels. Other faults of a piece are found by `Piece.tree` only.
    """
    return _Cutter(stream, cuts).pieces()


class _Buffer:
    """A sliding window on the bytes of a stream; positions (`at`) are relative to the window."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self.data = b""
        self.at = 0
        self._ended = False

    def more(self, keep_from: int) -> bool:
        """Read more bytes, dropping those before `keep_from`; return whether there were any.

        Raises:
            FormatRefused: the kept bytes exceed the size of one piece.
        """
        if self._ended:
            return False
        kept = self.data[keep_from:]
        if len(kept) > MAX_PIECE:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
        # In doubling steps, so that a long element is not scanned a quadratic number of times.
        chunk = self._stream.read(max(_CHUNK, len(kept)))
        self._ended = not chunk
        self.at -= keep_from
        self.data = kept + chunk
        return bool(chunk)

    def token(self) -> bytes:
        """Return the next token (bracket, separator, string or number), or b"" at the end of the stream.

        Raises:
            FormatRefused: an unclosed string, or a token over the size of one piece.
        """
        while True:
            found = _TOKEN.match(self.data, self.at)
            # A token at the end of the window may continue after it.
            if found is not None and found.end() < len(self.data):
                self.at = found.end()
                return found[1]
            if not self.more(self.at):
                break
        found = _TOKEN.match(self.data, self.at)
        if found is None:
            if self.data[self.at :].strip(b" \t\r\n"):
                raise FormatRefused(DocumentFault.MALFORMED)
            return b""
        self.at = found.end()
        return found[1]

    def element(self, opening: bytes) -> bytes:
        """Return the object or array whose opening bracket was just read, with its brackets.

        Raises:
            FormatRefused: the stream ends inside it, or it is too large or too deeply nested.
        """
        start, place, depth = self.at - len(opening), self.at, 1
        while True:
            place, depth = _nested(self.data, place, depth)
            if not depth:
                self.at = place
                return _sized(self.data[start:place])
            rest = place - start
            if not self.more(start):
                raise FormatRefused(DocumentFault.MALFORMED)
            start, place = 0, rest


def _nested(data: bytes, place: int, depth: int) -> tuple[int, int]:
    """Scan `data` from `place` at nesting depth `depth`; return the end of the element and depth 0.

    If the element does not end in `data`, return where to resume, and the depth there.

    Raises:
        FormatRefused: nested too deeply.
    """
    for found in _NESTING.finditer(data, place):
        first = data[found.start()]
        if first in b"{[":
            depth += 1
            if depth > MAX_DEPTH:
                raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        elif first in b"}]":
            depth -= 1
            if not depth:
                return found.end(), 0
        elif found[1]:  # a string that continues after the window
            return found.start(), depth
    return len(data), depth


def _sized(piece: bytes) -> bytes:
    if len(piece) > MAX_PIECE:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
    return piece


class _Cutter:
    """Streaming parser of a JSON document that yields the elements of the arrays to split as pieces."""

    def __init__(self, stream: BinaryIO, cuts: Mapping[Path, Cut]) -> None:
        self._buffer = _Buffer(stream)
        self._cuts = cuts
        self._root = bytearray()
        self._stack: list[_Frame] = []

    def pieces(self) -> Iterator[Piece]:
        buffer = self._buffer
        buffer.more(0)
        if buffer.data.startswith(_BOM):
            buffer.at = len(_BOM)
        while token := buffer.token():
            top = self._stack[-1] if self._stack else None
            if top is not None and top.cut is not None:
                yield from self._in_cut(top, token)
            elif token in (b"{", b"["):
                self._open(top, token)
            elif token in (b"}", b"]"):
                yield from self._close(top, token)
            else:
                self._value(top, token)
        if self._stack or not self._root:
            raise FormatRefused(DocumentFault.MALFORMED)
        yield Piece((), bytes(self._root))

    def _in_cut(self, top: _Frame, token: bytes) -> Iterator[Piece]:
        """Process a token between the elements of a split array (`top`): an element, a comma or the end.

        Yields the element as a piece, if it is one.

        Raises:
            FormatRefused: another token is out of place.
        """
        if token == b"]" and not top.due:
            self._stack.pop()
            self._keep(top.left, token)
        elif token == b"," and top.full:
            top.full, top.due = False, True
        elif top.full or token in (b",", b":", b"}", b"]"):
            raise FormatRefused(DocumentFault.MALFORMED)
        else:
            top.full, top.due = True, False
            inside = (*top.path, "*")
            if token == b"{" and top.cut is Cut.OPENED:
                left = bytearray(b"{")
                self._push(_Frame(path=inside, is_map=True, left=left, owns=True))
            elif token in (b"{", b"["):
                yield Piece(top.path, self._buffer.element(token))
            else:
                yield Piece(top.path, token)

    def _open(self, top: _Frame | None, token: bytes) -> None:
        path: Path = ()
        left = self._root
        if top is not None:
            path = (*top.path, (top.key or "") if top.is_map else "*")
            left = top.left if top.left is not None else left
        self._keep(left, token)
        cut = self._cuts.get(path) if token == b"[" else None
        self._push(_Frame(path=path, is_map=token == b"{", left=left, cut=cut))

    def _close(self, top: _Frame | None, token: bytes) -> Iterator[Piece]:
        if top is None or top.is_map is not (token == b"}"):
            raise FormatRefused(DocumentFault.MALFORMED)
        self._stack.pop()
        self._keep(top.left, token)
        if top.owns and top.left is not None:
            yield Piece(top.path[:-1], bytes(top.left))

    def _value(self, top: _Frame | None, token: bytes) -> None:
        if top is not None and top.is_map and token.startswith(b'"'):
            # Of two adjacent strings the last is the key; the strict reader refuses such errors later.
            key = parse(token)
            top.key = key if isinstance(key, str) else None
        self._keep(self._root if top is None else top.left, token)

    def _push(self, frame: _Frame) -> None:
        if len(self._stack) >= MAX_DEPTH:
            raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        self._stack.append(frame)

    def _keep(self, left: bytearray | None, token: bytes) -> None:
        kept = self._root if left is None else left
        kept += token
        kept += b" "  # so that two tokens never become one
        if len(kept) > MAX_PIECE:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_PIECE})
