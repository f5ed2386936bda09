"""Witness of the transparency log (C2SP tlog-witness): cosigns consistent checkpoints. Runs at the overseer.

Its folder holds `key` (private), `vkey` (for the log and for readers) and `state`: the newest checkpoint that
it cosigned for each log. The state is written durably before an answer leaves. A witness whose state is lost
could cosign a fork: it refuses to start, and is replaced by one with another key.
"""

import base64
import binascii
import fcntl
import re
import sys
from collections.abc import Callable, Iterable
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock
from typing import ClassVar

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Struct

from fanal.kernel.failpoints import failpoint
from fanal.ledger.domain.checkpoint import Checkpoint, CheckpointRefused, NoteKey, open_note
from fanal.ledger.domain.merkle import EMPTY_ROOT, ProofRefused, verify_consistency
from fanal.measures.transparency.cosignature import WitnessKey, cosign
from fanal.postgres.roles import write_private

_LONGEST = 65_536
_MOST_HASHES = 63
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SECONDS = 20
PATH = "/add-checkpoint"
PLAIN, SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


class WitnessRefused(Exception):
    """Error: a witness cannot start from its folder; the message says why."""


class Answer(Struct, frozen=True):
    """An answer of the witness: HTTP status, body and media type."""

    status: int
    body: str = ""
    media: str = PLAIN


class _Request(Struct, frozen=True):
    old: int
    proof: tuple[bytes, ...]
    note: str


class Witness:
    """A witness: the logs that it knows, its key, its state. Safe for threads; one process a folder."""

    def __init__(self, folder: Path, *, name: str, logs: Iterable[NoteKey]) -> None:
        """Open the folder, or make it with a new key; `name` is the witness's, `logs` the keys of the logs.

        Raises:
            WitnessRefused: the state is missing or damaged, the name is not that of the key, or another
                process runs from the folder.
            OSError: the folder cannot be read or written.
        """
        self._logs: dict[str, list[NoteKey]] = {}
        for one in logs:
            self._logs.setdefault(one.name, []).append(one)
        self._state, self._lock = folder / "state", Lock()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._held = (folder / ".lock").open("ab")
        try:
            self._key, self.public = self._open(folder, name)
            self._notes = self._read()
        except (WitnessRefused, OSError):
            self.close()
            raise

    def close(self) -> None:
        """Release the folder."""
        self._held.close()

    def add(self, body: bytes, *, now: datetime) -> Answer:
        """Answer a request to cosign: body of `add-checkpoint`, at the instant `now`.

        The new state is on disk when this returns.

        Raises:
            OSError: the state cannot be written; nothing was cosigned.
        """
        request = _parse(body)
        if request is None:
            return Answer(400, "malformed request\n")
        known = self._logs.get(request.note.partition("\n")[0])
        if known is None:
            return Answer(404, "unknown log\n")
        try:
            point = open_note(request.note, keys=known)
        except CheckpointRefused as error:
            return Answer(403, f"{error}\n")
        if request.old > point.size:
            return Answer(400, "the old size is above that of the checkpoint\n")
        with self._lock:
            if refused := self._inconsistent(request, point, known):
                return refused
            notes = self._notes | {point.origin: point.note}
            self._write(notes)
            self._notes = notes
        failpoint("witness.written")
        line = cosign(point.note, name=self.public.name, key=self._key, now=now)
        return Answer(200, f"{line}\n")

    def _open(self, folder: Path, name: str) -> tuple[Ed25519PrivateKey, WitnessKey]:
        """Return the keys in the folder, of which this process is then the only user."""
        try:
            fcntl.flock(self._held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WitnessRefused(f"another witness runs from {folder}") from None
        if not (folder / "vkey").exists():
            _make(folder, name)
        key, public = _load(folder)
        if public.name != name:
            raise WitnessRefused(f"{folder} is that of the witness {public.name}")
        return key, public

    def _inconsistent(
        self, request: _Request, point: Checkpoint, known: Iterable[NoteKey]
    ) -> Answer | None:
        """Return the refusal of a checkpoint that does not follow the newest cosigned one, or None."""
        note = self._notes.get(point.origin)
        last = open_note(note, keys=known) if note is not None else None
        size, root = (last.size, last.root) if last else (0, EMPTY_ROOT)
        if request.old != size:
            return Answer(409, f"{size}\n", SIZE)
        if point.size == size and point.root != root:
            _tell(f"a checkpoint of {size} has another root", point.note)
            return Answer(409, f"{size}\n", SIZE)
        try:
            if 0 < size < point.size:
                verify_consistency(
                    size1=size, size2=point.size, root1=root, root2=point.root, proof=request.proof
                )
            elif request.proof:
                raise ProofRefused("no proof is due")
        except ProofRefused as error:
            _tell(f"a checkpoint of {point.size} does not follow that of {size}", point.note)
            return Answer(422, f"{error}\n")
        return None

    def _read(self) -> dict[str, str]:
        try:
            notes = msgspec.json.decode(self._state.read_bytes(), type=dict[str, str])
            for origin, note in notes.items():
                if known := self._logs.get(origin):
                    open_note(note, keys=known)
        except FileNotFoundError:
            raise WitnessRefused(f"{self._state} is lost: retire this key") from None
        except (msgspec.MsgspecError, CheckpointRefused) as error:
            raise WitnessRefused(f"{self._state} is damaged: {error}") from None
        return notes

    def _write(self, notes: dict[str, str]) -> None:
        write_private(self._state, msgspec.json.encode(notes).decode())


def serve(witness: Witness, *, host: str, port: int, now: Callable[[], datetime]) -> None:
    """Serve requests over HTTP until the process ends; TLS is up to a reverse proxy.

    Raises:
        OSError: the address cannot be bound.
    """

    class Handler(_Handler):
        answers = witness
        clock = staticmethod(now)

    with ThreadingHTTPServer((host, port), Handler) as server:
        server.serve_forever()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = _SECONDS
    answers: ClassVar[Witness]
    clock: ClassVar[Callable[[], datetime]]

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if self.path != PATH or not length.isdecimal() or int(length) > _LONGEST:
            self.close_connection = True
            self._give(Answer(404 if self.path != PATH else 400))
            return
        try:
            answer = self.answers.add(self.rfile.read(int(length)), now=type(self).clock())
        except OSError as error:
            _tell(f"the state cannot be written: {error}", "")
            answer = Answer(500)
        self._give(answer)

    def do_GET(self) -> None:
        self._give(
            Answer(200, f"{self.answers.public.encode()}\n") if self.path == "/" else Answer(404)
        )

    def log_request(self, code: object = "-", size: object = "-") -> None:
        """Write no line for each request."""

    def _give(self, answer: Answer) -> None:
        body = answer.body.encode()
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.media)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


def _parse(body: bytes) -> _Request | None:
    """Return the parts of a request's body, None if it is malformed."""
    try:
        head, _, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (UnicodeDecodeError, binascii.Error):
        return None
    old = _OLD.fullmatch(first)
    if old is None or len(proof) > _MOST_HASHES or any(len(one) != 32 for one in proof):
        return None
    return _Request(int(old[1]), proof, note)


def _make(folder: Path, name: str) -> None:
    """Make the files of a new witness; the key that others know comes last."""
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    write_private(folder / "key", pem.decode())
    write_private(folder / "state", "{}")
    write_private(folder / "vkey", WitnessKey(name=name, public=key.public_key()).encode() + "\n")


def _load(folder: Path) -> tuple[Ed25519PrivateKey, WitnessKey]:
    try:
        key = serialization.load_pem_private_key((folder / "key").read_bytes(), password=None)
        public = WitnessKey.decode((folder / "vkey").read_text())
    except (OSError, ValueError) as error:
        raise WitnessRefused(f"the key in {folder} cannot be read: {error}") from None
    if not isinstance(key, Ed25519PrivateKey) or public.public != key.public_key():
        raise WitnessRefused(f"key and vkey in {folder} do not fit")
    return key, public


def _tell(what: str, note: str) -> None:
    """Write to standard error what an operator must know; a signed note is proof against the log."""
    sys.stderr.write(f"{what}\n{note}")
    sys.stderr.flush()
