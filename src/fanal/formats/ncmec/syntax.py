"""Strict XML syntax check and parser for provider documents (`FormatRefused.malformed`, protocol code 4110).

It limits size, elements and attributes, checks the encoding, and permits no DOCTYPE, entities or network
access. Comments are dropped. `read.py` interprets the elements.
"""

import re
import threading
from typing import Final

from lxml import etree

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
