"""Sign-ins behind a proxy: one address holds half of their places, whatever it claims to be called."""

import io
import threading
import time
from collections.abc import Callable

import pytest

from fanal.config import gate
from fanal.config.gate import (
    ASKING,
    LARGE,
    STALE,
    WHOLE,
    Busy,
    Gate,
    Room,
    SharedAnswer,
    network_of,
)
from fanal.config.large_bodies import MOST_OF_A_PROOF
from tests.live import wait_for

HALF = ASKING // 2


def sign_in(gate: Gate, client: str, statuses: list[str]) -> None:
    request = {
        "PATH_INFO": "/fr/login/",
        "REQUEST_METHOD": "POST",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_FORWARDED_FOR": f"203.0.113.{len(statuses)}, {client}",
    }
    gate(request, lambda status, _headers, *_more: statuses.append(status))


def test_one_address_leaves_places_to_others() -> None:
    over, asked = threading.Event(), threading.Semaphore(0)

    def served(_request: object, start: object) -> list[bytes]:
        over.wait(20)
        asked.release()
        return []

    gate, refused = Gate(served, hops=1), list[str]()
    flood = [
        threading.Thread(target=sign_in, args=(gate, "198.51.100.7", refused))
        for _ in range(ASKING + 4)
    ]
    for thread in flood:
        thread.start()
    until = time.monotonic() + 10
    while len(refused) < ASKING + 4 - HALF and time.monotonic() < until:
        time.sleep(0.01)
    assert refused == ["503 Service Unavailable"] * (ASKING + 4 - HALF)
    told = list[str]()
    staff = threading.Thread(target=sign_in, args=(gate, "198.51.100.8", told))
    staff.start()
    over.set()
    for thread in (*flood, staff):
        thread.join(20)
    assert told == []
    assert all(asked.acquire(blocking=False) for _ in range(HALF + 1))


def test_one_address_leaves_a_place_for_large_bodies() -> None:
    over, inside = threading.Event(), threading.Semaphore(0)

    def served(_request: object, _start: object) -> list[bytes]:
        inside.release()
        over.wait(20)
        return []

    gate = Gate(served, hops=1)

    def upload(client: str) -> None:
        request = {
            "PATH_INFO": "/ispws/upload",
            "REQUEST_METHOD": "POST",
            "REMOTE_ADDR": "127.0.0.1",
            "HTTP_X_FORWARDED_FOR": client,
            "CONTENT_LENGTH": str(WHOLE + 1),
            "wsgi.input": io.BytesIO(),
        }
        gate(request, lambda *_: None)

    slow = [threading.Thread(target=upload, args=("198.51.100.7",)) for _ in range(LARGE + 2)]
    for thread in slow:
        thread.start()
    assert all(inside.acquire(timeout=10) for _ in range(LARGE - 1))
    other = threading.Thread(target=upload, args=("198.51.100.8",))
    other.start()
    assert inside.acquire(timeout=10)
    assert not inside.acquire(blocking=False)
    over.set()
    for thread in (*slow, other):
        thread.join(20)


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.9", "192.0.2.9"),
        ("192.0.2.9", "192.0.2.9"),
        ("", ""),
    ],
)
def test_a_client_of_ipv6_is_its_network(address: str, counted: str) -> None:
    assert network_of(address) == counted


@pytest.mark.parametrize("path", ["/fr/report/", "/api/v1/reports"])
def test_a_body_of_unknown_length_is_taken_whole_before_its_request_has_an_instant(
    path: str,
) -> None:
    seen: list[tuple[object, object, bytes]] = []

    def served(request: dict[str, object], _start: object) -> list[bytes]:
        told = request["CONTENT_LENGTH"], request.get("HTTP_TRANSFER_ENCODING")
        seen.append((*told, _input(request).read()))
        return []

    body = b"x" * 10_000
    Gate(served, hops=0)(_chunked(path, body), lambda *_: None)
    assert seen == [("10000", None, body)]


@pytest.mark.parametrize(("path", "status"), [("/fr/report/", "413"), ("/ispws/upload", "")])
def test_a_large_body_of_unknown_length_is_of_programs_alone(path: str, status: str) -> None:
    body, read, said = b"x" * (WHOLE + 5000), list[bytes](), list[str]()

    def served(request: dict[str, object], _start: object) -> list[bytes]:
        read.append(_input(request).read())
        return []

    Gate(served, hops=0)(_chunked(path, body), lambda status, _headers: said.append(status[:3]))
    assert (read, said) == (([], ["413"]) if status else ([body], []))


def _input(request: dict[str, object]) -> io.BufferedIOBase:
    stream = request["wsgi.input"]
    assert isinstance(stream, io.BufferedIOBase)
    return stream


def _chunked(path: str, body: bytes) -> dict[str, object]:
    return {
        "PATH_INFO": path,
        "REQUEST_METHOD": "POST",
        "REMOTE_ADDR": "192.0.2.1",
        "HTTP_TRANSFER_ENCODING": "chunked",
        "wsgi.input": io.BytesIO(body),
    }


def test_no_more_wait_for_a_place_than_there_are_places() -> None:
    room, over, told = Room(4, of_one=2, seconds=10), threading.Event(), list[str]()

    def come(address: str) -> None:
        try:
            with room.place(address):
                told.append("in")
                over.wait(20)
        except Busy:
            told.append("busy")

    held = [threading.Thread(target=come, args=("one",)) for _ in range(2)]
    for thread in held:
        thread.start()
    assert wait_for(lambda: told == ["in"] * 2, seconds=10)
    flood = [threading.Thread(target=come, args=("one",)) for _ in range(20)]
    for thread in flood:
        thread.start()
    assert wait_for(
        lambda: told.count("busy") == 18, seconds=5
    )  # two wait, the others are told at once
    other = threading.Thread(target=come, args=("other",))
    other.start()
    assert wait_for(lambda: told.count("in") == 3, seconds=5)
    over.set()
    for thread in (*held, *flood, other):
        thread.join(20)
    assert told.count("in") == 5


def test_those_who_ask_after_a_quiet_time_wait_for_the_first_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now, finding = [0.0], threading.Event()
    monkeypatch.setattr(gate, "monotonic", lambda: now[0])

    def served(
        _request: object, start: Callable[[str, list[tuple[str, str]]], object]
    ) -> list[bytes]:
        finding.wait(20)
        start("200 OK", [])
        return [b"ready"]

    shared, told = SharedAnswer(served), list[str]()
    finding.set()
    shared({}, lambda status, _headers: told.append(status))
    finding.clear()
    now[0] += STALE + 1
    asked = [
        threading.Thread(target=shared, args=({}, lambda status, _headers: told.append(status)))
        for _ in range(4)
    ]
    for thread in asked:
        thread.start()
    finding.set()
    for thread in asked:
        thread.join(20)
    assert told == ["200 OK"] * 5


STEP = "/fr/desk/referrals/01890a5d-ac96-774b-bcce-b302099a8057/move/"


@pytest.mark.parametrize(
    ("path", "cookies", "size", "taken"),
    [
        (STEP, "known", WHOLE + 1, True),
        (STEP.replace("move", "step"), "known", MOST_OF_A_PROOF, True),
        (STEP, "known", MOST_OF_A_PROOF + 1, False),
        (STEP, "", WHOLE + 1, False),
        (STEP.replace("move", "amend"), "known", WHOLE + 1, False),
        ("/fr/report/", "known", WHOLE + 1, False),
    ],
)
def test_a_large_body_of_a_page_is_the_file_of_a_proof_from_a_known_browser(
    path: str, cookies: str, size: int, taken: bool
) -> None:
    read, said = list[str](), list[str]()

    def served(request: dict[str, object], _start: object) -> list[bytes]:
        read.append(str(request["PATH_INFO"]))
        return []

    request = {
        "PATH_INFO": path,
        "REQUEST_METHOD": "POST",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_COOKIE": cookies,
        "CONTENT_LENGTH": str(size),
        "wsgi.input": io.BytesIO(),
    }
    gate = Gate(served, hops=0, known=lambda cookies: cookies)
    gate(request, lambda status, _headers: said.append(status[:3]))
    assert (read, said) == (([path], []) if taken else ([], ["413"]))
