"""`restore --adopt` takes over the vault of the lost database, and no other, at the time of the command."""

import os
import shutil
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from fanal.config.databases import open_databases
from fanal.vault.mark import NAME, read_mark
from tests.integration.vault.test_backup import ERASE, SEED, last_line
from tests.integration.vault.test_restore_place import (
    NOTE,
    SWEEP,
    Desk,
    child_of,
    content,
    rest,
    started,
    with_keys_of,
)

__all__ = ["started"]
pytestmark = pytest.mark.serial


def killed(desk: Desk, place: str, *args: object) -> None:
    """Run a restore until the failpoint of that name."""
    other = Desk(desk.home, desk.vault)
    other.live.more = dict(other.live.more) | {"FANAL_FAILPOINT": f"restore.{place}:1:kill"}
    done = other.run("restore", *args, check=False)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def refused(desk: Desk, *args: object) -> str:
    """Return the refusal of a restore."""
    done = desk.run("restore", *args, check=False)
    assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
    return done.stderr


def test_an_adoption_broken_off_takes_nothing_from_the_one_in_service(tmp_path: Path) -> None:
    live, kept = Desk(tmp_path / "live", tmp_path / "vault"), tmp_path / "kept"
    live.run("migrate")
    live.script(SEED)
    live.run("backup", kept)
    live.script(SEED)

    # Broken off before the vault had its new mark: the old database came back, and seals on.
    early = with_keys_of(live, tmp_path / "early", live.vault)
    killed(early, "begun", "--adopt", kept)
    before = content(live.vault)
    assert "only if the database is lost" in refused(early, kept).lower()
    assert content(live.vault) == before
    asked = datetime.now(UTC)
    killed(early, "loaded", "--adopt", kept)
    until = read_mark(live.vault).kept_until
    assert until is not None
    assert until > asked + timedelta(seconds=50), "of the second command, not of the first"

    # Broken off after it: another restore has put the vault into service meanwhile.
    late = with_keys_of(live, tmp_path / "late", live.vault)
    late.run("restore", "--adopt", kept)
    late.script(SEED)
    before = content(live.vault)
    for options in ((), ("--adopt",)):
        assert "another installation has taken it over" in refused(early, *options, kept)
    assert content(live.vault) == before
    rest(live.vault)
    assert "SWEPT" not in early.script(SWEEP).stdout
    assert last_line(late.run("fsck", "--json"))["clean"] is True


def test_the_vault_of_a_practice_restore_is_not_adopted(tmp_path: Path) -> None:
    live, first, second = Desk(tmp_path / "live", tmp_path / "v"), tmp_path / "k1", tmp_path / "k2"
    live.run("migrate")
    erased = live.script(SEED).stdout.split()[0]
    live.run("backup", first)
    practice = with_keys_of(live, tmp_path / "practice", tmp_path / "pv")
    practice.run("restore", first)
    live.run("backup", second)
    live.script(ERASE, erased)  # which the list of erasures of the practice vault does not know
    before = content(practice.vault)
    back = with_keys_of(live, tmp_path / "back", practice.vault)
    for kept in (first, second):
        assert "was not made of the vault" in refused(back, "--adopt", kept)
        assert content(practice.vault) == before
        assert not (back.home / NOTE).exists()

    # It is its own installation's, and is adopted with a backup of that one; so is a vault adopted before.
    own = tmp_path / "own"
    practice.run("backup", own)
    for attempt in ("once", "twice"):
        desk = with_keys_of(practice, tmp_path / attempt, practice.vault)
        assert "kept:" not in desk.run("restore", "--adopt", own).stdout


def test_a_vault_that_is_not_mounted_is_not_adopted(tmp_path: Path) -> None:
    live, kept, disk = (
        Desk(tmp_path / "live", tmp_path / "vault"),
        tmp_path / "kept",
        tmp_path / "d",
    )
    live.run("migrate")
    erased = live.script(SEED).stdout.split()[0]
    live.run("backup", kept)
    live.script(ERASE, erased)
    live.vault.rename(disk)
    back = with_keys_of(live, tmp_path / "back", live.vault)
    for mount in ("missing", "empty"):
        assert "is its disk mounted?" in refused(back, "--adopt", kept), mount
        assert not (back.home / NOTE).exists()
        if mount == "missing":
            assert not live.vault.exists()
            live.vault.mkdir()
    live.vault.rmdir()
    disk.rename(live.vault)
    killed(back, "loaded", "--adopt", kept)
    live.vault.rename(disk)
    assert "is its disk mounted?" in refused(back, kept), "nor is it left out of a completion"
    shutil.rmtree(live.vault)
    disk.rename(live.vault)
    assert "erasures replayed: 2 objects" in back.run("restore", kept).stdout


def test_a_restore_leaves_other_vaults_as_they_were(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    live, kept, later = Desk(tmp_path / "live", tmp_path / "v"), tmp_path / "k1", tmp_path / "k2"
    live.run("migrate")
    live.script(SEED)
    live.run("backup", kept)
    live.run("backup", later)
    before = content(live.vault)

    # By mistake, and the load fails: the one in service goes on.
    wrong = with_keys_of(live, tmp_path / "wrong", live.vault)
    restoring = wrong.begin("restore", "--adopt", kept)
    started.append(restoring)
    loading = None
    while loading is None and restoring.poll() is None:
        loading = child_of(restoring.pid, "pg_restore")
    assert loading is not None, restoring.communicate()[0]
    os.kill(loading, signal.SIGKILL)
    assert restoring.wait() == 1
    assert not (wrong.home / NOTE).exists()
    assert content(live.vault) == before
    assert (wrong.home / "vault-identity-before.txt").read_bytes() == before[NAME]

    of_backup = Desk(wrong.home, later / "vault")
    assert "must not lie in the same folder" in refused(of_backup, "--adopt", kept)
    inside = Desk(wrong.home, live.vault / "packs" / "mine")
    assert "is inside another vault" in refused(inside, kept)
    assert content(live.vault) == before
    live.script(SEED)
    assert last_line(live.run("fsck", "--json"))["clean"] is True


def test_nothing_else_fills_a_database_that_is_being_restored(tmp_path: Path) -> None:
    one, kept = Desk(tmp_path / "one", tmp_path / "v1"), tmp_path / "kept"
    one.run("migrate")
    one.script(SEED)
    one.run("backup", kept)
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    killed(two, "begun", kept)
    node = with_keys_of(one, tmp_path / "node", tmp_path / "v2")
    with open_databases(home=two.home, environ={}) as databases:
        assert databases.cluster is not None
        for name in ("database.json", "owner.json"):
            shutil.copy(two.home / "keys" / name, node.home / "keys" / name)
        node.live.more = dict(node.live.more) | {
            "DATABASE_URL": databases.cluster.admin_url("fanal")
        }
        for command in ("migrate", "fsck"):
            done = node.run(command, check=False)
            assert done.returncode == 1, done.stdout
            assert "a restore into this database" in done.stderr
    two.run("restore", kept)
    assert last_line(two.run("fsck", "--json"))["objects"] == 12
