"""The five database roles: names, settings, logins, and random passwords in files of mode 0600.

`fanal.db.grants` defines their privileges.
"""

import contextlib
import json
import os
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path


class DatabaseRole(StrEnum):
    """A database role; its value is the one in the setting `FANAL_DB_ROLE`, its login `fanal_<value>`.

    Owner of the tables, the desk's web application, worker, auditor (reads only), and intake (public nodes).
    """

    OWNER = "owner"
    """Owns the tables: for migrations and grants only."""
    APP = "app"
    """The desk's web process."""
    WORKER = "worker"
    """Processing stages, schedule and messages."""
    AUDITOR = "auditor"
    """Read-only."""
    INTAKE = "intake"
    """A public node: submits reports, and reads only its own keys and statuses."""

    @property
    def login(self) -> str:
        """The name with which the role logs in to PostgreSQL, `fanal_<value>`."""
        return f"fanal_{self.value}"


ADMIN = "admin"
_OF_THE_OWNER = frozenset({ADMIN, DatabaseRole.OWNER.value})


class PasswordFile:
    """The passwords of the database roles, in two files of mode 0600.

    `database.json` holds those of the serving roles, `owner.json` those of administrator and owner. The
    second may belong to another account than the serving processes, or be moved away after the migrations.
    Each is replaced atomically (temporary file, fsync, rename): a crash leaves the old or the new file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self.owners = path, path.with_name("owner.json")

    def read(self) -> dict[str, str]:
        """Return the passwords in the readable files, by role name; empty if there are none."""
        kept = _read(self.path)
        with contextlib.suppress(PermissionError):
            kept |= _read(self.owners)
        return kept

    def renewed(self) -> dict[str, str]:
        """Return new passwords for every role, and the administrator's present one, by role name.

        Nothing is stored.
        """
        return self.read() | {role.value: secrets.token_urlsafe(32) for role in DatabaseRole}

    def write(self, passwords: Mapping[str, str]) -> None:
        """Replace the stored passwords, given by role name.

        The file of administrator and owner is written first, so that a crash loses none.

        Raises:
            PermissionError: the file of administrator and owner belongs to another account.
            OSError: a file cannot be read or written.
        """
        theirs = {name: word for name, word in passwords.items() if name in _OF_THE_OWNER}
        served = {name: word for name, word in passwords.items() if name not in _OF_THE_OWNER}
        for path, words in ((self.owners, theirs), (self.path, served)):
            if words != _read(path):
                write_private(path, json.dumps(words, indent=1))

    def ensure(self) -> dict[str, str]:
        """Return the passwords by role name, the administrator's included; create and store missing ones.

        Raises:
            PermissionError: the file of administrator and owner belongs to another account.
            OSError: a file cannot be read or written.
        """
        kept = self.read()
        names = (ADMIN, *(role.value for role in DatabaseRole))
        kept |= {name: secrets.token_urlsafe(32) for name in names if name not in kept}
        self.write(kept)
        return kept


def _read(path: Path) -> dict[str, str]:
    try:
        return {str(k): str(v) for k, v in json.loads(path.read_text()).items()}
    except FileNotFoundError:
        return {}


def write_private(path: Path, text: str) -> None:
    """Write `text` to `path` atomically and durably, readable by one account.

    That account is the caller's; if root replaces a file, its present owner's, whose processes read it.

    Raises:
        OSError: it cannot be written.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            if os.geteuid() == 0 and path.exists():
                before = path.stat()
                os.fchown(descriptor, before.st_uid, before.st_gid)
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.rename(path)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
