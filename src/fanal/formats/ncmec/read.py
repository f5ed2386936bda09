"""Reader of NCMEC CyberTipline XML: hardened against the sender, liberal about the document.

The syntax is refused without mercy (`syntax.py`, wire code 4110). A document is refused as invalid
(4100) only for what `contracts` lists. Everything else is kept: a `Node` for each element, whether the
schema knows it or not, and a `Complaint` for each departure from the schema.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NoReturn

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.instants import earliest_instant
from fanal.formats.ncmec.model import ROOTS, AttributeModel, ElementModel, TypeModel
from fanal.formats.ncmec.syntax import MAX_ATTRIBUTES, parse
from fanal.formats.refusal import FormatRefused, Refusal

MAX_DEPTH: Final = 50
MAX_NAME: Final = 1_000  # with its namespace: paths repeat names, so a long one would multiply

_SCHEMA_HINTS: Final = "{http://www.w3.org/2001/XMLSchema-instance}"


class Attribute(Struct, frozen=True, gc=False):
    """An attribute with its path (`…/@type`); `model` is None where the schema knows none."""

    name: str
    value: str
    path: str
    model: AttributeModel | None


class Node(Struct, gc=False):
    """An element: what the schema says of it, its path, its text as sent, and what it holds."""

    name: str
    path: str
    model: ElementModel | None
    text: str | None
    attributes: tuple[Attribute, ...]
    children: list["Node"]

    def child(self, name: str) -> "Node | None":
        """Return the first child called `name`."""
        for node in self.children:
            if node.name == name:
                return node
        return None

    def attribute(self, name: str) -> str | None:
        """Return the value of the attribute called `name`."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute.value
        return None


class Complaint(Struct, frozen=True, gc=False):
    """A departure from the schema that does not refuse the document."""

    path: str
    code: str
    value: str = ""


class Document(Struct, frozen=True, kw_only=True):
    """A document as read: its root and the schema's complaints."""

    root: Node
    complaints: tuple[Complaint, ...]

    def text(self, name: str) -> str:
        """Return the stripped text of a child of the root, empty if there is none."""
        node = self.root.child(name)
        return (node.text or "").strip() if node else ""


def read_report(body: bytes, *, now: datetime) -> Document:
    """Return a `report` document; `now` (aware) is what the incident's date may not pass.

    Raises:
        FormatRefused: `malformed` for the syntax, otherwise for the content.
    """
    document = _read(body, root="report", path="report")
    _require_parts(document.root, now=now)
    return document


def read_file_details(body: bytes, *, path: str = "fileDetails") -> Document:
    """Return a `fileDetails` document, whose report and file ids are present.

    `path` stands for the root in every path, so that the files of one report keep apart.

    Raises:
        FormatRefused: `malformed` for the syntax, otherwise for the content.
    """
    document = _read(body, root="fileDetails", path=path)
    for name in ("reportId", "fileId"):
        if not document.text(name):
            raise FormatRefused(Refusal.MISSING_FIELD, f"{path}/{name}")
    if document.text("fileRelevance") == "Supplemental Reported":
        document = _with_supplemental_complaints(document)
    return document


def _read(body: bytes, *, root: str, path: str) -> Document:
    element = parse(body)
    if element.tag != root:
        raise FormatRefused(Refusal.WRONG_ROOT, parameters={"expected": root})
    walk = _Walk()
    node = walk.node(element, model=ROOTS[root], path=path, depth=1)
    return Document(root=node, complaints=tuple(walk.complaints))


class _Walk:
    """One pass over a parsed document, beside the schema's model."""

    def __init__(self) -> None:
        self.complaints: list[Complaint] = []

    def node(
        self, element: etree._Element, *, model: ElementModel | None, path: str, depth: int
    ) -> Node:
        """Return the node of `element` and of all it holds."""
        if depth > MAX_DEPTH:
            raise FormatRefused(Refusal.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        text = element.text
        kind = model.type if model is not None else None
        attributes: tuple[Attribute, ...] = ()
        pairs = element.items()
        if pairs or (kind is not None and kind.attributes):
            attributes = self._attributes(pairs, kind=kind, path=path)
        node = Node(str(element.tag), path, model, text, attributes, [])
        if len(element):
            self._children(node, element, kind=kind, depth=depth)
        elif kind is not None and (kind.required or kind.groups):
            self._missing(kind, seen={}, path=path)
        if kind is None or kind.holds_text:
            if model is not None:
                self._leaf(model, text or "", path=path)
        elif text is not None and not text.isspace():
            self._complain(path, "MISPLACED_TEXT", value=text)
        return node

    def _attributes(
        self, pairs: Sequence[tuple[str | bytes, str | bytes]], *, kind: TypeModel | None, path: str
    ) -> tuple[Attribute, ...]:
        if len(pairs) > MAX_ATTRIBUTES:
            raise FormatRefused(
                Refusal.TOO_MANY_ATTRIBUTES, path, parameters={"limit": MAX_ATTRIBUTES}
            )
        known = kind.attributes if kind is not None else {}
        found: list[Attribute] = []
        for raw_name, raw_value in pairs:
            name, value = _checked_name(raw_name), str(raw_value)
            model = known.get(name)
            item = Attribute(name, value, f"{path}/@{name}", model)
            found.append(item)
            if model is None:
                if not name.startswith(_SCHEMA_HINTS):
                    self._complain(item.path, "UNKNOWN_ATTRIBUTE", value=value)
            elif model.allows is not None and not model.allows(value):
                self._complain(item.path, "INVALID_VALUE", value=value)
        for attribute in known.values():
            if attribute.required and all(item.model is not attribute for item in found):
                self._complain(f"{path}/@{attribute.name}", "MISSING_ATTRIBUTE")
        return tuple(found)

    def _children(
        self, node: Node, element: etree._Element, *, kind: TypeModel | None, depth: int
    ) -> None:
        known = kind.elements if kind is not None else {}
        seen: dict[str, int] = {}
        place, add = -1, node.children.append
        base = node.path if len(node.path) <= MAX_NAME else f"{node.path[:MAX_NAME]}…"
        for inner in element:
            name = str(inner.tag)
            model = known.get(name)
            count = seen[name] = seen.get(name, 0) + 1
            if model is None:
                add(self._unknown(inner, path=f"{base}/{name}", count=count, depth=depth))
            else:
                path = f"{base}/{name}[{count}]" if model.repeatable else f"{base}/{name}"
                if model.order < place or (count > 1 and not model.repeatable):
                    path = self._out_of_place(model, kind=kind, path=path, count=count)
                else:
                    place = model.order
                if model.type is None and not len(inner) and not inner.keys():
                    # A plain leaf, as most elements are.
                    text = inner.text
                    if model.allows is not None:
                        self._leaf(model, text or "", path=path)
                    add(Node(name, path, model, text, (), []))
                else:
                    add(self.node(inner, model=model, path=path, depth=depth + 1))
            tail = inner.tail
            if tail is not None and not tail.isspace():
                self._keep_tail(node, tail)
        if kind is not None and (kind.required or kind.groups):
            self._missing(kind, seen=seen, path=base)

    def _unknown(self, inner: etree._Element, *, path: str, count: int, depth: int) -> Node:
        if len(str(inner.tag)) > MAX_NAME:
            raise FormatRefused(Refusal.TOO_LARGE, parameters={"limit": MAX_NAME})
        path = f"{path}[{count}]" if count > 1 else path
        self._complain(path, "UNKNOWN_ELEMENT")
        return self.node(inner, model=None, path=path, depth=depth + 1)

    def _out_of_place(
        self, model: ElementModel, *, kind: TypeModel | None, path: str, count: int
    ) -> str:
        """Note an element that stands too late or too often; return its path."""
        if count > 1 and not model.repeatable:
            path = f"{path}[{count}]"
            self._complain(path, "REPEATED_ELEMENT")
        elif kind is not None and kind.ordered:
            self._complain(path, "MISPLACED_ELEMENT")
        return path

    def _keep_tail(self, node: Node, tail: str) -> None:
        """Keep text between elements as a nameless child, so that nothing is dropped."""
        path = f"{node.path}/text()"
        node.children.append(Node("text()", path, None, tail, (), []))
        self._complain(path, "MISPLACED_TEXT", value=tail)

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

    def _leaf(self, model: ElementModel, text: str, *, path: str) -> None:
        if model.flag and text.strip() not in {"", "true", "1"}:
            raise FormatRefused(Refusal.FALSE_ANNOTATION, path)
        if model.allows is not None and not model.allows(text):
            self._complain(path, "INVALID_VALUE", value=text)

    def _complain(self, path: str, code: str, *, value: str = "") -> None:
        self.complaints.append(Complaint(path, code, value[:200]))


def _checked_name(name: str | bytes | bytearray | etree.QName) -> str:
    if len(text := str(name)) > MAX_NAME:
        raise FormatRefused(Refusal.TOO_LARGE, parameters={"limit": MAX_NAME})
    return text


def _require_parts(root: Node, *, now: datetime) -> None:
    summary = root.child("incidentSummary")
    if summary is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "report/incidentSummary")
    if root.child("reporter") is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "report/reporter")
    kind = summary.child("incidentType")
    if kind is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "report/incidentSummary/incidentType")
    allows = kind.model.allows if kind.model else None
    if allows is None or not allows((kind.text or "").strip()):
        raise FormatRefused(Refusal.UNKNOWN_CODE, kind.path)
    when = summary.child("incidentDateTime")
    if when is None:
        raise FormatRefused(Refusal.MISSING_FIELD, "report/incidentSummary/incidentDateTime")
    _require_past(when, now=now)


def _require_past(when: Node, *, now: datetime) -> None:
    earliest = earliest_instant(when.text or "")
    if earliest is None:
        _refuse_date(Refusal.BAD_DATE, when)
    if earliest > now:
        _refuse_date(Refusal.FUTURE_DATE, when)


def _refuse_date(code: Refusal, when: Node) -> NoReturn:
    raise FormatRefused(code, when.path, parameters={"value": (when.text or "")[:40]})


def _with_supplemental_complaints(document: Document) -> Document:
    """Note that a supplemental file may carry neither a class nor `potentialMeme`."""
    added = [
        Complaint(node.path, "NOT_FOR_SUPPLEMENTAL_FILES", (node.text or "")[:200])
        for node in document.root.children
        if node.name in {"industryClassification", "potentialMeme"}
    ]
    return Document(root=document.root, complaints=(*document.complaints, *added))
