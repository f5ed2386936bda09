"""The three messages of a round: canonical JSON, signed, each bound to the one before.

One message has exactly one form in bytes: what is read is written again and compared. A signature covers
everything, the names of both desks and the end of the round among it.
"""

import hashlib
from datetime import datetime
from typing import ClassVar, Final, Literal
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from fanal.deconfliction.domain.curve import MOST
from fanal.deconfliction.domain.states import DeconflictionRefused, MessageKind

MAX_BYTES: Final = 2 * MOST * 32 * 4 // 3 + 4096
"""The largest message: an answer, two sets in base64."""
_PROTOCOL: Final = "fanal-deconflict/1"
_SIGNED: Final = b"fanal-deconflict/1 message\x00"


class _Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """What every message says: its round, from whom to whom, when, and until when the round lasts."""

    round: UUID
    sender: str
    recipient: str
    at: datetime
    expires: datetime
    protocol: Literal["fanal-deconflict/1"] = "fanal-deconflict/1"


class Offer(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="OFFER"):
    """The set of the side that begins."""

    kind_of: ClassVar[MessageKind] = MessageKind.OFFER
    points: bytes
    previous: Literal[""] = ""


class Answer(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ANSWER"):
    """The offered set multiplied again, in its order, and the set of the side that answers."""

    kind_of: ClassVar[MessageKind] = MessageKind.ANSWER
    twice: bytes
    points: bytes
    previous: str


class Conclusion(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="CONCLUSION"):
    """Which points of the answer's set met, by their places from 0, ascending."""

    kind_of: ClassVar[MessageKind] = MessageKind.CONCLUSION
    met: tuple[int, ...]
    previous: str


Message = Offer | Answer | Conclusion


class _Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: Message
    signature: bytes


class Received(Struct, frozen=True, kw_only=True):
    """A message as it came; nothing of it is believed before `check_signature`."""

    message: Message
    signature: bytes
    body: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of its bytes: what the next message names."""
        return hashlib.sha256(self.body).digest()


def write_message(message: Message, *, key: Ed25519PrivateKey) -> bytes:
    """Return the bytes of a message, signed."""
    envelope = _Envelope(message=message, signature=key.sign(_signed(message)))
    return msgspec.json.encode(envelope) + b"\n"


def read_message(body: bytes) -> Received:
    """Return a message from outside.

    Raises:
        DeconflictionRefused: TOO_LARGE; MALFORMED where it is no message, or is written otherwise than
            `write_message` writes it.
    """
    if len(body) > MAX_BYTES:
        raise DeconflictionRefused("TOO_LARGE")
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise DeconflictionRefused("MALFORMED") from None
    if msgspec.json.encode(envelope) + b"\n" != body or not _is_plain(envelope.message):
        raise DeconflictionRefused("MALFORMED")
    return Received(message=envelope.message, signature=envelope.signature, body=body)


def check_signature(received: Received, *, key: bytes) -> None:
    """Check that the holder of `key`, a raw Ed25519 public key of 32 bytes, signed a message.

    Raises:
        DeconflictionRefused: SIGNATURE, also where `key` is no such key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            received.signature, _signed(received.message)
        )
    except (InvalidSignature, ValueError):
        raise DeconflictionRefused("SIGNATURE") from None


def pair_of(one: bytes, other: bytes) -> bytes:
    """Return what separates the points of two desks from all others': both keys, in either order."""
    return hashlib.sha256(b"".join(sorted((one, other)))).digest()


def _signed(message: Message) -> bytes:
    return _SIGNED + msgspec.json.encode(message)


def _is_plain(message: Message) -> bool:
    """Return whether times have a zone and an order, and places ascend."""
    if message.at.tzinfo is None or message.expires.tzinfo is None:
        return False
    if not message.at < message.expires:
        return False
    if isinstance(message, Conclusion):
        ascends = all(a < b for a, b in zip(message.met, message.met[1:], strict=False))
        return ascends and all(0 <= place < MOST for place in message.met)
    return True
