"""Pool of sandboxed child processes; a child is replaced after some files, a fault or a timeout.

A file that kills its child affects only itself: its result names the reason (`Unhashed`), and the next file
gets a new child. Only a fork server that does not start, or does not answer, is no file's fault: it
raises `HasherAway`.
"""

import atexit
import logging
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from threading import Lock
from time import monotonic
from typing import Final

import msgspec
from msgspec import Struct

from fanal.hashing import video
from fanal.hashing.domain.records import PICTURES, FileFacts, FileLimits, Unhashed, media_type_of

_START_SECONDS: Final = 120.0  # the first start compiles
_STOP_SECONDS: Final = 5.0
_SLOWEST: Final = 20e6  # least throughput in bytes per second
_LONGEST_ANSWER: Final = 1 << 16
_DECODER: Final = msgspec.json.Decoder(FileFacts)
log = logging.getLogger("fanal.hashing")


class HasherAway(RuntimeError):
    """Error: no child process can be started on this machine (the text says why); no file is to blame."""


class FileToHash(Struct, frozen=True, kw_only=True):
    """A file's length, and its bytes in pieces, which are read once in a thread of the pool.

    `exact`: the caller already has its exact hashes, so a file of an unsupported format, or too large for a
    PDQ hash, is not read to its end.
    """

    size: int
    pieces: Iterable[bytes]
    exact: bool = False


class _Child(Struct, kw_only=True):
    number: int
    socket: socket.socket
    left: int
    videos: bool


class Pool:
    """A pool of sandboxed child processes that hash files; the fork server starts at the first file.

    Thread-safe. `limits` are those for each file, `size` is the greatest number of children. Once a fork
    server runs, `without_network`, `filtered`, `closed` and `videos` say whether its children have no
    network, restricted system calls (seccomp), no access to files (Landlock), and can decode videos; None
    before.
    """

    def __init__(self, *, limits: FileLimits | None = None, size: int | None = None) -> None:
        """Set the limits for each file, and the number of children (`size`).

        By default as many as there are processors, at most four.
        """
        self.limits = limits or FileLimits()
        self.size = size or min(4, os.cpu_count() or 1)
        self._lock = Lock()
        self._nursery: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._idle: SimpleQueue[_Child | None] = SimpleQueue()
        for _ in range(self.size):
            self._idle.put(None)
        self.without_network: bool | None = None
        self.filtered: bool | None = None
        self.closed: bool | None = None
        self.videos: bool | None = None

    def hash_files(self, files: Sequence[FileToHash]) -> list[FileFacts | BaseException]:
        """Return hashes and properties of each file in order, or the exception that its `pieces` raised.

        Raises:
            HasherAway: no child process can be started.
        """
        with ThreadPoolExecutor(self.size, thread_name_prefix="hash") as threads:
            answers = list(threads.map(self._one, files))
        for answer in answers:
            if isinstance(answer, HasherAway):
                raise answer
        return answers

    def stop(self) -> None:
        """Wait for files in progress, then end children and fork server; the next file starts them again."""
        for _ in range(self.size):
            child = self._idle.get()
            if child is not None:
                child.socket.close()
            self._idle.put(None)
        with self._lock:
            self._end_nursery()

    def _one(self, file: FileToHash) -> FileFacts | BaseException:
        pieces = iter(file.pieces)
        try:
            first = next(pieces, b"")
            while not first and file.size:
                first = next(pieces)
        except BaseException as failure:  # noqa: BLE001 - the caller knows what its bytes may raise
            return failure
        kind = media_type_of(first)
        if file.exact and (reason := self._not_looked_at(file, kind)):
            return FileFacts(media_type=kind, size=file.size, unhashed=reason)
        child = self._idle.get()
        kept: _Child | None = None
        try:
            child = self._fit(child, videos=kind.startswith("video/"))
            facts, kept = self._ask(child, file, kind, first, pieces)
        except HasherAway as failure:
            return failure
        except _SourceFailed as failure:
            return failure.__cause__ or failure
        finally:
            self._idle.put(kept)
        return facts

    def _not_looked_at(self, file: FileToHash, kind: str) -> Unhashed | None:
        if not file.size:
            return Unhashed.EMPTY
        most = self.limits.file_bytes if kind in PICTURES else 0
        if kind.startswith("video/") and video.is_installed():
            most = self.limits.video_bytes
        if not most:
            return Unhashed.NO_PICTURE
        return Unhashed.TOO_LARGE if file.size > most else None

    def _ask(
        self, child: _Child, file: FileToHash, kind: str, first: bytes, pieces: Iterator[bytes]
    ) -> tuple[FileFacts, _Child | None]:
        """Send a file to a child; return its answer, and the child if it can take another file, else None.

        `kind` is the media type, `first` the first piece, `pieces` the rest. A child that dies or takes too
        long gives facts with that reason.

        Raises:
            _SourceFailed: the rest could not be read.
        """
        limits = self.limits
        seconds = limits.video_seconds if child.videos else limits.wall_seconds
        end = monotonic() + seconds + file.size / _SLOWEST
        try:
            self._send(
                child.socket, file.size.to_bytes(8, "big") + kind.encode().ljust(64, b"\0"), end
            )
            self._send(child.socket, first, end)
            while (piece := self._next(pieces)) is not None:
                self._send(child.socket, piece, end)
            size = int.from_bytes(self._receive(child.socket, 4, end), "big")
            if size > _LONGEST_ANSWER:
                raise ValueError("the answer is too long")
            facts = _DECODER.decode(self._receive(child.socket, size, end))
        except _SourceFailed:
            self._end(child)
            raise
        except TimeoutError:
            self._end(child)
            return FileFacts(media_type=kind, size=file.size, unhashed=Unhashed.TOO_SLOW), None
        except (OSError, EOFError, ValueError, msgspec.MsgspecError):
            by = self._end(child)
            slow = by in {signal.SIGPROF, signal.SIGXCPU}
            reason = Unhashed.TOO_SLOW if slow else Unhashed.CHILD_DIED
            return FileFacts(media_type=kind, size=file.size, unhashed=reason), None
        child.left -= 1
        # A child that ran out of memory may be in an inconsistent state, so it is not used again.
        if child.left and facts.unhashed is not Unhashed.TOO_MUCH_MEMORY:
            return facts, child
        self._end(child)
        return facts, None

    @staticmethod
    def _next(pieces: Iterator[bytes]) -> bytes | None:
        try:
            return next(pieces, None)
        except Exception as failure:
            raise _SourceFailed from failure

    @staticmethod
    def _send(to: socket.socket, data: bytes, end: float) -> None:
        to.settimeout(max(0.001, end - monotonic()))
        to.sendall(data)

    @staticmethod
    def _receive(source: socket.socket, size: int, end: float) -> bytes:
        data = bytearray()
        while len(data) < size:
            source.settimeout(max(0.001, end - monotonic()))
            piece = source.recv(size - len(data))
            if not piece:
                raise EOFError
            data += piece
        return bytes(data)

    def _fit(self, child: _Child | None, *, videos: bool) -> _Child:
        """Return a child process for pictures, or with `videos` for videos: the given one, or a new one.

        A given child of the other kind is ended.

        Raises:
            HasherAway: no child process can be started.
        """
        if child is not None and child.videos == videos:
            return child
        if child is not None:
            self._end(child)
        return self._new_child(videos=videos)

    def _new_child(self, *, videos: bool) -> _Child:
        for again in (True, False):
            ours, theirs = socket.socketpair()
            try:
                with theirs, self._lock:
                    number = self._bear(theirs, videos=videos)
            except HasherAway:
                ours.close()
                if not again:
                    raise
            else:
                return _Child(number=number, socket=ours, left=self.limits.files, videos=videos)
        raise AssertionError("unreachable")

    def _bear(self, its_socket: socket.socket, *, videos: bool) -> int:
        """Ask the fork server for a child on `its_socket`; return its process id. The lock must be held.

        The child is for pictures, or with `videos` for videos.

        Raises:
            HasherAway: the fork server does not start or does not answer.
        """
        try:
            control = self._started()
            socket.send_fds(control, [b"V" if videos else b"F"], [its_socket.fileno()])
            return int(control.recv(16))
        except (OSError, ValueError) as failure:
            self._end_nursery()
            raise HasherAway("the fork server of hashing does not answer") from failure

    def _end(self, child: _Child) -> int | None:
        """Kill a child and wait for it; return the signal that ended it, None if it had exited or if unknown.

        That is SIGKILL unless the child had ended before.
        """
        child.socket.close()
        with self._lock:
            if self._control is None:
                return None
            try:
                # Only this request reaps the child, so the process id is still its own.
                os.kill(child.number, signal.SIGKILL)
                self._control.sendall(b"R" + str(child.number).encode())
                status = int(self._control.recv(16))
            except (OSError, ValueError):
                self._end_nursery()
                return None
        return os.WTERMSIG(status) if os.WIFSIGNALED(status) else None

    def _started(self) -> socket.socket:
        """Return the control socket of the fork server, started if needed. The lock must be held.

        Raises:
            HasherAway: the fork server ended before it was ready.
            OSError: it could not be started, or was not ready in time.
        """
        if self._control is not None:
            return self._control
        ours, theirs = socket.socketpair()
        environment = {
            k: v for k, v in os.environ.items() if k in {"PATH", "NUMBA_CACHE_DIR", "HOME"}
        }
        with theirs:
            self._nursery = subprocess.Popen(  # noqa: S603 - our own program
                [
                    *(sys.executable, "-I", "-m", "fanal.hashing.child"),
                    *(str(theirs.fileno()), msgspec.json.encode(self.limits).decode()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            )
        ours.settimeout(_START_SECONDS)
        self._control = ours
        atexit.unregister(self.stop)
        atexit.register(self.stop)
        ready = ours.recv(16)
        if not ready:
            self._end_nursery()
            raise HasherAway("the fork server of hashing does not start: see its message above")
        ours.settimeout(_STOP_SECONDS)
        self.without_network, self.filtered, self.closed, self.videos = (
            answer == ord("1") for answer in ready[-4:]
        )
        log.info(
            "hashing: %d children, network %s, system calls %s",
            self.size,
            "cut" if self.without_network else "open",
            "filtered" if self.filtered else "not filtered",
        )
        return ours

    def _end_nursery(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._nursery is not None:
            try:
                self._nursery.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._nursery.kill()
                self._nursery.wait()
            self._nursery = None


class _SourceFailed(Exception):
    """Error: the bytes of the file could not be read; its cause is the original error."""
