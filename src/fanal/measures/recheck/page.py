"""What a page says and how it is built, read from its source without loading anything. Pure."""

import re
from collections import Counter
from hashlib import blake2b
from typing import Final

from lxml import etree, html
from msgspec import Struct

_SHINGLE: Final = 4
_SKETCH: Final = 64
_BYTES: Final = 8
_WORD: Final = re.compile(r"\w+")
_SILENT: Final = frozenset({"script", "style", "template", "noscript"})
_HEADINGS: Final = frozenset({"title", "h1", "h2"})
_MEDIA: Final = frozenset(
    {"img", "picture", "video", "audio", "source", "embed", "object", "iframe"}
)
_REFRESH: Final = re.compile(
    r"\s*\d+(?:\.\d*)?\s*[;,]\s*(?:url\s*=\s*)?[\"']?\s*(\S+?)[\"']?\s*$", re.IGNORECASE
)


class Page(Struct, frozen=True, kw_only=True):
    """A page: its title and headings, its visible words (lower case), whether it asks for a password, how
    many scripts and media it has, how many of these play (`players`: video, audio), the address to which it
    sends a browser on (`refresh`, "" for none), and whether it is the page shown instead of blocked names.
    """

    heading: str = ""
    words: tuple[str, ...] = ()
    asks_password: bool = False
    scripts: int = 0
    media: int = 0
    players: int = 0
    refresh: str = ""
    is_stop_page: bool = False


def read_page(source: str) -> Page:
    """Parse the source of a page, however broken; never raise."""
    try:
        root = html.document_fromstring(f"<html>{source.replace(chr(0), '')}</html>")
    except (etree.ParserError, etree.XMLSyntaxError, ValueError):
        return Page()
    etree.strip_tags(root, etree.Comment, etree.ProcessingInstruction)
    elements = list(root.iter())
    tags = Counter(one.tag for one in elements)
    texts = (part for one in elements for part in _texts(one))
    titles = ("".join(map(str, one.itertext())) for one in elements if one.tag in _HEADINGS)
    metas = [one for one in elements if one.tag == "meta"]
    inputs = (one.get("type") or "" for one in elements if one.tag == "input")
    return Page(
        heading=" ".join(_WORD.findall(" ".join(titles).lower()))[:1000],
        words=tuple(_WORD.findall(" ".join(texts).lower())),
        asks_password=any(one.strip().lower() == "password" for one in inputs),
        scripts=tags["script"],
        media=sum(tags[one] for one in _MEDIA),
        players=tags["video"] + tags["audio"],
        refresh=next(filter(None, map(_refresh, metas)), ""),
        is_stop_page=any(one.get("name") == "fanal-stop-page" for one in metas),
    )


def _texts(element: etree._Element) -> tuple[str, str]:
    """Return the visible text within an element before its first child, and that after it."""
    return "" if element.tag in _SILENT else element.text or "", element.tail or ""


def _refresh(meta: etree._Element) -> str:
    """Return the address to which a `meta` element sends a browser on, or ""."""
    if (meta.get("http-equiv") or "").strip().lower() != "refresh":
        return ""
    found = _REFRESH.match(meta.get("content") or "")
    return found.group(1) if found else ""


def sketch(page: Page) -> bytes:
    """Return the bottom-k sketch of a page's words: at most 64 digests of 8 bytes of its 4-word shingles.

    A page of fewer than four words has the sketch of its words in one shingle; an empty one has b"".
    """
    words = page.words
    shingles = {
        " ".join(words[start : start + _SHINGLE])
        for start in range(max(1, len(words) - _SHINGLE + 1))
    }
    digests = {blake2b(one.encode(), digest_size=_BYTES).digest() for one in shingles if one}
    return b"".join(sorted(digests)[:_SKETCH])


def similarity(one: bytes, other: bytes) -> float:
    """Return the Jaccard similarity of two pages as their sketches estimate it; 0 for an empty one."""
    ours, theirs = _digests(one), _digests(other)
    lowest = set(sorted(ours | theirs)[:_SKETCH])
    return len(lowest & ours & theirs) / len(lowest) if lowest else 0.0


def _digests(packed: bytes) -> set[bytes]:
    return {packed[start : start + _BYTES] for start in range(0, len(packed), _BYTES)}
