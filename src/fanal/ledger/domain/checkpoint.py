"""Checkpoints of the log (C2SP tlog-checkpoint) as signed notes (C2SP signed-note, Ed25519).

Other texts can be signed as notes too. A note is the text, an empty line and signature lines. The text of a
checkpoint has three lines: the origin of the log, the size of the tree, and the base64 of its root.
Witnesses and auditors can verify it without this program.
"""

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

_SIGNATURE = re.compile(r"— ([^ +]+) ([A-Za-z0-9+/]+={0,2})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_MAX_NOTE = 16_384
_ROOT_SIZE = 32


class CheckpointRefused(ValueError):
    """Error: a note (signed text) or verifier key is malformed, or no signature of a known key is valid."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A signed statement about the log: its first `size` entries have this Merkle root (32 bytes).

    `origin` names the log; `note` is the signed text.
    """

    origin: str
    size: int
    root: bytes
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key that verifies signature lines of notes (signed texts), and its name in these lines."""

    algorithm: ClassVar[bytes]
    """The byte by which C2SP names what the key signs."""
    name: str
    public: Ed25519PublicKey

    @property
    def key_id(self) -> bytes:
        """The four bytes by which a signature line refers to this key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self._raw()).digest()[:4]

    def encode(self) -> str:
        """Return the verifier key as text, `name+hash+base64(key)`, for the configuration of a verifier."""
        return f"{self.name}+{self.key_id.hex()}+{base64.b64encode(self._raw()).decode()}"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Parse a verifier key, as written by `encode`.

        Raises:
            CheckpointRefused: the text is malformed, of another algorithm, or its hash is wrong.
        """
        try:
            name, key_id, encoded = text.strip().split("+", 2)
            raw = base64.b64decode(encoded, validate=True)
            key = cls(name=name, public=Ed25519PublicKey.from_public_bytes(raw[1:]))
        except ValueError as error:
            raise CheckpointRefused(f"no verifier key: {error}") from None
        if raw[:1] != cls.algorithm or key.key_id.hex() != key_id:
            raise CheckpointRefused("the verifier key is of another algorithm or damaged")
        return key

    def _raw(self) -> bytes:
        return self.algorithm + self.public.public_bytes(Encoding.Raw, PublicFormat.Raw)


class NoteKey(VerifierKey):
    """A verifier key of plain Ed25519 signatures (C2SP algorithm 1), such as those of the log itself."""

    __slots__ = ()
    algorithm = b"\x01"


def sign(*, origin: str, size: int, root: bytes, name: str, key: Ed25519PrivateKey) -> Checkpoint:
    """Return the signed checkpoint of the tree with `size` leaves and this root.

    `origin` names the log, `name` the signing key.

    Raises:
        ValueError: the origin is empty or contains a line feed, or the name is empty or contains `+` or
            white space.
    """
    if not origin or "\n" in origin:
        raise ValueError("the origin cannot stand in a note")
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    return Checkpoint(origin=origin, size=size, root=root, note=sign_text(text, name=name, key=key))


def sign_text(text: str, *, name: str, key: Ed25519PrivateKey) -> str:
    """Return the C2SP signed note of a text without empty lines; `name` is that of the signing key.

    The first line of the text must say what the text is, so that no note can be mistaken for one of another
    use.

    Raises:
        ValueError: the text does not end with a line feed or has an empty line, or the name is empty or
            contains `+` or white space.
    """
    if not text.endswith("\n") or "\n\n" in text or not re.fullmatch(r"[^\s+]+", name):
        raise ValueError("text or key name cannot stand in a note")
    key_id = NoteKey(name=name, public=key.public_key()).key_id
    signature = base64.b64encode(key_id + key.sign(text.encode())).decode()
    return f"{text}\n— {name} {signature}\n"


def open_note(note: str, *, keys: Iterable[NoteKey]) -> Checkpoint:
    """Verify a note (signed checkpoint) signed by at least one of `keys`, and return its checkpoint.

    Signatures of unknown keys (witnesses) are skipped; an invalid signature of a known key is refused.

    Raises:
        CheckpointRefused: the note is malformed, has no signature of a known key, or has an invalid one.
    """
    return _parse_text(open_text(note, keys=keys), note)


def open_text(note: str, *, keys: Iterable[NoteKey]) -> str:
    """Verify a signed note of any use with `keys`, as `open_note` does, and return its text.

    Raises:
        CheckpointRefused: the note is malformed, has no signature of a known key, or has an invalid one.
    """
    known = {(key.name, key.key_id): key for key in keys}
    text, signatures = _split_note(note)
    if not _count_valid(text, signatures, known):
        raise CheckpointRefused("no signature of a known key")
    return text


def split_notes(content: str) -> list[str]:
    """Split the content of an append-only checkpoint file into its notes (signed checkpoints).

    Each is followed by an empty line in the file. A last note truncated by a crash is left out.
    """
    parts = content.split("\n\n")[:-1]
    pairs = zip(parts[0::2], parts[1::2], strict=False)
    return [f"{text}\n\n{signatures}\n" for text, signatures in pairs]


def read_copy(content: bytes) -> list[str]:
    """Parse a copy of a checkpoint file kept elsewhere and return its notes (signed checkpoints).

    Trailing spaces and a missing last empty line, as left by editors and mail programs, are tolerated. The
    notes are not verified: that is done by `open_note`.

    Raises:
        CheckpointRefused: the copy is not UTF-8, is empty, or its paragraphs are not pairs of a text and
            its signatures.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise CheckpointRefused("no text") from None
    parts = "\n".join(line.rstrip() for line in text.splitlines()).strip("\n").split("\n\n")
    if len(parts) % 2:
        raise CheckpointRefused("no file of whole notes")
    return [f"{a}\n\n{b}\n" for a, b in zip(parts[0::2], parts[1::2], strict=True)]


def _split_note(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    text, separator, tail = note.rpartition("\n\n")
    if not separator or not tail.endswith("\n") or len(note) > _MAX_NOTE:
        raise CheckpointRefused("no signed note")
    signatures: list[tuple[str, bytes]] = []
    for line in tail[:-1].split("\n"):
        match = _SIGNATURE.fullmatch(line)
        if match is None:
            raise CheckpointRefused("no signature line")
        signatures.append((match[1], _base64(match[2])))
    return text + "\n", signatures


def _count_valid(
    text: str,
    signatures: Iterable[tuple[str, bytes]],
    known: Mapping[tuple[str, bytes], NoteKey],
) -> int:
    valid = 0
    for name, value in signatures:
        key = known.get((name, value[:4]))
        if key is None:
            continue
        try:
            key.public.verify(value[4:], text.encode())
        except InvalidSignature:
            raise CheckpointRefused(f"wrong signature of {name}") from None
        valid += 1
    return valid


def _parse_text(text: str, note: str) -> Checkpoint:
    lines = text.split("\n")
    if len(lines) < 4 or not lines[0] or not _SIZE.fullmatch(lines[1]):
        raise CheckpointRefused("no checkpoint text")
    root = _base64(lines[2])
    if len(root) != _ROOT_SIZE:
        raise CheckpointRefused("a root has 32 bytes")
    return Checkpoint(origin=lines[0], size=int(lines[1]), root=root, note=note)


def _base64(text: str) -> bytes:
    try:
        value = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise CheckpointRefused("no base64") from None
    if base64.b64encode(value).decode() != text:
        raise CheckpointRefused("base64 in another form")
    return value
