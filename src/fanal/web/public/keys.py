"""Keys of the hidden drafts: made anew every two hours, forgotten after six, shared by the processes.

They live in one small file of this node (mode 0600), never in the database, never in a backup: once a
key is forgotten, no draft sealed under it can be read by anybody.
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
    """The keys of this node; every process reads the same file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._keys: tuple[_Key, ...] = ()

    def sealing(self, now: datetime) -> tuple[bytes, bytes]:
        """Return (id, key) of the newest key, making one when it is two hours old.

        Where there is no room for a new one, the newest is used on as long as it opens anything: a page that
        somebody has just filled in is not refused for it.

        Raises:
            OSError: no room, and no key that opens anything.
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
        """Return the key of that id, or None when it is forgotten or was never ours."""
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
