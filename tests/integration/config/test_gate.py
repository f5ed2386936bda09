"""Few clients keep nobody else out: the real server, slow bodies over real sockets, a lock really held."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest

from fanal.config.gate import OF_ONE_ADDRESS, THREADS, WAITING, WORKING, Kept
from tests.live import free_port, wait_for

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]


@pytest.fixture
def served(
    database_urls: Mapping[str, str], installed_keys: None, tmp_path: Path
) -> Iterator[tuple[int, int]]:
    """Port and process of a web server with one worker, as `fanal run` starts it."""
    port = free_port()
    environment = os.environ | {"DATABASE_URL": database_urls["app"], "FANAL_DB_ROLE": "app"}
    with (
        (tmp_path / "log").open("wb") as log,
        subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "granian",
                    "fanal.config.wsgi:application",
                    "--port",
                    str(port),
                ),
                *(
                    "--interface",
                    "wsgi",
                    "--workers",
                    "1",
                    "--blocking-threads",
                    str(THREADS),
                    "--no-ws",
                ),
            ],
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
        ) as process,
    ):
        try:
            assert wait_for(lambda: _status(port, "/healthz") == 200, seconds=90), (
                tmp_path / "log"
            ).read_text()
            yield port, process.pid
        finally:
            process.terminate()


def _answer(port: int, path: str, **headers: str) -> tuple[int, bytes, Mapping[str, str]]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read(), dict(answer.getheaders())


def _status(port: int, path: str) -> int:
    try:
        return _answer(port, path)[0]
    except OSError:
        return 0


def _trickle(port: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(
        b"POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 5000\r\n\r\n{"
    )
    return client


def test_bodies_that_trickle_from_one_address_keep_nobody_out(served: tuple[int, int]) -> None:
    port, _pid = served
    slow = [_trickle(port) for _ in range(30)]
    stop = Event()

    def go_on() -> None:
        while not stop.wait(1):
            for client in slow:
                with contextlib.suppress(OSError):
                    client.sendall(b" ")

    thread = Thread(target=go_on)
    thread.start()
    try:
        for path in ("/en/", "/healthz", "/en/report/"):
            assert _answer(port, path)[0] == 200
        # Most are refused in words, a moment after they came; the few others at the deadline.
        assert wait_for(lambda: _answered(slow, b"503") >= len(slow) - OF_ONE_ADDRESS, seconds=30)
        assert wait_for(lambda: _answered(slow, b"408") == OF_ONE_ADDRESS, seconds=90)
    finally:
        stop.set()
        thread.join()
        for client in slow:
            client.close()


def _answered(clients: list[socket.socket], status: bytes) -> int:
    """Return how many clients have an answer of this status."""
    found = 0
    for client in clients:
        client.settimeout(0.05)
        with contextlib.suppress(OSError):
            found += client.recv(12, socket.MSG_PEEK)[9:12] == status
    return found


def test_a_slow_but_honest_body_is_taken(served: tuple[int, int]) -> None:
    port, _pid = served
    body = b'{"reference": "r-1"}'
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(
            b"POST /api/v1/reports HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n".encode()
        )
        for octet in body:
            time.sleep(0.1)
            client.sendall(bytes([octet]))
        assert client.recv(12)[9:12] == b"401"  # it was read, and asks who sends


def test_health_answers_while_every_turn_waits_for_a_lock(
    served: tuple[int, int],
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    port, _pid = served
    other, found = as_role("owner"), []

    def ask() -> None:
        found.append(_answer(port, "/api/v1/reports/by-key/k", Authorization="Bearer x"))

    threads = [Thread(target=ask) for _ in range(WORKING + WAITING + 10)]
    with other.transaction():
        other.execute("LOCK TABLE accounts_partnercredential IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        assert wait_for(lambda: other.execute(waiting).fetchone()[0] >= WORKING, seconds=20)
        assert _answer(port, "/healthz")[0] == 200
        assert _answer(port, "/readyz")[0] in {200, 503}
        for thread in threads:
            thread.join()
    statuses = {status for status, _body, _headers in found}
    assert statuses == {503}
    assert all("retry-after" in {name.lower() for name in headers} for _, _, headers in found)
    assert any(b"try again" in body for _status, body, _headers in found)
    assert _answer(port, "/api/v1/reports/by-key/k", Authorization="Bearer x")[0] == 401


def test_a_process_keeps_few_connections_to_the_database() -> None:
    closed: list[int] = []
    kept = Kept(2, lambda: closed.append(1))
    for _ in range(5):
        thread = Thread(target=lambda: [kept.end(), kept.end()])
        thread.start()
        thread.join()
    assert not closed  # each thread is gone before the next begins

    def stay() -> None:
        kept.end()
        assert wait_for(lambda: len(closed) == 3, seconds=20)

    threads = [Thread(target=stay) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(closed) == 3
