"""The place of a restore: it runs alone, and writes into nothing that belongs to another installation.

The table `fanal_restore` of the database names the restore that was begun: its backup, the new mark of the
vault, and the mark that the vault had before. The vault gets the new mark after that; a restore is completed
only with a vault that has one of these two. A vault with a third mark belongs to another installation, which
took it over meanwhile.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import psycopg

from fanal.cli.backup import ERASURES, MANIFEST, VAULT, digest_of, vault_around
from fanal.cli.boot import UNFINISHED_RESTORE, find_vault
from fanal.cli.failures import CommandRefused
from fanal.cli.output import write_whole
from fanal.config.databases import Databases
from fanal.config.migration import LOCK as MIGRATION, read_mark
from fanal.kernel import clock
from fanal.kernel.failpoints import failpoint
from fanal.postgres import DatabaseRole
from fanal.postgres.roles import write_private
from fanal.vault import mark as marks

SESSION = "fanal restore"
"""The name under which the program that loads the tables signs in."""
FORMER = "vault-identity-before.txt"
"""File in the data folder: the mark that a vault bore before `--adopt` took it over."""
_LOCK = 0x464E5245  # "FNRE"
_MARGIN = timedelta(minutes=1)
"""A node whose clock is ahead may have dated bytes after the instant of the adoption."""
_NO_BYTES = frozenset({ERASURES, "lost+found"})
_OTHERS = ("log/checkpoints.txt", "blocklist")
"""Paths in the data folder that no new installation has: published checkpoints and lists of another one."""
_NO_LOCKS = frozenset({errno.EBADF, errno.ENOLCK, errno.EOPNOTSUPP})
"""Answers of network file systems that lock no folders."""

Owner = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Begun:
    """A restore that was begun: `backup` is the SHA-256 of its manifest, `folder` the backup's folder.

    `mark` is the new mark of the vault, `former` the text of its earlier mark ("": none, the vault is new).
    `marked`: the vault has been given the new one.
    """

    backup: str
    folder: str
    mark: marks.VaultMark
    former: str
    marked: bool = False

    @property
    def adopts(self) -> bool:
        """Whether the vault survived the lost database."""
        return bool(self.former)


@contextlib.contextmanager
def alone_in(place: Path) -> Iterator[None]:
    """Lock the folder `place`, of data or vault, for this restore; the lock ends with the process.

    Raises:
        CommandRefused: RESTORE_RUNNING, another restore holds the lock.
    """
    descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandRefused("RESTORE_RUNNING") from None
        except OSError as failure:
            if failure.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def alone_on(databases: Databases) -> Iterator[Owner]:
    """Lock the database for this restore, and yield a connection of its owner.

    A session of a killed restore that still loads tables is ended first: it has committed them all, or none.

    Raises:
        CommandRefused: RESTORE_RUNNING, another restore holds the lock.
    """
    url = databases.url(DatabaseRole.OWNER)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as owner:
        if not _scalar(owner, "SELECT pg_try_advisory_lock(%s)", _LOCK):
            raise CommandRefused("RESTORE_RUNNING")
        owner.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            (SESSION,),
        )
        # A migration that is running ends first; none begins between two steps of the restore.
        owner.execute("SELECT pg_advisory_lock(%s)", (MIGRATION,))
        yield owner


def _scalar(owner: Owner, query: str, *values: object) -> object:
    row = owner.execute(query, values).fetchone()
    return row[0] if row else None


def require_apart(folder: Path, *, vault: Path, adopt: bool) -> None:
    """Check that the vault is a folder apart from the backup in `folder`; make it unless it is adopted.

    Raises:
        CommandRefused: BACKUP_INSIDE (also: of another backup), VAULT_INSIDE (in another vault),
            VAULT_UNMARKED (there is no vault to `adopt`).
    """
    here, kept = vault.resolve(), folder.resolve()
    same = vault.exists() and any(
        place.exists() and place.samefile(vault) for place in (folder, folder / VAULT)
    )
    if same or here.is_relative_to(kept) or kept.is_relative_to(here):
        raise CommandRefused("BACKUP_INSIDE", vault=vault, folder=folder)
    if (here.parent / MANIFEST).exists():
        raise CommandRefused("BACKUP_INSIDE", vault=vault, folder=here.parent)
    if (other := vault_around(vault)) is not None:
        raise CommandRefused("VAULT_INSIDE", vault=vault, folder=other)
    if not adopt:
        vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    elif not vault.is_dir():
        raise CommandRefused("VAULT_UNMARKED", vault=vault)


def take_up(owner: Owner, databases: Databases, folder: Path, *, home: Path, adopt: bool) -> Begun:
    """Begin the restore of the backup in `folder`, or return the one that was begun.

    Afterwards the vault has its new mark, and the data folder `home` the note. With `adopt`, vault and data
    folder are those of the lost database.

    Raises:
        CommandRefused: RESTORE_OTHER (of another backup was begun here), DATABASE_NOT_EMPTY, VAULT_NOT_EMPTY,
            VAULT_OTHER (it never was that of the backup, or another installation took it over since the
            restore was begun), VAULT_UNMARKED (its disk is not mounted), HOME_NOT_EMPTY.
    """
    backup, vault = digest_of(folder / MANIFEST), find_vault()
    noted, begun = _read_note(home), _read_begun(owner)
    for other, place in (noted, (begun.backup, begun.folder) if begun else ("", "")):
        if other and other != backup:
            raise CommandRefused("RESTORE_OTHER", folder=place)
    if (begun is None or not begun.marked) and read_mark(databases.url(DatabaseRole.OWNER)):
        raise CommandRefused("DATABASE_NOT_EMPTY")
    found = _read_vault(vault)
    if begun is not None:
        _require_known(found, begun, vault=vault)
    if begun is None or found != begun.mark:
        before = _read_vault(folder / VAULT)
        _require_place(folder, home=home, vault=vault, before=before, adopt=adopt)
        begun = _begin(folder, backup=backup, found=found, before=before)
    _note(home, begun)
    if not begun.marked:
        _write_begun(owner, begun)
        failpoint("restore.begun")
        write_private(vault / marks.NAME, begun.mark.text)
        begun = replace(begun, marked=True)
        _write_begun(owner, begun)
    return begun


def _require_known(found: marks.VaultMark | None, begun: Begun, *, vault: Path) -> None:
    """Check that the vault's mark `found` is its new mark or, until `begun` has replaced it, its former one.

    Raises:
        CommandRefused: VAULT_OTHER, VAULT_UNMARKED.
    """
    known = {begun.mark.text} if begun.marked else {begun.mark.text, begun.former}
    if (found.text if found else "") not in known:
        raise CommandRefused("VAULT_OTHER" if found else "VAULT_UNMARKED", vault=vault)


def _begin(
    folder: Path, *, backup: str, found: marks.VaultMark | None, before: marks.VaultMark | None
) -> Begun:
    """Return a new restore of the backup in `folder`, whose manifest has the SHA-256 `backup`.

    `found` is the mark of the adopted vault, None for a new one; `before` the mark in the backup.
    """
    mark = marks.restored_mark(
        backup=backup,
        before=found or before,
        kept_until=clock.now() + _MARGIN if found else None,
    )
    former = found.text if found else ""
    return Begun(backup=backup, folder=str(folder.resolve()), mark=mark, former=former)


def give_up(owner: Owner, begun: Begun, *, home: Path) -> None:
    """Undo a restore that has loaded nothing: give the vault its former mark back, and remove the records.

    If this is interrupted, the same command begins the restore again.
    """
    path = find_vault() / marks.NAME
    _write_begun(owner, replace(begun, marked=False))  # both marks are known as its own now
    failpoint("restore.failed")
    if _read_vault(find_vault()) == begun.mark:
        if begun.adopts:
            write_private(path, begun.former)
        else:
            path.unlink()
    failpoint("restore.returned")
    end(owner, home=home)


def end(owner: Owner, *, home: Path) -> None:
    """Remove the records of the restore from the data folder `home` and the owner's database.

    The table is dropped last: until then, the same command repeats and prints the results again.
    """
    (home / UNFINISHED_RESTORE).unlink()
    failpoint("restore.unnoted")
    owner.execute("DROP TABLE fanal_restore")


def _require_place(
    folder: Path, *, home: Path, vault: Path, before: marks.VaultMark | None, adopt: bool
) -> None:
    """Check that nothing in the vault and in the data folder `home` belongs to another installation.

    `before` is the vault's mark in the backup. With `adopt`, both are the backup's own: the vault bears that
    mark, or one of later adoptions. The vault of a practice restore is another installation's.

    Raises:
        CommandRefused: VAULT_NOT_EMPTY, VAULT_OTHER, VAULT_UNMARKED, HOME_NOT_EMPTY.
    """
    found = _read_vault(vault)
    if not adopt and any(path.name not in _NO_BYTES for path in vault.iterdir()):
        raise CommandRefused("VAULT_NOT_EMPTY", vault=vault, folder=folder)
    if adopt and found is None:
        raise CommandRefused("VAULT_UNMARKED", vault=vault)
    if found and (before is None or before.digest.hex() not in found.line):
        raise CommandRefused("VAULT_OTHER", vault=vault)
    others = [name for name in _OTHERS if (home / name).exists()]
    if others and not adopt:
        raise CommandRefused("HOME_NOT_EMPTY", home=home, name=others[0], folder=folder)


def _read_vault(vault: Path) -> marks.VaultMark | None:
    try:
        return marks.read_mark(vault)
    except FileNotFoundError:
        return None


def _read_note(home: Path) -> tuple[str, str]:
    """Return digest and folder of the backup in the note of an unfinished restore; empty without a note."""
    note = home / UNFINISHED_RESTORE
    digest, _, folder = note.read_text().partition("\n") if note.exists() else ("", "", "")
    return digest, folder


def _note(home: Path, begun: Begun) -> None:
    write_whole(home / UNFINISHED_RESTORE, f"{begun.backup}\n{begun.folder}".encode())
    if begun.adopts:
        write_private(home / FORMER, begun.former)


def _read_begun(owner: Owner) -> Begun | None:
    if not _scalar(owner, "SELECT to_regclass('public.fanal_restore') IS NOT NULL"):
        return None
    row = owner.execute("SELECT backup, folder, mark, former, marked FROM fanal_restore").fetchone()
    if row is None:
        return None
    backup, folder, mark, former, marked = row
    return Begun(str(backup), str(folder), marks.VaultMark(str(mark)), str(former), marked is True)


def _write_begun(owner: Owner, begun: Begun) -> None:
    with owner.transaction():
        owner.execute(
            "CREATE TABLE IF NOT EXISTS fanal_restore (backup text NOT NULL, folder text NOT NULL,"
            " mark text NOT NULL, former text NOT NULL, marked boolean NOT NULL)"
        )
        owner.execute("DELETE FROM fanal_restore")
        owner.execute(
            "INSERT INTO fanal_restore VALUES (%s, %s, %s, %s, %s)",
            (begun.backup, begun.folder, begun.mark.text, begun.former, begun.marked),
        )
