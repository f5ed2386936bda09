"""The duty rosters for the sending loop: a separate process reads them into shared memory.

An alarm call must not wait for the roster. If the query fails, hangs or is refused, or the process dies, the
loop has no roster, and the call goes to the addresses of the setting FANAL_DUTY.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final

from django.db import connection
from msgspec import structs

from fanal.accounts.domain.duty import Shift, recipients
from fanal.accounts.queries.duty import shifts_by_desk
from fanal.calls.outbox import ANSWER_SECONDS, FAILURES, SESSION, database_now
from fanal.calls.shared_shifts import AROUND, SharedShifts
from fanal.db import sql
from fanal.db.child import KeptChild
from fanal.db.silence import watch_statements
from fanal.orient.domain.records import Call

_EVERY_SECONDS: Final = 2.0
_SILENT_SECONDS: Final = 20.0
log = logging.getLogger("fanal.calls")


class Roster:
    """The duty rosters for the sending loop, and the supervised process that reads them (`reader`)."""

    def __init__(self, duty: Sequence[str]) -> None:
        self._duty, self._shared = tuple(duty), SharedShifts()
        self._fits = True
        self.reader = KeptChild(
            self._begin,
            every=_EVERY_SECONDS,
            task="reads the duty rosters",
            log=log,
            silent=_SILENT_SECONDS,
        )

    def address(self, calls: Sequence[Call], *, now: datetime) -> list[Call]:
        """Return the calls, in order, addressed to the people on duty at their desks at `now`.

        Without a readable roster, or after any failure here, the calls keep their addresses, those of
        FANAL_DUTY.
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

    def _write(self, shifts: Mapping[int, Sequence[Shift]]) -> None:
        fits = self._shared.write(shifts)
        if self._fits and not fits:
            log.error(
                "the duty rosters are too large to be used: FANAL_DUTY is called for every desk"
            )
        self._fits = fits

    def _begin(self) -> Callable[[], None]:
        session: list[object] = [None]

        def beat() -> None:
            with watch_statements(seconds=ANSWER_SECONDS):
                try:
                    if session[0] is None or connection.connection is not session[0]:
                        sql.run(SESSION)
                        session[0] = connection.connection
                    now = database_now()
                    around = shifts_by_desk(since=now - AROUND, until=now + AROUND, now=now)
                    self._write(around)
                except FAILURES as failure:
                    log.warning("the duty rosters are not read: %s", type(failure).__name__)
                    connection.close_if_unusable_or_obsolete()

        return beat
