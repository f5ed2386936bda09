"""Reader of NCMEC CyberTipline XML: safe against hostile input, tolerant of invalid documents.

Syntax errors refuse the document (`FormatRefused.malformed`, protocol code 4110): `parse` limits size,
elements and attributes, checks the encoding, and permits no DOCTYPE, entities or network access. Content
errors refuse it (4100) only for a mandatory part that is missing or wrong (incident type and date, reporter,
ids of a file) or a false annotation. Everything else is kept: a `Node` for each element, known to the schema
or not, and a `Complaint` for each violation of the schema.
"""

import re
import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NoReturn, cast

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.model import ROOTS, AttributeModel, ElementModel, TypeModel
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.xml import HARDENED

MAX_BYTES: Final = 1_000_000
MAX_ELEMENTS: Final = 20_000
MAX_ATTRIBUTES: Final = 64

_PROLOG: Final = re.compile(rb"(?:[ \t\r\n]+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->)*")
_DECLARED: Final = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_TAG: Final = re.compile(r"""(?:[^"'>]|"[^"]*"|'[^']*')*""")
_QUOTED: Final = re.compile(r""""[^"]*"|'[^']*'""")
# libxml2 takes quadratic time over the attributes of one tag: beyond this number it is not parsed.
_UNPARSED_ATTRIBUTES: Final = 256
_FEW_ATTRIBUTES: Final = _UNPARSED_ATTRIBUTES * len(' a=""')  # bytes that cannot hold more
_SHORTEST: Final = len("<a/>")  # bytes of the shortest element
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"
_NAMES_8: Final = frozenset({"utf-8", "utf8", "us-ascii"})
_NAMES_16: Final = frozenset({"utf-16", "utf-16le", "utf-16be"})


class _Parsers(threading.local):
    """One parser for each thread: creating a parser takes as long as parsing a short document."""

    def __init__(self) -> None:
        self.strict = etree.XMLParser(
            encoding="utf-8",
            **HARDENED,
        )


_PARSERS: Final = _Parsers()


def parse(body: bytes, *, limit: int = MAX_BYTES, elements: int = MAX_ELEMENTS) -> etree._Element:
    """Parse an XML document within the limits, without checking its content; return the root.

    `limit` is the maximum size in bytes, `elements` the maximum number of elements; by default those of a
    report.

    Raises:
        FormatRefused: always with `malformed` true.
    """
    clean = _in_utf8(body, limit)
    start = _PROLOG.match(clean)
    if clean.startswith(b"<!", start.end() if start else 0):
        raise FormatRefused(DocumentFault.DOCTYPE)
    if len(clean) > _FEW_ATTRIBUTES and clean.count(b"=") > _UNPARSED_ATTRIBUTES:
        _check_attributes(clean.decode())
    try:
        root = etree.fromstring(clean, _PARSERS.strict)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, etree.XMLSyntaxError) else None
        raise FormatRefused(DocumentFault.MALFORMED, parameters={"line": line or 0}) from error
    if root is None:
        raise FormatRefused(DocumentFault.MALFORMED, parameters={"line": 0})
    if b"!" in clean and root.getroottree().docinfo.internalDTD is not None:
        raise FormatRefused(DocumentFault.DOCTYPE)
    if (
        len(clean) > elements * _SHORTEST
        and clean.count(b"<") > elements
        and sum(1 for _ in root.iter()) > elements
    ):
        raise FormatRefused(DocumentFault.TOO_MANY_VALUES, parameters={"limit": elements})
    return root


def _in_utf8(body: bytes, limit: int) -> bytes:
    """Return the document in UTF-8 without byte order mark, after checking its declared encoding.

    Raises:
        FormatRefused: over `limit` bytes, undecodable, or in another encoding than it declares.
    """
    if len(body) > limit:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": limit})
    wide = body[:2] in _UTF16_MARKS
    clean = body.removeprefix(_UTF8_MARK)
    if wide or not clean.isascii():
        try:
            text = body.decode("utf-16") if wide else clean.decode()
        except UnicodeDecodeError as error:
            raise FormatRefused(
                DocumentFault.BAD_ENCODING, parameters={"offset": error.start}
            ) from error
        clean = text.encode() if wide else clean
    if clean.startswith(b"<?xml"):
        declared = _DECLARED.match(clean[: clean.find(b">")].decode())
        name = declared.group(1).lower() if declared else None
        if name is not None and name not in (_NAMES_16 if wide else _NAMES_8):
            raise FormatRefused(DocumentFault.BAD_ENCODING, parameters={"encoding": name[:40]})
    return clean


def _check_attributes(text: str) -> None:
    """Refuse a document with too many attributes in one tag, before parsing it.

    Raises:
        FormatRefused: TOO_MANY_ATTRIBUTES.
    """
    for piece in text.split("<"):
        if piece.count("=") <= _UNPARSED_ATTRIBUTES:
            continue
        tag = _TAG.match(piece)
        if tag and _QUOTED.sub("", tag.group()).count("=") > _UNPARSED_ATTRIBUTES:
            limit = {"limit": MAX_ATTRIBUTES}
            raise FormatRefused(DocumentFault.TOO_MANY_ATTRIBUTES, parameters=limit)


MAX_DEPTH: Final = 50
MAX_NAME: Final = 1_000  # with its namespace: paths repeat names, so a long one would multiply

_NO_ELEMENTS: Final[dict[str, ElementModel]] = {}
_NO_ATTRIBUTES: Final[dict[str, AttributeModel]] = {}
_Item = tuple[str | bytes, str | bytes]  # as lxml types it; both are str in what was parsed
_SCHEMA_HINTS: Final = "{http://www.w3.org/2001/XMLSchema-instance}"


class Attribute(Struct, frozen=True, gc=False):
    """An XML attribute with its path (`…/@type`); `model` is None if the schema does not know it."""

    name: str
    value: str
    path: str
    model: AttributeModel | None


_NONE: Final[tuple[Attribute, ...]] = ()


class Node(Struct, gc=False):
    """An element of a document: schema model (None if unknown), path, text as sent, attributes, children.

    `text` is None for an element without text. JSON documents are represented by such nodes too.
    """

    name: str
    path: str
    model: ElementModel | None
    text: str | None
    attributes: tuple[Attribute, ...]
    children: Sequence["Node"]

    def child(self, name: str) -> "Node | None":
        """Return the first child element with this name, or None."""
        for node in self.children:
            if node.name == name:
                return node
        return None

    def attribute(self, name: str) -> str | None:
        """Return the value of the attribute with this name, or None."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute.value
        return None


class Complaint(Struct, frozen=True, gc=False):
    """A violation of the schema for which the document is not refused: path, reason code, value as sent.

    The value is truncated to 200 characters.
    """

    path: str
    code: str
    value: str = ""


class Document(Struct, frozen=True, kw_only=True):
    """A parsed document: its root, and its violations of the schema (`complaints`)."""

    root: Node
    complaints: tuple[Complaint, ...]

    def text(self, name: str) -> str:
        """Return the stripped text of the root's child `name`, or "" if there is none."""
        node = self.root.child(name)
        return (node.text or "").strip() if node else ""


def read_report(body: bytes, *, now: datetime) -> Document:
    """Parse a `report` document; its incident date must not be later than `now` (timezone-aware).

    Raises:
        FormatRefused: with `malformed` true for the syntax, otherwise for the content.
    """
    document = _read(body, root="report", path="report")
    _require_parts(document.root, now=now)
    return document


def read_file_details(body: bytes, *, path: str = "fileDetails") -> Document:
    """Parse a `fileDetails` document; its report and file ids are mandatory.

    `path` replaces the root's name in all paths, to distinguish the files of one report.

    Raises:
        FormatRefused: with `malformed` true for the syntax, otherwise for the content.
    """
    document = _read(body, root="fileDetails", path=path)
    for name in ("reportId", "fileId"):
        if not document.text(name):
            raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/{name}")
    if document.text("fileRelevance") == "Supplemental Reported":
        document = _with_supplemental_complaints(document)
    return document


def _read(body: bytes, *, root: str, path: str) -> Document:
    element = parse(body)
    if element.tag != root:
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": root})
    walk = _Walk()
    node = walk.node(element, ROOTS[root], path, 1)
    return Document(root=node, complaints=tuple(walk.complaints))


class _Walk:
    """One pass over a parsed document that builds its nodes and compares them with the schema's model."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []

    def node(
        self, element: etree._Element, model: ElementModel | None, path: str, depth: int
    ) -> Node:
        """Return the node of `element`, which is at `path` and nesting `depth`, with all its descendants.

        `model` is that of the element in the schema, None if unknown.

        Raises:
            FormatRefused: nested too deeply, over a limit, or a false annotation.
        """
        if depth > MAX_DEPTH:
            raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        text = element.text
        kind = model.type if model is not None else None
        attributes, items = _NONE, element.items()
        if items or (kind is not None and kind.required_attributes):
            attributes = self._attributes(items, kind, path)
        children: Sequence[Node] = ()
        if len(element):
            children = self._children(element, kind, path, depth)
        elif kind is not None and (kind.required or kind.groups):
            self._missing(kind, seen={}, path=path)
        if kind is None or kind.holds_text:
            if model is not None and model.allows is not None and not model.allows(text or ""):
                self._refuse_or_complain(model, text or "", path=path)
        elif text is not None and not text.isspace():
            self._complain(path, "MISPLACED_TEXT", value=text)
        return Node(str(element.tag), path, model, text, attributes, children)

    def _attributes(
        self, items: Sequence[_Item], kind: TypeModel | None, path: str
    ) -> tuple[Attribute, ...]:
        pairs = cast("list[tuple[str, str]]", items)
        if len(pairs) > MAX_ATTRIBUTES:
            limit = {"limit": MAX_ATTRIBUTES}
            raise FormatRefused(DocumentFault.TOO_MANY_ATTRIBUTES, path, parameters=limit)
        known = kind.attributes if kind is not None else _NO_ATTRIBUTES
        found: list[Attribute] = []
        for name, value in pairs:
            model, where = known.get(name), f"{path}/@{name}"
            if model is None:
                self._check_unknown(name, value, path=where)
            elif model.allows is not None and not model.allows(value):
                self._complain(where, "INVALID_VALUE", value=value)
            found.append(Attribute(name, value, where, model))
        if kind is not None and kind.required_attributes:
            names = [name for name, _ in pairs]
            for attribute in kind.required_attributes:
                if attribute.name not in names:
                    self._complain(f"{path}/@{attribute.name}", "MISSING_ATTRIBUTE")
        return tuple(found)

    def _check_unknown(self, name: str, value: str, *, path: str) -> None:
        if len(name) > MAX_NAME:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_NAME})
        if not name.startswith(_SCHEMA_HINTS):
            self._complain(path, "UNKNOWN_ATTRIBUTE", value=value)

    def _children(  # noqa: C901, PLR0912 - one loop: its calls are what reading costs
        self, element: etree._Element, kind: TypeModel | None, path: str, depth: int
    ) -> list[Node]:
        known = kind.elements if kind is not None else _NO_ELEMENTS
        seen: dict[str, int] = {}
        children: list[Node] = []
        place, add = -1, children.append
        base = path if len(path) <= MAX_NAME else f"{path[:MAX_NAME]}…"
        for inner in list(element):
            name = inner.tag
            model = known.get(name)
            count = seen[name] = seen[name] + 1 if name in seen else 1
            if model is None:
                add(self._unknown(inner, path=f"{base}/{name}", count=count, depth=depth))
            else:
                where = f"{base}/{name}[{count}]" if model.repeatable else f"{base}/{name}"
                if model.order < place or (count > 1 and not model.repeatable):
                    where = self._out_of_place(model, kind=kind, path=where, count=count)
                else:
                    place = model.order
                if model.is_leaf and not len(inner):  # as most elements are
                    text, items, attributes = inner.text, inner.items(), _NONE
                    if items or model.needs_attributes:
                        attributes = self._attributes(items, model.type, where)
                    if model.allows is not None and not model.allows(text or ""):
                        self._refuse_or_complain(model, text or "", path=where)
                    add(Node(name, where, model, text, attributes, ()))
                else:
                    add(self.node(inner, model, where, depth + 1))
            tail = inner.tail
            if tail is not None and not tail.isspace():
                add(self._kept_tail(tail, path=path))
        if kind is not None and (kind.required or kind.groups):
            self._missing(kind, seen=seen, path=base)
        return children

    def _unknown(self, inner: etree._Element, *, path: str, count: int, depth: int) -> Node:
        if len(str(inner.tag)) > MAX_NAME:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_NAME})
        path = f"{path}[{count}]" if count > 1 else path
        self._complain(path, "UNKNOWN_ELEMENT")
        return self.node(inner, None, path, depth + 1)

    def _out_of_place(
        self, model: ElementModel, *, kind: TypeModel | None, path: str, count: int
    ) -> str:
        """Record a violation by an element that is repeated or misplaced; return its path.

        `model` is the element's model, `kind` that of its parent type, None if unknown. `count` is the
        element's number among the siblings of that name; the path of a forbidden repetition ends in this
        number (`…[2]`).
        """
        if count > 1 and not model.repeatable:
            path = f"{path}[{count}]"
            self._complain(path, "REPEATED_ELEMENT")
        elif kind is not None and kind.ordered:
            self._complain(path, "MISPLACED_ELEMENT")
        return path

    def _kept_tail(self, tail: str, *, path: str) -> Node:
        """Return text between elements (`tail`) as a node without a model, `text()`, so that it is not lost.

        Such text violates the schema, which is recorded. `path` is that of the element that contains it.
        """
        path = f"{path}/text()"
        self._complain(path, "MISPLACED_TEXT", value=tail)
        return Node("text()", path, None, tail, (), ())

    def _missing(self, kind: TypeModel, *, seen: dict[str, int], path: str) -> None:
        for name in kind.required:
            if name not in seen:
                self._complain(f"{path}/{name}", "MISSING_ELEMENT")
        for group in kind.groups:
            count = sum(name in seen for name in group)
            if count > 1:
                self._complain(path, "MORE_THAN_ONE_CHOICE")
            elif count == 0 and kind.is_choice:
                self._complain(path, "MISSING_ELEMENT")

    def _refuse_or_complain(self, model: ElementModel, text: str, *, path: str) -> None:
        if model.flag:
            raise FormatRefused(DocumentFault.FALSE_ANNOTATION, path)
        self._complain(path, "INVALID_VALUE", value=text)

    def _complain(self, path: str, code: str, *, value: str = "") -> None:
        self.complaints.append(Complaint(path, code, value[:200]))


def _require_parts(root: Node, *, now: datetime) -> None:
    summary = root.child("incidentSummary")
    if summary is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report/incidentSummary")
    if root.child("reporter") is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report/reporter")
    kind = summary.child("incidentType")
    if kind is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report/incidentSummary/incidentType")
    allows = kind.model.allows if kind.model else None
    if allows is None or not allows((kind.text or "").strip()):
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, kind.path)
    when = summary.child("incidentDateTime")
    if when is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report/incidentSummary/incidentDateTime")
    _require_past(when, now=now)


def _require_past(when: Node, *, now: datetime) -> None:
    earliest = earliest_instant(when.text or "")
    if earliest is None:
        _refuse_date(DocumentFault.BAD_DATE, when)
    if earliest > now:
        _refuse_date(DocumentFault.FUTURE_DATE, when)


def _refuse_date(code: DocumentFault, when: Node) -> NoReturn:
    raise FormatRefused(code, when.path, parameters={"value": (when.text or "")[:40]})


def _with_supplemental_complaints(document: Document) -> Document:
    """Return the document with a complaint (violation) for each part that a supplemental file must not have.

    These parts are a classification and `potentialMeme`.
    """
    added = [
        Complaint(node.path, "NOT_FOR_SUPPLEMENTAL_FILES", (node.text or "")[:200])
        for node in document.root.children
        if node.name in {"industryClassification", "potentialMeme"}
    ]
    return Document(root=document.root, complaints=(*document.complaints, *added))
