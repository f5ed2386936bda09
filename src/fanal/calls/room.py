"""The limit on open SMTP sessions, and the choice of the session to close in favour of another.

Times (`now`, `moved_at`) are seconds of one monotonic clock.
"""

import math
from collections.abc import Collection, Mapping
from typing import Final

from fanal.calls.people import Person, Phase, Session
from fanal.calls.places import Places

PATIENCE_SECONDS: Final = 2.0
"""Patience for a reply before the message: some servers refuse a recipient after five seconds."""
_UNCONFIRMED_SECONDS: Final = 10.0
"""Minimum time for which a session that waits for the reply to its message is kept open."""
_UNCONFIRMED_NEW_SECONDS: Final = 4.0
"""As before, if other people have no message yet and the server allows few sessions."""
_FEW: Final = 4
_DATA_SECONDS: Final = 7.0
"""As before, for a session that waits to send its message: the server may be slow for every session."""
_LETTING_GO_SECONDS: Final = 0.2
_HELD_SECONDS: Final = 30.0
"""Time for which the server may still count a session closed while it waited for a recipient's server."""
_KEPT_CONNECTING: Final = 4
"""Number of oldest sessions waiting to sign in that are never closed, since the server may only be slow.

At most half of all sessions are kept so; among them is the oldest one at each address.
"""
_ALONE_SECONDS: Final = 6.0
"""Time for which the oldest of these is kept if the server allows one or two sessions: it may be lost."""
_MOST_DOUBLED, _MOST_PATIENT_SECONDS = 2, 60.0
"""How often the wait is doubled if closing sessions did not help, and for how many seconds that lasts."""


class Room:
    """The limit on the open SMTP sessions of one process with a mail server.

    `places` are the observations of the server's addresses, `sessions` the open sessions by number. Every
    `now` is a time in seconds of one monotonic clock.
    """

    def __init__(self, places: Places, sessions: Mapping[int, Session]) -> None:
        self._places, self._sessions = places, sessions
        self._held = list[float]()
        self._closed, self._closed_at = 0, -math.inf

    def has_room(self, now: float, *, new: bool = False) -> bool:
        """Return whether another session may begin; at the limit, mark a long-stalled one to be closed.

        `new`: the session is for people to whom no session sends yet. Sessions that wait for the reply to a
        whole message may be lost: they do not count against the limit, up to twice its number, unless the
        server has shown its own limit.
        """
        if self._places.is_bounded(now) and now < self._closed_at + _LETTING_GO_SECONDS:
            return False  # the server may still count the one that was closed
        open_ = [one for one in self._sessions.values() if not one.cut]
        waiting = [one for one in open_ if one.stalled]
        sent = [one for one in waiting if one.phase is Phase.SENT]
        most = self._places.most(now)
        spared = 0 if self._places.is_bounded(now) else min(len(sent), most)
        if len(open_) - spared < most:
            return True
        long = PATIENCE_SECONDS * (1.25 if len(waiting) > len(open_) // 2 else 2.0)
        kept = {Phase.RECIPIENTS: long, Phase.DATA: _DATA_SECONDS}
        stalled = [
            one
            for one in waiting
            if now - one.changed > kept.get(one.phase, math.inf) * self._more(one, now)
        ]
        if not stalled and not self.close_ungreeted(now):
            few = new and most <= _FEW
            long = _UNCONFIRMED_NEW_SECONDS if few else _UNCONFIRMED_SECONDS
            stalled = [
                one for one in sent if now - one.changed > long * max(1, self._more(one, now) // 2)
            ]
            if not stalled:
                return False
        if stalled:
            self._cut(min(stalled, key=lambda one: one.began), now)
        return not self._places.is_bounded(now)

    def open_beside(self, session: Session, *, refused: bool) -> int:
        """Return the number of open sessions that may be why the server refused this one; 0 if none can be.

        These are the sessions at its address, or all sessions if those are stalled. `refused`: the server
        replied with a temporary refusal; without such a reply, the others count only if one of them is
        stalled.
        """
        open_ = [one for one in self._sessions.values() if not one.cut]
        if not refused and not any(one.stalled for one in open_):
            return 0
        here = [one for one in open_ if one.place == session.place]
        # One that gives no sign may be lost, its address at fault: then others go there for that alone.
        return len(here) if any(not one.stalled for one in here) else len(open_)

    def let_in_beside(self, session: Session, moved_at: float) -> int:
        """Return the number of sessions signed in at this one's address for which it may have to wait, or 0.

        0 if it has signed in itself, if none of the others is stalled, or if the server has accepted no
        recipient since they stalled (`moved_at`: the last time it did), so that it answers nobody.
        """
        if session.phase is not Phase.CONNECTING:
            return 0
        in_ = [
            one
            for one in self._sessions.values()
            if one.place == session.place and one.phase is not Phase.CONNECTING and not one.cut
        ]
        return len(in_) if any(one.stalled and one.changed < moved_at for one in in_) else 0

    def close_ungreeted(self, now: float) -> bool:
        """Mark a session that has waited long to sign in to be closed; return whether there was one.

        The oldest ones stay; where the server permits one or two sessions, the oldest stays for six seconds.
        """
        waits = [
            one
            for one in self._sessions.values()
            if one.stalled and not one.cut and one.phase is Phase.CONNECTING
        ]
        most = self._places.most(now)
        many = min(_KEPT_CONNECTING, (most - 1) // 2)
        first = {one.place: one for one in reversed(waits[many:])}.values()
        kept = [*waits[:many], *first][: max(many, most // 2) if many else 0]

        def waits_long(one: Session) -> bool:
            long = self._places.patience(one.place, now) + PATIENCE_SECONDS * self._more(one, now)
            return now - one.began > (long if one is not waits[0] else max(long, _ALONE_SECONDS))

        closed = [one for one in waits if one not in kept and waits_long(one)][:1]
        for session in closed:
            self._cut(session, now)
        return bool(closed)

    def may_probe(
        self, person: Person, silent: Collection[str], now: float, *, all_silent: bool, served: bool
    ) -> bool:
        """Return whether a silent person (whose address gets no reply) may have a further session.

        Yes if few such sessions wait, or the silence may be the server's fault. `silent` are the mail
        addresses of all silent people; `all_silent`: these are all people with calls to receive; `served`:
        the server has replied for others since this person became silent. Closed sessions that the server may
        still hold count too.
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

    def _more(self, session: Session, now: float) -> int:
        """Return the factor (1, 2 or 4) by which the wait for a recently begun session is prolonged.

        It grows with the number of sessions closed since the server last accepted a message: closing them did
        not help, so the server may only be slow.
        """
        if self._closed_at <= max(self._places.took_at, now - _MOST_PATIENT_SECONDS):
            self._closed = 0
        lately = now - session.began < _UNCONFIRMED_SECONDS
        doubled: int = 1 << min(_MOST_DOUBLED, self._closed // self._places.most(now))
        return doubled if lately else 1

    def _cut(self, session: Session, now: float) -> None:
        """Mark a session to be closed.

        If it waited for the reply to a recipient, the server may still count it for some time.
        """
        session.cut = True
        self._closed, self._closed_at = self._closed + 1, now
        if session.asked:
            self._held.append(now + _HELD_SECONDS)
