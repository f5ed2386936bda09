"""The three messages of a round (one run of private set intersection): offer, answer, conclusion.

They are canonical JSON, signed, each linked to the previous by its digest. A message has exactly one
encoding: a decoded message is encoded again and compared. The signature covers every field, including both
names and the end of the round.
"""

import hashlib
from datetime import datetime
from typing import ClassVar, Final, Literal, TypedDict
from uuid import UUID

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from fanal.deconfliction.domain.records import Counterpart, MessageKind, Round
from fanal.deconfliction.domain.sets import MOST
from fanal.kernel.refusal import Refusal

MAX_BYTES: Final = 2 * MOST * 32 * 4 // 3 + 4096
"""Maximum size of a message in bytes: an answer, with two sets in base64."""
_PROTOCOL: Final = "fanal-deconflict/1"
_SIGNED: Final = b"fanal-deconflict/1 message\x00"


class _Message(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"):
    """The fields of every message of a round (one run of private set intersection).

    `round` is its id, `sender` and `recipient` are the names of the two organisations, `at` is the date,
    `expires` the end of the round, `protocol` the version of the messages.
    """

    round: UUID
    sender: str
    recipient: str
    at: datetime
    expires: datetime
    protocol: Literal["fanal-deconflict/1"] = "fanal-deconflict/1"


class Offer(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="OFFER"):
    """The first message of a round of private set intersection: the blinded set of the side that begins.

    `points` are its curve points, concatenated. It has no previous message: `previous` is always "".
    """

    kind_of: ClassVar[MessageKind] = MessageKind.OFFER
    points: bytes
    previous: Literal[""] = ""


class Answer(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="ANSWER"):
    """The second message of a round of private set intersection, from the side that answers the offer.

    `twice` is the offered set blinded again, in its order; `points` is the answering side's set, blinded
    once. `previous` is the SHA-256 of the offer, in hexadecimal.
    """

    kind_of: ClassVar[MessageKind] = MessageKind.ANSWER
    twice: bytes
    points: bytes
    previous: str


class Conclusion(_Message, frozen=True, kw_only=True, forbid_unknown_fields=True, tag="CONCLUSION"):
    """The third message of a round of private set intersection: which identifiers both sides hold.

    `met` gives them as ascending positions of the answer's points, from 0. `previous` is the SHA-256 of the
    answer, in hexadecimal.
    """

    kind_of: ClassVar[MessageKind] = MessageKind.CONCLUSION
    met: tuple[int, ...]
    previous: str


Message = Offer | Answer | Conclusion


class MessageHead(TypedDict):
    """The first fields of every message of a round: its id, both organisations, its date, the round's end."""

    round: UUID
    sender: str
    recipient: str
    at: datetime
    expires: datetime


def head_of(round_: Round, counterpart: Counterpart, *, now: datetime) -> MessageHead:
    """Return the fields with which each of this desk's messages of a round begins, by name.

    `now` becomes the date of the message, cut to whole seconds.
    """
    return {
        "round": round_.id,
        "sender": counterpart.our_name,
        "recipient": counterpart.name,
        "at": now.replace(microsecond=0),
        "expires": round_.expires_at,
    }


class _Envelope(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    message: Message
    signature: bytes


class Received(Struct, frozen=True, kw_only=True):
    """A received message, decoded, with its signature and its exact bytes (`body`).

    It is not trusted before `check_signature`.
    """

    message: Message
    signature: bytes
    body: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 of the message's bytes; the next message of the same round (comparison) quotes it."""
        return hashlib.sha256(self.body).digest()


def write_message(message: Message, *, key: Ed25519PrivateKey) -> bytes:
    """Return a message as signed JSON, ended by a newline; `key` is this installation's private key."""
    envelope = _Envelope(message=message, signature=key.sign(_signed(message)))
    return msgspec.json.encode(envelope) + b"\n"


def read_message(body: bytes) -> Received:
    """Decode a received message from its bytes (`body`); its signature is not checked yet.

    Raises:
        Refusal: TOO_LARGE (over the maximum size); MALFORMED, not a message, or not encoded exactly as
            `write_message` does.
    """
    if len(body) > MAX_BYTES:
        raise Refusal("deconfliction", "TOO_LARGE")
    try:
        envelope = msgspec.json.decode(body, type=_Envelope)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise Refusal("deconfliction", "MALFORMED") from None
    if msgspec.json.encode(envelope) + b"\n" != body or not _is_plain(envelope.message):
        raise Refusal("deconfliction", "MALFORMED")
    return Received(message=envelope.message, signature=envelope.signature, body=body)


def check_signature(received: Received, *, key: bytes) -> None:
    """Verify the signature of a received message with `key`, a raw Ed25519 public key of 32 bytes.

    Raises:
        Refusal: SIGNATURE, also if `key` is not a valid key.
    """
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(
            received.signature, _signed(received.message)
        )
    except (InvalidSignature, ValueError):
        raise Refusal("deconfliction", "SIGNATURE") from None


def pair_of(one: bytes, other: bytes) -> bytes:
    """Return the domain separator for the curve points of two desks: SHA-256 of their public keys, sorted.

    `one` and `other` are raw Ed25519 keys, in any order. Points of different pairs of desks never match.
    """
    return hashlib.sha256(b"".join(sorted((one, other)))).digest()


def _signed(message: Message) -> bytes:
    return _SIGNED + msgspec.json.encode(message)


def _is_plain(message: Message) -> bool:
    """Return whether the fields of a decoded message are well-formed.

    `at` is before `expires`, both with a time zone. The positions of a conclusion ascend, from 0 to less than
    `MOST`, the greatest number of points (blinded identifiers) in a set.
    """
    if message.at.tzinfo is None or message.expires.tzinfo is None:
        return False
    if not message.at < message.expires:
        return False
    if isinstance(message, Conclusion):
        ascends = all(a < b for a, b in zip(message.met, message.met[1:], strict=False))
        return ascends and all(0 <= place < MOST for place in message.met)
    return True
