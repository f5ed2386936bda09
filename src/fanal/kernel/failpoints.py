"""Failpoints: named places in the code where a test can kill the process, as a power cut would.

`FANAL_FAILPOINT=receive.committed:3:kill` sends SIGKILL at the third passage of that place.
`FANAL_FAILPOINT=@/folder/file` reads the same text from a file at the start of the process, so that a
restarted process may get another place. Without the variable a failpoint does nothing.
"""

import os
import signal
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock
from typing import Final

POINTS: Final = frozenset(
    {
        "receive.begin",  # the body is read, nothing is stored
        "receive.sealed",  # in the transaction: bytes durable, rows not yet
        "receive.stored",  # in the transaction: everything is written
        "receive.committed",  # committed, not answered
        "finish.moved",  # in the transaction of a finish or a retract
        "finish.committed",  # committed, not answered
        "upload.committed",  # a file is committed, not answered
        "vault.unsynced",  # bytes appended to a pack, not synced
        "vault.chunk",  # in the middle of a large object's separate file
        "vault.renamed",  # the file has its name, no row references it
        "hash.taken",  # hashes are computed, nothing is written
        "hash.committed",  # hashes are stored, their report is not harmonised
        "worker.begin",  # before a claim
        "worker.claimed",  # the claim is committed, no step ran
        "worker.stepped",  # in the transaction: results written, claim moved on
        "worker.advanced",  # committed, the next step not begun
        "checkpoint.signed",  # in the transaction: the row is written
        "checkpoint.committed",  # committed, the file outside not written
        "fetch.stored",  # in the transaction: a partner's page and its checkpoint are written
        "fetch.committed",  # committed, the next page not asked for
        "deconflict.stored",  # in the transaction: a message of a round and its secret are written
        "deconflict.committed",  # committed, the message not handed on
        "trial.tried",  # in the transaction: a portion of a dry run is written
        "trial.committed",  # committed, the next portion not begun
        "rerank.written",  # in the transaction: a portion is ranked again
        "rerank.committed",  # committed, the next portion not begun
        "near.written",  # in the transaction: the similar reports of a portion are written
        "near.committed",  # committed, the dossiers of similar reports not joined
        "restore.begun",  # the restore is noted, the vault does not bear its mark
        "restore.loaded",  # the tables are loaded, the erasures not repeated
        "restore.done",  # everything is restored, checked and printed, the note not removed
        "restore.failed",  # nothing is loaded, the vault has not its former mark back
        "restore.returned",  # the vault has its former mark back, the note is not removed
        "restore.unnoted",  # the note is removed, the table of the restore is not
        "witness.written",  # the state of a witness is on disk, its cosignature not sent
        "send.begin",  # before a message is sent
        "send.sent",  # the message is sent, but not recorded
    }
)
"""The names of all failpoints; any other name is refused."""


def read_failpoint(values: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the failpoint's name and count from `values` (usually `os.environ`); None if none is set.

    `FANAL_FAILPOINT` holds the text, or `@` and the path of a file with it.

    Raises:
        ValueError: the text is not a known `name:count:kill`.
        OSError: the file cannot be read.
    """
    text = values.get("FANAL_FAILPOINT", "")
    if text.startswith("@"):
        text = Path(text[1:]).read_text().strip()
    if not text:
        return None
    name, _, rest = text.partition(":")
    count, _, action = rest.partition(":")
    if name not in POINTS or action != "kill" or not count.isdecimal() or int(count) < 1:
        raise ValueError(f"FANAL_FAILPOINT={text}: expected a known name, a count and 'kill'")
    return name, int(count)


def _armed(name: str, count: int) -> Callable[[str], None]:
    lock, passed = Lock(), 0

    def pass_through(here: str) -> None:
        nonlocal passed
        if here != name:
            return
        with lock:
            passed += 1
            if passed == count:
                os.kill(os.getpid(), signal.SIGKILL)

    return pass_through


def _nothing(_name: str) -> None:
    return


def hook(values: Mapping[str, str]) -> Callable[[str], None]:
    """Return this process's function `failpoint(name)`, which does nothing unless `values` name a failpoint.

    At the stated passage of that point it kills the process. `values` is usually `os.environ`.

    Raises:
        ValueError: the setting is not a known `name:count:kill`.
        OSError: the file that it names cannot be read.
    """
    found = read_failpoint(values)
    return _nothing if found is None else _armed(*found)


failpoint: Final = hook(os.environ)
