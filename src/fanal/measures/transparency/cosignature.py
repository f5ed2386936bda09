"""C2SP tlog-cosignature (Ed25519): a witness states that a checkpoint is consistent with all it saw. Pure."""

import base64
import binascii
from datetime import UTC, datetime
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain.checkpoint import CheckpointRefused, VerifierKey

_TIME = 8
_SIZE = 4 + _TIME + 64


class CosignatureRefused(ValueError):
    """A note carries no valid cosignature of a witness, or a witness key is malformed."""


class WitnessKey(VerifierKey):
    """The public key of a witness, and its name in signature lines."""

    __slots__ = ()
    algorithm = b"\x04"

    @classmethod
    def decode(cls, text: str) -> Self:
        """Parse a verifier key, as written by `encode`.

        Raises:
            CosignatureRefused: the text is malformed, of another algorithm, or its hash is wrong.
        """
        try:
            return super().decode(text)
        except CheckpointRefused as error:
            raise CosignatureRefused(str(error)) from None


def cosign(note: str, *, name: str, key: Ed25519PrivateKey, now: datetime) -> str:
    """Return the signature line of a witness on the checkpoint in `note`, without line feed.

    `name` is the witness's, `now` the instant that the line states.
    """
    time = int(now.timestamp())
    key_id = WitnessKey(name=name, public=key.public_key()).key_id
    value = key_id + time.to_bytes(_TIME, "big") + key.sign(_message(note, time))
    return f"— {name} {base64.b64encode(value).decode()}"


def cosigned_at(note: str, *, key: WitnessKey) -> datetime:
    """Return the instant at which a witness cosigned the checkpoint in `note`, the latest of several.

    Raises:
        CosignatureRefused: no line is of this key, or one is invalid.
    """
    found: list[int] = []
    for line in note.rpartition("\n\n")[2].splitlines():
        mark, name, text = [*line.split(" "), "", ""][:3]
        if mark != "—" or name != key.name:
            continue
        try:
            value = base64.b64decode(text, validate=True)
        except binascii.Error:
            continue
        if value[:4] != key.key_id or len(value) != _SIZE:
            continue
        time = int.from_bytes(value[4 : 4 + _TIME], "big")
        try:
            key.public.verify(value[4 + _TIME :], _message(note, time))
        except InvalidSignature:
            raise CosignatureRefused(f"wrong cosignature of {name}") from None
        found.append(time)
    if not found:
        raise CosignatureRefused(f"no cosignature of {key.name}")
    try:
        return datetime.fromtimestamp(max(found), tz=UTC)
    except (ValueError, OverflowError, OSError):
        raise CosignatureRefused("the cosignature states no instant") from None


def _message(note: str, time: int) -> bytes:
    text = note.rpartition("\n\n")[0] + "\n"
    return f"cosignature/v1\ntime {time}\n{text}".encode()
