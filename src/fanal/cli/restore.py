"""`fanal restore`: turns a backup, with its keys, into an installation of its own.

It repeats the erasures, so that erased data stays erased, and ends with fsck and the verification of the
ledger. The vault gets a new mark (`vault/mark.py`): an installation that still runs on the same data shares
neither database nor vault with the restored one.

Until it is completed, two records name the backup: a note in the data folder and the table `fanal_restore` of
the database. The table is created before the load, and both are removed at the end, once all results are
printed. So no other backup is restored in between, and a restore that was killed at its end prints the same
results when it is completed. `restore_place.py` decides where a restore may write.

No data expires during a restore: a legal hold placed since the backup is not in it, and can be placed again
before the next nightly expiry. `restore_ahead.py` advances the counters past all that was given since the
backup.
"""

import json
import os
import sys
from datetime import timedelta
from pathlib import Path

import click

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
from fanal.cli.boot import enter_django, find_home, find_vault, note_keys
from fanal.cli.failures import CommandRefused, Failed, tell
from fanal.cli.output import write_whole
from fanal.cli.restore_ahead import pass_given
from fanal.cli.restore_place import (
    SESSION,
    Begun,
    Owner,
    alone_in,
    alone_on,
    end,
    give_up,
    require_apart,
    take_up,
)
from fanal.config.databases import Databases, open_databases
from fanal.config.installation import register_mark
from fanal.config.migration import read_mark
from fanal.db.grants import apply_grants
from fanal.db.row_security import apply_row_security
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.failpoints import failpoint
from fanal.postgres import DatabaseRole
from fanal.vault import mark as marks


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
    vault = find_vault()
    require_apart(folder, vault=vault, adopt=adopt)
    with (
        alone_in(home),
        open_databases(home=home, environ=os.environ) as databases,
        alone_on(databases) as owner,
        alone_in(vault),
    ):
        begun = take_up(owner, databases, folder, home=home, adopt=adopt)
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            _load(databases, owner, folder, home=home, begun=begun)
        _require_loaded(owner, manifest)
        failpoint("restore.loaded")
        note_keys(databases, home=home)
        register_mark(owner, begun.mark)
        apply_row_security(owner)
        apply_grants(owner)
        made_at = pass_given(owner)
        erasures = _join_erasures(folder)
        copy_tree(folder / VAULT, vault, without={ERASURES, marks.NAME})
        _keep_checkpoints(home, folder)
        mark = read_mark(databases.url(DatabaseRole.WORKER))
        enter_django(databases=databases, role=DatabaseRole.WORKER, home=home, mark=mark)
        whole = _check([line for line in erasures if _is_readable(line)], adopted=begun.adopts)
        tell("HOLDS_AGAIN")
        tell("IN_FORCE_AGAIN", at=f"{made_at:%Y-%m-%d %H:%M:%S} UTC")
        unreadable = sum(not _is_readable(line) for line in erasures)
        if unreadable:
            tell("ERASURES_UNREADABLE", count=unreadable)
        failpoint("restore.done")
        end(owner, home=home)
    if unreadable or not whole:
        sys.exit(1)


def _load(databases: Databases, owner: Owner, folder: Path, *, home: Path, begun: Begun) -> None:
    """Load the tables from the backup in `folder` in one transaction; schema and extensions exist already.

    Raises:
        Failed: PROGRAM_FAILED, with the messages of `pg_restore`; where nothing is loaded, nothing is noted.
    """
    options = ("--no-owner", "--no-privileges", "--schema=public", "--single-transaction")
    source = str((folder / DUMP).resolve())  # the name of a folder may begin with a hyphen
    try:
        run_program(databases, "pg_restore", *options, "--exit-on-error", source, name=SESSION)
    except Failed:
        # It may have failed after its commit.
        if read_mark(databases.url(DatabaseRole.OWNER)) is None:
            give_up(owner, begun, home=home)
        raise


def _require_loaded(owner: Owner, manifest: dict[str, object]) -> None:
    """Check that the ledger in the database has at least as many entries as the backup's `manifest` states.

    Raises:
        CommandRefused: DATABASE_NOT_EMPTY: the tables were created by something else.
    """
    row = owner.execute("SELECT count(*) FROM ledger_entry").fetchone()
    signed = manifest.get("ledger_size")
    if isinstance(signed, int) and (row is None or not isinstance(row[0], int) or row[0] < signed):
        raise CommandRefused("DATABASE_NOT_EMPTY")


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
    """Merge the list of erasures of the backup in `folder` into this machine's list; return all lines.

    This machine's list may be newer. Each line occurs once. Of a line that a full disk cut, there is a
    complete copy in one of the lists, or its erasure is in the database of the backup.
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

    A different file there is renamed, with a message: it may prove later entries than the backup has.
    """
    kept, here = folder / CHECKPOINTS, home / "log" / CHECKPOINTS
    here.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    then = kept.read_text() if kept.exists() else ""
    if here.exists() and here.read_text() != then:
        beside = here.with_name(f"checkpoints-{clock.now():%Y%m%dT%H%M%S}.txt")
        here.rename(beside)
        tell("LOG_WENT_FURTHER", path=beside)
    here.write_text(then)


# The end: erasures, checks.


def _check(erasures: list[str], *, adopted: bool = False) -> bool:
    """Repeat the erasures after a restore, reconcile the vault and verify the ledger; print the results.

    `erasures`: lines of the lists of erasures. Data that has become due since the backup is left to the next
    nightly expiry. The restore is recorded in the ledger. `adopted`: the vault survived its database; bytes
    without a row are kept and listed, however young. Returns whether vault and ledger are whole.
    """
    from fanal.ledger import operations as ledger
    from fanal.ledger.verification import verify_ledger
    from fanal.vault.fsck import GRACE, FsckCode, check_vault
    from fanal.vault.operations.erase import parse_line, replay_erasures
    from fanal.worker.expiry import erase_again, forget_replayed

    now, actor = clock.now(), system_actor("restore")
    erased = replay_erasures(actor=actor, now=now, lines=erasures)
    # Completely erased reports are erased in every package, also before their expiry.
    listed = [parse_line(line) for line in erasures]
    whole = list(dict.fromkeys(each.owner_id for each in listed if not each.kind))
    erase_again(actor=actor, report_ids=whole, now=now)
    parts = list(dict.fromkeys(each.owner_id for each in listed if each.kind))
    forget_replayed(actor=actor, report_ids=parts)
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
    return vault.clean and not log.problems
