"""A restore takes no vault that is in use, no database of another backup, and leaves no process behind."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.vault.test_backup import ERASE, SEED, last_line
from tests.live import Live, wait_for

pytestmark = pytest.mark.serial
NOTE = "restore-unfinished.txt"
SWEEP = """
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.WORKER):
    from fanal.kernel import clock
    from fanal.kernel.actors import system_actor
    from fanal.vault.fsck import sweep_vault
    print("SWEPT", sweep_vault(actor=system_actor("sweep"), now=clock.now()))
"""


class Desk:
    """An installation in `home` with the vault `vault`."""

    def __init__(self, home: Path, vault: Path) -> None:
        self.home, self.vault = home, vault
        self.live = Live(home=home, port=0, more={"FANAL_VAULT": str(vault)})

    def run(self, *args: object, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self.live.command(*map(str, args), "--lang", "en", check=check)

    def script(self, code: str, *args: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *args],
            env=self.live.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=240,
        )

    def begin(self, *args: object) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "fanal", *map(str, args), "--lang", "en"],
            env=self.live.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )


def with_keys_of(desk: Desk, home: Path, vault: Path) -> Desk:
    """Return an empty installation with the keys of `desk`."""
    shutil.copytree(desk.home / "keys", home / "keys")
    for name in ("database.json", "owner.json"):
        (home / "keys" / name).unlink(missing_ok=True)
    return Desk(home, vault)


def rest(vault: Path) -> None:
    """Let two days pass over the vault's files."""
    then = time.time() - 2 * 86400
    for path in vault.rglob("*"):
        if path.is_file():
            os.utime(path, (then, then))


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_a_restore_takes_no_vault_in_use_unless_it_is_adopted(tmp_path: Path) -> None:
    live, kept = Desk(tmp_path / "live", tmp_path / "vault"), tmp_path / "kept"
    live.run("migrate")
    live.script(SEED)
    live.run("backup", kept)
    live.script(SEED)  # the reports of the days after the backup
    state, before = last_line(live.run("fsck", "--json")), content(live.vault)

    practice = with_keys_of(live, tmp_path / "practice", live.vault)
    refused = practice.run("restore", kept, check=False)
    assert refused.returncode == 2, refused.stdout + refused.stderr
    assert f"{live.vault} is not empty" in refused.stderr
    assert "--adopt" in refused.stderr
    assert content(live.vault) == before
    assert not (practice.home / NOTE).exists()

    # With a vault of its own it goes on; brought to the live one later, it changes nothing there.
    own = Desk(practice.home, tmp_path / "own")
    (own.home / "log").mkdir(exist_ok=True)
    (own.home / "log" / "checkpoints.txt").write_text("of another installation\n")
    refused = own.run("restore", kept, check=False)
    assert (refused.returncode, "checkpoints.txt" in refused.stderr) == (2, True), refused.stderr
    (own.home / "log" / "checkpoints.txt").unlink()
    own.run("restore", kept)
    assert last_line(own.run("fsck", "--json"))["clean"] is True
    rest(live.vault)
    before = content(live.vault)
    for command in (["fsck", "--repair"], ["retention", "run"]):
        refused = practice.run(*command, check=False)
        assert refused.returncode == 1, (command, refused.stdout)
        assert "is the vault of another database" in refused.stderr
    assert "SWEPT" not in practice.script(SWEEP).stdout
    assert content(live.vault) == before
    assert live.script(SWEEP).stdout.strip() == "SWEPT 0"
    assert last_line(live.run("fsck", "--json")) == state

    # The database is lost and its vault has survived: what is newer than the backup stays, and is listed.
    back = with_keys_of(live, tmp_path / "back", live.vault)
    killed = Desk(back.home, back.vault)
    killed.live.more = dict(killed.live.more) | {"FANAL_FAILPOINT": "restore.loaded:1:kill"}
    assert killed.run("restore", "--adopt", kept, check=False).returncode == -signal.SIGKILL
    done = back.run("restore", kept)
    assert "kept: 12 objects" in done.stdout, done.stdout + done.stderr
    rest(back.vault)
    assert back.script(SWEEP).stdout.strip() == "SWEPT 0"
    checked = back.run("fsck", "--repair", "--json")
    assert checked.stdout.count('"KEPT"') == 12
    assert last_line(checked)["clean"] is True
    # Should the old database come back, it seals and removes nothing here, and finds all that is its own.
    sealed = live.script(SEED)
    assert sealed.returncode != 0
    assert "another database" in sealed.stderr
    assert live.run("fsck", "--repair", check=False).returncode == 1
    assert "SWEPT" not in live.script(SWEEP).stdout
    found = last_line(live.run("fsck", "--json", "--quick"))
    assert (found["objects"], found["findings"]) == (state["objects"], 0)
    rest(back.vault)
    assert back.script(SWEEP).stdout.strip() == "SWEPT 0"


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def child_of(pid: int, name: str) -> int | None:
    """Return the process id of a descendant with this program name."""
    parents: dict[int, list[tuple[int, str]]] = {}
    for place in Path("/proc").iterdir():
        if place.name.isdigit():
            try:
                stat = (place / "stat").read_text()
            except OSError:
                continue
            called, _, rest_of_line = stat.partition("(")[2].rpartition(")")
            parents.setdefault(int(rest_of_line.split()[1]), []).append((int(place.name), called))
    waiting = [pid]
    while waiting:
        for child, called in parents.get(waiting.pop(), []):
            if called == name:
                return child
            waiting.append(child)
    return None


def killed_at(place: str, desk: Desk, backup: Path) -> int:
    """Restore a backup until the failpoint of that name, and return the exit status."""
    killed = Desk(desk.home, desk.vault)
    killed.live.more = dict(killed.live.more) | {"FANAL_FAILPOINT": f"restore.{place}:1:kill"}
    return killed.run("restore", backup, check=False).returncode


def test_a_killed_restore_is_completed_with_its_own_backup_alone(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    one, first, second = Desk(tmp_path / "one", tmp_path / "v1"), tmp_path / "k1", tmp_path / "k2"
    one.run("migrate")
    erased = one.script(SEED).stdout.split()[0]
    one.run("backup", first)
    one.script(ERASE, erased)
    one.run("backup", second)
    two = with_keys_of(one, tmp_path / "two", tmp_path / "v2")
    restoring = two.begin("restore", first)
    started.append(restoring)
    loading: int | None = None
    while loading is None and restoring.poll() is None:
        loading = child_of(restoring.pid, "pg_restore")
        if loading is not None:
            os.kill(loading, signal.SIGSTOP)
    assert loading is not None, restoring.communicate()[0]
    note = (two.home / NOTE).read_text()

    again = two.run("restore", first, check=False)
    assert again.returncode == 2
    assert "a restore is running" in again.stderr
    restoring.kill()
    restoring.wait()
    ended = wait_for(lambda: not Path(f"/proc/{loading}").exists(), seconds=20)
    if not ended:
        os.kill(loading, signal.SIGCONT)
    assert ended, "the program that loads the tables ends with the restore"

    for step in range(2):
        refused = two.run("restore", second, check=False)
        assert (refused.returncode, refused.stdout) == (2, ""), step
        assert f"fanal restore {first}" in refused.stderr
        assert (two.home / NOTE).read_text() == note
        if step == 0:
            assert killed_at("loaded", two, first) == -signal.SIGKILL
    # Without its note it is still the restore of that backup: the database says so.
    (two.home / NOTE).unlink()
    assert two.run("restore", second, check=False).returncode == 2
    assert killed_at("done", two, first) == -signal.SIGKILL
    assert (two.home / NOTE).exists()
    done = two.run("restore", first)
    assert "vault: 12 objects, 10 opened, 0 findings" in done.stdout
    assert not (two.home / NOTE).exists()
    assert last_line(two.run("fsck", "--json")) == {
        "objects": 12,
        "opened": 10,
        "erased": 2,
        "findings": 0,
        "clean": True,
    }
    assert two.run("restore", first, check=False).returncode == 2
