"""Named places where a test may end the process, as a power cut would.

`FANAL_FAILPOINT=receive.committed:3:kill` ends the process with SIGKILL the third time it passes that
place. `FANAL_FAILPOINT=@/folder/file` reads the same text from a file when the process starts, so that a
process that comes back may be given another place. Without the variable a failpoint does nothing.
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
        "vault.chunk",  # in the middle of a file of its own
        "vault.renamed",  # the file has its name, no row points to it
        "hash.taken",  # hashes are known, nothing is written
        "hash.committed",  # written, their report not harmonised
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
        "rerank.written",  # in the transaction: a portion is ranked anew
        "rerank.committed",  # committed, the next portion not begun
        "near.written",  # in the transaction: what is near some reports is written
        "near.committed",  # committed, the next reports not taken
        "send.begin",  # before a message leaves
        "send.sent",  # the message left, nothing notes it
    }
)
"""Every place; a name that is none of these is refused."""


def read_failpoint(values: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the place and count that `values` (usually `os.environ`) name, or None.

    Raises:
        ValueError: the text is none of `name:count:kill`.
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
    """Return the function that marks a place: it does nothing unless `values` name a place."""
    found = read_failpoint(values)
    return _nothing if found is None else _armed(*found)


failpoint: Final = hook(os.environ)
