"""Obtaining a witness's cosignature on the published checkpoint (the log's side of C2SP tlog-witness)."""

import base64
import fcntl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from fanal.ledger.domain.checkpoint import Checkpoint, NoteKey
from fanal.ledger.domain.merkle import consistency_proof
from fanal.measures.transparency import tiles
from fanal.measures.transparency.cosignature import CosignatureRefused, WitnessKey, cosigned_at
from fanal.measures.transparency.tiles import Tiles

Ask = Callable[[bytes], tuple[int, str]]
"""Sends a request to the witness; returns the HTTP status and body of its answer."""
_LOCK_FILE = ".lock"


class WitnessSilent(Exception):
    """Error: the witness did not cosign the checkpoint; the message says why."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold an exclusive file lock on the folder of a log; create the folder if it is missing.

    Raises:
        OSError: it cannot be created or written.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (folder / _LOCK_FILE).open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def obtain(folder: Path, *, keys: tuple[NoteKey, ...], witness: WitnessKey, ask: Ask) -> None:
    """Have the witness cosign the checkpoint of a folder, and add its line there, unless it has one.

    No lock is held while the witness is asked: the log goes on. A newer checkpoint that another process then
    wrote stays.

    Raises:
        WitnessSilent: it refuses, does not answer, or answers wrongly.
        LogRefused: the folder has no usable checkpoint or tiles.
        OSError: the checkpoint cannot be written.
    """
    point = tiles.read_checkpoint(folder, keys=keys)
    if point is None:
        raise tiles.LogRefused(f"{tiles.CHECKPOINT}: not there")
    if _has(point.note, witness):
        return
    status, body = ask(_request(folder, point, 0))
    if status == 409 and body.strip().isdecimal() and 0 < int(body) <= point.size:
        status, body = ask(_request(folder, point, int(body)))
    if status != 200:
        raise WitnessSilent(f"{status} {body.strip()[:200]}")
    note = point.note + body
    try:
        cosigned_at(note, key=witness)
    except CosignatureRefused as error:
        raise WitnessSilent(str(error)) from None
    with locked(folder):
        present = tiles.read_checkpoint(folder, keys=keys)
        if present is not None and present.note == point.note:
            tiles.put_checkpoint(folder, note)


def _has(note: str, witness: WitnessKey) -> bool:
    try:
        cosigned_at(note, key=witness)
    except CosignatureRefused:
        return False
    return True


def _request(folder: Path, point: Checkpoint, old: int) -> bytes:
    span = Tiles(folder, point.size).span
    proof = consistency_proof(span, size1=old, size2=point.size)
    lines = [f"old {old}", *(base64.b64encode(one).decode() for one in proof)]
    return ("\n".join(lines) + f"\n\n{point.note}").encode()
