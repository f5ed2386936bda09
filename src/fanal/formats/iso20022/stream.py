"""Streaming reader of ISO 20022 XML of any size, without DTD, entities or network access.

The numerous elements (`CdtTrfTxInf`, `Ntry`) are read one at a time and then freed; the other elements form
the head of the document.
"""

import re
from collections.abc import Iterator
from typing import BinaryIO, Final

from lxml import etree
from msgspec import Struct, field

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.xml import HARDENED

MAX_DEPTH: Final = 40
MAX_ELEMENTS: Final = 4_000
"""Maximum elements of one transaction or entry, and of the head of a document."""
MAX_HEAD_BYTES: Final = 1_000_000
NAMESPACE: Final = re.compile(
    r"urn:iso:std:iso:20022:tech:xsd:(pacs\.008|camt\.053)\.001\.(0[1-9]|1[0-9])"
)
_PIECES: Final = {"pacs.008": "CdtTrfTxInf", "camt.053": "Ntry"}
_ROOTS: Final = {
    "pacs.008": ("FIToFICstmrCdtTrf", "FIToFICstmrCdtTrf"),
    "camt.053": ("BkToCstmrStmt", "Stmt"),
}


class StatementPiece(Struct, frozen=True, kw_only=True):
    """One transaction of a payment file, or one entry (`Ntry`) of an account statement, as XML element.

    `number` counts the transactions in the document, `statement` its statements, both from 1.
    """

    number: int
    statement: int
    element: etree._Element


class Head(Struct, kw_only=True):
    """An ISO 20022 document without its transactions or entries: kind, namespace and the other elements.

    Elements are serialised, in the document's order. `kind` is `pacs.008` or `camt.053`. In an account
    statement (camt.053), `statements` are the elements of each `Stmt`, those after its entries too; `common`
    are those outside them, before (`GrpHdr`) or after (`SplmtryData`). A payment file (pacs.008) has no
    `common`: all its elements are in `statements[0]`, its only item.
    """

    kind: str
    namespace: str
    common: list[bytes] = field(default_factory=list)
    statements: list[list[bytes]] = field(default_factory=list)


def local(element: etree._Element) -> str:
    """Return the name of an XML element without its namespace."""
    return str(element.tag).rpartition("}")[2]


def kind_of(start: bytes) -> str | None:
    """Return the kind of an ISO 20022 document by its first bytes: `pacs.008` or `camt.053`, else None."""
    found = NAMESPACE.search(start.decode("utf-8", "replace"))
    return found[1] if found else None


def read_pieces(stream: BinaryIO, *, kind: str) -> Iterator[StatementPiece]:
    """Yield the transactions or entries of a document of `kind` (`pacs.008`, `camt.053`).

    Each is freed when the next is requested.

    Raises:
        FormatRefused: not XML, a DOCTYPE, another root or namespace, over a limit.
    """
    walk = _StreamWalk(kind)
    yield from walk.pieces(stream)


def read_head(stream: BinaryIO, *, kind: str) -> Head:
    """Return the head of a document: all elements except its transactions or entries.

    `stream` is the file from its beginning; `kind` is `pacs.008` or `camt.053`.

    Raises:
        FormatRefused: not XML, a DOCTYPE, another root or namespace, over a limit, such as `MAX_HEAD_BYTES`.
    """
    walk = _StreamWalk(kind)
    for _ in walk.pieces(stream):
        pass
    if walk.head is None:
        raise FormatRefused(DocumentFault.MALFORMED)
    return walk.head


def document_of(head: Head, *, statement: int, pieces: list[bytes]) -> bytes:
    """Serialise a document of the same kind: the head of a statement with some of its elements.

    `statement` is its number, from 1; 1 for a payment file. `pieces` are the elements (entries or payments),
    already serialised. They come last in their statement, and the statement last in the document: elements
    that followed (`SplmtryData`) precede them.

    Raises:
        IndexError: the document has no such statement.
    """
    outer, inner = _ROOTS[head.kind]
    own = head.statements[statement - 1] if head.statements else []
    inside = b"".join([*own, *pieces])
    if outer != inner:
        inside = b"<Stmt>" + inside + b"</Stmt>"
    return (
        f'<Document xmlns="{head.namespace}"><{outer}>'.encode()
        + b"".join(head.common)
        + inside
        + f"</{outer}></Document>".encode()
    )


class _StreamWalk:
    """One pass over an ISO 20022 document, which yields its transactions or entries.

    Its state: the path of the current element, counts for the limits, and the head as far as read.
    """

    def __init__(self, kind: str) -> None:
        self._kind = kind
        self._piece = _PIECES[kind]
        self._outer, self._inner = _ROOTS[kind]
        self._path: list[str] = []
        self._count = 0
        self._bytes = 0
        self._number = 0
        self.head: Head | None = None

    def pieces(self, stream: BinaryIO) -> Iterator[StatementPiece]:
        try:
            yield from self._walk(stream)
        except (etree.XMLSyntaxError, ValueError) as error:
            line = error.lineno if isinstance(error, etree.XMLSyntaxError) else None
            raise FormatRefused(DocumentFault.MALFORMED, parameters={"line": line or 0}) from error
        if self.head is None or self._path:
            raise FormatRefused(DocumentFault.MALFORMED)

    def _walk(self, stream: BinaryIO) -> Iterator[StatementPiece]:
        parser = etree.iterparse(
            stream,
            events=("start", "end"),
            **HARDENED,
        )
        for event, element in parser:
            if event == "start":
                self._open(element)
            else:
                yield from self._close(element)

    def _open(self, element: etree._Element) -> None:
        name = local(element)
        if not self._path:
            self._check_root(element, name)
        self._path.append(name)
        self._count += 1
        if len(self._path) > MAX_DEPTH:
            raise FormatRefused(DocumentFault.TOO_DEEP, parameters={"limit": MAX_DEPTH})
        if self._count > MAX_ELEMENTS:
            raise FormatRefused(DocumentFault.TOO_MANY_VALUES, parameters={"limit": MAX_ELEMENTS})
        if len(self._path) == 2 and name != self._outer:
            raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": self._outer})
        if self.head and len(self._path) == self._depth and name == self._inner:
            self.head.statements.append([])

    @property
    def _depth(self) -> int:
        """The nesting depth of the elements that directly contain the transactions or entries."""
        return 2 if self._outer == self._inner else 3

    def _check_root(self, element: etree._Element, name: str) -> None:
        if element.getroottree().docinfo.internalDTD is not None:
            raise FormatRefused(DocumentFault.DOCTYPE)
        namespace = str(element.tag).rpartition("}")[0].lstrip("{")
        found = NAMESPACE.fullmatch(namespace)
        if name != "Document" or found is None or found[1] != self._kind:
            raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": self._kind})
        self.head = Head(kind=self._kind, namespace=namespace)

    def _close(self, element: etree._Element) -> Iterator[StatementPiece]:
        name = self._path.pop()
        above = len(self._path)
        head = self.head
        if head is None:
            return
        inside = above == self._depth and self._path[-1] == self._inner
        if inside and name == self._piece:
            self._number += 1
            yield StatementPiece(
                number=self._number, statement=len(head.statements), element=element
            )
            self._forget(element)
            self._count = 0
        elif inside:
            self._keep(head.statements[-1], element)
        elif above == 2 and self._depth == 3 and name != self._inner:
            self._keep(head.common, element)
        elif above == 2 and self._depth == 3:
            self._forget(element)
            self._count = 0

    def _keep(self, kept: list[bytes], element: etree._Element) -> None:
        body = serialised(element)
        self._bytes += len(body)
        if self._bytes > MAX_HEAD_BYTES:
            raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_HEAD_BYTES})
        kept.append(body)
        self._forget(element)

    @staticmethod
    def _forget(element: etree._Element) -> None:
        parent = element.getparent()
        element.clear()
        while parent is not None and len(parent) > 1:
            del parent[0]


def serialised(element: etree._Element) -> bytes:
    """Serialise an XML element without its tail, the text between it and the next element."""
    return etree.tostring(element, with_tail=False, encoding="utf-8")
