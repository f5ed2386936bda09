"""Random passwords of the database roles, kept in one file that only the caller may read."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from fanal.postgres.roles import DatabaseRole

ADMIN = "admin"


class PasswordFile:
    """`keys/database.json`: `{"admin": …, "owner": …, "app": …}`, mode 0600.

    Written whole (temporary file, fsync, rename) so that a crash leaves the old or the new one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, str]:
        """Return what is kept, empty when nothing is."""
        try:
            return {str(k): str(v) for k, v in json.loads(self.path.read_text()).items()}
        except FileNotFoundError:
            return {}

    def renewed(self) -> dict[str, str]:
        """Return new passwords for every role; nothing is written. The administrator's stays."""
        return self.read() | {role.value: secrets.token_urlsafe(32) for role in DatabaseRole}

    def write(self, passwords: Mapping[str, str]) -> None:
        """Keep `passwords` in place of those before."""
        write_private(self.path, json.dumps(dict(passwords), indent=1))

    def ensure(self) -> dict[str, str]:
        """Return the passwords of the administrator and of every role, made when missing."""
        kept = self.read()
        names = (ADMIN, *(role.value for role in DatabaseRole))
        missing = {name: secrets.token_urlsafe(32) for name in names if name not in kept}
        if missing:
            kept |= missing
            self.write(kept)
        return kept


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path`, readable by the caller alone, durably and in one step."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
