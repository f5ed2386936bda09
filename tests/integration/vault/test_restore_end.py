"""A restore broken off at its end says again what it found; one that fails, and is broken off, is ended."""

import hashlib
import json
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from tests.integration.vault.test_backup import SEED, last_line
from tests.integration.vault.test_restore_place import NOTE, Desk, content, with_keys_of

pytestmark = pytest.mark.serial


def killed(desk: Desk, place: str, *args: object) -> subprocess.CompletedProcess[str]:
    """Run a restore until the failpoint of that name."""
    other = Desk(desk.home, desk.vault)
    other.live.more = dict(other.live.more) | {"FANAL_FAILPOINT": f"restore.{place}:1:kill"}
    done = other.run("restore", *args, check=False)
    assert done.returncode == -signal.SIGKILL, (place, done.stdout + done.stderr)
    return done


def said(done: subprocess.CompletedProcess[str]) -> list[str]:
    """Return the lines of a restore but that on the ledger, in which each attempt is recorded."""
    lines = (done.stdout + done.stderr).splitlines()
    return sorted(line for line in lines if not line.startswith("ledger: "))


def test_what_a_restore_found_is_said_again_by_the_one_that_completes_it(tmp_path: Path) -> None:
    one, kept = Desk(tmp_path / "one", tmp_path / "v1"), tmp_path / "kept"
    one.run("migrate")
    one.script(SEED)
    next(path for path in (one.vault / "packs").rglob("*") if path.is_file()).unlink()
    assert one.run("backup", kept, check=False).returncode == 1
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    first = killed(two, "done", kept)
    assert first.stderr.count("MISSING") > 0, first.stderr
    assert "place the legal holds set since the backup again" in first.stderr
    assert said(killed(two, "unnoted", kept)) == said(first)
    assert not (two.home / NOTE).exists()
    assert "complete it" in two.run("fsck", check=False).stderr
    last = two.run("restore", kept, check=False)
    assert (last.returncode, said(last)) == (1, said(first))
    assert not (two.home / NOTE).exists()
    assert '"MISSING"' in two.run("fsck", "--json", check=False).stdout
    assert "is not empty" in two.run("restore", kept, check=False).stderr


def unloadable(kept: Path, folder: Path) -> Path:
    """Return a copy of a backup, whose tables no program loads."""
    shutil.copytree(kept, folder)
    (folder / "database.dump").write_bytes(b"other")
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["database.dump"] = hashlib.sha256(b"other").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def test_a_failed_restore_that_was_broken_off_is_ended_by_the_same_command(tmp_path: Path) -> None:
    live, kept = Desk(tmp_path / "live", tmp_path / "vault"), tmp_path / "kept"
    live.run("migrate")
    live.script(SEED)
    live.run("backup", kept)
    broken, before = unloadable(kept, tmp_path / "broken"), content(live.vault)
    back = with_keys_of(live, tmp_path / "back", live.vault)
    for place in ("failed", "returned", "unnoted"):
        killed(back, place, "--adopt", broken)
        assert (content(live.vault) == before) is (place != "failed"), place
    done = back.run("restore", "--adopt", broken, check=False)
    assert (done.returncode, "pg_restore" in done.stderr) == (1, True), done.stderr
    assert content(live.vault) == before
    assert not (back.home / NOTE).exists()
    live.script(SEED)
    assert last_line(live.run("fsck", "--json"))["clean"] is True

    # A vault of its own bears no mark then; the same folders take another backup.
    new = Desk(back.home, tmp_path / "new")
    killed(new, "returned", broken)
    assert new.run("restore", broken, check=False).returncode == 1
    assert list(new.vault.iterdir()) == []
    new.run("restore", kept)
    assert last_line(new.run("fsck", "--json"))["objects"] == 12
