"""Witnesses that hang, drip, lie or answer junk: real servers on this machine, for tests of the log's side."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Serve = Callable[[socket.socket, bytes], None]
"""Answers one connection, of which the whole request was read."""


def hang(line: socket.socket, _request: bytes) -> None:
    """Answer nothing, and keep the connection."""
    with contextlib.suppress(OSError):
        line.recv(1)  # until the other side closes


def drip(line: socket.socket, _request: bytes) -> None:
    """Answer one byte after the other, for ever: no single read waits long."""
    with contextlib.suppress(OSError):
        line.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n")
        while True:
            line.sendall(b"x")
            time.sleep(0.05)


def drip_head(line: socket.socket, _request: bytes) -> None:
    """Answer headers for ever."""
    with contextlib.suppress(OSError):
        line.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            line.sendall(b"x")
            time.sleep(0.05)


def says(body: bytes, status: str = "200 OK") -> Serve:
    """Return what answers each request with this status and body."""
    head = f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"

    def answer(line: socket.socket, _request: bytes) -> None:
        with contextlib.suppress(OSError):
            line.sendall(head.encode() + body)

    return answer


def junk(line: socket.socket, _request: bytes) -> None:
    """Answer what is no HTTP."""
    with contextlib.suppress(OSError):
        line.sendall(b"\x00\xff" * 500 + b"\r\n\r\n")


def closes(_line: socket.socket, _request: bytes) -> None:
    """Close the connection without an answer."""


@contextmanager
def listening(serve: Serve) -> Iterator[str]:
    """Run such a server; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    line, _ = server.accept()
                    threading.Thread(target=one, args=(line,), daemon=True).start()

        def one(line: socket.socket) -> None:
            with line, contextlib.suppress(OSError):
                line.settimeout(30)
                serve(line, _request(line))

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.getsockname()[1]}"
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join(5)


def _request(line: socket.socket) -> bytes:
    """Read a request whole."""
    read = b""
    while b"\r\n\r\n" not in read:
        read += line.recv(65_536) or b"\r\n\r\n"
    head, _, body = read.partition(b"\r\n\r\n")
    lengths = [
        int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")
    ]
    while len(body) < sum(lengths):
        more = line.recv(65_536)
        if not more:
            break
        body += more
    return body
