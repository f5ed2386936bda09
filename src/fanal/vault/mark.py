"""The mark of a vault: its file `identity`, which names the one database to which the vault belongs.

That database keeps the digest of the mark. A restore writes a new mark, so that two databases never share a
vault: a process of the other database neither seals nor removes bytes there. Lines of the file:

* 64 random hexadecimal digits; * `restored DIGEST`: SHA-256 of the manifest of the backup that was restored
with this vault; * `took over DIGEST`: SHA-256 of an earlier mark of this same vault, which `restore
--adopt` replaced; a line for each. A plain restore writes none: its vault is a copy, and knows nothing of
erasures in the other one; * `kept until INSTANT`: the vault survived the loss of its database at that
instant. Older bytes without a row stay, since the lost database may have known them.

Lines `was DIGEST` of earlier versions are ignored: plain restores wrote them too.
"""

import errno
import hashlib
import os
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from fanal.db import sql
from fanal.kernel.ids import instant_of
from fanal.vault import keyring
from fanal.vault.packs import VaultAway

NAME = "identity"
_own: set[bytes] = set()
"""Marks that were found to be the database's, by their SHA-256."""
_RESTORED, _TOOK_OVER, _KEPT = "restored ", "took over ", "kept until "


class VaultNotOwn(VaultAway):
    """Error: the vault bears the mark of another database; nothing may be written or removed there."""


@dataclass(frozen=True, slots=True)
class VaultMark:
    """The content of a vault's file `identity` (`text`, without surrounding white space)."""

    text: str

    @property
    def digest(self) -> bytes:
        """SHA-256 of the text, 32 bytes, as the table `fanal_vault` keeps it."""
        return hashlib.sha256(self.text.encode()).digest()

    @property
    def line(self) -> frozenset[str]:
        """SHA-256 (hexadecimal) of this mark and of all earlier marks of this same vault."""
        return frozenset({self.digest.hex(), *self._values(_TOOK_OVER)})

    @property
    def kept_until(self) -> datetime | None:
        """The instant at which the vault survived the loss of its database; None if it never did.

        Raises:
            ValueError: the line is malformed.
        """
        return max(map(datetime.fromisoformat, self._values(_KEPT)), default=None)

    def _values(self, word: str) -> list[str]:
        lines = self.text.splitlines()[1:]
        return [line.removeprefix(word) for line in lines if line.startswith(word)]


def read_mark(folder: Path) -> VaultMark:
    """Return the mark of the vault in `folder`.

    Any process that writes in the vault can replace the file, so symbolic links are not followed, and a
    pipe does not block.

    Raises:
        OSError: the file cannot be read, or is no regular file.
    """
    path = folder / NAME
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "no regular file", str(path))
    with os.fdopen(descriptor, errors="replace") as file:
        return VaultMark(file.read().strip())


def new_mark() -> VaultMark:
    """Return a mark for a new vault, of 64 random hexadecimal digits."""
    return VaultMark(secrets.token_hex(32))


def restored_mark(
    *, backup: str, before: VaultMark | None, kept_until: datetime | None
) -> VaultMark:
    """Return a new mark for the vault of a restored installation.

    Args:
        backup: SHA-256 (hexadecimal) of the backup's manifest.
        before: the mark of the vault that is copied or adopted; None if it has none.
        kept_until: instant until which bytes without a row stay in an adopted vault; None if the vault is a
            copy, for which the instant in `before` remains.
    """
    until = kept_until or (before and before.kept_until)
    lines = [secrets.token_hex(32), f"{_RESTORED}{backup}"]
    same = before.line if before and kept_until else ()
    lines += [f"{_TOOK_OVER}{digest}" for digest in sorted(same)]
    lines += [f"{_KEPT}{until.isoformat()}"] if until else []
    return VaultMark("\n".join(lines))


def require_own(*, present: bool = True) -> None:
    """Check that the vault of this process bears the mark that the database keeps.

    A database without a registered vault accepts every folder. With `present`, a mark that cannot be read
    is refused too.

    Raises:
        VaultNotOwn: the vault bears the mark of another database.
        VaultAway: the mark cannot be read.
    """
    folder = keyring.current().vault_folder
    wanted = [bytes(row[0]) for row in sql.rows("SELECT digest FROM fanal_vault")]
    if wanted:
        _compare(folder, wanted[0], present=present)


def require_unchanged(*, present: bool = True) -> None:
    """Check that the vault still bears the mark that it had when this process read its keys.

    The first time in a process, that mark is also compared with the database's. If the vault had no mark
    then, every mark is accepted. With `present`, a mark that cannot be read now is refused too.

    Raises:
        VaultNotOwn: it is the vault of another database, or another installation has taken it over.
        VaultAway: the mark cannot be read.
    """
    ring = keyring.current()
    if ring.vault_mark is None:
        return
    _compare(ring.vault_folder, ring.vault_mark, present=present)
    if ring.vault_mark not in _own:
        require_own(present=present)
        _own.add(ring.vault_mark)


def is_own() -> bool:
    """Return whether the vault still bears the mark of this process's database (`require_unchanged`).

    True also if the mark cannot be read, since the vault is then out of reach, and not another database's.
    """
    try:
        require_unchanged(present=False)
    except VaultNotOwn:
        return False
    return True


def _compare(folder: Path, wanted: bytes, *, present: bool) -> None:
    try:
        found = read_mark(folder).digest
    except OSError as failure:
        if present:
            message = f"the file '{NAME}' of {folder} cannot be read"
            raise VaultAway(failure.errno, message) from failure
        return
    if found != wanted:
        raise VaultNotOwn(errno.ESTALE, f"{folder} is the vault of another database")


def kept_until(folder: Path) -> datetime | None:
    """Return the instant until which bytes without a row stay in the vault `folder`; None: none need stay.

    Raises:
        VaultAway: the mark cannot be read, or that line of it is malformed.
    """
    try:
        return read_mark(folder).kept_until
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as failure:
        message = f"the file '{NAME}' of {folder} cannot be read"
        raise VaultAway(errno.EIO, message) from failure


def is_kept(path: Path, object_ids: Iterable[UUID], until: datetime | None) -> bool:
    """Return whether bytes without a row in a vault's file must stay: some may be older than `until`.

    `path` is the file. Both the times in the ids of the objects in the file (`object_ids`) and the time of
    its last write are compared. If `until` is None, nothing must stay.
    """
    if until is None:
        return False
    for object_id in object_ids:
        with suppress(ValueError):  # an id without a time
            if instant_of(object_id) <= until:
                return True
    with suppress(FileNotFoundError):
        return datetime.fromtimestamp(path.stat().st_mtime, UTC) <= until
    return False
