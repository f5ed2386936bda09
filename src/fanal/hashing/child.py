"""The program of the child processes: `python -m fanal.hashing.child DESCRIPTOR LIMITS`.

It starts as a fork server: it imports and compiles everything that hashing needs, gives up network and
account, and never reads a file. On request over its control socket it forks children: a fork costs a few
milliseconds, so a file that kills its child is cheap. A child gives up the remaining rights (`jail`), then
reads files from its own socket and answers with facts, file by file. It gets no name, path or descriptor of
another file, and its input never touches the disk.

Control socket: `b"F"` with the child's socket requests a child for pictures, `b"V"` for videos; the answer is
its process id. `b"R" + id` waits for a killed child and returns its exit status. Child's socket: the request
is a length (8 bytes), a media type (64 bytes) and the file; the answer a length (4 bytes) and the facts as
JSON.
"""

import array  # noqa: F401 - socket.recv_fds imports it when first used, which is too late
import gc
import io
import os
import signal
import socket
import sys
from collections.abc import Callable
from hashlib import md5, sha1, sha256
from typing import NoReturn

import msgspec
from msgspec import structs
from PIL import Image

from fanal.hashing import jail, video
from fanal.hashing.domain.records import HEAD_BYTES, PICTURES, FileFacts, FileLimits, Unhashed
from fanal.hashing.picture import hash_picture

_PIECE = 1 << 20
_READY = b"ready"


def main() -> None:
    """Run the fork server until the control socket closes.

    Its arguments are the descriptor of that socket and the `FileLimits` as JSON.
    """
    control = socket.socket(fileno=int(sys.argv[1]))
    limits = msgspec.json.decode(sys.argv[2], type=FileLimits)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _warm(limits)
    videos = video.load()
    alone = jail.leave_network()
    jail.drop_account()
    gc.freeze()
    filtered = _holds(limits, jail.filter_calls)
    closed = _holds(limits, jail.close_files)
    answers = (alone, filtered, closed, videos and closed)
    control.sendall(_READY + b"".join(b"1" if held else b"0" for held in answers))
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 16, 1)
        if not message:
            os._exit(0)  # the pool has ended; the children end when their sockets close
        if message[:1] == b"R":
            _, status = os.waitpid(int(message[1:]), 0)
            control.sendall(str(status).encode())
            continue
        child = os.fork()
        if child == 0:
            try:
                control.close()
                _serve(socket.socket(fileno=descriptors[0]), limits, videos=message == b"V")
            finally:
                os._exit(1)  # the empty answer reports any error; a traceback may quote the file
        for descriptor in descriptors:
            os.close(descriptor)
        control.sendall(str(child).encode())


def _holds(limits: FileLimits, layer: Callable[[], bool]) -> bool:
    """Return whether a sandbox layer works on this system, tested in a forked process that exits at once.

    `layer` enters the layer and returns whether that succeeded; `limits` are those of a child process.
    """
    child = os.fork()
    if child == 0:
        try:
            jail.cap(memory=limits.memory, seconds=limits.cpu_seconds)
            os._exit(0 if layer() else 1)
        finally:
            os._exit(1)
    return os.waitpid(child, 0)[1] == 0


def _warm(limits: FileLimits) -> None:
    """Hash a small picture of each format and mode, so that imports and compilation precede any fork.

    `limits` are those of every file.

    Raises:
        RuntimeError: a format cannot be hashed on this machine.
    """
    for kind in sorted(PICTURES):
        name = kind.removeprefix("image/").upper()
        for mode in ("L", "RGB"):
            file = io.BytesIO()
            Image.effect_noise((160, 96), 90).convert(mode).save(file, name)
            facts = hash_picture(file.getvalue(), facts=FileFacts(media_type=kind), limits=limits)
            if facts.pdq is None:
                raise RuntimeError(f"{kind} cannot be hashed here: {facts.unhashed}")
    for mode in ("CMYK", "P", "RGBA", "LA", "1", "I;16"):
        Image.new(mode, (8, 8)).convert("RGB")


def _serve(asked: socket.socket, limits: FileLimits, *, videos: bool) -> NoReturn:
    """Run as a child: enter the sandbox, then hash the files that arrive on `asked` until it closes.

    `asked` is the socket to the pool, `limits` are those of each file; `videos`: the child is for videos,
    else for pictures.
    """
    seconds = limits.video_seconds if videos else limits.cpu_seconds
    memory = video.reserve() if videos else None
    if videos:
        os.dup2(1, 2)  # FFmpeg writes file contents to standard error; descriptor 1 is /dev/null
    jail.die_with_parent()
    jail.cap(
        memory=limits.memory,
        seconds=seconds * limits.files,
        held=limits.video_bytes if videos else 0,
    )
    closed = jail.close_files()
    jail.filter_calls(
        files=videos and closed
    )  # without Landlock, the calls to open files stay forbidden
    encode = msgspec.json.encode
    while True:
        head = jail.received(asked, HEAD_BYTES)
        signal.setitimer(signal.ITIMER_PROF, seconds)  # SIGPROF ends a process that has no handler
        facts = _facts(asked, head, limits, memory=memory, looks=closed or not videos)
        signal.setitimer(signal.ITIMER_PROF, 0)
        answer = encode(facts)
        asked.sendall(len(answer).to_bytes(4, "big") + answer)
        if memory is not None:
            video.drop(memory)


def _facts(
    asked: socket.socket, head: bytes, limits: FileLimits, *, memory: int | None, looks: bool
) -> FileFacts:
    """Read a file from the socket `asked`; return its exact hashes, and its PDQ hashes if a picture or video.

    `head` holds length (8 bytes) and media type. `memory` is the descriptor of a video child's anonymous
    memory, None in a child for pictures. `looks`: whether decoding is permitted.
    """
    size, media_type = int.from_bytes(head[:8], "big"), head[8:].rstrip(b"\0").decode()
    most = limits.file_bytes if media_type in PICTURES else 0
    if memory is not None:
        most = limits.video_bytes if looks and video.is_loaded() else 0
    held, fits = bytearray(), True
    digests = md5(usedforsecurity=False), sha1(usedforsecurity=False), sha256()
    left = size
    while left:
        piece = jail.received(asked, min(left, _PIECE))
        left -= len(piece)
        for digest in digests:
            digest.update(piece)
        if size <= most and fits:
            fits = _add(held, piece) if memory is None else video.hold(memory, piece)
    facts = FileFacts(
        media_type=media_type,
        size=size,
        md5=digests[0].hexdigest(),
        sha1=digests[1].hexdigest(),
        sha256=digests[2].hexdigest(),
    )
    if not fits:
        return structs.replace(facts, unhashed=Unhashed.TOO_MUCH_MEMORY)
    return _looked_at(held, facts=facts, most=most, limits=limits, memory=memory)


def _add(held: bytearray, piece: bytes) -> bool:
    """Append a piece to `held`; return False if memory is exhausted (the rest of the file is still read)."""
    try:
        held += piece
    except MemoryError:
        held.clear()
        return False
    return True


def _looked_at(
    held: bytearray, *, facts: FileFacts, most: int, limits: FileLimits, memory: int | None
) -> FileFacts:
    if not facts.size:
        return structs.replace(facts, unhashed=Unhashed.EMPTY)
    if not most:
        return structs.replace(facts, unhashed=Unhashed.NO_PICTURE)
    if facts.size > most:
        return structs.replace(facts, unhashed=Unhashed.TOO_LARGE)
    if memory is None:
        return hash_picture(held, facts=facts, limits=limits)
    return video.hash_video(memory, facts=facts)


if __name__ == "__main__":
    main()
