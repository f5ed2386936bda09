"""Obtaining a witness's cosignature on the published checkpoint (the log's side of C2SP tlog-witness)."""

import base64
import dataclasses
import fcntl
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fanal.ledger.domain.checkpoint import Checkpoint, NoteKey
from fanal.ledger.domain.merkle import (
    ProofRefused,
    consistency_proof,
    hash_leaf,
    inclusion_proof,
    verify_inclusion,
)
from fanal.measures.transparency import tiles
from fanal.measures.transparency.cosignature import CosignatureRefused, WitnessKey, cosigned_at
from fanal.measures.transparency.tiles import Tiles

Ask = Callable[[bytes], tuple[int, str]]
"""Sends a request to the witness; returns the HTTP status and body of its answer."""
_LOCK_FILE = ".lock"
_LOCK_SECONDS, _LOOK = 5.0, 0.02
_SIZE = re.compile(r"[1-9][0-9]{0,18}")
_QUOTED = 200


class WitnessSilent(Exception):
    """Error: the witness did not cosign the checkpoint; the message says why."""


@contextmanager
def locked(folder: Path, *, seconds: float = _LOCK_SECONDS) -> Iterator[None]:
    """Hold an exclusive file lock on the folder of a log; create the folder if it is missing.

    Raises:
        TimeoutError: another process, perhaps a stopped one, holds the lock for longer than `seconds`.
        OSError: the folder cannot be created or written.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("ab") as file:
        ends = time.monotonic() + seconds
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= ends:
                    raise TimeoutError(f"{folder}: another process holds it") from None
                time.sleep(_LOOK)
        yield


def obtain(folder: Path, *, keys: tuple[NoteKey, ...], witness: WitnessKey, ask: Ask) -> str:
    """Have a witness cosign the checkpoint of a folder, and add its line there, unless it has one.

    Return that checkpoint's note with the line. No lock is held while the witness is asked: the log goes on.
    A newer checkpoint that another process then wrote stays. Of the answer only the witness's own line is
    kept: whatever else it says would stand in a public file.

    Raises:
        WitnessSilent: it refuses, does not answer, or answers wrongly.
        LogRefused: the folder has no usable checkpoint or tiles.
        OSError: the checkpoint cannot be written.
    """
    point = tiles.read_checkpoint(folder, keys=keys)
    if point is None:
        raise tiles.LogRefused(f"{tiles.CHECKPOINT}: not there")
    if has_cosigned(point.note, witness):
        return point.note
    status, body = ask(_request(folder, point, 0))
    known = _size(body) if status == 409 else None
    if known is not None and 0 < known <= point.size:
        status, body = ask(_request(folder, point, known))
    if status != 200:
        raise WitnessSilent(f"{witness.name}: {status} {body.strip()[:_QUOTED]}")
    line = _own_line(point.note, body, witness)
    with locked(folder):
        present = tiles.read_checkpoint(folder, keys=keys)
        # Another witness may have added its line meanwhile.
        if present is not None and _text(present.note) == _text(point.note):
            point = present if has_cosigned(present.note, witness) else _with(present, line)
            tiles.put_checkpoint(folder, point.note)
            return point.note
    return point.note + line


def has_cosigned(note: str, witness: WitnessKey) -> bool:
    """Return whether a note has a valid line of the witness."""
    try:
        cosigned_at(note, key=witness)
    except CosignatureRefused:
        return False
    return True


def check_contained(folder: Path, point: Checkpoint, *, position: int, commitment: bytes) -> None:
    """Check that the tree of a checkpoint has a commitment (32 bytes) at a position, by the folder's tiles.

    Raises:
        LogRefused: it does not, or the tiles are not those of the checkpoint.
    """
    if not 0 <= position < point.size:
        raise tiles.LogRefused(f"the checkpoint of {point.size} does not reach {position}")
    proof = inclusion_proof(Tiles(folder, point.size).span, index=position, size=point.size)
    try:
        verify_inclusion(
            leaf_hash=hash_leaf(commitment),
            index=position,
            size=point.size,
            proof=proof,
            root=point.root,
        )
    except ProofRefused as error:
        raise tiles.LogRefused(f"the checkpoint does not contain {position}: {error}") from None


def _own_line(note: str, body: str, witness: WitnessKey) -> str:
    """Return the first line of an answer that is the witness's valid cosignature on a note, with line feed.

    Raises:
        WitnessSilent: there is none.
    """
    for line in body.split("\n"):
        if line.startswith("— ") and has_cosigned(f"{note}{line}\n", witness):
            return f"{line}\n"
    raise WitnessSilent(f"{witness.name}: no valid cosignature in the answer")


def _size(body: str) -> int | None:
    found = _SIZE.fullmatch(body.strip())
    return int(found[0]) if found else None


def _text(note: str) -> str:
    return note.partition("\n\n")[0]


def _with(point: Checkpoint, line: str) -> Checkpoint:
    return dataclasses.replace(point, note=point.note + line)


def _request(folder: Path, point: Checkpoint, old: int) -> bytes:
    span = Tiles(folder, point.size).span
    proof = consistency_proof(span, size1=old, size2=point.size)
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return ("\n".join(lines) + f"\n\n{point.note}").encode()
