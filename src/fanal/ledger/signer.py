"""Keys of the ledger, installed by `config/wiring.py`, and its checkpoint file outside the database.

The append-only file never has a checkpoint that the table lacks, although a process may die at any instant:
a checkpoint (note) is written to the file only once its row is committed, and the next signing process adds
missing notes.
"""

import fcntl
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.kernel.process import follow_folder
from fanal.ledger.domain.checkpoint import NoteKey


class SignerMissing(RuntimeError):
    """Error: no ledger keys are installed, or this process may not sign."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerKeys:
    """The ledger keys of this process.

    `origin` names the log in checkpoints. `digest_key` (32 bytes) is the key of the digests. `signing_key`
    is None on nodes that write entries but sign no checkpoint. `known_keys`, the current key and every
    earlier one, verify checkpoints. `checkpoint_file` is the append-only copy outside the database, None
    without one.
    """

    origin: str
    digest_key: bytes = field(repr=False)
    signing_key: Ed25519PrivateKey | None = field(default=None, repr=False)
    known_keys: tuple[NoteKey, ...] = ()
    checkpoint_file: Path | None = None


_installed: list[LedgerKeys] = []


def install(keys: LedgerKeys) -> None:
    """Install `keys` as the keys of this process, replacing any earlier ones."""
    _installed[:] = [keys]


def current() -> LedgerKeys:
    """Return the ledger keys of this process.

    Raises:
        SignerMissing: no keys were installed at start-up.
    """
    if not _installed:
        raise SignerMissing("no ledger keys are installed")
    return _installed[0]


_TAIL = 65_536
_MOST_CUT = 16_384
_SIGNED = "— ".encode()


def bring_up_to_date(path: Path, *, notes_after: Callable[[int], Iterable[str]]) -> None:
    """Append the missing notes (signed checkpoints) to the file `path` and sync it to disk.

    A truncated last note is removed first. `notes_after(size)` returns the committed notes of trees larger
    than `size`, smallest first. It is called under the file's lock, so that two concurrent signers add no
    note twice.

    Raises:
        OSError: the file could not be read or written, more than 16 KiB follow its last complete note, or
            that note states no tree size.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_new = not path.exists()
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    with os.fdopen(descriptor, "r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        follow_folder(path)
        size = file.seek(0, os.SEEK_END)
        try:
            end, last_size = _whole_part(file, size)
        except (IndexError, ValueError):
            raise _not_checkpoints(path) from None
        if size - end > _MOST_CUT:
            raise _not_checkpoints(path)
        if size > end:
            file.truncate(end)
        for note in notes_after(last_size):
            file.write(f"{note}\n".encode())
        file.flush()
        os.fsync(file.fileno())
    if is_new:
        _sync_folder(path.parent)


def _not_checkpoints(path: Path) -> OSError:
    return OSError(f"{path.name} does not end as a file of checkpoints does")


def _whole_part(file: BinaryIO, size: int) -> tuple[int, int]:
    """Return the end offset of a file's last complete checkpoint, and its tree's size; (0, 0) without one.

    A signed checkpoint has two paragraphs: the text, whose second line is the size, and the signatures.
    `size` is the length of the file in bytes.

    Raises:
        IndexError, ValueError: the last checkpoint has no second line, or that line is no number.
    """
    start = max(0, size - _TAIL)
    file.seek(start)
    parts = file.read().split(b"\n\n")
    ended = [i for i in range(1, len(parts) - 1) if parts[i].startswith(_SIGNED)]
    if not ended:
        return 0, 0
    end = sum(len(part) + 2 for part in parts[: ended[-1] + 1])
    return start + end, int(parts[ended[-1] - 1].split(b"\n")[1])


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
