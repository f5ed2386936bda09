"""What the documents of hash sharing say: entries, their fingerprints, the votes of members."""

from datetime import datetime
from enum import StrEnum
from typing import Final

from msgspec import Struct

NAMESPACE: Final = "https://hashsharing.ncmec.org/hashsharing/v2"


class Media(StrEnum):
    """What an entry is a fingerprint of; the name is its element."""

    IMAGE = "image"
    VIDEO = "video"


class Member(Struct, frozen=True, kw_only=True):
    """A body that takes part: its number, which is stable, and its name."""

    id: int
    name: str


class FingerprintVote(Struct, frozen=True, kw_only=True):
    """What a member says of one fingerprint of an entry; without `reason` it agrees."""

    member: Member
    kind: str  # tag of the fingerprint, in lower case
    at: datetime
    reason: str = ""  # identifier of a reason
    reason_name: str = ""


class SharedEntry(Struct, frozen=True, kw_only=True):
    """One entry: whose it is, its fingerprints by tag in lower case, or that it was withdrawn."""

    id: str
    member: Member
    at: datetime
    media: Media = Media.IMAGE
    deleted: bool = False
    classification: str = ""
    fingerprints: dict[str, str] = {}
    votes: tuple[FingerprintVote, ...] = ()


class EntriesPage(Struct, frozen=True, kw_only=True):
    """Entries in any order; `next` leads on, relative to the service's root, and is empty at the end."""

    entries: tuple[SharedEntry, ...]
    next: str = ""


class HandedVote(Struct, frozen=True, kw_only=True):
    """A vote as it is handed in: agreed, or the identifiers of the reasons against."""

    affirmative: bool
    reasons: tuple[str, ...] = ()


class VoteReason(Struct, frozen=True, kw_only=True):
    """A reason that a member may give against a fingerprint."""

    id: str
    name: str
