"""`fanal backup`, `fanal restore`: database, sealed files, checkpoints and list of erasures; never the keys.

The order keeps a backup consistent while reports arrive: first the signed checkpoints of the ledger, all of
which the database knows, then the database, then the sealed files and the list of erasures, which only grow.
A restore repeats the erasures, so that erased data stays erased, and ends with fsck and the verification of
the ledger.
"""

import contextlib
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import click
import psycopg

from fanal.cli.boot import (
    UNFINISHED_RESTORE,
    django_as,
    enter_django,
    find_home,
    find_vault,
    note_keys,
)
from fanal.cli.failures import CommandRefused, Failed, tell, told
from fanal.cli.output import make_private, write_whole
from fanal.config.databases import Databases, open_databases
from fanal.config.keys import SECRET_FILE, keys_folder
from fanal.config.migration import read_mark
from fanal.db.grants import apply_grants
from fanal.db.row_security import apply_row_security
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.postgres import DatabaseRole
from fanal.postgres.binaries import find_binaries

MANIFEST = "manifest.json"
DUMP = "database.dump"
CHECKPOINTS = "checkpoints.txt"
VAULT = "vault"
ERASURES = "erasures.log"
_FORMAT = 2
_TOLD_MOST = 1000
_NOT_NEEDED = frozenset({"receipt-root.key", "database.json", "owner.json"})


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(folder: Path) -> None:
    """Write a backup to FOLDER, which must be empty or new and becomes private. Store it apart from the keys.

    Exit status 1 if sealed objects that the database references are missing from the backup.
    """
    _require_empty(folder)
    # Claimed after the start: one that fails leaves the folder as it was.
    with django_as(DatabaseRole.WORKER) as databases, _claimed(folder) as part:
        from fanal.ledger import operations as ledger
        from fanal.vault.fsck import walk_lacking
        from fanal.vault.operations.erase import write_erasure_list

        home, now = find_home(), clock.now()
        actor = system_actor("backup")
        ledger.record(actor=actor, action="backup.make", at=now)
        while ledger.sequence_pending(now=clock.now()):
            pass
        signed = ledger.sign_checkpoint(now=clock.now())
        if (home / "log" / CHECKPOINTS).exists():
            write_whole(folder / CHECKPOINTS, (home / "log" / CHECKPOINTS).read_bytes())
        _dump(databases, folder / DUMP)
        write_erasure_list()
        lacking = list(islice(walk_lacking(actor=actor), _TOLD_MOST))
        _copy_tree(find_vault(), folder / VAULT)
        manifest = {
            "format": _FORMAT,
            "made_at": now.isoformat(),
            "mark": read_mark(databases.url(DatabaseRole.WORKER)),
            "ledger_size": None if signed is None else signed.size,
            "keys": _marks_of_keys(home),
            "files": {str(p.relative_to(folder)): _digest(p) for p in _files(folder) if p != part},
        }
        # Written last: a folder without it is not a backup.
        part.write_text(json.dumps(manifest, indent=1))
        part.rename(folder / MANIFEST)
        _sync(folder)
    click.echo(f"{len(manifest['files'])} files, made {now.isoformat()}")  # type: ignore[arg-type]
    if lacking:
        raise Failed("BACKUP_PARTIAL", count=len(lacking), name=lacking[0])


@click.command()
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
def restore(folder: Path) -> None:
    """Restore a backup into an empty installation with its keys. Exit status 1 if it is incomplete.

    An interrupted restore is completed by the same command. Until then no other command runs on this data
    folder: data erased since the backup is readable.
    """
    manifest = _read_manifest(folder)
    home = find_home()
    _check_keys(home, manifest)
    with open_databases(home=home, environ=os.environ) as databases:
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            _load_noted(databases, folder, home=home)
        elif not _is_begun(home, folder):
            raise CommandRefused("DATABASE_NOT_EMPTY")
        failpoint("restore.loaded")
        note_keys(databases, home=home)
        with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
            apply_row_security(owner)
            apply_grants(owner)
        erasures = _join_erasures(folder)
        _copy_tree(folder / VAULT, find_vault(), without=ERASURES)
        _keep_checkpoints(home, folder)
        mark = read_mark(databases.url(DatabaseRole.WORKER))
        enter_django(databases=databases, role=DatabaseRole.WORKER, home=home, mark=mark)
        whole = _check([line for line in erasures if _is_readable(line)])
        (home / UNFINISHED_RESTORE).unlink()
    unreadable = sum(not _is_readable(line) for line in erasures)
    if unreadable:
        raise Failed("ERASURES_UNREADABLE", count=unreadable)
    if not whole:
        sys.exit(1)


def _load_noted(databases: Databases, folder: Path, *, home: Path) -> None:
    """Load the tables of the backup in `folder`, and note in the data folder `home` that it is not completed.

    Raises:
        Failed: PROGRAM_FAILED; where nothing is loaded, nothing is noted.
    """
    begun = home / UNFINISHED_RESTORE
    write_whole(begun, f"{_digest(folder / MANIFEST)}\n{folder.resolve()}".encode())
    try:
        _load(databases, folder / DUMP)
    except Failed:
        # It may have failed after its commit.
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            begun.unlink()
        raise


def _is_begun(home: Path, folder: Path) -> bool:
    """Return whether a restore of this backup was begun in `home` and not completed."""
    begun = home / UNFINISHED_RESTORE
    return begun.exists() and begun.read_text().startswith(_digest(folder / MANIFEST))


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise CommandRefused("FOLDER_NOT_EMPTY", folder=folder)


def _take(folder: Path) -> Path:
    """Claim FOLDER, which must be new or empty, and return the path of the unfinished manifest in it.

    Raises:
        CommandRefused: FOLDER_NOT_EMPTY, also if another backup has just claimed it.
    """
    part = folder / f"{MANIFEST}.part"
    _require_empty(folder)
    make_private(folder)
    try:
        part.touch(mode=0o600, exist_ok=False)
    except FileExistsError:
        # Another backup was started in it at the same time.
        raise CommandRefused("FOLDER_NOT_EMPTY", folder=folder) from None
    return part


@contextlib.contextmanager
def _claimed(folder: Path) -> Iterator[Path]:
    """Claim FOLDER (`_take`), and empty it again if the backup fails, so that the next attempt may use it.

    A killed process leaves its files, and the manifest unfinished.
    """
    part = _take(folder)
    try:
        yield part
    except BaseException:
        shutil.rmtree(folder / VAULT, ignore_errors=True)
        for name in (DUMP, CHECKPOINTS, MANIFEST, part.name):
            (folder / name).unlink(missing_ok=True)
        raise


def _check(erasures: list[str]) -> bool:
    """Repeat the erasures after a restore, reconcile the vault and verify the ledger; print the results.

    `erasures`: lines of the lists of erasures. Data that has become due since the backup expires too, and the
    restore is recorded in the ledger. Returns whether that expiry succeeded, and vault and ledger are whole.
    """
    from fanal.ledger import operations as ledger
    from fanal.ledger.verification import verify_ledger
    from fanal.vault.fsck import check_vault
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
    vault = check_vault(actor=actor, now=now)
    log = verify_ledger(now=clock.now())
    click.echo(f"erasures replayed: {erased} objects")
    click.echo(
        f"vault: {vault.objects} objects, {vault.opened} opened, {len(vault.findings)} findings"
    )
    click.echo(f"ledger: {log.size} entries, {len(log.problems)} problems")
    for line in [*vault.findings, *log.problems]:
        click.echo(f"  {line}", err=True)
    return due and vault.clean and not log.problems


def _dump(databases: Databases, target: Path) -> None:
    # Fanal uses no large objects: one created by another role would abort the dump.
    _run(databases, "pg_dump", "--format=custom", "-B", f"--file={target}")


def _load(databases: Databases, source: Path) -> None:
    """Load the tables from the dump `source` in one transaction; schema and extensions must exist already.

    Raises:
        Failed: PROGRAM_FAILED, with the messages of `pg_restore`.
    """
    options = ("--no-owner", "--no-privileges", "--schema=public", "--single-transaction")
    _run(databases, "pg_restore", *options, "--exit-on-error", str(source))


def _run(databases: Databases, program: str, *options: str) -> None:
    """Run a PostgreSQL program (`pg_dump`, …) with `options` on the database, as its owner.

    The password is in the program's environment only.

    Raises:
        Failed: PROGRAM_FAILED, with its messages.
    """
    cluster = databases.cluster
    binaries = cluster.binaries if cluster else find_binaries(os.environ)
    url = urlsplit(databases.url(DatabaseRole.OWNER))
    host = url.netloc.rpartition("@")[2]
    address = urlunsplit(url._replace(netloc=f"{url.username}@{host}"))
    done = subprocess.run(  # noqa: S603 - our own arguments
        [binaries.program(program), f"--dbname={address}", *options],
        env=os.environ | {"PGPASSWORD": unquote(url.password or "")},
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
    )
    if done.returncode:
        raise Failed("PROGRAM_FAILED", program=program, detail=done.stderr)


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
    if not isinstance(files, dict) or manifest.get("format") != _FORMAT:
        raise CommandRefused("BACKUP_FORMAT")
    for name, digest in files.items():
        path = folder / name
        if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
            raise CommandRefused("BACKUP_LACKS", name=name)
        if _digest(path) != digest:
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
    held, wanted = _marks_of_keys(home), manifest.get("keys")
    if not isinstance(wanted, dict):
        raise CommandRefused("BACKUP_FORMAT")
    missing = [name for name in wanted if name not in held]
    if missing:
        raise CommandRefused("KEYS_LACKING", folder=home / "keys", names=", ".join(missing))
    others = [name for name, mark in wanted.items() if held[name] != mark]
    if others:
        raise CommandRefused("KEYS_OTHER", folder=home / "keys", names=", ".join(others))


def _marks_of_keys(home: Path) -> dict[str, str]:
    """Return a digest of each key file of `home`, by file name; it reveals nothing of the key.

    The root's private key (which belongs offline) and the machine's own database passwords are left out: a
    restore does not need them.
    """
    found = {
        path.name: path.read_text().strip()
        for path in sorted(keys_folder(home).glob("*"))
        if path.is_file() and path.name not in _NOT_NEEDED
    }
    if secret := os.environ.get("FANAL_SECRET_KEY"):
        found[SECRET_FILE] = secret
    return {
        name: hashlib.sha256(b"fanal/key-name\x00" + text.encode()).hexdigest()[:16]
        for name, text in found.items()
    }


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


def _copy_tree(source: Path, target: Path, *, without: str = "") -> None:
    """Copy the vault's files that are missing or shorter in `target`, but no temporary ones.

    `without` is the name of a further file or folder to leave out.
    """
    for path in _files(source):
        name = path.relative_to(source)
        if name.parts[0] in {"tmp", without}:
            continue
        copy = target / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not copy.exists() or copy.stat().st_size < path.stat().st_size:
            shutil.copyfile(path, copy)
            copy.chmod(0o600)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _sync(folder: Path) -> None:
    """Flush every file and folder of a backup to disk (fsync)."""
    for path in [*_files(folder), *(p for p in folder.rglob("*") if p.is_dir()), folder]:
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
