"""What is known of the mail server: which of its addresses answer, and how many sessions it lets in."""

import math
from collections import Counter
from typing import Final

_MOST_SESSIONS: Final = 20
"""Most sessions at once, until the server lets fewer in; many servers let no more of one machine in."""
_FEWEST_SESSIONS: Final = 1
_FULL_SECONDS: Final = 60.0
"""Time for which a bound that the server showed counts."""
_AGAIN_SECONDS: Final = 1.0
"""Pause of an address where no session could begin."""
_FEW_PAUSE_SECONDS: Final = 0.3
"""The same, where the server lets in others of this process, or failed before any recipient was named."""
_FAULT_SECONDS: Final = 300.0
"""Time for which an address that failed comes after the others."""
_TRUST_SECONDS: Final = 5.0
"""Time for which an address that took a message is trusted to refuse a recipient for good."""
_SLOW_SIGN_IN_SECONDS: Final = 1.5
"""Time for a sign-in from which on people go in smaller groups: each reply takes long."""
_GREETING_SECONDS, _LONGEST_GREETING_SECONDS = 0.5, 6.0
"""Patience until a session has signed in, where the server has another address (RFC 8305) or was quick."""
_FIRST_GREETING_SECONDS: Final = 2.0
"""The same where neither is known."""


class Places:
    """The addresses of the mail server, by index. Times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.count = 0
        self._sign_in: float | None = None
        """How long the last sign-in took."""
        self._most, self._full_at = _MOST_SESSIONS, -math.inf
        self._faults, self._paused = dict[int, float](), dict[int, float]()
        self._signed, self._took = dict[int, float](), dict[int, float]()

    def most(self, now: float) -> int:
        """Return the most sessions at once."""
        return self._most if self.is_bounded(now) else _MOST_SESSIONS

    @property
    def is_slow(self) -> bool:
        """Whether the last sign-in took long."""
        return (self._sign_in or 0.0) > _SLOW_SIGN_IN_SECONDS

    @property
    def patience(self) -> float:
        """How long a session may take to sign in before others begin: more where the last took long."""
        if self._sign_in is None:
            return _GREETING_SECONDS if self.count > 1 else _FIRST_GREETING_SECONDS
        return min(_LONGEST_GREETING_SECONDS, max(_GREETING_SECONDS, 1.5 * self._sign_in))

    @property
    def took_at(self) -> float:
        """When the server took a message last."""
        return max(self._took.values(), default=-math.inf)

    def choose(self, waits: Counter[int], now: float) -> int | None:
        """Return the address for the next session, or None while all are paused.

        It is one where fewest sessions wait to sign in (`waits`), and that has not failed lately.
        """

        def rank(place: int) -> tuple[int, float, int]:
            fault = self._faults.get(place, -math.inf)
            return waits[place], fault if fault > now - _FAULT_SECONDS else -math.inf, place

        free = [one for one in range(self.count) if not self._is_paused(one, now)]
        return min(free, key=rank, default=None)

    def has_other(self, since: float, now: float) -> bool:
        """Return whether a session can begin at an address that has not failed since an instant."""
        return any(
            self._faults.get(one, -math.inf) < since and not self._is_paused(one, now)
            for one in range(self.count)
        )

    def is_bounded(self, now: float) -> bool:
        """Return whether the server has shown lately how many sessions it lets in."""
        return now <= self._full_at + _FULL_SECONDS

    def are_paused(self, now: float) -> bool:
        """Return whether no session can begin now, at any address."""
        return self.count > 0 and all(self._is_paused(one, now) for one in range(self.count))

    def is_trusted(self, place: int, now: float) -> bool:
        """Return whether an address took a message just now: it then refuses nobody by its own fault."""
        return now <= self._took.get(place, -math.inf) + _TRUST_SECONDS

    def note_fault(self, place: int, now: float) -> None:
        """Note that an address failed or gave no sign."""
        self._faults[place] = now

    def note_early_fault(self, place: int, now: float) -> None:
        """Note that an address failed before any recipient was named."""
        self._faults[place], self._paused[place] = now, now + _FEW_PAUSE_SECONDS

    def note_signed_in(self, place: int, began: float, now: float) -> None:
        """Note that a session which began at an instant has signed in."""
        self._sign_in, self._signed[place] = now - began, now

    def note_taken(self, place: int, now: float) -> None:
        """Note that an address took a message."""
        self._took[place] = now

    def note_not_let_in(self, place: int, began: float, now: float) -> None:
        """Note that a session failed before it had signed in, unless later ones have: it was lost."""
        if self._signed.get(place, -math.inf) <= began:
            self._faults[place], self._paused[place] = now, now + _AGAIN_SECONDS

    def note_full(self, place: int, let_in: int, now: float) -> None:
        """Note that an address lets no more sessions in, with `let_in` of this process open."""
        if let_in:
            self._most, self._full_at = max(_FEWEST_SESSIONS, let_in), now
        self._paused[place] = now + (_FEW_PAUSE_SECONDS if let_in else _AGAIN_SECONDS)

    def _is_paused(self, place: int, now: float) -> bool:
        return self._paused.get(place, -math.inf) > now
