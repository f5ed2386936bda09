"""Keys of the hidden drafts: renewed every two hours, deleted after six, shared by the node's processes.

They are stored in one small file of this node (mode 0600), never in the database or a backup: after the
deletion of a key, nobody can read the drafts sealed with it.
"""

import base64
import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from msgspec import Struct

NEW_AFTER = timedelta(hours=2)
FORGOTTEN_AFTER = timedelta(hours=6)


class _Key(Struct, frozen=True):
    id: str
    key: str
    made_at: int

    def age(self, now: datetime) -> timedelta:
        return now - datetime.fromtimestamp(self.made_at, UTC)


class DraftKeys:
    """The draft keys of this node, in a file shared by its processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: tuple[_Key, ...] = ()

    def sealing(self, now: datetime) -> tuple[bytes, bytes]:
        """Return (id, key) of the newest key, after making a new one when it is two hours old.

        Without disk space for a new key, the newest is used until it expires: a page just filled in is not
        refused.

        Raises:
            OSError: no disk space, and no valid key.
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
        """Return the key with this id, or None when it has expired or is unknown."""
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
