"""Backup, restore and key rotation through the real commands, on servers of their own."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from tests.live import Live

pytestmark = pytest.mark.serial

SEED = """
import uuid
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.WORKER):
    from django.db import transaction
    from fanal.kernel import clock
    from fanal.kernel.actors import system_actor
    from fanal.kernel.ids import new_id
    from fanal.ledger import operations as ledger
    from fanal.vault.domain.records import Sealable
    from fanal.vault.operations.erase import erase
    from fanal.vault.operations.sealing import seal_batch
    now = clock.now()
    owners = [new_id(now) for _ in range(6)]
    items = [Sealable(id=new_id(now), owner_id=o, kind=k, plaintext=bytes(n))
             for n, o in zip((10, 20, 70_000, 30, 90_000, 40), owners)
             for k in ("report", "identity")]
    with transaction.atomic():
        seal_batch(items=items, now=now)
        ledger.record_batch(actor=system_actor("seed"), action="report.collect", at=now,
                            kind="report", items=[(o, b"x") for o in owners])
    erase(actor=system_actor("seed"), owner_ids=owners[:1], now=now)
    ledger.sequence_pending(now=now)
    ledger.sign_checkpoint(now=now)
    print(owners[1], owners[2])
"""
ERASE = """
import sys, uuid
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.WORKER):
    from fanal.kernel import clock
    from fanal.kernel.actors import system_actor
    from fanal.vault.operations.erase import erase
    erase(actor=system_actor("seed"), owner_ids=[uuid.UUID(sys.argv[1])], now=clock.now())
"""

OTHER_ERASURE = '{"owner": "0190f5a2-0000-7000-8000-000000000001", "kind": ""}'

SCHEMA = """
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.APP):
    from django.db import connection
    with connection.cursor() as cursor:
        for query in (
            "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint"
            " WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            "SELECT tgrelid::regclass::text, tgname, tgenabled FROM pg_trigger"
            " WHERE NOT tgisinternal ORDER BY 1, 2",
            "SELECT polrelid::regclass::text, polname, polroles::regrole[]::text, coalesce(pg_get_expr("
            "polqual, polrelid), pg_get_expr(polwithcheck, polrelid)) FROM pg_policy ORDER BY 1, 2",
            "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1",
            "SELECT oid::regprocedure::text, prosrc FROM pg_proc"
            " WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
            "SELECT table_name, column_name, data_type, column_default FROM information_schema.columns"
            " WHERE table_schema = 'public' ORDER BY 1, 2",
            "SELECT relname, relacl::text FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relacl IS NOT NULL ORDER BY 1",
        ):
            cursor.execute(query)
            for row in cursor.fetchall():
                print(row)
"""


def run(home: Path, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run `fanal` (or a script) in an installation of its own."""
    kept = ("PATH", "LANG", "PG_BIN", "TMPDIR")
    environ = {k: v for k, v in os.environ.items() if k in kept}
    environ["FANAL_HOME"] = str(home)
    done = subprocess.run(
        [sys.executable, *map(str, arguments)],
        env=environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    if check:
        assert done.returncode == 0, done.stderr + done.stdout
    return done


def fanal(home: Path, *arguments: object, check: bool = True) -> subprocess.CompletedProcess[str]:
    return Live(home=home, port=0).command(*map(str, arguments), check=check)


def last_line(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    return dict(json.loads(done.stdout.splitlines()[-1]))


def leave_a_large_object(home: Path) -> None:
    """Make one of which the owner reads nothing."""
    with (
        open_databases(home=home, environ={}) as databases,
        psycopg.connect(
            databases.cluster.admin_url("fanal") if databases.cluster else "", autocommit=True
        ) as admin,
    ):
        admin.execute("SELECT lo_create(0)")


def deep(folder: Path) -> Path:
    """Make a folder whose address is so long that the dump has its place in it, and a sealed file has none."""
    while (left := 4070 - len(str(folder))) > 1:
        folder /= "d" * min(200, left - 1)
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _broken_off(home: Path, kept: Path) -> None:
    """Kill a restore once the tables are loaded: until it is completed, nothing else runs."""
    killed = {"FANAL_FAILPOINT": "restore.loaded:1:kill"}
    with (home / "vault" / "erasures.log").open("a") as file:
        file.write(f"{OTHER_ERASURE}\n")
    done = Live(home=home, port=0, more=killed).command("restore", str(kept), check=False)
    assert done.returncode == -signal.SIGKILL
    for command in (["fsck"], ["migrate"], ["run"]):
        refused = fanal(home, *command, "--lang", "en", check=False)
        assert (refused.returncode, refused.stdout) == (1, "")
        assert f"fanal restore {kept}" in refused.stderr
    assert "a restore was broken off" in fanal(home, "doctor", check=False).stdout


def test_what_was_backed_up_comes_back_and_what_was_erased_does_not(tmp_path: Path) -> None:
    one, two, kept = tmp_path / "one", tmp_path / "two", tmp_path / "backup"
    fanal(one, "migrate")
    later_erased, _ = run(one, "-c", SEED).stdout.split()
    leave_a_large_object(one)
    kept.mkdir()
    kept.chmod(0o755)
    away = {"DATABASE_URL": "postgresql://admin:x@127.0.0.1:1/fanal"}
    refused = Live(home=one, port=0, more=away).command("backup", str(kept), check=False)
    assert (refused.returncode, list(kept.iterdir())) == (1, []), "the next try finds it empty"
    failed = fanal(one, "backup", deep(tmp_path), check=False)
    assert (failed.returncode, list(deep(tmp_path).iterdir())) == (1, []), (
        "nothing half made is left"
    )
    fanal(one, "backup", kept)
    written = [path for path in kept.rglob("*") if path.is_file()]
    assert [path for path in (kept, *written) if path.stat().st_mode & 0o077] == []
    manifest = json.loads((kept / "manifest.json").read_text())
    assert not [name for name in manifest["files"] if "key" in name]

    # After the backup someone is erased, and a rotation makes new keys: both must hold afterwards.
    run(one, "-c", ERASE, later_erased)
    fanal(one, "keys", "rotate")
    assert last_line(fanal(one, "fsck", "--json"))["opened"] == 8
    assert last_line(fanal(one, "ledger", "verify", "--json"))["whole"] is True

    refused = fanal(two, "restore", kept, check=False)
    assert refused.returncode == 2
    for name in (
        "secret_key",
        "digest.key",
        "content-0001.key",
        "ledger-0001.key",
        "node-0001.cert",
    ):
        assert name in refused.stderr  # all at once, in any language
    assert "receipt-root.key" not in refused.stderr  # it belongs offline
    shutil.copytree(one / "keys", two / "keys", dirs_exist_ok=True)
    secret = two / "keys" / "secret_key"
    for wrong in (None, "another secret"):
        secret.unlink() if wrong is None else secret.write_text(wrong)
        refused = fanal(two, "restore", kept, check=False)
        assert refused.returncode == 2
        assert "secret_key" in refused.stderr
    shutil.copy(one / "keys" / "secret_key", secret)
    (two / "keys" / "database.json").unlink()
    (two / "vault").mkdir(mode=0o700)
    shutil.copy(one / "vault" / "erasures.log", two / "vault" / "erasures.log")
    _broken_off(two, kept)
    done = fanal(two, "restore", kept)
    assert "erasures replayed: 2 objects" in done.stdout
    assert last_line(fanal(two, "fsck", "--json")) == {
        "objects": 12,
        "opened": 8,
        "erased": 4,
        "findings": 0,
        "clean": True,
    }
    assert last_line(fanal(two, "ledger", "verify", "--json"))["whole"] is True
    # A loaded expression is printed with its casts in other places: casts and parentheses are left out.
    schemas = [
        {
            re.sub(r"::[a-z ]+(\[\])?|[()]", "", line)
            for line in run(home, "-c", SCHEMA).stdout.splitlines()
        }
        for home in (one, two)
    ]
    assert len(schemas[0]) > 300
    assert schemas[0] ^ schemas[1] == set()
    assert OTHER_ERASURE in (two / "vault" / "erasures.log").read_text()
    again = fanal(two, "restore", kept, "--lang", "en", check=False)
    assert again.returncode == 2
    assert "not empty" in again.stderr

    # The restored log is an earlier state than the one that the first machine published.
    elsewhere = one / "log" / "checkpoints.txt"
    fanal(one, "ledger", "checkpoint")
    seen = fanal(two, "ledger", "verify", "--json", "--checkpoints", elsewhere, check=False)
    assert seen.returncode == 1
    assert "ROLLED_BACK" in seen.stdout

    # What a link leads to is in no backup, and whoever makes one is told.
    (one / "vault" / "files").rename(one / "elsewhere")
    (one / "vault" / "files").symlink_to(one / "elsewhere")
    partial = fanal(one, "backup", tmp_path / "partial", "--lang", "en", check=False)
    assert partial.returncode == 1
    assert "not whole: it lacks at least 4 objects" in partial.stderr

    (kept / "database.dump").write_bytes(b"other")
    three = tmp_path / "three"
    shutil.copytree(one / "keys", three / "keys")
    changed = fanal(three, "restore", kept, "--lang", "en", check=False)
    assert changed.returncode == 2
    assert "database.dump was changed" in changed.stderr
