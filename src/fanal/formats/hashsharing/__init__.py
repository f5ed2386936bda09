"""NCMEC's hash-sharing protocol, version 2, in XML: entries of known material, votes on them, members.

The reader of entries is strict: a page is accepted or refused as a whole. The writer gives documents as
members of the service expect them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from itertools import groupby
from typing import Final

from lxml import etree
from msgspec import Struct

from fanal.formats.ncmec.read import parse
from fanal.formats.refusal import DocumentFault, FormatRefused

NAMESPACE: Final = "https://hashsharing.ncmec.org/hashsharing/v2"


class Media(StrEnum):
    """The type of media of a list entry (image or video); the value is also the name of its XML element."""

    IMAGE = "image"
    VIDEO = "video"


class Member(Struct, frozen=True, kw_only=True):
    """An organisation that takes part in hash sharing: its stable number and its name."""

    id: int
    name: str


class FingerprintVote(Struct, frozen=True, kw_only=True):
    """An organisation's vote on one fingerprint (the hash of `kind`) of an entry.

    `member` is the voter, `reason` the id of the reason against the hash, empty for agreement; `reason_name`
    is its name.
    """

    member: Member
    kind: str  # tag of the fingerprint, in lower case
    at: datetime
    reason: str = ""  # identifier of a reason
    reason_name: str = ""


class SharedEntry(Struct, frozen=True, kw_only=True):
    """A list entry of hash sharing, or its deletion (`deleted`): its owner (`member`) and its hashes by kind.

    Kinds are in lower case (`md5`); `at` is the time of its last change, `classification` the class of the
    material as the service writes it. `media`: image or video; `fingerprints`: the hashes by kind; `votes`:
    those of all organisations.
    """

    id: str
    member: Member
    at: datetime
    media: Media = Media.IMAGE
    deleted: bool = False
    classification: str = ""
    fingerprints: dict[str, str] = {}
    votes: tuple[FingerprintVote, ...] = ()


class EntriesPage(Struct, frozen=True, kw_only=True):
    """A page of list entries in any order, and the path of the next page.

    `next` is below the service's root, or empty on the last page.
    """

    entries: tuple[SharedEntry, ...]
    next: str = ""


class HandedVote(Struct, frozen=True, kw_only=True):
    """A vote as an organisation submits it: for a hash (`affirmative`), or against it by reason ids."""

    affirmative: bool
    reasons: tuple[str, ...] = ()


class VoteReason(Struct, frozen=True, kw_only=True):
    """A reason that an organisation may give in a vote against a fingerprint (hash): its id and its name."""

    id: str
    name: str


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

    An entry without timestamp gets the instant 1970-01-01, a deleted one no fingerprints. A fingerprint of
    another kind is truncated to 200 characters.

    Raises:
        FormatRefused: not such a document, over a limit, an entry without id or member, or a malformed value.
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
    """Parse an organisation's vote on a fingerprint (hash) from a `feedbackSubmission` document.

    Raises:
        FormatRefused: not such a document, neither for nor against, or against with no or over 50 reasons.
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


_NAME: Final = f"{{{NAMESPACE}}}"
_UNWRITABLE: Final = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_PREFIXES: Final = {None: NAMESPACE}
_SPELLED: Final = {"tmk_pdqf": "TMK_PDQF", "ssvh_pdna": "SSVH_PDNA"}


def instant(value: datetime) -> str:
    """Format an instant in whole seconds of UTC, the only form that clients accept."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_document(*, member: Member, user: str, address: str) -> bytes:
    """Serialise the answer to a status request: the caller's IP address, user name and organisation."""
    root = _root("status")
    _text(root, "ipAddress", address)
    _text(root, "username", user)
    _add_member(root, member)
    return _bytes(root)


def members_document(members: Iterable[Member]) -> bytes:
    """Serialise the list of members (organisations) of the hash-sharing service."""
    root = _root("members")
    for member in members:
        _add_member(root, member)
    return _bytes(root)


def reasons_document(kind: str, reasons: Iterable[VoteReason]) -> bytes:
    """Serialise the list of reasons that voters may give against a fingerprint (hash) of `kind`."""
    root = _root("availableFeedback")
    available = _sub(root, "availableFeedbackReasons", type=kind.upper())
    for reason in reasons:
        _sub(available, "feedbackReason", guid=reason.id, name=reason.name, type=_spell(kind))
    return _bytes(root)


def entries_document(page: EntriesPage) -> bytes:
    """Serialise a page of entries: images, then videos, then the path of the next page."""
    root = _root("queryResult")
    for media in Media:
        of_kind = [entry for entry in page.entries if entry.media is media]
        if of_kind:
            _add_entries(root, media, of_kind)
    if page.next:
        _text(_sub(root, "paging"), "next", page.next)
    return _bytes(root)


def error_document(message: str) -> bytes:
    """Serialise an error answer of the hash-sharing protocol with its message in English."""
    root = _root("error")
    _text(root, "message", message)
    return _bytes(root)


def _add_entries(root: etree._Element, media: Media, entries: Sequence[SharedEntry]) -> None:
    newest = instant(max(entry.at for entry in entries))
    box = _sub(root, f"{media}s", count=str(len(entries)), maxTimestamp=newest)
    for entry in entries:
        if entry.deleted:
            gone = _sub(box, f"deleted{media.capitalize()}")
            _add_member(gone, entry.member)
            _text(gone, "id", entry.id)
            _text(gone, "timestamp", instant(entry.at))
        else:
            _add_entry(_sub(box, media.value), entry)


def _add_entry(element: etree._Element, entry: SharedEntry) -> None:
    _add_member(element, entry.member)
    _text(element, "timestamp", instant(entry.at))
    _text(element, "id", entry.id)
    if entry.classification:
        _text(element, "classification", entry.classification)
    prints = _sub(element, "fingerprints")
    for tag, value in entry.fingerprints.items():
        _text(prints, tag, value)
    if entry.votes:
        _feedback(element, entry.votes)


def _feedback(element: etree._Element, votes: Sequence[FingerprintVote]) -> None:
    newest = instant(max(vote.at for vote in votes))
    feedback = _sub(element, "feedback", lastUpdateTimestamp=newest)
    ordered = sorted(votes, key=lambda v: (v.kind, bool(v.reason), v.reason, v.member.id))
    for (kind, against), some in groupby(ordered, key=lambda v: (v.kind, bool(v.reason))):
        group = list(some)
        box = _sub(
            feedback,
            "negativeFeedback" if against else "affirmativeFeedback",
            type=_spell(kind),
            lastUpdateTimestamp=instant(max(vote.at for vote in group)),
        )
        if not against:
            _voters(box, group)
            continue
        reasons = _sub(box, "reasons")
        for (guid, name), of_reason in groupby(group, key=lambda v: (v.reason, v.reason_name)):
            _sub(reasons, "reason", guid=guid, name=name, type=_spell(kind))
            _voters(reasons, list(of_reason))


def _voters(parent: etree._Element, votes: Sequence[FingerprintVote]) -> None:
    newest = instant(max(vote.at for vote in votes))
    box = _sub(parent, "members", timestamp=newest)
    for vote in votes:
        _add_member(box, vote.member)


def _spell(kind: str) -> str:
    """Return the name of a fingerprint's kind as the XML attribute `type` spells it: `Md5`, `Pdq`."""
    return _SPELLED.get(kind, kind.capitalize())


def _root(name: str) -> etree._Element:
    return etree.Element(_NAME + name, nsmap=_PREFIXES)  # type: ignore[arg-type]


def _sub(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    clean = {key: _printing(value) for key, value in attributes.items()}
    return etree.SubElement(parent, _NAME + tag, clean)


def _add_member(parent: etree._Element, member: Member) -> None:
    _sub(parent, "member", id=str(member.id)).text = _printing(member.name)


def _text(parent: etree._Element, name: str, text: str) -> None:
    _sub(parent, name).text = _printing(text)


def _printing(text: str) -> str:
    """Return `text` without the characters that XML cannot contain."""
    return _UNWRITABLE.sub("", text)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
