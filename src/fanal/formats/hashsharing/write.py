"""Writer of hash-sharing XML documents, as members of the service expect them."""

import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import groupby
from typing import Final

from lxml import etree

from fanal.formats.hashsharing.records import (
    NAMESPACE,
    EntriesPage,
    FingerprintVote,
    Media,
    Member,
    SharedEntry,
    VoteReason,
)

_NAME: Final = f"{{{NAMESPACE}}}"
_UNWRITABLE: Final = re.compile("[^\\t\\n\\r\\u0020-\\ud7ff\\ue000-\\ufffd\\U00010000-\\U0010ffff]")
_PREFIXES: Final = {None: NAMESPACE}
_SPELLED: Final = {"tmk_pdqf": "TMK_PDQF", "ssvh_pdna": "SSVH_PDNA"}


def instant(value: datetime) -> str:
    """Format an instant in whole seconds of UTC, the only form that clients accept."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def status_document(*, member: Member, user: str, address: str) -> bytes:
    """Serialise the status answer: the caller's address, user name and member."""
    root = _root("status")
    _text(root, "ipAddress", address)
    _text(root, "username", user)
    _member(root, member)
    return _bytes(root)


def members_document(members: Iterable[Member]) -> bytes:
    """Serialise the list of members."""
    root = _root("members")
    for member in members:
        _member(root, member)
    return _bytes(root)


def reasons_document(kind: str, reasons: Iterable[VoteReason]) -> bytes:
    """Serialise the list of reasons that may be given against a fingerprint of `kind`."""
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
            _entries(root, media, of_kind)
    if page.next:
        _text(_sub(root, "paging"), "next", page.next)
    return _bytes(root)


def error_document(message: str) -> bytes:
    """Serialise an error answer with its protocol message in English."""
    root = _root("error")
    _text(root, "message", message)
    return _bytes(root)


def _entries(root: etree._Element, media: Media, entries: Sequence[SharedEntry]) -> None:
    newest = instant(max(entry.at for entry in entries))
    box = _sub(root, f"{media}s", count=str(len(entries)), maxTimestamp=newest)
    for entry in entries:
        if entry.deleted:
            gone = _sub(box, f"deleted{media.capitalize()}")
            _member(gone, entry.member)
            _text(gone, "id", entry.id)
            _text(gone, "timestamp", instant(entry.at))
        else:
            _entry(_sub(box, media.value), entry)


def _entry(element: etree._Element, entry: SharedEntry) -> None:
    _member(element, entry.member)
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
        _member(box, vote.member)


def _spell(kind: str) -> str:
    """Return the name of a fingerprint's kind as the attribute `type` spells it: `Md5`, `Pdq`."""
    return _SPELLED.get(kind, kind.capitalize())


def _root(name: str) -> etree._Element:
    return etree.Element(_NAME + name, nsmap=_PREFIXES)  # type: ignore[arg-type]


def _sub(parent: etree._Element, tag: str, /, **attributes: str) -> etree._Element:
    clean = {key: _printing(value) for key, value in attributes.items()}
    return etree.SubElement(parent, _NAME + tag, clean)


def _member(parent: etree._Element, member: Member) -> None:
    _sub(parent, "member", id=str(member.id)).text = _printing(member.name)


def _text(parent: etree._Element, name: str, text: str) -> None:
    _sub(parent, name).text = _printing(text)


def _printing(text: str) -> str:
    """Return `text` without the characters that XML cannot contain."""
    return _UNWRITABLE.sub("", text)


def _bytes(root: etree._Element) -> bytes:
    return etree.tostring(root, xml_declaration=True, encoding="UTF-8")
