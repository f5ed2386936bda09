"""Real servers on this machine that misbehave, and addresses that nothing is fetched from."""

import contextlib
import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from fanal.connectors.outside import Door, OutsideRefused, is_public

HERE = Door(loopback=True, seconds=5)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
Answer = Callable[[socket.socket], None]


@contextlib.contextmanager
def serving(*answers: bytes | Answer) -> Iterator[tuple[str, list[bytes]]]:
    """Answer one connection after the other; yield the address and what was asked."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)

        def run() -> None:
            for answer in answers:
                with contextlib.suppress(OSError):
                    line, _ = listening.accept()
                    with line:
                        line.settimeout(10)
                        asked.append(line.recv(65536))
                        if callable(answer):
                            answer(line)
                        else:
                            line.sendall(answer)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        thread.join(10)


def refused(url: str, *, door: Door = HERE, limit: int = 1000) -> str:
    with pytest.raises(OutsideRefused) as caught:
        door.get(url, headers={}, limit=limit)
    return caught.value.code


class TestAnswers:
    def test_an_answer_comes_whole(self) -> None:
        with serving(OK) as (url, asked):
            answer = HERE.get(f"{url}/a?b=c", headers={"Accept": "x/y"}, limit=10)
        assert (answer.body, answer.headers["content-length"]) == (b"ok", "2")
        assert asked[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
        assert b"Accept: x/y" in asked[0]

    def test_chunks_are_counted_as_they_come(self) -> None:
        chunk = b"3e8\r\n" + b"x" * 1000 + b"\r\n"
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        with serving(head + chunk + b"0\r\n\r\n") as (url, _):
            assert len(HERE.get(url, headers={}, limit=1000).body) == 1000
        with serving(head + chunk * 5) as (url, _):
            assert refused(url, limit=1500) == "TOO_LARGE"

    @pytest.mark.parametrize(
        ("answer", "code"),
        [
            (b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" + b"x" * 5000, "TOO_LARGE"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort", "PROTOCOL"),
            (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n", "NOT_AUTHORISED"),
            (b"HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n", "NOT_AUTHORISED"),
            (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n", "BUSY"),
            (b"HTTP/1.1 500 No\r\nContent-Length: 0\r\n\r\n", "STATUS"),
            (b"HTTP/1.1 204 None\r\n\r\n", "STATUS"),
            (b"not http at all\r\n\r\n", "PROTOCOL"),
            (b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70_000 + b"\r\n\r\n", "PROTOCOL"),
            (b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 200 + b"\r\n", "PROTOCOL"),
            (b"", "AWAY"),
        ],
    )
    def test_odd_answers(self, answer: bytes, code: str) -> None:
        with serving(answer) as (url, _):
            assert refused(url) == code

    def test_a_body_that_drips_to_the_end_of_its_connection_keeps_nobody_waiting(self) -> None:
        def drip(line: socket.socket) -> None:
            line.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
            with contextlib.suppress(OSError):
                for _ in range(60):
                    line.sendall(b"x")
                    time.sleep(0.1)

        with serving(drip) as (url, _):
            began = time.monotonic()
            assert refused(url, door=Door(loopback=True, seconds=1)) == "TIMEOUT"
            assert time.monotonic() - began < 3

    def test_one_that_drips_keeps_nobody_waiting(self) -> None:
        def drip(line: socket.socket) -> None:
            line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
            with contextlib.suppress(OSError):
                for _ in range(100):  # five seconds: then the line ends otherwise
                    if over.wait(0.05):
                        break
                    line.sendall(b"a")

        over = threading.Event()
        try:
            with serving(drip) as (url, _):
                assert refused(url, door=Door(loopback=True, seconds=0.5)) == "TIMEOUT"
                over.set()
        finally:
            over.set()

    def test_nobody_there(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        assert refused(f"http://127.0.0.1:{port}/") == "AWAY"

    def test_a_server_without_our_trust_is_refused(self) -> None:
        with serving(b"\x15\x03\x01\x00\x02\x02\x28") as (url, _):
            assert refused(url.replace("http:", "https:")) == "TLS"


class TestRedirects:
    def moved(self, where: str) -> bytes:
        return f"HTTP/1.1 302 Found\r\nLocation: {where}\r\nContent-Length: 0\r\n\r\n".encode()

    def test_on_the_same_host_they_are_followed(self) -> None:
        with serving(self.moved("/b"), OK) as (url, asked):
            assert HERE.get(f"{url}/a", headers={}, limit=10).body == b"ok"
        assert asked[1].startswith(b"GET /b ")

    @pytest.mark.parametrize(
        "where",
        ["http://127.0.0.2/", "https://other.example/", "//other.example/", "http://[::1", "ftp://127.0.0.1/"],
    )  # fmt: skip
    def test_to_another_host_they_are_not(self, where: str) -> None:
        with serving(self.moved(where)) as (url, asked):
            assert refused(url) in {"REDIRECT", "ADDRESS"}
        assert len(asked) == 1

    def test_a_circle_ends(self) -> None:
        with serving(*[self.moved("/")] * 4) as (url, _):
            assert refused(url) == "REDIRECT"


class TestPosting:
    def test_a_body_goes_whole_and_once(self) -> None:
        with serving(OK) as (url, asked):
            answer = HERE.post(url + "/a", headers={"X-A": "b"}, body=b"x" * 1000, limit=10)
        assert answer.body == b"ok"
        assert asked[0].startswith(b"POST /a HTTP/1.1")
        assert b"Content-Length: 1000" in asked[0]

    def test_what_has_moved_is_not_sent_on(self) -> None:
        moved = b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n"
        with serving(moved, OK) as (url, asked):
            with pytest.raises(OutsideRefused, match="REDIRECT"):
                HERE.post(url, headers={}, body=b"secret", limit=10)
            assert len(asked) == 1
            HERE.get(url, headers={}, limit=10)  # the second answer is taken: the server ends

    def test_inner_addresses_are_refused(self) -> None:
        for url, code in (("https://10.0.0.1/", "ADDRESS"), ("http://127.0.0.1:9/", "NOT_HTTPS")):
            with pytest.raises(OutsideRefused, match=code):
                Door().post(url, headers={}, body=b"x", limit=10)


class TestAddresses:
    def test_this_machine_is_reached_in_tests_alone(self) -> None:
        assert refused("https://127.0.0.1:9/", door=Door()) == "ADDRESS"
        assert refused("https://localhost:9/", door=Door()) == "ADDRESS"
        assert refused("http://127.0.0.1:9/", door=Door()) == "NOT_HTTPS"
        assert refused("http://192.0.2.1/") == "NOT_HTTPS"

    @pytest.mark.parametrize(
        "host",
        ["10.0.0.1", "192.168.1.1", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "[::]", "[fe80::1]",
         "[fc00::1]", "[::ffff:10.0.0.1]", "[64:ff9b::a00:1]", "[2002:a00:1::]", "2130706433", "0x7f.1", "127.1",
         "192.0.2.1", "224.0.0.1", "255.255.255.255"],
    )  # fmt: skip
    def test_inner_addresses_are_refused_in_any_spelling(self, host: str) -> None:
        assert refused(f"https://{host}/", door=Door()) == "ADDRESS"

    def test_public_ones_are_public(self) -> None:
        for text in ("9.9.9.9", "2620:fe::fe", "64:ff9b::909:909", "::ffff:9.9.9.9"):
            assert is_public(ipaddress.ip_address(text))

    def test_one_inner_address_among_public_ones_is_enough(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A name that answers with both, to be reached the second time, reaches nothing."""
        found = [(0, 0, 0, "", (address, 443)) for address in ("9.9.9.9", "10.0.0.1")]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_more: found)
        assert refused("https://both.example/", door=Door()) == "ADDRESS"

    def test_a_name_that_is_none(self) -> None:
        assert refused(f"https://{'a' * 300}.example/") == "AWAY"


def test_many_dead_addresses_have_one_deadline() -> None:
    """A name with addresses that never answer: the deadline of the whole call ends before the last of them."""
    from fanal.connectors.outside import CONNECT_SECONDS, PinnedConnection

    with contextlib.ExitStack() as stack:
        dead: list[str] = []
        port = 0
        for number in range(2, 6):
            deaf = stack.enter_context(socket.socket())
            deaf.bind((f"127.0.0.{number}", port))
            port = deaf.getsockname()[1]
            deaf.listen(0)
            dead.append(f"127.0.0.{number}")
            for _ in range(3):  # nobody accepts: what comes after these is not answered
                filler = stack.enter_context(socket.socket())
                filler.setblocking(False)
                filler.connect_ex((dead[-1], port))
        began = time.monotonic()
        pinned = PinnedConnection("dead.example", port, dead, secure=False, ends=began + 1)
        with pytest.raises(TimeoutError):
            pinned.connect()
        assert time.monotonic() - began < CONNECT_SECONDS
