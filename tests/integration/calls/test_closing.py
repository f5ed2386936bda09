"""A session that hears of no end: killed, then its role is let in no more; the desk goes on, and says so."""

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from fanal.config.databases import Databases, open_databases
from fanal.postgres import Cluster, DatabaseRole
from tests.live import Live, free_port, wait_for
from tests.prepared import prepare
from tests.server import fast_folder

pytestmark = pytest.mark.serial
GUARD = """
import os, sys, time
from fanal.cli.boot import django_as
from fanal.postgres import DatabaseRole
with django_as(DatabaseRole.WORKER):
    from fanal.db import hoarding
    if sys.argv[1] == "elsewhere":  # the server's processes are none of this machine's
        hoarding.login_of = lambda pid, logins: ""
        hoarding.sessions_of = lambda postmaster, logins: ()
    if sys.argv[1] == "stalled":  # killed, a process that waits for its disk is there all the same
        os.kill = lambda pid, number: None
    if sys.argv[1] == "unseen":  # a session that sleeps: nothing shows that it works
        hoarding._worked = lambda pid: 0.0
    hoarding._PATIENCE = float(sys.argv[2])
    guard = hoarding.HoardingGuard()
    guard.look()
    print("it looks", file=sys.stderr, flush=True)
    while True:
        guard.look()
        time.sleep(0.25)
"""
SPENT = "INSERT INTO intake_spent_challenge VALUES (sha256(random()::text::bytea), now())"
DEAF = "SELECT {} FROM unnest(ARRAY[repeat('7', 65000)::numeric]) a"
"""Hears of nothing until its whole list is worked out: some 0.07 s a column."""
PATIENT = 5.0
"""Seconds that an installation waits for the end of a session; where they are not the point, tests wait less."""
COLUMNS = 60
"""Columns for each second of patience of a session that must be killed: twice as long as that takes. Of two that
hoard together one may be gone before the other has too many locks: nobody ends that one, and it works to its end."""


@pytest.fixture
def desk() -> Iterator[tuple[Live, Databases]]:
    """Yield an installation whose database runs, without any other process."""
    folder = Path(tempfile.mkdtemp(prefix="fanal-closing-", dir=fast_folder()))
    folder.chmod(0o755)
    running = Live(home=folder / "desk", port=free_port())
    try:
        prepare(running.home, demo=False)
        with open_databases(home=running.home, environ={}) as databases:
            yield running, databases
    finally:
        Cluster.open(home=running.home, environ=os.environ).stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextlib.contextmanager
def guarded(desk: Live, where: str, patience: float) -> Iterator[Path]:
    """Keep a process that looks, as the calls do; yield what it says."""
    told = desk.home.parent / "told"
    before = told.read_text().count("it looks") if told.exists() else 0
    with told.open("ab") as output:
        child = subprocess.Popen(
            [sys.executable, "-c", GUARD, where, str(patience)],
            env=desk.environment(),
            stderr=output,
        )
    try:
        # Else it would start while dozens of sessions take all processors.
        assert wait_for(lambda: told.read_text().count("it looks") > before)
        yield told
    finally:
        child.kill()
        child.wait()


def hoard(
    url: str, columns: int, together: threading.Barrier | None = None, *, by_another: bool = False
) -> None:
    """Hold too many locks, then hear of nothing; return when the session is gone.

    Where another process of the server's works it out, the session itself only waits.
    """
    with (
        contextlib.suppress(psycopg.OperationalError, threading.BrokenBarrierError),
        psycopg.connect(url, autocommit=True) as session,
    ):
        tables = session.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relnamespace = 'public'::regnamespace"
            " AND relkind IN ('r', 'p') AND has_table_privilege(oid, 'SELECT')"
        ).fetchall()
        if by_another:
            session.execute(
                "SELECT set_config(name, 'on', false) FROM pg_settings"
                " WHERE name IN ('force_parallel_mode', 'debug_parallel_query')"
            )
            session.execute("SET parallel_leader_participation = off")
        session.execute("BEGIN")
        if together is not None:
            together.wait(20)
        with session.pipeline():
            if "fanal_intake" in url:
                for number in range(70):
                    session.execute(f"SAVEPOINT s{number}")
                    session.execute(SPENT)
            else:
                for (table,) in tables:
                    session.execute(f"SELECT FROM {table} LIMIT 0")
            session.execute(DEAF.format(", ".join(["(a*a) IS NULL"] * columns)))


def hoard_together(
    url: str, patience: float, sessions: int = 2, *, by_another: bool = False
) -> None:
    """Hoard in some sessions at once: two are enough for the auditor's role too."""
    columns = round(COLUMNS * patience)
    told = {"together": threading.Barrier(sessions), "by_another": by_another}
    attacks = [
        threading.Thread(target=hoard, args=(url, columns), kwargs=told) for _ in range(sessions)
    ]
    for attack in attacks:
        attack.start()
    for attack in attacks:
        attack.join()


def is_refused(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError as failure:
        return "permission denied for database" in str(failure)
    return False


def answers(url: str) -> bool:
    with contextlib.suppress(psycopg.OperationalError), psycopg.connect(url) as session:
        return session.execute("SELECT 1").fetchone() == (1,)
    return False


def written_until(databases: Databases) -> object:
    """Return from where on the server would read its log again."""
    with psycopg.connect(databases.url(DatabaseRole.WORKER)) as session:
        return session.execute("SELECT redo_lsn FROM pg_control_checkpoint()").fetchone()


@pytest.mark.parametrize(
    ("role", "sessions", "by_another", "patience"),
    [
        pytest.param(DatabaseRole.INTAKE, 2, False, PATIENT, id="public-node"),
        pytest.param(DatabaseRole.AUDITOR, 2, False, 3, id="auditor"),
        pytest.param(DatabaseRole.INTAKE, 2, True, 3, id="it-waits-for-a-worker-of-its-own"),
        pytest.param(DatabaseRole.INTAKE, 45, False, PATIENT, id="so-many-that-none-works-much"),
    ],
)
def test_the_second_session_that_must_be_killed_costs_its_role_the_door(
    desk: tuple[Live, Databases],
    role: DatabaseRole,
    sessions: int,
    patience: float,
    *,
    by_another: bool,
) -> None:
    running, databases = desk
    url, app = databases.url(role), databases.url(DatabaseRole.APP)
    with guarded(running, "here", patience) as told:
        assert wait_for(lambda: answers(app))
        killed = lambda: told.read_text().count("PostgreSQL restarts")  # noqa: E731
        for times in (1, 2):
            # Who looks may be faster than they are: they hear of their end then.
            for _ in range(20):
                # What it says may come after what it does: the door is closed by then.
                assert wait_for(lambda: answers(url) or (is_refused(url) and killed() == 2))
                if killed() == times:
                    break
                hoard_together(url, patience, sessions, by_another=by_another)
            assert killed() == times
            assert wait_for(lambda: answers(app))
        assert wait_for(lambda: is_refused(url))
        assert "nor work" not in told.read_text()
        assert f"{role.login} is let in no more" in told.read_text()
    # Whoever starts afterwards neither lets it in nor is kept from starting.
    with open_databases(home=running.home, environ={}) as again:
        assert is_refused(again.url(role))
        assert answers(again.url(DatabaseRole.WORKER))
    doctor = running.command("doctor", check=False)
    assert doctor.returncode == 1
    assert f"lets {role.login} in no more" in doctor.stdout


def test_the_fourth_that_is_killed_without_having_worked_costs_its_role_the_door(
    desk: tuple[Live, Databases],
) -> None:
    running, databases = desk
    url = databases.url(DatabaseRole.INTAKE)
    with guarded(running, "unseen", 2) as told:
        for _ in range(20):
            if is_refused(url):
                break
            assert wait_for(lambda: answers(url) or is_refused(url))
            hoard_together(url, 2)
            assert wait_for(lambda: answers(databases.url(DatabaseRole.APP)))
        assert wait_for(lambda: "is let in no more" in told.read_text())
        # One that was connected already may be killed after that, too.
        until_then = told.read_text().partition("is let in no more")[0]
        assert until_then.count("nor work: it was killed") == 4


def test_a_killed_session_counts_once_however_long_its_process_is_there(
    desk: tuple[Live, Databases],
) -> None:
    running, databases = desk
    url = databases.url(DatabaseRole.INTAKE)
    before = written_until(databases)
    with guarded(running, "stalled", 2) as told:
        for _ in range(20):
            if "did not end" in told.read_text():
                break
            hoard_together(url, 1.5, 1)
        assert told.read_text().count("did not end") == 1
        assert answers(url)
        assert written_until(databases) != before, "a start after a kill would read it all again"


def test_where_nothing_can_be_killed_the_role_is_let_in_no_more_at_once(
    desk: tuple[Live, Databases],
) -> None:
    running, databases = desk
    url = databases.url(DatabaseRole.INTAKE)
    with psycopg.connect(url, autocommit=True) as earlier, guarded(running, "elsewhere", 2) as told:
        attack = threading.Thread(target=hoard, args=(url, 120))
        attack.start()
        assert wait_for(lambda: is_refused(url))
        assert "kill its process on the database's machine" in told.read_text()
        with pytest.raises(psycopg.errors.AdminShutdown):
            earlier.execute("SELECT pg_sleep(60)")
        attack.join()
    assert answers(databases.url(DatabaseRole.APP))
