"""Syntax of a provider's XML, refused without mercy (`FormatRefused.malformed`, wire code 4110).

Size, encoding, DOCTYPE, number of elements and attributes; no entity, no network, no comment. What the
elements say is read by `read.py`.
"""

import re
from typing import Final

from lxml import etree

from fanal.formats.refusal import FormatRefused, Refusal

MAX_BYTES: Final = 1_000_000
MAX_ELEMENTS: Final = 20_000
MAX_ATTRIBUTES: Final = 64

_PROLOG: Final = re.compile(r"(?:[ \t\r\n]+|<\?[\s\S]*?\?>|<!--[\s\S]*?-->)*")
_DECLARED: Final = re.compile(r"<\?xml[^>]*?encoding\s*=\s*[\"']([A-Za-z0-9._-]+)[\"']")
_TAG: Final = re.compile(r"""(?:[^"'>]|"[^"]*"|'[^']*')*""")
_QUOTED: Final = re.compile(r""""[^"]*"|'[^']*'""")
# libxml2 takes quadratic time over the attributes of one tag: past this it is not even parsed.
_UNPARSED_ATTRIBUTES: Final = 256
_UTF16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_UTF8_MARK: Final = b"\xef\xbb\xbf"


def parse(body: bytes) -> etree._Element:
    """Return the root of an XML document within the limits, without a look at its content.

    Raises:
        FormatRefused: always with `malformed` true.
    """
    text = _decoded(body)
    start = _PROLOG.match(text)
    if text.startswith("<!", start.end() if start else 0):
        raise FormatRefused(Refusal.DOCTYPE)
    if text.count("=") > _UNPARSED_ATTRIBUTES:
        _check_attributes(text)
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        dtd_validation=False,
        huge_tree=False,
        remove_comments=True,
        remove_pis=True,
    )
    clean = body.removeprefix(_UTF8_MARK) if body[:2] not in _UTF16_MARKS else text.encode()
    try:
        root = etree.fromstring(clean, parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        line = error.lineno if isinstance(error, etree.XMLSyntaxError) else None
        raise FormatRefused(Refusal.MALFORMED, parameters={"line": line or 0}) from error
    if root is None:
        raise FormatRefused(Refusal.MALFORMED, parameters={"line": 0})
    if root.getroottree().docinfo.internalDTD is not None:
        raise FormatRefused(Refusal.DOCTYPE)
    if clean.count(b"<") > MAX_ELEMENTS and sum(1 for _ in root.iter()) > MAX_ELEMENTS:
        raise FormatRefused(Refusal.TOO_MANY_VALUES, parameters={"limit": MAX_ELEMENTS})
    return root


def _decoded(body: bytes) -> str:
    if len(body) > MAX_BYTES:
        raise FormatRefused(Refusal.TOO_LARGE, parameters={"limit": MAX_BYTES})
    wide = body[:2] in _UTF16_MARKS
    try:
        text = body.decode("utf-16" if wide else "utf-8-sig", "strict")
    except UnicodeDecodeError as error:
        raise FormatRefused(Refusal.BAD_ENCODING, parameters={"offset": error.start}) from error
    declared = _DECLARED.match(text)
    if declared is None:
        return text
    name = declared.group(1).lower()
    if name not in ({"utf-16", "utf-16le", "utf-16be"} if wide else {"utf-8", "utf8", "us-ascii"}):
        raise FormatRefused(Refusal.BAD_ENCODING, parameters={"encoding": name[:40]})
    return text


def _check_attributes(text: str) -> None:
    """Refuse a tag with very many attributes, without parsing it."""
    for piece in text.split("<"):
        if piece.count("=") <= _UNPARSED_ATTRIBUTES:
            continue
        tag = _TAG.match(piece)
        if tag and _QUOTED.sub("", tag.group()).count("=") > _UNPARSED_ATTRIBUTES:
            limit = {"limit": MAX_ATTRIBUTES}
            raise FormatRefused(Refusal.TOO_MANY_ATTRIBUTES, parameters=limit)
