"""What `fanal run` gives to the service's account when root starts it, and what stays root's."""

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.cli.lowered import lower
from fanal.config.keys import ensure_keys
from fanal.kernel import clock
from fanal.kernel.process import follow_folder
from fanal.postgres import Cluster
from fanal.postgres.place import SystemAccount, make_home
from tests.server import fast_folder

pytestmark = [
    pytest.mark.serial,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up"),
]


@pytest.fixture
def home() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="fanal-lowered-", dir=fast_folder()))
    folder.chmod(0o755)
    home = folder / "var"
    make_home(home)
    ensure_keys(home, now=clock.now(), origin="fanal.test/ledger", node="node-1")
    Cluster.open(home=home, environ=os.environ).passwords.ensure()
    yield home
    shutil.rmtree(folder)


def reads(account: SystemAccount, path: Path) -> bool:
    return account.run(["/usr/bin/test", "-r", str(path)])[0] == 0


def test_the_account_reads_what_serves_and_nothing_of_roots(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fanal.cli.lowered.sys.executable", "/bin/true")  # reachable anywhere
    monkeypatch.setattr("fanal.cli.lowered.sys.base_prefix", "/usr")
    vault = home / "vault"
    (vault / "packs").mkdir(parents=True)
    (vault / "packs" / "x.pack").write_bytes(b"sealed")
    (vault / "way").symlink_to("/etc/shadow")
    found = lower(home=home, vault=vault, port=8000)
    assert found is not None
    account, keys = found.account, home / "keys"
    assert reads(account, vault / "packs" / "x.pack")
    for name in ("content-0001.key", "digest.key", "database.json", "node-0001.key", "secret_key"):
        assert reads(account, keys / name), name
    for name in ("owner.json", "receipt-root.key"):
        assert not reads(account, keys / name), name
        assert account.run(["/bin/mv", str(keys / name), str(keys / "other")])[0] != 0
    assert account.run(["/usr/bin/touch", str(keys / "more")])[0] != 0
    assert account.run(["/usr/bin/touch", str(home / "drafts" / "keys.json")])[0] == 0
    assert Path("/etc/shadow").stat().st_uid == 0
    later = vault / "packs" / "later.pack"
    later.write_bytes(b"")
    follow_folder(later)
    assert later.stat().st_uid == account.uid
    assert stat.S_IMODE(keys.stat().st_mode) == 0o750


def test_root_stays_root_where_the_account_reaches_nothing_and_says_so(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert lower(home=home, vault=home / "vault", port=443) is None
    assert "run as root: the account 'fanal' cannot serve port 443" in capsys.readouterr().err
    home.parent.chmod(0o700)
    assert lower(home=home, vault=home / "vault", port=8000) is None
    assert f"cannot reach {home}" in capsys.readouterr().err
    home.parent.chmod(0o755)
    monkeypatch.setattr("fanal.cli.lowered.sys.executable", str(home / "no-python"))
    assert lower(home=home, vault=home / "vault", port=8000) is None
    assert "cannot run" in capsys.readouterr().err
    assert (home / "keys").stat().st_mode & 0o077 == 0


def test_the_calls_start_without_a_trial_of_the_account(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Behind a flood the trial alone, a start of Python, took up to five seconds."""
    monkeypatch.setattr("fanal.cli.lowered.sys.executable", "/bin/false")
    monkeypatch.setattr("fanal.cli.lowered.sys.base_prefix", "/usr")
    assert lower(home=home, vault=home / "vault", port=8000, at_once=True) is not None
    assert lower(home=home, vault=home / "vault", port=8000) is None


@pytest.mark.parametrize("hidden", ["program", "library"])
def test_a_program_in_a_folder_of_roots_own_keeps_the_calls_at_root_too(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], hidden: str
) -> None:
    """As a Python of pyenv or uv below /root: the calls of every start but the first were lowered to it."""
    own = home.parent / "own"
    own.mkdir(mode=0o700)
    shutil.copy("/bin/true", own / "python")
    (home.parent / "python").symlink_to(own / "python")
    program = home.parent / "python" if hidden == "program" else Path("/bin/true")
    monkeypatch.setattr("fanal.cli.lowered.sys.executable", str(program))
    library = str(own / "lib") if hidden == "library" else "/usr"
    monkeypatch.setattr("fanal.cli.lowered.sys.base_prefix", library)
    for at_once in (True, False):
        assert lower(home=home, vault=home / "vault", port=8000, at_once=at_once) is None
    said = capsys.readouterr().err
    assert said.count(f"run as root: the account 'fanal' cannot run {program}") == 1


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="a kernel without autogroups")
def test_a_child_that_goes_first_has_its_own_priority_and_a_start_only_for_a_moment(
    home: Path,
) -> None:
    """In a session of its own: the first process of a system, and what it starts in no session, has no share."""
    script = (
        "import os, sys\n"
        "from pathlib import Path\n"
        "from fanal.cli.supervisor import Child\n"
        "from fanal.kernel.process import hurried\n"
        "from fanal.postgres.place import SystemAccount\n"
        "os.setsid()\n"
        "def share(pid): return Path(f'/proc/{pid}/autogroup').read_text().split()[-1]\n"
        "child = Child(name='calls', arguments=['/bin/sleep', '30'], environment={},\n"
        "    log=Path(sys.argv[1]), account=SystemAccount.current(), nice=-10)\n"
        "usual = share('self')\n"
        "with hurried(-10): during = share('self'); child.start()\n"
        "pid = child.process.pid\n"
        "print(usual, during, share(pid), os.getpriority(os.PRIO_PROCESS, pid), share('self'))\n"
        "child.process.kill(); child.process.wait()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(home / "x.log")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split() == ["0", "-10", "-10", "-10", "0"], done.stderr


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="a kernel without autogroups")
def test_a_start_without_the_privilege_leaves_the_share_that_it_was_given(home: Path) -> None:
    script = (
        "import os\n"
        "from pathlib import Path\n"
        "from fanal.kernel.process import hurried, share_of_processors, take_own_share\n"
        "os.setsid(); share_of_processors('self', 7); os.setuid(65534)\n"
        "with hurried(-10): pass\n"
        "print(Path('/proc/self/autogroup').read_text().split()[-1])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["7"], done.stderr


@pytest.mark.skipif(not Path("/proc/self/autogroup").exists(), reason="a kernel without autogroups")
@pytest.mark.parametrize(("given", "own"), [(0, True), (-10, False)])
def test_a_child_stays_in_a_session_that_goes_first(home: Path, given: int, own: bool) -> None:
    """One of its own would begin at the usual share again, and only root can raise it."""
    script = (
        "import os\n"
        "from fanal.kernel.process import share_of_processors, take_own_share\n"
        f"os.setsid(); share_of_processors('self', {given})\n"
        "if child := os.fork(): os.waitpid(child, 0)\n"
        "else: before = os.getsid(0); take_own_share(); print(os.getsid(0) != before, flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [str(own)]
