"""How many sessions may be open at once, and which of them give way to others."""

import math
from collections.abc import Collection, Mapping
from typing import Final

from fanal.calls.people import Person, Phase, Session
from fanal.calls.places import Places

PATIENCE_SECONDS: Final = 2.0
"""Patience for a reply before the message: some servers refuse a recipient after five seconds."""
_UNCONFIRMED_SECONDS: Final = 10.0
"""Time for which a session is kept at least that waits for the end of its message."""
_DATA_SECONDS: Final = 7.0
"""The same before the message: a server may be slow there, and further sessions are no faster."""
_HELD_SECONDS: Final = 30.0
"""Time for which a server may hold a session that was closed while it waited for a recipient's provider."""
_KEPT_CONNECTING: Final = 4
"""The oldest sessions that wait to sign in, at most half of all, are never closed: a server may be slow."""


class Room:
    """The room for the sessions of one process with a mail server. Times are seconds of its clock."""

    def __init__(self, places: Places, sessions: Mapping[int, Session]) -> None:
        self._places, self._sessions = places, sessions
        self._held = list[float]()

    def has_room(self, now: float) -> bool:
        """Return whether a session more may begin; without room, close one that gives no sign for long.

        Sessions that wait for the end of their message may be lost: they take no room from others, up to
        twice the number, unless the server has shown how many it lets in.
        """
        open_ = [one for one in self._sessions.values() if not one.cut]
        waiting = [one for one in open_ if one.stalled]
        sent = [one for one in waiting if one.phase is Phase.SENT]
        most = self._places.most(now)
        spared = 0 if self._places.is_bounded(now) else min(len(sent), most)
        if len(open_) - spared < most:
            return True
        long = PATIENCE_SECONDS * (1.25 if len(waiting) > len(open_) // 2 else 2.0)
        kept = {Phase.RECIPIENTS: long, Phase.DATA: _DATA_SECONDS}
        stalled = [one for one in waiting if now - one.changed > kept.get(one.phase, math.inf)]
        if not stalled and not self.close_ungreeted(now):
            stalled = [one for one in sent if now - one.changed > _UNCONFIRMED_SECONDS]
            if not stalled:
                return False
        if stalled:
            self._cut(min(stalled, key=lambda one: one.began), now)
        return True

    def close_ungreeted(self, now: float) -> bool:
        """Close a session that waits for long to sign in, but for the oldest; return if there was one."""
        waits = [
            one
            for one in self._sessions.values()
            if one.stalled and not one.cut and one.phase is Phase.CONNECTING
        ][min(_KEPT_CONNECTING, (self._places.most(now) - 1) // 2) :]
        long = self._places.patience + PATIENCE_SECONDS
        closed = [one for one in waits if now - one.began > long][:1]
        for session in closed:
            self._cut(session, now)
        return bool(closed)

    def may_probe(
        self, person: Person, silent: Collection[str], now: float, *, all_silent: bool, served: bool
    ) -> bool:
        """Return whether a silent person may have a session: few wait, or it may be the server's fault.

        `silent` are the addresses of all people who give no answer; `served`: the server has answered for
        others since this one fell silent. Closed sessions that the server may still hold count too.
        """
        waiting = [
            one
            for one in self._sessions.values()
            if not one.cut
            and (one.asked in silent or (len(one.people) == 1 and one.people[0] in silent))
        ]
        self._held = [until for until in self._held if until > now]
        many, most = len(waiting) + len(self._held), max(1, self._places.most(now) // 4)
        if many < most:
            return True
        newest = max((one.began for one in waiting), default=-math.inf)
        unsure = not person.is_proved and (served or many < 3 * most)
        return now >= newest + PATIENCE_SECONDS and (unsure or all_silent)

    def _cut(self, session: Session, now: float) -> None:
        """Close a session; the server may hold it for some time where it waits for a recipient's provider."""
        session.cut = True
        if session.asked:
            self._held.append(now + _HELD_SECONDS)
