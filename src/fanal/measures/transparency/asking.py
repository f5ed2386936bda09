"""Asking the witnesses to cosign a version of the blocking list, in a thread: nobody waits for its answer."""

import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from django.db import DatabaseError, connections
from msgspec import Struct

from fanal.db import sql
from fanal.ledger.domain.checkpoint import open_note
from fanal.measures.transparency.cosignature import WitnessKey, cosigned_at
from fanal.measures.transparency.cosigned import (
    WitnessSilent,
    check_contained,
    obtain,
)
from fanal.measures.transparency.log import LogKeys, bring_up_to_date, opening_of_list
from fanal.measures.transparency.tiles import LogRefused

_PAUSE = 0.25
_LEAST = 0.05
_SPARE = 12.0
"""Seconds beyond the witnesses' own in which an answer must come: the log is written first."""


class GateReason(StrEnum):
    """Why names wait: ASKED (the answer is awaited), SILENT (a witness did not cosign), SETTINGS, LOG."""

    ASKED = "ASKED"
    SILENT = "SILENT"
    SETTINGS = "SETTINGS"
    LOG = "LOG"


class GateFault(Struct, frozen=True, kw_only=True):
    """Why a version was not cosigned: a code, and the words of the fault."""

    code: GateReason
    detail: str


class Cosigned(Struct, frozen=True, kw_only=True):
    """The cosignatures on a version: when the last witness cosigned, and the notes of the checkpoints."""

    at: datetime
    checkpoint: str


class Cosigner(Struct, frozen=True, kw_only=True):
    """A witness that must cosign: its key, `ask(body, seconds=…)`, and the seconds that it has."""

    key: WitnessKey
    ask: Callable[..., tuple[int, str]]
    wait: float


class Asking:
    """A thread that asks. Its end is not awaited by anybody, the end of the process included."""

    def __init__(self, work: Callable[[], Cosigned], *, seconds: float) -> None:
        """Start the thread; `work` is given up after `seconds`, even if it never returns."""
        self._work, self._ends = work, time.monotonic() + seconds
        self._answer: Cosigned | GateFault | None = None
        self._thread = threading.Thread(target=self._run, name="witnesses", daemon=True)
        self._thread.start()

    def answer(self) -> Cosigned | GateFault | None:
        """Return the cosignatures or the fault; None while the answer is awaited."""
        if self._answer is None and time.monotonic() >= self._ends:
            return GateFault(code=GateReason.SILENT, detail="no answer in time")
        return self._answer

    def is_running(self) -> bool:
        """Return whether the thread has not ended, be its time over or not."""
        return self._thread.is_alive()

    def wait(self) -> None:
        """Wait for the answer, until the time is over."""
        self._thread.join(max(0.0, self._ends - time.monotonic()))

    def _run(self) -> None:
        try:
            self._answer = self._work()
        except WitnessSilent as error:
            self._answer = GateFault(code=GateReason.SILENT, detail=str(error))
        except (LogRefused, DatabaseError, OSError, LookupError) as error:
            self._answer = GateFault(code=GateReason.LOG, detail=str(error))
        except Exception as error:  # noqa: BLE001 - a fault of ours is a reason that people must see
            self._answer = GateFault(code=GateReason.LOG, detail=type(error).__name__)
        finally:
            connections.close_all()  # those of this thread


class Answered:
    """An answer that is there at once."""

    def __init__(self, answer: Cosigned | GateFault) -> None:
        """Keep the answer."""
        self._answer = answer

    def answer(self) -> Cosigned | GateFault:
        """Return the answer."""
        return self._answer

    def is_running(self) -> bool:
        """Return False: nothing runs."""
        return False

    def wait(self) -> None:
        """Return at once."""


def ask_witnesses(
    serial: int, *, folder: Path, keys: LogKeys, witnesses: Sequence[Cosigner]
) -> Asking:
    """Start to ask every witness to cosign a checkpoint with the version of the list with this serial.

    `folder` and `keys` are those of the transparency log. The version must be committed in the database.
    """
    seconds = sum(one.wait for one in witnesses) + _SPARE
    return Asking(
        lambda: cosign_list(serial, folder=folder, keys=keys, witnesses=witnesses), seconds=seconds
    )


def cosign_list(
    serial: int, *, folder: Path, keys: LogKeys, witnesses: Sequence[Cosigner]
) -> Cosigned:
    """Have every witness cosign a checkpoint that contains the version of the list with this serial.

    Each is asked again until its time is over. What it cosigned is compared with our tiles: the checkpoint
    must contain the commitment to the version.

    Raises:
        WitnessSilent: one did not cosign in its time, or there is none.
        LogRefused: the log is damaged, or does not contain the version.
        LookupError: no version has this serial.
        OSError: the log cannot be written.
    """
    if not witnesses:
        raise WitnessSilent("no witness")
    bring_up_to_date(folder, keys=keys)
    opening = opening_of_list(serial)
    if opening.position is None:
        raise LogRefused(f"the list {serial} has no number in the log")
    (commitment,) = sql.one(
        "SELECT commitment FROM measures_log WHERE position = %s", [opening.position]
    )
    if bytes(commitment) != opening.commitment():
        raise LogRefused(f"the log has another commitment at {opening.position}")
    notes: dict[str, datetime] = {}
    for one in witnesses:
        note = _obtain(folder, keys, one)
        point = open_note(note, keys=keys.known)
        check_contained(folder, point, position=opening.position, commitment=opening.commitment())
        notes[note] = cosigned_at(note, key=one.key)
    return Cosigned(at=max(notes.values()), checkpoint="\n".join(notes))


def _obtain(folder: Path, keys: LogKeys, one: Cosigner) -> str:
    """Return a checkpoint that the witness cosigned; ask again until its time is over.

    Raises:
        WitnessSilent: it did not.
    """
    ends = time.monotonic() + one.wait
    while True:
        try:
            return obtain(
                folder,
                keys=keys.known,
                witness=one.key,
                ask=lambda body: one.ask(body, seconds=max(_LEAST, ends - time.monotonic())),
            )
        except WitnessSilent:
            if time.monotonic() + _PAUSE >= ends:
                raise
        time.sleep(_PAUSE)
