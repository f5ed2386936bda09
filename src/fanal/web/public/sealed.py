"""The hidden draft: all answers so far, encrypted in one form field.

AES-256-GCM over compressed JSON. The browser carries it and can neither read nor change it; this node stores
nothing but the key, for a few hours (`keys.py`).
"""

import base64
import binascii
import secrets
import zlib
from datetime import UTC, datetime

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from fanal.intake.domain.receipt import new_code
from fanal.web.public.keys import DraftKeys

MOST_SEALED = 400_000
"""Maximum characters of the hidden field; all answers at their limits fit, in any script."""
MOST_PLAIN = 800_000
"""Maximum bytes after decompression, against decompression bombs."""
_CONTEXT = b"fanal/public/draft/v1"
_KEY_ID, _NONCE = 8, 12


class DraftRefused(ValueError):
    """The hidden field is no valid draft of this node: changed, expired, too large, or of another node."""


class HiddenDraft(Struct, frozen=True, kw_only=True):
    """The state of the form between its pages.

    `submission` is the idempotency key of the report; `code` its future receipt code; `started_at` and
    `checked_at` the times when the form was opened and the check page first shown, in seconds since 1970;
    `answers` by field name.
    """

    submission: str
    code: str
    started_at: int
    checked_at: int | None = None
    answers: dict[str, str] = {}


def new_draft(now: datetime) -> HiddenDraft:
    """Return an empty draft with new submission id and receipt code."""
    return HiddenDraft(
        submission=secrets.token_hex(16), code=new_code(), started_at=int(now.timestamp())
    )


def seal(draft: HiddenDraft, *, keys: DraftKeys, now: datetime) -> str:
    """Return a draft encrypted for the hidden field.

    Raises:
        DraftRefused: the answers are too large.
        OSError: as `DraftKeys.sealing`.
    """
    key_id, key = keys.sealing(now)
    plain = msgspec.json.encode(draft)
    if len(plain) > MOST_PLAIN:
        raise DraftRefused("the draft is too large")
    nonce = secrets.token_bytes(_NONCE)
    box = AESGCM(key).encrypt(nonce, zlib.compress(plain, 6), _CONTEXT + key_id)
    return base64.urlsafe_b64encode(key_id + nonce + box).decode()


def unseal(text: str, *, keys: DraftKeys, now: datetime) -> HiddenDraft:
    """Return the decrypted draft of a hidden field.

    Raises:
        DraftRefused: it is invalid, or its key has expired.
    """
    if len(text) > MOST_SEALED:
        raise DraftRefused("the field is too large")
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise DraftRefused("no base64") from None
    key_id, nonce, box = raw[:_KEY_ID], raw[_KEY_ID : _KEY_ID + _NONCE], raw[_KEY_ID + _NONCE :]
    key = keys.opening(key_id, now)
    if key is None:
        raise DraftRefused("the key of this draft is forgotten")
    try:
        return msgspec.json.decode(
            _inflate(AESGCM(key).decrypt(nonce, box, _CONTEXT + key_id)), type=HiddenDraft
        )
    except (InvalidTag, ValueError, zlib.error, msgspec.MsgspecError):
        raise DraftRefused("the draft was changed") from None


def is_waiting_over(draft: HiddenDraft, *, now: datetime, seconds: int) -> bool:
    """Return whether the check page was first shown at least `seconds` ago.

    Also true when the clock was set back meanwhile.
    """
    if draft.checked_at is None:
        return False
    passed = (now - datetime.fromtimestamp(draft.checked_at, UTC)).total_seconds()
    return not 0 <= passed < seconds


def _inflate(data: bytes) -> bytes:
    inflater = zlib.decompressobj()
    plain = inflater.decompress(data, MOST_PLAIN)
    if not inflater.eof:
        raise DraftRefused("the draft is too large")
    return plain
