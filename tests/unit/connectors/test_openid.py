"""A provider of single sign-on that answers slowly or without end: it holds no sign-in, and no memory."""

import contextlib
import socket
import time

import pytest
import requests

from fanal.connectors import openid
from tests.unit.connectors.test_outside import serving


def _drip(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    for _ in range(40):
        line.sendall(b" ")
        time.sleep(0.1)


def _drip_headers(line: socket.socket) -> None:
    line.sendall(b"HTTP/1.1 200 OK\r\nX: ")
    for _ in range(40):
        line.sendall(b"a")
        time.sleep(0.1)


@pytest.mark.parametrize("answer", [_drip, _drip_headers])
def test_a_provider_that_drips_is_cut_at_the_deadline(
    monkeypatch: pytest.MonkeyPatch, answer: object
) -> None:
    monkeypatch.setattr(openid, "SECONDS", 0.5)
    with serving(answer) as (url, _):  # type: ignore[arg-type]
        started = time.monotonic()
        with pytest.raises(requests.RequestException):
            openid.discover(url)
        assert time.monotonic() - started < 2.5


def test_a_document_without_end_is_refused() -> None:
    def pour(line: socket.socket) -> None:
        line.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        with contextlib.suppress(OSError):
            for _ in range(100):
                line.sendall(b" " * 65536)

    with serving(pour) as (url, _), pytest.raises(openid.ProviderUnsound, match="too long"):
        openid.discover(url)


def test_a_document_is_read_whole_whatever_comes_after() -> None:
    body = b'{"issuer": "elsewhere"}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    with (
        serving(answer) as (url, asked),
        pytest.raises(openid.ProviderUnsound, match="elsewhere"),
    ):
        openid.discover(url)
    assert b"Connection: close" in asked[0]
