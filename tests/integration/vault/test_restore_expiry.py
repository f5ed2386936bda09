"""A restore whose expiry of due data fails is completed all the same, and says what failed."""

import shutil
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import open_databases
from fanal.postgres import DatabaseRole
from tests.integration.vault.test_backup import fanal

pytestmark = pytest.mark.serial


def test_a_restore_completes_although_an_erasure_of_due_data_fails(tmp_path: Path) -> None:
    one, two, kept = tmp_path / "one", tmp_path / "two", tmp_path / "backup"
    fanal(one, "migrate")
    with (
        open_databases(home=one, environ={}) as databases,
        psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner,
    ):
        owner.execute("ALTER FUNCTION accounts_erase_words RENAME TO aside")
    run = fanal(one, "retention", "run", "--lang", "en", check=False)
    assert (run.returncode, run.stdout) == (1, "")
    assert "the erasure of due data failed for: people (ProgrammingError)" in run.stderr
    fanal(one, "backup", kept)
    shutil.copytree(one / "keys", two / "keys")
    (two / "keys" / "database.json").unlink()
    done = fanal(two, "restore", kept, "--lang", "en", check=False)
    assert done.returncode == 1
    assert "the erasure of due data failed for: people (ProgrammingError)" in done.stderr
    assert "0 problems" in done.stdout
    assert fanal(two, "fsck", check=False).returncode == 0, "the restore is completed"
