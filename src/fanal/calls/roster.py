"""The duty rosters as the sending loop sees them: read by a process of its own, passed through shared memory.

A call must not wait for the roster: a query that fails, hangs or is refused, or a process that dies, leaves
the loop without a roster, and the call goes to the addresses of the settings (FANAL_DUTY).
"""

import logging
import mmap
import struct
import time
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from django.db import connection
from msgspec import msgpack, structs

from fanal.accounts.domain.duty import Shift, recipients
from fanal.accounts.queries.duty import shifts_by_desk
from fanal.calls.outbox import ANSWER_SECONDS, FAILURES, SESSION, database_now
from fanal.db import sql
from fanal.db.child import KeptChild
from fanal.db.silence import watch_statements
from fanal.orient.domain.records import Call

_EVERY_SECONDS: Final = 2.0
_SILENT_SECONDS: Final = 20.0
_OLD_SECONDS: Final = 60.0
"""Age after which what was read no longer counts: somebody may have been taken off duty since."""
_AHEAD: Final = timedelta(minutes=10)
_SIZE: Final = 1 << 20
_HEAD: Final = struct.Struct("<IId")
"""Length and CRC-32 of the content, and when it was read (monotonic clock, one for all processes)."""
log = logging.getLogger("fanal.calls")


class SharedShifts:
    """The shifts of every desk in memory that two processes share; a torn write reads as nothing."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, _SIZE)

    def write(self, shifts: Mapping[int, Sequence[Shift]]) -> None:
        """Store the shifts by desk; what does not fit counts as nothing."""
        told = msgpack.encode({str(desk): list(found) for desk, found in shifts.items()})
        content = told if len(told) <= _SIZE - _HEAD.size else b""
        head = _HEAD.pack(len(content), zlib.crc32(content), time.monotonic())
        self._memory[: _HEAD.size + len(content)] = head + content

    def read(self) -> dict[int, list[Shift]]:
        """Return the shifts by desk; nothing if they are torn, or were read more than a minute ago."""
        length, crc, read_at = _HEAD.unpack(self._memory[: _HEAD.size])
        content = self._memory[_HEAD.size : _HEAD.size + min(length, _SIZE)]
        if not content or zlib.crc32(content) != crc or time.monotonic() > read_at + _OLD_SECONDS:
            return {}
        found = msgpack.decode(content, type=dict[str, list[Shift]])
        return {int(desk): shifts for desk, shifts in found.items()}


class Roster:
    """The duty rosters for the sending loop, and the supervised process that reads them (`reader`)."""

    def __init__(self, duty: Sequence[str]) -> None:
        self._duty, self._shared = tuple(duty), SharedShifts()
        self.reader = KeptChild(
            self._begin,
            every=_EVERY_SECONDS,
            task="reads the duty rosters",
            log=log,
            silent=_SILENT_SECONDS,
        )

    def address(self, calls: Sequence[Call], *, now: datetime) -> list[Call]:
        """Return the calls with the addresses of the people on duty at their desks at `now`.

        Without a roster, or whatever fails here, they go to the addresses of FANAL_DUTY, as they are. In the
        same order.
        """
        try:
            shifts = self._shared.read()
            return [self._address(call, shifts.get(call.desk_id, ()), now) for call in calls]
        except Exception as failure:  # noqa: BLE001 - a call never fails for the roster
            log.error("the duty roster is not used: %s", type(failure).__name__)
            return list(calls)

    def _address(self, call: Call, shifts: Sequence[Shift], now: datetime) -> Call:
        if not shifts:
            return call
        to, then = recipients(shifts, at=now, fallback=self._duty, escalated=call.escalated)
        return structs.replace(call, to=to, then=then)

    def _begin(self) -> Callable[[], None]:
        session: list[object] = [None]

        def beat() -> None:
            with watch_statements(seconds=ANSWER_SECONDS):
                try:
                    if session[0] is None or connection.connection is not session[0]:
                        sql.run(SESSION)
                        session[0] = connection.connection
                    now = database_now()
                    self._shared.write(shifts_by_desk(since=now - _AHEAD, until=now + _AHEAD))
                except FAILURES as failure:
                    log.warning("the duty rosters are not read: %s", type(failure).__name__)
                    connection.close_if_unusable_or_obsolete()

        return beat
