"""`fanal restore`: brings a backup back, with its keys, as an installation of its own.

It repeats the erasures, so that erased data stays erased, and ends with fsck and the verification of the
ledger. The vault gets a new mark (`vault/mark.py`): an installation that still runs on the same data shares
neither database nor vault with the restored one.

Until it is completed, two records name the backup: a note in the data folder and the table `fanal_restore` of
the database. The table is made before the load, and both go at the end: no other backup is restored between.
"""

import contextlib
import fcntl
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
import psycopg

from fanal.cli.backup import (
    CHECKPOINTS,
    DUMP,
    ERASURES,
    FORMAT,
    MANIFEST,
    VAULT,
    copy_tree,
    digest_of,
    marks_of_keys,
    run_program,
)
from fanal.cli.boot import UNFINISHED_RESTORE, enter_django, find_home, find_vault, note_keys
from fanal.cli.failures import CommandRefused, Failed, tell, told
from fanal.cli.output import write_whole
from fanal.config.databases import Databases, open_databases
from fanal.config.installation import VaultElsewhere, check_vault, register_mark
from fanal.config.migration import read_mark
from fanal.db.grants import apply_grants
from fanal.db.row_security import apply_row_security
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.postgres import DatabaseRole
from fanal.postgres.roles import write_private
from fanal.vault import mark as marks

_LOCK = 0x464E5245  # "FNRE"
_SESSION = "fanal restore"
_MARGIN = timedelta(minutes=1)
"""A node whose clock is ahead may have dated bytes after the instant of the adoption."""
_NO_BYTES = frozenset({ERASURES, "lost+found"})
_OTHERS = ("log/checkpoints.txt", "blocklist")
"""Paths in the data folder that no new installation has: published checkpoints and lists of another one."""

_Owner = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A restore that was begun: `backup` is the SHA-256 of its manifest, `folder` the backup's.

    `mark` is the new mark of the vault; `adopts`: the vault survived the lost database.
    """

    backup: str
    folder: str
    mark: marks.VaultMark
    adopts: bool


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--adopt",
    is_flag=True,
    help="The database is lost: take over its surviving vault and data folder, and keep all bytes.",
)
def restore(folder: Path, adopt: bool) -> None:
    """Restore a backup into an empty installation with its keys. Exit status 1 if it is incomplete.

    Database and vault must be new; the vault may hold the newest `erasures.log`. An interrupted restore is
    completed by the same command. Until then no other command runs on this data folder: data erased since the
    backup is readable.
    """
    manifest = _read_manifest(folder)
    home = find_home()
    _check_keys(home, manifest)
    with (
        _alone_in(home),
        open_databases(home=home, environ=os.environ) as databases,
        _alone_on(databases) as owner,
    ):
        begun = _take_up(owner, databases, folder, home=home, adopt=adopt)
        if begun is None:
            (home / UNFINISHED_RESTORE).unlink()
            tell("RESTORE_COMPLETE")
            return
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            _load(databases, owner, folder, home=home, begun=begun)
        failpoint("restore.loaded")
        note_keys(databases, home=home)
        register_mark(owner, begun.mark)
        apply_row_security(owner)
        apply_grants(owner)
        erasures = _join_erasures(folder)
        copy_tree(folder / VAULT, find_vault(), without={ERASURES, marks.NAME})
        _keep_checkpoints(home, folder)
        mark = read_mark(databases.url(DatabaseRole.WORKER))
        enter_django(databases=databases, role=DatabaseRole.WORKER, home=home, mark=mark)
        whole = _check([line for line in erasures if _is_readable(line)], adopted=begun.adopts)
        owner.execute("DROP TABLE fanal_restore")
        failpoint("restore.done")
        (home / UNFINISHED_RESTORE).unlink()
    unreadable = sum(not _is_readable(line) for line in erasures)
    if unreadable:
        raise Failed("ERASURES_UNREADABLE", count=unreadable)
    if not whole:
        sys.exit(1)


# Alone: one restore at a time, in a data folder and on a database.


@contextlib.contextmanager
def _alone_in(home: Path) -> Iterator[None]:
    """Hold the data folder `home` for this restore; a killed process lets it go.

    Raises:
        CommandRefused: RESTORE_RUNNING.
    """
    descriptor = os.open(home, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandRefused("RESTORE_RUNNING") from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _alone_on(databases: Databases) -> Iterator[_Owner]:
    """Hold the database for this restore, and yield a connection of its owner.

    A session of a killed restore that still loads tables is ended first: it has committed them all, or none.

    Raises:
        CommandRefused: RESTORE_RUNNING.
    """
    url = databases.url(DatabaseRole.OWNER)
    with psycopg.connect(url, autocommit=True, connect_timeout=10) as owner:
        if not _scalar(owner, "SELECT pg_try_advisory_lock(%s)", _LOCK):
            raise CommandRefused("RESTORE_RUNNING")
        owner.execute(
            "SELECT pg_terminate_backend(pid, 60000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = %s",
            (_SESSION,),
        )
        yield owner


def _scalar(owner: _Owner, query: str, *values: object) -> object:
    row = owner.execute(query, values).fetchone()
    return row[0] if row else None


# Taking up: which restore was begun here, and whether this one may be.


def _take_up(
    owner: _Owner, databases: Databases, folder: Path, *, home: Path, adopt: bool
) -> _Begun | None:
    """Begin the restore of the backup in `folder`, or return the one that was begun; None if it is complete.

    The vault bears its mark then, and the data folder `home` holds the note. With `adopt`, vault and data
    folder may be those of the lost database.

    Raises:
        CommandRefused: RESTORE_OTHER (of another backup was begun here), DATABASE_NOT_EMPTY, VAULT_NOT_EMPTY,
            VAULT_OTHER (it never was that of the backup), HOME_NOT_EMPTY, BACKUP_INSIDE.
    """
    backup, vault = digest_of(folder / MANIFEST), find_vault()
    noted, begun = _read_note(home), _read_begun(owner)
    for other, place in (noted, (begun.backup, begun.folder) if begun else ("", "")):
        if other and other != backup:
            raise CommandRefused("RESTORE_OTHER", folder=place)
    before = _read_vault(folder / VAULT)
    if begun is None:
        if read_mark(databases.url(DatabaseRole.OWNER)) is not None:
            if noted[0] and _is_complete(databases, backup):
                return None
            raise CommandRefused("DATABASE_NOT_EMPTY")
        _require_place(folder, home=home, vault=vault, before=before, adopt=adopt)
        now = _read_vault(vault)
        begun = _Begun(
            backup=backup,
            folder=str(folder.resolve()),
            mark=marks.restored_mark(
                backup=backup,
                before=now or before,
                kept_until=clock.now() + _MARGIN if now else None,
            ),
            adopts=now is not None,
        )
        _note(home, begun)
        _write_begun(owner, begun)
    elif (found := _read_vault(vault)) is None or found.digest != begun.mark.digest:
        _require_place(folder, home=home, vault=vault, before=before, adopt=begun.adopts)
    _note(home, begun)
    vault.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(vault / marks.NAME, begun.mark.text)
    return begun


def _require_place(
    folder: Path, *, home: Path, vault: Path, before: marks.VaultMark | None, adopt: bool
) -> None:
    """Check that nothing in the vault and in the data folder `home` belongs to another installation.

    `before` is the vault's mark in the backup. With `adopt`, both may be the backup's own.

    Raises:
        CommandRefused: VAULT_NOT_EMPTY, VAULT_OTHER, HOME_NOT_EMPTY, BACKUP_INSIDE.
    """
    here, kept = vault.resolve(), folder.resolve()
    if here.is_relative_to(kept) or kept.is_relative_to(here):
        raise CommandRefused("BACKUP_INSIDE", vault=vault, folder=folder)
    if vault.exists() and any(path.name not in _NO_BYTES for path in vault.iterdir()):
        if not adopt:
            raise CommandRefused("VAULT_NOT_EMPTY", vault=vault, folder=folder)
        found = _read_vault(vault)
        if found is None or before is None or before.digest.hex() not in found.line:
            raise CommandRefused("VAULT_OTHER", vault=vault)
    others = [name for name in _OTHERS if (home / name).exists()]
    if others and not adopt:
        raise CommandRefused("HOME_NOT_EMPTY", home=home, name=others[0], folder=folder)


def _is_complete(databases: Databases, backup: str) -> bool:
    """Return whether the restore of this backup was completed, and killed before it took its note away."""
    try:
        check_vault(databases.url(DatabaseRole.OWNER), find_vault())
        return marks.read_mark(find_vault()).restored == backup
    except (VaultElsewhere, OSError):
        return False


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


def _note(home: Path, begun: _Begun) -> None:
    write_whole(home / UNFINISHED_RESTORE, f"{begun.backup}\n{begun.folder}".encode())


def _read_begun(owner: _Owner) -> _Begun | None:
    if not _scalar(owner, "SELECT to_regclass('public.fanal_restore') IS NOT NULL"):
        return None
    row = owner.execute("SELECT backup, folder, mark, adopts FROM fanal_restore").fetchone()
    if row is None:
        return None
    backup, folder, mark, adopts = row
    return _Begun(str(backup), str(folder), marks.VaultMark(str(mark)), adopts is True)


def _write_begun(owner: _Owner, begun: _Begun) -> None:
    with owner.transaction():
        owner.execute(
            "CREATE TABLE fanal_restore ("
            "backup text NOT NULL, folder text NOT NULL, mark text NOT NULL, adopts boolean NOT NULL)"
        )
        owner.execute(
            "INSERT INTO fanal_restore VALUES (%s, %s, %s, %s)",
            (begun.backup, begun.folder, begun.mark.text, begun.adopts),
        )


def _load(databases: Databases, owner: _Owner, folder: Path, *, home: Path, begun: _Begun) -> None:
    """Load the tables from the backup in `folder` in one transaction; schema and extensions exist already.

    Raises:
        Failed: PROGRAM_FAILED, with the messages of `pg_restore`; where nothing is loaded, nothing is noted.
    """
    options = ("--no-owner", "--no-privileges", "--schema=public", "--single-transaction")
    source = str(folder / DUMP)
    try:
        run_program(databases, "pg_restore", *options, "--exit-on-error", source, name=_SESSION)
    except Failed:
        # It may have failed after its commit.
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            if not begun.adopts:
                (find_vault() / marks.NAME).unlink(missing_ok=True)
            owner.execute("DROP TABLE fanal_restore")
            (home / UNFINISHED_RESTORE).unlink()
        raise


def _read_manifest(folder: Path) -> dict[str, object]:
    """Return the manifest of the backup in `folder`, after a check that its files exist and are unchanged.

    Keys: `format`, `made_at`, `mark` (whether it is a demo), `ledger_size`, `keys` and `files` (digests by
    name).

    Raises:
        CommandRefused: NO_BACKUP (no readable manifest), BACKUP_FORMAT (of another version), BACKUP_LACKS (a
            file is missing), BACKUP_CHANGED.
    """
    try:
        manifest = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError, RecursionError) as error:
        raise CommandRefused("NO_BACKUP", folder=folder, detail=error) from None
    files = manifest.get("files") if isinstance(manifest, dict) else None
    if not isinstance(files, dict) or manifest.get("format") != FORMAT:
        raise CommandRefused("BACKUP_FORMAT")
    for name, digest in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise CommandRefused("BACKUP_LACKS", name=name)
        if digest_of(path) != digest:
            raise CommandRefused("BACKUP_CHANGED", name=name)
    return dict(manifest)


def _check_keys(home: Path, manifest: dict[str, object]) -> None:
    """Check, before any write, that the data folder `home` holds the keys to open the restored data.

    `manifest` is the backup's. The refusal names all missing keys at once, including the secret that seals
    second factors.

    Raises:
        CommandRefused: KEYS_LACKING (a key file is missing), KEYS_OTHER (a key file is another),
            BACKUP_FORMAT.
    """
    held, wanted = marks_of_keys(home), manifest.get("keys")
    if not isinstance(wanted, dict):
        raise CommandRefused("BACKUP_FORMAT")
    missing = [name for name in wanted if name not in held]
    if missing:
        raise CommandRefused("KEYS_LACKING", folder=home / "keys", names=", ".join(missing))
    others = [name for name, mark in wanted.items() if held[name] != mark]
    if others:
        raise CommandRefused("KEYS_OTHER", folder=home / "keys", names=", ".join(others))


def _join_erasures(folder: Path) -> list[str]:
    """Write the lines of the list of erasures in the backup `folder` to this machine's, and return all lines.

    This machine's may be newer. Each line occurs once. A line that a full disk tore stands once more whole,
    or its erasure is in the database of the backup.
    """
    here = find_vault() / ERASURES
    lists = (here, folder / VAULT / ERASURES)
    lines = [
        line
        for path in lists
        if path.exists()
        for line in path.read_text(errors="replace").splitlines()
    ]
    joined = list(dict.fromkeys(filter(str.strip, lines)))
    if joined:
        here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_whole(here, "".join(f"{line}\n" for line in joined).encode())
    return joined


def _is_readable(line: str) -> bool:
    from fanal.vault.operations.erase import parse_line

    try:
        parse_line(line)
    except ValueError:
        return False
    return True


def _keep_checkpoints(home: Path, folder: Path) -> None:
    """Install the file of signed ledger checkpoints from the backup in `folder` into the data folder `home`.

    A different file here is renamed, with a message: the ledger had been signed further than the backup.
    """
    kept, here = folder / CHECKPOINTS, home / "log" / CHECKPOINTS
    here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    then = kept.read_text() if kept.exists() else ""
    if here.exists() and here.read_text() != then:
        beside = here.with_name(f"checkpoints-{clock.now():%Y%m%dT%H%M%S}.txt")
        here.rename(beside)
        tell("LOG_WENT_FURTHER", path=beside)
    here.write_text(then)


# The end: erasures, expiry, checks.


def _check(erasures: list[str], *, adopted: bool = False) -> bool:
    """Repeat the erasures after a restore, reconcile the vault and verify the ledger; print the results.

    `erasures`: lines of the lists of erasures. Data that has become due since the backup expires too, and the
    restore is recorded in the ledger. `adopted`: the vault survived its database; bytes without a row are
    kept and listed, however young. Returns whether that expiry succeeded, and vault and ledger are whole.
    """
    from fanal.ledger import operations as ledger
    from fanal.ledger.verification import verify_ledger
    from fanal.vault.fsck import GRACE, FsckCode, check_vault
    from fanal.vault.operations.erase import parse_line, replay_erasures
    from fanal.worker.expiry import ErasersFailed, erase_again, expire, forget_replayed

    now, actor = clock.now(), system_actor("restore")
    erased = replay_erasures(actor=actor, now=now, lines=erasures)
    # Completely erased reports are erased in every package, also before their expiry.
    listed = [parse_line(line) for line in erasures]
    whole = list(dict.fromkeys(each.owner_id for each in listed if not each.kind))
    erase_again(actor=actor, report_ids=whole, now=now)
    parts = list(dict.fromkeys(each.owner_id for each in listed if each.kind))
    forget_replayed(actor=actor, report_ids=parts)
    due = True
    try:
        expire(actor=actor, now=now)
    except ErasersFailed as failure:  # the nightly erasure tries again
        due = False
        told(failure)
    ledger.record(actor=actor, action="backup.restore", at=now, detail={"erased": erased})
    while ledger.sequence_pending(now=clock.now()):
        pass
    grace = timedelta(0) if adopted else GRACE
    vault = check_vault(actor=actor, now=clock.now(), grace=grace)
    log = verify_ledger(now=clock.now())
    click.echo(f"erasures replayed: {erased} objects")
    click.echo(
        f"vault: {vault.objects} objects, {vault.opened} opened, {len(vault.findings)} findings"
    )
    if kept := sum(one.code is FsckCode.KEPT for one in vault.findings):
        click.echo(f"kept: {kept} objects that the backup does not know")
    click.echo(f"ledger: {log.size} entries, {len(log.problems)} problems")
    for line in [*vault.findings, *log.problems]:
        click.echo(f"  {line}", err=True)
    return due and vault.clean and not log.problems
