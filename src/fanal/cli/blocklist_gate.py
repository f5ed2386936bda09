"""The gate of the blocking list in this process: the witnesses of `witness.toml`, asked in a thread."""

from collections.abc import Iterator
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from fanal.cli.failures import tell
from fanal.cli.transparency import log_keys
from fanal.config.keys import KeysMissing
from fanal.config.transparency import FOLDER
from fanal.connectors.witness import SETTINGS, ask, read_settings
from fanal.measures.transparency.cosignature import CosignatureRefused

if TYPE_CHECKING:
    from fanal.measures.blocking.publication.gate import Asked, Gate, GateState
    from fanal.measures.transparency.asking import GateFault


class GateKept:
    """The gate by the settings in the data folder `home`, which are read again at each look.

    A gate that was set once in this process stays: a file that is moved away opens nothing.
    """

    def __init__(self, home: Path) -> None:
        self._home = home
        self._gate: Gate | None = None

    def read(self) -> "Gate | None":
        """Return the gate, None where no witness was ever set."""
        from fanal.measures.blocking.publication.gate import Gate

        try:
            settings = read_settings(self._home)
        except CosignatureRefused:
            names = SETTINGS
        else:
            if settings is None:
                return self._gate
            names = ", ".join(one.public().name for one in settings.witnesses)
        if self._gate is None:
            self._gate = Gate(self._ask, witnesses=names)
        self._gate.witnesses = names
        return self._gate

    def _ask(self, serial: int) -> "Asked":
        from fanal.measures.transparency.asking import (
            Answered,
            Cosigner,
            GateFault,
            GateReason,
            ask_witnesses,
        )

        try:
            settings = read_settings(self._home)
            if settings is None:
                raise CosignatureRefused(f"{SETTINGS}: gone")
            keys = log_keys(self._home)
        except CosignatureRefused as error:
            return Answered(GateFault(code=GateReason.SETTINGS, detail=str(error)))
        except (KeysMissing, OSError) as error:
            return Answered(GateFault(code=GateReason.LOG, detail=str(error)))
        witnesses = [
            Cosigner(key=one.public(), ask=partial(ask, one), wait=settings.wait)
            for one in settings.witnesses
        ]
        return ask_witnesses(serial, folder=self._home / FOLDER, keys=keys, witnesses=witnesses)


def tell_waits(names: int, why: "GateFault | None") -> None:
    """Say on standard error how many names wait for a cosignature, and why."""
    if names and why is not None:
        tell("BLOCKLIST_WAITS", count=names, why=why.detail or str(why.code))


def told_state(state: "GateState", *, now: datetime) -> dict[str, object]:
    """Return the state of the gate as `status` prints it in JSON."""
    return {
        "witnesses": state.witnesses,
        "cosigned": state.cosigned,
        "cosigned_at": _instant(state.cosigned_at),
        "unsigned": state.names,
        "unsigned_since": _instant(state.since),
        "unsigned_why": state.code,
        "unsigned_detail": state.detail,
        "unsigned_late": state.is_late(now=now),
    }


def state_words(state: "GateState") -> Iterator[str]:
    """Yield the state of the gate in words, a line each; nothing where no witness is set."""
    if not state.witnesses:
        return
    newest = "no version yet"
    if state.cosigned is not None:
        newest = f"version {state.cosigned} at {_instant(state.cosigned_at)}"
    yield f"cosigned by {state.witnesses}: {newest}"
    if state.names:
        why = state.detail or state.code
        yield f"{state.names} names wait for a cosignature since {_instant(state.since)}: {why}"


def _instant(instant: datetime | None) -> str | None:
    from fanal.measures.blocking.blocklist import written_instant

    return None if instant is None else written_instant(instant)
