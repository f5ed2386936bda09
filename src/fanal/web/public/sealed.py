"""The hidden draft: all answers so far, encrypted in one form field.

AES-256-GCM over compressed JSON. The browser carries it and can neither read nor change it; this node stores
nothing but the key, for a few hours (`DraftKeys`).
"""

import base64
import binascii
import fcntl
import os
import secrets
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgspec import Struct

from fanal.intake.domain.receipt import new_code

# Keys of the hidden drafts: renewed every two hours, deleted after six, shared by the node's processes.
#
# They are stored in one small file of this node (mode 0600), never in the database or a backup: after the
# deletion of a key, nobody can read the drafts sealed with it.

NEW_AFTER = timedelta(hours=2)
FORGOTTEN_AFTER = timedelta(hours=6)


class _Key(Struct, frozen=True):
    id: str
    key: str
    made_at: int

    def age(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self.made_at, UTC)


class DraftKeys:
    """The keys that encrypt the answers kept in a form's hidden field (drafts) on this node.

    They are in a file shared by its processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: tuple[_Key, ...] = ()

    def sealing(self, now: datetime) -> tuple[bytes, bytes]:
        """Return (id, key) of the newest key, after making a new one when it is two hours old.

        If a new key cannot be stored, as on a full disk, the newest is used until it expires: a page just
        filled in is not refused.

        Raises:
            OSError: a new key cannot be stored, and there is no valid one.
        """
        if not self._fresh(now):
            try:
                self._renew(now)
            except OSError:
                self._keys = tuple(key for key in self._keys if key.age(now) < FORGOTTEN_AFTER)
                if not self._keys:
                    raise
        newest = self._keys[-1]
        return bytes.fromhex(newest.id), base64.b64decode(newest.key)

    def opening(self, key_id: bytes, now: datetime) -> bytes | None:
        """Return the key with this id, to decrypt a hidden draft; None when it has expired or is unknown."""
        wanted = key_id.hex()
        if all(key.id != wanted for key in self._keys):
            self._keys = self._read(now)
        for key in self._keys:
            if key.id == wanted and key.age(now) < FORGOTTEN_AFTER:
                return base64.b64decode(key.key)
        return None

    def _renew(self, now: datetime) -> None:
        with self._locked():
            self._keys = self._read(now)
            if not self._fresh(now):
                keys = (*self._keys, _make(now))
                self._write(keys)
                self._keys = keys

    def _fresh(self, now: datetime) -> bool:
        return bool(self._keys) and abs(self._keys[-1].age(now)) < NEW_AFTER

    def _read(self, now: datetime) -> tuple[_Key, ...]:
        try:
            keys = msgspec.json.decode(self._path.read_bytes(), type=tuple[_Key, ...])
        except (FileNotFoundError, msgspec.MsgspecError):
            return ()
        return tuple(key for key in keys if key.age(now) < FORGOTTEN_AFTER)

    def _write(self, keys: tuple[_Key, ...]) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.encode(keys))
        temporary.replace(self._path)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = self._path.with_name(self._path.name + ".lock")
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _make(now: datetime) -> _Key:
    return _Key(
        id=secrets.token_hex(8),
        key=base64.b64encode(secrets.token_bytes(32)).decode(),
        made_at=int(now.timestamp()),
    )


MOST_SEALED = 420_000
"""Maximum characters of the hidden field; all answers at their limits fit, in any script."""
MOST_PLAIN = 800_000
"""Maximum bytes after decompression, against decompression bombs."""
_CONTEXT = b"fanal/public/draft/v1"
_KEY_ID, _NONCE = 8, 12


class DraftRefused(ValueError):
    """Error: the form's hidden field is no valid draft of this node.

    It was changed, has expired, is too large, or comes from another node.
    """


class HiddenDraft(Struct, frozen=True, kw_only=True):
    """The state of the report form between its pages: all answers so far, and its ids and times.

    `submission` is the idempotency key of the report; `code` its future receipt code; `started_at` and
    `checked_at` the times when the form was opened and the check page first shown, in seconds since 1970
    (`checked_at` is None before); `answers` by field name.
    """

    submission: str
    code: str
    started_at: int
    checked_at: int | None = None
    answers: dict[str, str] = {}


def new_draft(now: datetime) -> HiddenDraft:
    """Return an empty draft of the report form, with new submission id and receipt code."""
    return HiddenDraft(
        submission=secrets.token_hex(16), code=new_code(), started_at=int(now.timestamp())
    )


def seal(draft: HiddenDraft, *, keys: DraftKeys, now: datetime) -> str:
    """Return a draft encrypted for the hidden field.

    `keys` are those of this node; the newest encrypts.

    Raises:
        DraftRefused: the answers are too large.
        OSError: a new key cannot be stored, and there is no valid one.
    """
    key_id, key = keys.sealing(now)
    plain = msgspec.json.encode(draft)
    if len(plain) > MOST_PLAIN:
        raise DraftRefused("the draft is too large")
    nonce = secrets.token_bytes(_NONCE)
    box = AESGCM(key).encrypt(nonce, zlib.compress(plain, 6), _CONTEXT + key_id)
    return base64.urlsafe_b64encode(key_id + nonce + box).decode()


def unseal(text: str, *, keys: DraftKeys, now: datetime) -> HiddenDraft:
    """Return the draft in the hidden field's `text`, decrypted.

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

    Also true when the clock was set back meanwhile; false while it was never shown.
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
