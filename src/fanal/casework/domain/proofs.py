"""The file that proves a step of an official act (such as its sending): limits, cleaning of name and type."""

import re
import unicodedata
from uuid import UUID

from msgspec import Struct

PROOF = "proof"
"""Kind of the files of proofs in the vault; their owner is the act."""
MAX_FILE = 10_000_000
"""Largest file of a proof, in bytes."""
MAX_NAME = 120
"""Most characters of a cleaned file name."""
ERASED = "[…]"
"""What stands for the name once the file has expired."""
UNKNOWN_TYPE = "application/octet-stream"
_NO_NAME = "proof"
_MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,58}/[a-z0-9][a-z0-9!#$&^_.+-]{0,59}")
_LONGEST_SUFFIX = 12


class ProofFile(Struct, frozen=True, kw_only=True):
    """A file to attach to a step of an official act as proof, as uploaded: bytes, name, media type.

    Name and type are those that the browser states; they are cleaned when the file is stored.
    """

    content: bytes
    name: str = ""
    media_type: str = ""


class StoredProof(Struct, frozen=True, kw_only=True):
    """The file that proves a recorded step of an official act, as stored in the vault (`object_id`).

    `size` is in bytes, `media_type` as uploaded. Its SHA-256 is the step's `proof_digest`. Once erased, the
    name is `ERASED` and the media type empty.
    """

    object_id: UUID
    size: int
    media_type: str
    name: str

    @property
    def erased(self) -> bool:
        """Whether the file has been erased at its expiry."""
        return self.name == ERASED


def clean_name(name: str) -> str:
    """Return a file name without folders and invisible characters, at most `MAX_NAME` (120) characters long.

    Control and format characters (NUL, line ends, right-to-left marks), lone surrogates and unassigned code
    points are removed. A name of which nothing is left becomes "proof". A long name is truncated before its
    suffix, if that is short.
    """
    last = re.split(r"[/\\]", name)[-1]
    seen = "".join(" " if unicodedata.category(c)[0] == "Z" else c for c in last if _is_visible(c))
    kept = " ".join(unicodedata.normalize("NFC", seen).split())
    if not kept.strip(". ") or kept == ERASED:
        return _NO_NAME
    if len(kept) <= MAX_NAME:
        return kept
    stem, dot, suffix = kept.rpartition(".")
    end = dot + suffix if stem and len(suffix) <= _LONGEST_SUFFIX else ""
    return kept[: MAX_NAME - len(end)] + end


def clean_type(media_type: str) -> str:
    """Return a media type in lower case, without parameters; `UNKNOWN_TYPE` for a text of another form."""
    named = media_type.partition(";")[0].strip().lower()
    return named if _MEDIA_TYPE.fullmatch(named) else UNKNOWN_TYPE


def _is_visible(character: str) -> bool:
    return unicodedata.category(character)[0] != "C"
