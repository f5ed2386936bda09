"""Few clients keep nobody else out: the real server, slow bodies over real sockets, a lock really held."""

import contextlib
import http.client
import os
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Event, Thread

import psycopg
import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory
from django.urls import reverse
from django.utils.translation import override

from fanal.cli.run import _granian
from fanal.config.gate import (
    ASKING,
    MOST_COOKIES,
    OF_ONE_ADDRESS,
    OF_ONE_BROWSER,
    PASSWORDS,
    WAITING,
    WHOLE,
    WORKING,
    KeptConnections,
    asks_a_provider,
    compares_a_password,
)
from fanal.web.account import devices
from tests.integration.accounts.people import make_user
from tests.live import free_port, wait_for
from tests.server import WAITING_FOR_ME

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
            [*_granian("127.0.0.1", port), "--workers", "1"],
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


def _trickle(port: int, *, address: str = "127.0.0.1") -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=60, source_address=(address, 0))
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
        assert wait_for(lambda: other.execute(WAITING_FOR_ME).fetchone()[0] >= WORKING, seconds=20)
        assert _answer(port, "/healthz")[0] == 200
        assert _answer(port, "/readyz")[0] in {200, 503}
        for thread in threads:
            thread.join()
    statuses = {status for status, _body, _headers in found}
    assert statuses == {503}
    assert all("retry-after" in {name.lower() for name in headers} for _, _, headers in found)
    assert any(b"try again" in body for _status, body, _headers in found)
    assert _answer(port, "/api/v1/reports/by-key/k", Authorization="Bearer x")[0] == 401


def test_whoever_asks_after_readiness_keeps_no_probe_out(served: tuple[int, int]) -> None:
    """A balancer takes a node out that does not answer; anybody may ask."""
    port, _pid = served
    alone = _answer(port, "/readyz")
    assert b"database" in alone[1]
    stop, refused = Event(), []

    def loop() -> None:
        while not stop.is_set():
            _code, body, headers = _answer(port, "/readyz")
            if b"database" not in body or "Retry-After" in headers:
                refused.append(body)

    threads = [Thread(target=loop) for _ in range(16)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            probe = _answer(port, "/readyz")
            assert (probe[0], probe[1]) == (alone[0], alone[1])
            time.sleep(1)
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert refused == []


def test_no_large_body_waits_where_a_password_is_compared(served: tuple[int, int]) -> None:
    """It would hold the place for as long as it comes."""
    port, _pid = served
    for head in (f"Content-Length: {WHOLE + 1}", "Transfer-Encoding: chunked"):
        for path in ("/fr/login/", "/fr/account/again/", "/fr/login/with/oidc/login/"):
            with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
                client.sendall(
                    f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{head}\r\n\r\n".encode()
                )
                assert client.recv(12)[9:12] == b"413", (head, path)


def test_no_page_takes_a_large_body_and_none_acts_at_the_instant_of_its_beginning(
    served: tuple[int, int],
) -> None:
    port, _pid = served
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        head = (
            f"POST /fr/report/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: {WHOLE + 1}\r\n\r\n"
        )
        client.sendall(head.encode())
        assert client.recv(12)[9:12] == b"413"


def test_a_known_browser_may_send_the_file_of_a_proof(served: tuple[int, int]) -> None:
    """The page, and not the gate, says what is too large; here it misses the form's own token."""
    page = "/fr/desk/referrals/01890a5d-ac96-774b-bcce-b302099a8057/move/"
    kind, body = "multipart/form-data; boundary=x", b"x" * (WHOLE + 3_000_000)
    for cookie, status in ((_device("claire"), 403), ("fanal_device=x", 413)):
        connection = http.client.HTTPConnection("127.0.0.1", served[0], timeout=60)
        with contextlib.closing(connection):
            headers = {"Content-Type": kind, "Cookie": cookie}
            connection.putrequest("POST", page)
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body)))
            connection.endheaders()
            with contextlib.suppress(OSError):  # refused before it has arrived
                connection.send(body)
            assert connection.getresponse().status == status


def test_one_connection_is_one_request_at_a_time(served: tuple[int, int]) -> None:
    """HTTP/2 in clear is not spoken: there one that never reads holds a hundred threads."""
    port, _pid = served
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
        assert client.recv(100)[3:5] != b"\x04\x00"  # the frame SETTINGS of a server that speaks it


def test_cookies_beyond_measure_are_refused_before_they_are_read(served: tuple[int, int]) -> None:
    status, words, _headers = _answer(served[0], "/fr/", Cookie="a=b;" * (MOST_COOKIES // 4 + 1))
    assert (status, b"cookies" in words) == (431, True)


def test_headers_that_cost_the_square_of_their_length_are_refused(served: tuple[int, int]) -> None:
    port, _pid = served
    status, words, _headers = _answer(port, "/fr/", **{"Content-Type": 'a;"' + ";" * 1000})
    assert (status, b"header" in words) == (431, True)
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.sendall(
            b"GET /fr/ HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * 250_000 + b"\r\n\r\n"
        )
        assert client.recv(12)[9:12] in {b"431", b""}


def _sign_in(
    port: int, login: str = "nobody", *, address: str = "127.0.0.1", cookie: str = ""
) -> int:
    """Return the status of a sign-in of an account that does not exist."""
    mark = "m" * 32
    connection = http.client.HTTPConnection(
        "127.0.0.1", port, timeout=60, source_address=(address, 0)
    )
    fields = f"csrfmiddlewaretoken={mark}&login={login}&password=wrong"
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Cookie": f"csrftoken={mark}" + (f"; {cookie}" if cookie else ""),
    }
    with contextlib.closing(connection):
        connection.request("POST", "/en/login/", fields, headers)
        return connection.getresponse().status


def test_sign_ins_leave_room_to_everybody_else(
    served: tuple[int, int],
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    """However many there are: each compares a password, which is slow by design."""
    port, _pid = served
    other, found = as_role("owner"), []
    threads = [Thread(target=lambda: found.append(_sign_in(port))) for _ in range(3 * WORKING)]
    with other.transaction():
        other.execute("LOCK TABLE axes_accessattempt IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
        assert wait_for(
            lambda: other.execute(WAITING_FOR_ME).fetchone()[0] >= PASSWORDS, seconds=20
        )
        assert wait_for(lambda: len(found) >= len(threads) - ASKING // 2, seconds=20)
        assert _answer(port, "/en/report/")[0] == 200
        assert other.execute(WAITING_FOR_ME).fetchone()[0] <= PASSWORDS
    for thread in threads:
        thread.join()
    assert 503 in found
    assert _sign_in(port, "somebody") == 200


def _device(login: str) -> str:
    """The cookie of a browser on which a person has signed in before."""
    answer = HttpResponse()
    devices.remember(RequestFactory().get("/"), answer, user=make_user(login))
    return f"{devices.COOKIE}={answer.cookies[devices.COOKIE].value}"


def test_several_addresses_leave_known_browsers_their_places(
    served: tuple[int, int],
    as_role: Callable[[str], psycopg.Connection[tuple[object, ...]]],
) -> None:
    """Strangers hold all the places that they may, bodies that trickle too; who signed in before passes."""
    port, _pid = served
    known, other, found, told = _device("claire"), as_role("owner"), [], []
    forged = f"{devices.COOKIE}={known.partition('=')[2][:-1]}x"

    def flood(address: str) -> None:
        found.append(_sign_in(port, address=address))

    addresses = [f"127.0.0.{n % 4 + 2}" for n in range(3 * ASKING)]
    threads = [Thread(target=flood, args=(address,)) for address in addresses]
    staff = [
        Thread(target=lambda: told.append(_sign_in(port, "claire", cookie=known)))
        for _ in range(OF_ONE_BROWSER)
    ]
    slow = []
    with other.transaction():
        other.execute("LOCK TABLE axes_accessattempt IN ACCESS EXCLUSIVE MODE")
        for thread in threads:
            thread.start()
        assert wait_for(lambda: len(found) >= len(threads) - ASKING, seconds=20)
        slow += [_trickle(port, address=f"127.0.0.{n // 10 + 2}") for n in range(40)]
        assert wait_for(lambda: _answered(slow, b"503") >= 1, seconds=30)
        for cookie in ("", forged):
            assert _sign_in(port, "claire", address="127.0.0.9", cookie=cookie) == 503
        for thread in staff:
            thread.start()
        taken = PASSWORDS + OF_ONE_BROWSER
        assert wait_for(lambda: other.execute(WAITING_FOR_ME).fetchone()[0] >= taken, seconds=20)
        assert other.execute(WAITING_FOR_ME).fetchone()[0] == taken
    for thread in (*threads, *staff):
        thread.join()
    for client in slow:
        client.close()
    assert told == [200] * OF_ONE_BROWSER


def test_the_gate_knows_where_a_provider_is_asked() -> None:
    for language, _name in settings.LANGUAGES:
        with override(language):
            for page in ("openid_connect_login", "openid_connect_callback"):
                assert asks_a_provider(reverse(page, args=["oidc"]))
            assert not asks_a_provider(reverse("account_login"))
            assert not asks_a_provider(reverse("socialaccount_login_error"))


def test_the_gate_knows_where_a_password_is_compared() -> None:
    pages = ("account_login", "account_change_password", "account_reauthenticate")
    for language, _name in settings.LANGUAGES:
        with override(language):
            for page in pages:
                assert compares_a_password("POST", reverse(page))
                assert not compares_a_password("GET", reverse(page))
            assert not compares_a_password("POST", reverse("account_logout"))


def test_a_process_keeps_few_connections_to_the_database() -> None:
    closed: list[int] = []
    kept = KeptConnections(2, lambda: closed.append(1))
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
