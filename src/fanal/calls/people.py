"""The people on duty, the calls and the sessions that carry them, as `dispatch` knows them."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from fanal.orient.domain.clocks import Delivery, wait_after
from fanal.orient.domain.records import Call

SLOW_SECONDS: Final = 600.0
"""Time for which a person has sessions of their own who was slow, or may be why one failed."""
FRESH_SECONDS: Final = 15.0
"""Time for which somebody who gives no answer is tried again in short order: a session may have been lost."""
_SHORTEST_SECONDS, _LONGEST_SECONDS, _SHARE, _SERVERS_SHARE = 2.0, 60.0, 5, 30
"""The longest pause after a failure, and its share of the time since the first one (`Person.put_off`)."""
_JITTER: Final = 0.5
_IN_ONE: Final = 8


class Step(IntEnum):
    """How far a session has come with one of its people; one that is further on keeps them.

    ASKED: the address is named to the server. TAKEN: the server accepted it. DATA: all recipients are named,
    nothing of the message is sent. SENT: the whole message is sent.
    """

    SIGNING_IN = 0
    SIGNED_IN = 1
    ASKED = 2
    TAKEN = 3
    DATA = 4
    SENT = 5


class Phase(IntEnum):
    """How far a session has come."""

    CONNECTING = 1
    """It has not signed in yet."""
    RECIPIENTS = 2
    DATA = 3
    """All recipients are named; nothing of the message is sent."""
    SENT = 4
    """The whole message is sent; the server has not replied."""


class Failure(NamedTuple):
    """A failure of a person: at which address of the server, and whether it may have the message.

    `served_at`: since then it has taken both a recipient and a message, of anybody.
    """

    place: int
    served_at: float
    unconfirmed: bool


@dataclass(eq=False)
class Person:
    """A person on duty, by mail address, and the calls that they did not get yet.

    `pending` holds the ids of these calls, in order. `next_at` is the earliest time of the next session for
    them, in seconds of the monotonic clock.
    """

    address: str
    pending: dict[UUID, None] = field(default_factory=dict)
    session: int = 0
    """Number of the advancing session that they are in, 0 for none."""
    next_at: float = 0.0
    silent_since: float | None = None
    """Since when their address gives no answer."""
    tries: int = 0
    """Sessions begun for them since then."""
    named: int = 0
    """Sessions that named them to the server since they got a message last."""
    is_proved: bool = False
    """One of these named them after the server had answered for others: they are why it got no answer."""
    _failures: int = 0
    _failing_since: float = 0.0
    _alone_failures: int = 0
    """Those of them while at most half of the people failed, at an address where they had failed before.

    Or after a message that may have arrived.
    """
    _failed_at: dict[int, float] = field(default_factory=dict)
    """When they failed last at each address of the server."""
    _alone_until: float = 0.0
    _slow_until: float = 0.0

    def is_alone(self, now: float) -> bool:
        """Return whether they have sessions of their own."""
        return max(self._alone_until, self._slow_until) > now or self._failures > 0

    def is_fresh(self, now: float) -> bool:
        """Return whether their silence is new, or they are not silent."""
        return self.silent_since is None or now < self.silent_since + FRESH_SECONDS

    def set_apart(self, now: float) -> None:
        """Give them sessions of their own until a message arrives: they may be why one failed or stalled."""
        self._alone_until = now + SLOW_SECONDS

    def speaks(self, now: float, *, servers: bool) -> None:
        """Note that they are silent no more, if they were; they may be slow, or it was the server's fault."""
        if self.silent_since is not None:
            self.silent_since, self.tries, self.is_proved = None, 0, False
            self._slow_until = self._slow_until if servers else now + SLOW_SECONDS

    def has(self, calls: Sequence[UUID], now: float) -> None:
        """Note that they have some calls."""
        for id_ in calls:
            self.pending.pop(id_, None)
        self.next_at, self.named = now, 0
        self._is_well()

    def drop(self, call: UUID) -> None:
        """Note that a call is sent to them no more; without any, what failed says nothing of later."""
        self.pending.pop(call, None)
        if not self.pending:
            self._is_well()

    def _is_well(self) -> None:
        self._failures, self._alone_until = 0, 0.0
        self.silent_since, self.tries, self.is_proved = None, 0, False

    def failed_at(self, now: float) -> dict[int, float]:
        """Return when they failed last at which addresses of the server, lately."""
        return {place: at for place, at in self._failed_at.items() if at > now - SLOW_SECONDS}

    @property
    def fails(self) -> bool:
        """Whether the last that became of them was a failure that is theirs."""
        return self._failures > 0

    def fails_since(self, instant: float) -> bool:
        """Return whether they fail, and did not yet at an instant."""
        return self.fails and self._failing_since > instant

    def put_off(self, now: float, failure: Failure, *, most_fail: bool) -> None:
        """Note a failure that is theirs, at an address, and when they are next tried (`wait_after`).

        At an address where they had not failed yet, at once. Else the distances double: up to a minute, if
        the server has served others since they fail; if not, up to a fifth of the time for which they
        fail. Where more than half of the people fail, it is the server's fault: two seconds, later a
        thirtieth of that time. After a message that may have arrived, at whatever address, as long as that
        time: each is a copy.
        """
        if not self.fails:
            self._failing_since, self._alone_failures = now, 0
        self._failures += 1
        before, failing = self.failed_at(now), now - self._failing_since
        new = failure.place not in before and not failure.unconfirmed
        self._failed_at = {**before, failure.place: now}
        self._alone_failures += not most_fail and not new
        wait = wait_after(
            attempts=self._failures if most_fail else max(1, self._alone_failures),
            jitter=_JITTER,
            unconfirmed=failure.unconfirmed or not most_fail,
        )
        if failure.unconfirmed:
            longest = failing
        elif most_fail:
            longest = failing / _SERVERS_SHARE
        else:
            served = failure.served_at > self._failing_since
            longest = _LONGEST_SECONDS if served else failing / _SHARE
        self.next_at = now + min(wait.total_seconds(), max(_SHORTEST_SECONDS, longest))


@dataclass(eq=False)
class Session:
    """A session with the mail server at one of its addresses (`place`, an index).

    `number` identifies it. `people` are the recipients, by address, `calls` the calls that its message
    carries; `taken` are the recipients that the server accepted, `asked` the one whose reply it waits for.
    `began` and `changed` are the times of its start and of the server's last sign. `stalled`: it gave no sign
    for some time; the people in it are free. `cut`: it is to be closed.
    """

    number: int
    place: int
    people: list[str]
    began: float
    changed: float
    phase: Phase = Phase.CONNECTING
    calls: list[UUID] = field(default_factory=list)
    asked_at: float = 0.0
    """When it named the first recipient, 0 before."""
    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Recipients whom the server refused for good; it may do so to all, and then is at fault itself."""
    asked: str = ""
    stalled: bool = False
    cut: bool = False

    @property
    def is_early(self) -> bool:
        """Whether no recipient was named yet: none can be why the session fails or stalls."""
        named = self.asked or self.taken or self.phase > Phase.RECIPIENTS
        return not named

    @property
    def is_ungreeted(self) -> bool:
        """Whether it gives no sign since before it has signed in, and is not to be closed."""
        return self.stalled and not self.cut and self.phase is Phase.CONNECTING

    def step_of(self, person: str) -> Step:
        """Return how far it has come with a person."""
        if self.phase >= Phase.DATA:
            return Step.SENT if self.phase is Phase.SENT else Step.DATA
        if person in self.taken:
            return Step.TAKEN
        if self.asked == person:
            return Step.ASKED
        return Step.SIGNING_IN if self.phase is Phase.CONNECTING else Step.SIGNED_IN

    def waits_for(self, person: str) -> bool:
        """Return whether it is stalled at a person: their reply, or a message to them."""
        named = self.phase >= Phase.DATA and person in self.taken
        return self.stalled and not self.cut and (self.asked == person or named)


@dataclass(eq=False)
class OpenCall:
    """A call that is being sent."""

    call: Call
    added: float
    attempt_at: float
    waiting: set[str]
    reached: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    """How often the server refused a person for good: once may be by mistake."""
    lost: set[str] = field(default_factory=set)
    told: str = ""
    """The outcome that was told: FAILED, or PARTLY, which is one for some of the people."""
    failure: str = ""
    unconfirmed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a call: a delivery, or none and the code of a failure.

    `later`: it had reached some people before; now it has reached all.
    """

    call: Call
    delivery: Delivery | None = None
    failure: str = ""
    later: bool = False


def groups(people: Sequence[Person], most: int, size: int = _IN_ONE) -> list[list[Person]]:
    """Return these people in groups for one session each, of those with the same calls.

    Each has at most `size` people, unless that makes more than `most` groups.
    """
    same: dict[frozenset[UUID], list[Person]] = {}
    for person in people:
        same.setdefault(frozenset(person.pending), []).append(person)
    found = list[list[Person]]()
    for alike in same.values():
        of_one = math.ceil(len(alike) / max(1, min(most, math.ceil(len(alike) / size))))
        found += [alike[at : at + of_one] for at in range(0, len(alike), of_one)]
    return found
