"""`fanal backup`: database, sealed files, checkpoints and list of erasures; never the keys.

The order keeps a backup consistent while reports arrive: first the signed checkpoints of the ledger, all of
which the database knows, then the database, then the sealed files and the list of erasures, which only grow.
`restore.py` reads a backup; both share the names of its files and the helpers below.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Collection, Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

import click

from fanal.cli.boot import django_as, find_home, find_vault
from fanal.cli.failures import CommandRefused, Failed
from fanal.cli.output import make_private, write_whole
from fanal.config.databases import Databases
from fanal.config.keys import SECRET_FILE, keys_folder
from fanal.config.migration import read_mark
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.process import die_with_parent
from fanal.postgres import DatabaseRole
from fanal.postgres.binaries import find_binaries
from fanal.postgres.place import find_place
from fanal.vault import mark as marks

MANIFEST = "manifest.json"
DUMP = "database.dump"
CHECKPOINTS = "checkpoints.txt"
VAULT = "vault"
ERASURES = "erasures.log"
FORMAT = 2
_MARK = re.compile(r"[0-9a-f]{64}(\s|$)")
_TOLD_MOST = 1000
_NOT_NEEDED = frozenset({"receipt-root.key", "database.json", "owner.json"})


@click.command()
@click.argument("folder", type=click.Path(file_okay=False, path_type=Path))
def backup(folder: Path) -> None:
    """Write a backup to FOLDER, which must be empty or new and becomes private. Store it apart from the keys.

    Exit status 1 if sealed objects that the database references are missing from the backup.
    """
    _require_empty(folder)
    _require_apart(folder)
    # Claimed after the start: one that fails leaves the folder as it was.
    with django_as(DatabaseRole.WORKER) as databases, _claimed(folder) as part:
        from fanal.ledger import operations as ledger
        from fanal.vault.fsck import walk_lacking
        from fanal.vault.operations.erase import write_erasure_list

        marks.require_own(present=False)
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
        copy_tree(find_vault(), folder / VAULT, in_use=True)
        manifest = {
            "format": FORMAT,
            "made_at": now.isoformat(),
            "mark": read_mark(databases.url(DatabaseRole.WORKER)),
            "ledger_size": None if signed is None else signed.size,
            "keys": marks_of_keys(home),
            "files": {
                str(p.relative_to(folder)): digest_of(p) for p in _files(folder) if p != part
            },
        }
        # Written last: a folder without it is not a backup.
        part.write_text(json.dumps(manifest, indent=1))
        part.rename(folder / MANIFEST)
        _sync(folder)
    click.echo(f"{len(manifest['files'])} files, made {now.isoformat()}")  # type: ignore[arg-type]
    if lacking:
        raise Failed("BACKUP_PARTIAL", count=len(lacking), name=lacking[0])


def _require_empty(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise CommandRefused("FOLDER_NOT_EMPTY", folder=folder)


def _require_apart(folder: Path) -> None:
    """Check that the backup's FOLDER is apart from all that it saves, from other vaults and other backups.

    Inside the vault it would be a part of the next backups: an erasure would not reach the keys in it.

    Raises:
        CommandRefused: BACKUP_NOT_APART.
    """
    home, target = find_home(), folder.resolve()
    places = [find_vault(), home]
    if not os.environ.get("DATABASE_URL"):
        places.append(find_place(home).root)
    for place in places:
        if _is_within(target, place) or place.resolve().is_relative_to(target):
            raise CommandRefused("BACKUP_NOT_APART", folder=folder, place=place)
    others = (parent for parent in target.parents if (parent / DUMP).is_file())
    if (other := vault_around(folder) or next(others, None)) is not None:
        raise CommandRefused("BACKUP_NOT_APART", folder=folder, place=other)


def _is_within(target: Path, place: Path) -> bool:
    """Return whether the path `target` (without links) is `place` or inside it, also by another mount."""
    around = (target, *target.parents)
    return place.resolve() in around or (
        place.exists() and any(path.exists() and path.samefile(place) for path in around)
    )


def vault_around(path: Path) -> Path | None:
    """Return the nearest folder above `path` that is a vault, or None.

    Raises:
        OSError: a mark cannot be read.
    """
    for parent in path.resolve().parents:
        if (parent / marks.NAME).is_file() and _MARK.match(marks.read_mark(parent).text):
            return parent
    return None


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


def _dump(databases: Databases, target: Path) -> None:
    # Fanal uses no large objects: one created by another role would abort the dump.
    run_program(databases, "pg_dump", "--format=custom", "-B", f"--file={target}")


def run_program(databases: Databases, program: str, *options: str, name: str = "fanal") -> None:
    """Run a PostgreSQL program (`pg_dump`, …) with `options` on the database, as its owner.

    The password is in the program's environment only. It ends with this process. `name` is that of its
    session, as PostgreSQL lists it.

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
        env=os.environ | {"PGPASSWORD": unquote(url.password or ""), "PGAPPNAME": name},
        capture_output=True,
        text=True,
        check=False,
        umask=0o077,
        preexec_fn=partial(die_with_parent, signal.SIGKILL),
    )
    if done.returncode:
        raise Failed("PROGRAM_FAILED", program=program, detail=done.stderr)


def marks_of_keys(home: Path) -> dict[str, str]:
    """Return a digest of each key file of `home`, by file name; it reveals nothing of the key.

    The root's private key (which belongs offline) and the machine's own database passwords are left out: a
    restore does not need them.

    Raises:
        OSError: a key file cannot be read.
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


def copy_tree(
    source: Path, target: Path, *, without: Collection[str] = (), in_use: bool = False
) -> None:
    """Copy the vault's files that are missing or shorter in `target`, but no temporary ones.

    `without` are the names of further files or folders to leave out. `in_use`: an erasure may remove files of
    `source` meanwhile; these are left out.

    Raises:
        OSError: a file cannot be read, or the copy not written; the files copied before stay.
    """
    for path in _files(source):
        name = path.relative_to(source)
        if name.parts[0] in {"tmp", *without}:
            continue
        copy = target / name
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            if copy.exists() and copy.stat().st_size >= path.stat().st_size:
                continue
            shutil.copyfile(path, copy)
        except FileNotFoundError:
            if not in_use or path.exists():
                raise
            continue
        copy.chmod(0o600)


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(p for p in folder.rglob("*") if p.is_file() and not p.is_symlink())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits.

    Raises:
        OSError: the file cannot be read.
    """
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
