"""Observations of the mail server: which of its IP addresses respond, and how many sessions it permits.

An address is named by its number (`place`, see `Addresses`); times (`now`, `began`) are seconds of one
monotonic clock.
"""

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Final

from fanal.connectors.smtp import Address

_MOST_SESSIONS: Final = 20
"""Maximum number of open sessions, until the server shows a lower limit; many servers allow 20."""
_FULL_SECONDS: Final = 60.0
"""Time for which a limit on open sessions, once shown by the server, is respected."""
_AGAIN_SECONDS: Final = 1.0
"""Minimum pause of an address at which a session failed before it had signed in."""
_FEW_PAUSE_SECONDS: Final = 0.3
"""Pause of an address that accepts other sessions of this process, or failed before a recipient was named."""
_LONGEST_PAUSE_SECONDS: Final = 4.0
"""Maximum pause of an address: it may block clients that connect too often during an outage."""
_LOST_SECONDS: Final = 10.0
"""The failure of a session that began longer ago says nothing about the present state of its address."""
_STILL_SECONDS: Final = 90.0
"""Two failures of an address at a greater distance do not belong to the same outage."""
_FAULT_SECONDS: Final = 3600.0
"""Time for which an address that failed is tried after the others."""
_TRUST_SECONDS: Final = 5.0
"""Time after an accepted message for which a permanent refusal of a recipient by the address is believed."""
_SLOW_SIGN_IN_SECONDS: Final = 1.5
_SLOW_REPLY_SECONDS: Final = 0.3
"""Duration of a sign-in, or of a reply to a recipient, above which sessions get smaller groups of people."""
_LATELY_SECONDS: Final = 300.0
"""Time after a slow reply for which the server counts as slow."""
_GREETING_SECONDS, _LONGEST_GREETING_SECONDS = 0.5, 6.0
"""Shortest and longest wait for a sign-in, if there is another address (RFC 8305) or it was fast before."""
_FIRST_GREETING_SECONDS: Final = 2.0
"""Wait for a sign-in if neither is the case, and in an outage: less would mean too many sessions."""
_OUTAGE_SECONDS: Final = 5.0
"""An address that fails for longer than this, and accepts no message, is in an outage."""
_MOST_BEGUN, _BEGUN_SECONDS, _APART_SECONDS = 20, 60.0, 2.0
"""Limit on sessions at a failing address: after 20 within 60 s, one every 2 s, until it accepts a message.

In an outage it is thus asked some fifty times a minute, however many people wait.
"""
_MOST_ADDRESSES: Final = 32
_KEPT_ANSWERS, _KEPT_SECONDS = 15, 900.0
"""An address is kept until 15 answers of the DNS have left it out, and for 900 s at least."""


class Addresses:
    """The IP addresses of the mail server's host name, each with a number that never changes.

    `addresses[number]` returns an address. Addresses of earlier DNS answers are kept for some time.
    """

    def __init__(self) -> None:
        self._known = dict[int, Address]()
        self._given = dict[int, tuple[float, int]]()
        """By number: time of the last DNS answer with the address, and number of answers without it since."""
        self._newest = 0

    def __bool__(self) -> bool:
        """Return whether any address is known."""
        return bool(self._known)

    def __getitem__(self, number: int) -> Address:
        """Return the IP address with this number; KeyError for a number that was never given."""
        return self._known[number]

    def keep(self, found: Sequence[Address], now: float) -> list[int]:
        """Merge the addresses of a DNS answer (`found`); return the numbers of all addresses to use.

        Those in the answer come first. Others stay for some time, as some names give one of several addresses
        in each answer.
        """
        numbers = {address: number for number, address in self._known.items()}
        current = list[int]()
        for address in dict.fromkeys(found[:_MOST_ADDRESSES]):
            self._newest += address not in numbers
            current.append(numbers.get(address, self._newest))
            self._known[current[-1]] = address
        for number in self._known:
            at, missed = self._given.get(number, (now, 0))
            self._given[number] = (now, 0) if number in current else (at, missed + 1)
        others = sorted(self._known.keys() - set(current), key=self._last_given, reverse=True)
        order = [*sorted(current), *(one for one in others if not self._is_old(one, now))]
        del order[_MOST_ADDRESSES:]
        self._known = {number: self._known[number] for number in order}
        self._given = {number: self._given[number] for number in order}
        return order

    def _last_given(self, number: int) -> float:
        return self._given[number][0]

    def _is_old(self, number: int, now: float) -> bool:
        at, missed = self._given[number]
        return missed >= _KEPT_ANSWERS and at <= now - _KEPT_SECONDS


class Places:
    """Statistics on the mail server's IP addresses, to choose the address of the next session.

    Every `now` is a time in seconds of one monotonic clock; `place` is the number of an address.
    """

    def __init__(self) -> None:
        self._order: Sequence[int] = ()
        self._sign_ins = dict[int, tuple[float, float]]()
        """By address: time of the last sign-in of a session, and its duration in seconds."""
        self._replies = (-math.inf, 0.0)
        """Time at which the server last accepted a recipient, and the duration of that reply in seconds."""
        self._most, self._full_at = _MOST_SESSIONS, -math.inf
        self._faults, self._paused = dict[int, float](), dict[int, float]()
        self._took, self._refused = dict[int, float](), dict[int, float]()
        self._failing = dict[int, tuple[float, float]]()
        self._failed_at = dict[int, float]()
        """By address: time of its first failure in the last outage; removed when it accepts a message."""
        self._begun = dict[int, deque[float]]()
        """By address: times at which sessions began in the last minute, since it last accepted a message."""

    def set(self, order: Sequence[int]) -> None:
        """Set the numbers of the addresses to use, preferred ones first; forget what is known of others."""
        self._order = order
        known: dict[int, float] | dict[int, tuple[float, float]] | dict[int, deque[float]]
        for known in (
            *(self._sign_ins, self._faults, self._paused),
            *(self._took, self._refused, self._failing, self._failed_at),
            self._begun,
        ):
            for place in known.keys() - set(order):
                del known[place]

    def most(self, now: float) -> int:
        """Return the greatest number of sessions that may be open at the same time."""
        return self._most if self.is_bounded(now) else _MOST_SESSIONS

    def is_slow(self, now: float) -> bool:
        """Return whether the server's replies have been slow lately, while it accepted many sessions.

        People are then sent to in smaller groups.
        """
        if now <= self._full_at + _FAULT_SECONDS:
            return False
        at, took = self._replies
        if at > now - _LATELY_SECONDS:
            return took > _SLOW_REPLY_SECONDS
        return any(
            took > _SLOW_SIGN_IN_SECONDS and at > now - _LATELY_SECONDS
            for at, took in self._sign_ins.values()
        )

    def patience(self, place: int, now: float) -> float:
        """Return the seconds that a session at an address may take to sign in before other sessions begin.

        It is longer if the last sign-in there was slow, and during an outage of that address.
        """
        first = _GREETING_SECONDS if len(self._order) > 1 else _FIRST_GREETING_SECONDS
        if place not in self._sign_ins:
            return first
        at, took = self._sign_ins[place]
        known = min(_LONGEST_GREETING_SECONDS, max(_GREETING_SECONDS, 1.5 * took))
        if at <= now - _LATELY_SECONDS:
            known = min(first, known)
        still = self._faults.get(place, -math.inf) > now - _STILL_SECONDS
        out = still and self._failed_at.get(place, math.inf) < now - _OUTAGE_SECONDS
        return max(known, _FIRST_GREETING_SECONDS) if out else known

    @property
    def took_at(self) -> float:
        """The time when the server last accepted a message, minus infinity if it never did."""
        return max(self._took.values(), default=-math.inf)

    def choose(self, now: float, failed: Mapping[int, float]) -> int | None:
        """Return the number of the address for a session that begins now, None while all are paused.

        The address that has not failed lately comes first, else the one whose last failure is the oldest.
        `failed` maps addresses to the time of the last failure there of the people in the session. A stalled
        session counts as one failure of that instant: it may have been lost while the address is well.
        """

        def rank(place: int) -> float:
            last = max(self._faults.get(place, -math.inf), failed.get(place, -math.inf))
            return last if last > now - _FAULT_SECONDS else -math.inf

        free = [one for one in self._order if not self._is_paused(one, now)]
        if (chosen := min(free, key=rank, default=None)) is not None:
            self._begun.setdefault(chosen, deque()).append(now)
        return chosen

    def has_other(self, since: float, now: float) -> bool:
        """Return whether some address is free to use and has not failed since the time `since`."""
        return any(
            self._faults.get(one, -math.inf) < since and not self._is_paused(one, now)
            for one in self._order
        )

    def is_bounded(self, now: float) -> bool:
        """Return whether the server has lately shown how many open sessions it accepts (`most`)."""
        return now <= self._full_at + _FULL_SECONDS

    def is_trusted(self, place: int, now: float) -> bool:
        """Return whether an address accepted a message in the last seconds.

        If it then refuses a recipient, the recipient is at fault and not the address.
        """
        return now <= self._took.get(place, -math.inf) + _TRUST_SECONDS

    def note_fault(self, place: int, now: float) -> None:
        """Record that a session at an address failed or stalled."""
        if now > self._faults.get(place, -math.inf) + _STILL_SECONDS:
            self._failed_at[place] = now
        self._faults[place] = now

    def note_early_fault(self, place: int, began: float, now: float) -> None:
        """Record that a session at an address failed after its sign-in, before any recipient was named.

        `began` is the time of its start.
        """
        self._leave(place, began, now, least=_FEW_PAUSE_SECONDS)

    def note_signed_in(self, place: int, began: float, now: float) -> None:
        """Record that a session at an address, begun at the time `began`, has signed in."""
        self._sign_ins[place] = now, now - began

    def note_reply(self, took: float, now: float) -> None:
        """Record that the server accepted a recipient after `took` seconds."""
        self._replies = now, took

    def note_let_in(self, open_: int, now: float) -> None:
        """Record that a session signed in while `open_` sessions were open, itself included.

        If the server has shown a limit (`is_bounded`) and it is reached, the limit is raised by one.
        """
        if self.is_bounded(now) and open_ >= self._most:
            self._most = open_ + 1

    def note_taken(self, place: int, now: float) -> None:
        """Record that an address accepted a message; its earlier failures no longer count."""
        self._took[place] = now
        self._faults.pop(place, None)
        self._failing.pop(place, None)
        self._failed_at.pop(place, None)
        self._begun.pop(place, None)

    def note_not_let_in(self, place: int, began: float, now: float) -> None:
        """Record that a session at an address, begun at the time `began`, failed before it had signed in.

        It is ignored if a later session has signed in there: then only that session was lost.
        """
        if self._sign_ins.get(place, (-math.inf, 0.0))[0] <= began:
            self._leave(place, began, now, least=_AGAIN_SECONDS)

    def _leave(self, place: int, began: float, now: float, *, least: float) -> None:
        """Pause an address after a failure, for a fifth of the time for which it has been failing.

        The pause is `least` seconds at least and four at most. A failure does not pause the address if the
        session began before the address last failed or accepted a message, or more than ten seconds ago: it
        says nothing about the present.
        """
        self.note_fault(place, now)
        first, last = self._failing.get(place, (now, -math.inf))
        if began < max(last, self._took.get(place, -math.inf)) or now > began + _LOST_SECONDS:
            return
        if now > last + _STILL_SECONDS:
            first = now
        self._failing[place] = first, now
        self._paused[place] = now + min(max(least, (now - first) / 5), _LONGEST_PAUSE_SECONDS)

    def note_full(self, place: int, let_in: int, now: float) -> None:
        """Record that an address refuses further sessions while `let_in` sessions of this process are open.

        If this happens twice and it accepted no message in between, the address is at fault, and others come
        first.
        """
        if self._refused.get(place, -math.inf) > self._took.get(place, -math.inf):
            self._faults[place] = now
        self._refused[place] = now
        self._most, self._full_at = let_in, now
        self._paused[place] = now + _FEW_PAUSE_SECONDS

    def _is_paused(self, place: int, now: float) -> bool:
        return self._paused.get(place, -math.inf) > now or self._is_asked_often(place, now)

    def _is_asked_often(self, place: int, now: float) -> bool:
        begun = self._begun.get(place)
        if not begun or place not in self._faults:
            return False
        while begun and begun[0] <= now - _BEGUN_SECONDS:
            begun.popleft()
        return len(begun) >= _MOST_BEGUN and now < begun[-1] + _APART_SECONDS
