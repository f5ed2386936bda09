"""A call that an interrupted desk left waits for nothing of the next start but the database."""

import os
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import psycopg
import pytest
from aiosmtpd.controller import Controller

from fanal.cli.run import _is_foreign
from fanal.config import migration
from fanal.config.databases import open_databases
from tests.faults.test_calls import CALLED_WITHIN, Inbox
from tests.live import FANAL, Live, free_port, live, wait_for

pytestmark = pytest.mark.serial
_MIGRATING = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


@pytest.fixture(scope="module")
def desk() -> Iterator[tuple[Live, Inbox]]:
    inbox, port = Inbox(), free_port()
    controller = Controller(inbox, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        with live(
            FANAL_SMTP_URL=f"smtp://127.0.0.1:{port}", FANAL_DUTY="duty@desk.example"
        ) as server:
            yield server, inbox
    finally:
        controller.stop()


def leave_a_call(server: Live) -> str:
    """Take a report of a child in danger while the calls stand still; kill the desk; return the report's id."""
    partner = server.add_partner("first-calls")
    [calls] = server.leaders("fanal.calls")
    os.kill(calls, signal.SIGSTOP)
    body = {"reference": "left", "kind": "GROOMING", "emergency": True}
    told = server.json("POST", "/reports", partner, body)
    assert told.status == 201
    assert server.process is not None
    os.kill(calls, signal.SIGKILL)
    server.process.kill()
    server.process.wait()
    assert wait_for(lambda: not server.children("granian"), seconds=30)
    return str(told.json["id"])


def test_the_first_call_does_not_wait_for_the_migration(desk: tuple[Live, Inbox]) -> None:
    server, inbox = desk
    report = leave_a_call(server)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("FANAL_", "DATABASE_"))}
    with open_databases(home=server.home, environ=environ) as databases:
        assert databases.cluster is not None
        with psycopg.connect(databases.cluster.admin_url("fanal"), autocommit=True) as admin:
            admin.execute("SELECT pg_advisory_lock(%s)", [migration.LOCK])
            starting = threading.Thread(target=server.start)
            begun = time.monotonic()
            starting.start()
            try:
                called = wait_for(
                    lambda: any(report in text for text in inbox.texts), seconds=CALLED_WITHIN
                )
                assert called, f"no call {time.monotonic() - begun:.1f} s after the start"
                assert wait_for(lambda: admin.execute(_MIGRATING).fetchone() == (1,), seconds=60)
            finally:
                admin.execute("SELECT pg_advisory_unlock(%s)", [migration.LOCK])
                starting.join()
    assert len(server.leaders("fanal.calls")) == 1
    assert "calls ended" not in (server.home / "out.txt").read_text()


@pytest.mark.parametrize(
    ("host", "status", "words"),
    [
        ("127.0.0.1", 1, "in use"),
        ("192.0.2.1", 2, "loopback only"),
        ("0.0.0.0", 2, "loopback only"),
    ],
)
def test_a_start_whose_address_is_refused_calls_nobody(
    desk: tuple[Live, Inbox], host: str, status: int, words: str
) -> None:
    """A port in use is another matter: that of a killed desk becomes free, and its calls do not wait for it."""
    server, _ = desk
    server.stop()
    calls = server.home / "log" / "calls.log"
    calls.unlink(missing_ok=True)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1] if host == "127.0.0.1" else free_port()
        done = subprocess.run(
            [*FANAL, "--lang", "en", "run", "--host", host, "--port", str(port)],
            env=server.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert done.returncode == status, done.stderr
    assert words in done.stderr
    assert calls.exists() == (host == "127.0.0.1")


def test_an_address_of_another_machine_is_foreign_and_one_in_use_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert not _is_foreign("127.0.0.1", taken.getsockname()[1])
    assert _is_foreign("192.0.2.1", free_port())


def test_a_start_with_another_vault_calls_nobody_and_hands_nothing_over(
    desk: tuple[Live, Inbox],
) -> None:
    server, _ = desk
    server.stop()
    calls = server.home / "log" / "calls.log"
    calls.unlink(missing_ok=True)
    other = server.home.parent / "other"
    other.mkdir(mode=0o755)
    (other / "kept").write_text("of the account that starts")
    refused = subprocess.run(
        [*FANAL, "--lang", "en", "run", "--port", str(server.port)],
        env=server.environment(FANAL_VAULT=str(other)),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert refused.returncode == 1
    assert "is not the vault of this database" in refused.stderr
    assert not calls.exists()
    assert {path.stat().st_uid for path in (other, other / "kept")} == {os.geteuid()}
