"""Records of hash sharing: entries, their fingerprints, the votes of members."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

NAMESPACE: Final = "https://hashsharing.ncmec.org/hashsharing/v2"


class Media(StrEnum):
    """The type of media of an entry; the value is also the name of its XML element."""

    IMAGE = "image"
    VIDEO = "video"


class Member(Struct, frozen=True, kw_only=True):
    """A participating organisation: its stable number and its name."""

    id: int
    name: str


class FingerprintVote(Struct, frozen=True, kw_only=True):
    """A member's vote on one fingerprint of an entry; agreement if `reason` is empty."""

    member: Member
    kind: str  # tag of the fingerprint, in lower case
    at: datetime
    reason: str = ""  # identifier of a reason
    reason_name: str = ""


class SharedEntry(Struct, frozen=True, kw_only=True):
    """A list entry, or its deletion: its owner (`member`), its fingerprints by lower-case kind."""

    id: str
    member: Member
    at: datetime
    media: Media = Media.IMAGE
    deleted: bool = False
    classification: str = ""
    fingerprints: dict[str, str] = {}
    votes: tuple[FingerprintVote, ...] = ()


class EntriesPage(Struct, frozen=True, kw_only=True):
    """A page of entries in any order; `next`: path of the next page below the service root, or empty."""

    entries: tuple[SharedEntry, ...]
    next: str = ""


class HandedVote(Struct, frozen=True, kw_only=True):
    """A vote as a member submits it: agreement, or the identifiers of the reasons against a fingerprint."""

    affirmative: bool
    reasons: tuple[str, ...] = ()


class VoteReason(Struct, frozen=True, kw_only=True):
    """A reason that a member may give against a fingerprint."""

    id: str
    name: str
