"""Strict reader of hash-sharing XML: a page is accepted or refused as a whole."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

from lxml import etree

from fanal.formats.hashsharing.records import (
    NAMESPACE,
    EntriesPage,
    HandedVote,
    Media,
    Member,
    SharedEntry,
)
from fanal.formats.ncmec.syntax import parse
from fanal.formats.refusal import DocumentFault, FormatRefused

MAX_PAGE: Final = 16 * 1024 * 1024
"""Maximum bytes of a page of entries; a thousand entries take about one megabyte."""
MAX_FEEDBACK: Final = 64 * 1024
MAX_ENTRIES: Final = 20_000
MAX_TEXT: Final = 200
_MAX_ELEMENTS: Final = 600_000
_MAX_REASONS: Final = 50
_DIGITS: Final = {"md5": 32, "sha1": 40, "sha256": 64, "pdq": 64}
_HEXADECIMAL: Final = re.compile("[0-9a-f]+")
_TAG: Final = re.compile("[a-z][a-z0-9_]{0,31}")
_ELEMENTS: Final = {
    name: (media, deleted)
    for media in Media
    for name, deleted in ((media.value, False), (f"deleted{media.capitalize()}", True))
}


def read_page(body: bytes) -> EntriesPage:
    """Parse a page of list entries (`queryResult`); fingerprints of known kinds are checked, votes ignored.

    An entry without timestamp gets the instant 1970-01-01.

    Raises:
        FormatRefused: not such a document, an entry without id or member, or a malformed value.
    """
    root = parse(body, limit=MAX_PAGE, elements=_MAX_ELEMENTS)
    _expect(root, "queryResult")
    entries: list[SharedEntry] = []
    following = ""
    for part in root:
        name = _name(part)
        if name in {f"{media}s" for media in Media}:
            entries.extend(_entries(part, len(entries)))
        elif name == "paging":
            following = _optional(part, "next", "queryResult/paging/next", limit=2000)
    return EntriesPage(entries=tuple(entries), next=following)


def read_feedback(body: bytes) -> HandedVote:
    """Parse the vote of a `feedbackSubmission`.

    Raises:
        FormatRefused: not such a document, neither for nor against, or against without a reason.
    """
    root = parse(body, limit=MAX_FEEDBACK, elements=1000)
    _expect(root, "feedbackSubmission")
    votes = [child for child in root if _name(child) in {"affirmative", "negative"}]
    if len(votes) != 1:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "feedbackSubmission/affirmative")
    if _name(votes[0]) == "affirmative":
        return HandedVote(affirmative=True)
    path = "feedbackSubmission/negative/reasonIds/guid"
    reasons = tuple(
        _clean(guid.text, path)
        for box in votes[0]
        if _name(box) == "reasonIds"
        for guid in box
        if _name(guid) == "guid"
    )
    if not reasons or not all(reasons) or len(reasons) > _MAX_REASONS:
        raise FormatRefused(DocumentFault.MISSING_FIELD, path)
    return HandedVote(affirmative=False, reasons=reasons)


def _entries(box: etree._Element, before: int) -> Iterator[SharedEntry]:
    for number, element in enumerate(box, start=1):
        if before + number > MAX_ENTRIES:
            raise FormatRefused(DocumentFault.TOO_MANY_VALUES, parameters={"limit": MAX_ENTRIES})
        path = f"queryResult/{_name(box)}/{_name(element)}[{number}]"
        kind = _ELEMENTS.get(_name(element))
        if kind is None:
            raise FormatRefused(DocumentFault.UNKNOWN_FIELD, path)
        yield _entry(element, kind[0], kind[1], path)


def _entry(element: etree._Element, media: Media, deleted: bool, path: str) -> SharedEntry:
    prints: dict[str, str] = {}
    for box in [] if deleted else element:
        if _name(box) == "fingerprints":
            prints |= dict(_fingerprint(part, f"{path}/fingerprints") for part in box if part.text)
    return SharedEntry(
        id=_required(element, "id", path),
        member=_member(element, path),
        at=_instant(_optional(element, "timestamp", f"{path}/timestamp"), f"{path}/timestamp"),
        media=media,
        deleted=deleted,
        classification=_optional(element, "classification", f"{path}/classification"),
        fingerprints=prints,
    )


def _fingerprint(part: etree._Element, path: str) -> tuple[str, str]:
    tag, value = _name(part).lower(), (part.text or "").strip()
    path = f"{path}/{tag}"
    if not _TAG.fullmatch(tag):
        raise FormatRefused(DocumentFault.UNKNOWN_FIELD, path[:200])
    digits = _DIGITS.get(tag)
    if digits is None:
        return tag, value[:MAX_TEXT]  # a kind that lists do not support: returned, never loaded
    value = value.lower()
    if len(value) != digits or not _HEXADECIMAL.fullmatch(value):
        raise FormatRefused(DocumentFault.WRONG_TYPE, path)
    return tag, value


def _member(element: etree._Element, path: str) -> Member:
    for child in element:
        if _name(child) == "member":
            number = child.get("id", "")
            if not number.isascii() or not number.isdigit() or len(number) > 18:
                raise FormatRefused(DocumentFault.WRONG_TYPE, f"{path}/member/@id")
            return Member(id=int(number), name=_clean(child.text, f"{path}/member"))
    raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/member")


def _instant(text: str, path: str) -> datetime:
    if not text:
        return datetime.fromtimestamp(0, UTC)
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise FormatRefused(DocumentFault.BAD_DATE, path) from None


def _required(element: etree._Element, name: str, path: str) -> str:
    text = _optional(element, name, f"{path}/{name}")
    if not text:
        raise FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/{name}")
    return text


def _optional(element: etree._Element, name: str, path: str, *, limit: int = MAX_TEXT) -> str:
    found = [child for child in element if _name(child) == name]
    if len(found) > 1:
        raise FormatRefused(DocumentFault.DUPLICATE_FIELD, path)
    return _clean(found[0].text, path, limit=limit) if found else ""


def _clean(text: str | None, path: str, *, limit: int = MAX_TEXT) -> str:
    clean = (text or "").strip()
    if len(clean) > limit:
        raise FormatRefused(DocumentFault.TEXT_TOO_LONG, path, parameters={"limit": limit})
    return clean


def _expect(root: etree._Element, name: str) -> None:
    if root.tag not in {name, f"{{{NAMESPACE}}}{name}"}:
        raise FormatRefused(DocumentFault.WRONG_ROOT, _name(root)[:100])


def _name(element: etree._Element) -> str:
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""
