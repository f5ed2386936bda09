"""Records of the people on duty, the alarm calls, and the SMTP sessions, as used by `dispatch`."""

import math
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final, NamedTuple
from uuid import UUID

from fanal.orient.domain.clocks import Delivery, wait_after
from fanal.orient.domain.records import Call

WIDEN_SECONDS: Final = 3.0
"""After this time, a call that has reached nobody goes to the people of `Call.then` too; it is due in ten."""
SLOW_SECONDS: Final = 600.0
"""Time for which a person whose address was slow, or may have made a session fail, gets separate sessions."""
FRESH_SECONDS: Final = 15.0
"""Time for which a silent person is tried again at short intervals, since only a session may be lost."""
_SHORTEST_SECONDS, _LONGEST_SECONDS, _SHARE, _SERVERS_SHARE = 2.0, 60.0, 5, 30
"""The longest pause after a failure, and its share of the time since the first one (`Person.put_off`)."""
_JITTER: Final = 0.5
_IN_ONE: Final = 8


class Step(IntEnum):
    """The progress of a session for one of its recipients; of two sessions, the further one sends.

    SIGNING_IN, SIGNED_IN: of the session. ASKED: the recipient was named to the server (`RCPT TO`). TAKEN:
    the server accepted it. DATA: all recipients are named, nothing of the message is sent. SENT: the whole
    message is sent.
    """

    SIGNING_IN = 0
    SIGNED_IN = 1
    ASKED = 2
    TAKEN = 3
    DATA = 4
    SENT = 5


class Phase(IntEnum):
    """The progress of an SMTP session.

    CONNECTING: not yet signed in. RECIPIENTS: names its recipients to the server. DATA: all are named,
    nothing of the message is sent. SENT: the whole message is sent, the server has not replied to it.
    """

    CONNECTING = 1
    """It has not signed in yet."""
    RECIPIENTS = 2
    DATA = 3
    """All recipients are named; nothing of the message is sent."""
    SENT = 4
    """The whole message is sent; the server has not replied."""


class Failure(NamedTuple):
    """A failed attempt to send to a person, with the data that decide when the person is tried again.

    `place` is the number that `Addresses` gives to the mail server's IP address. `served_at` (seconds of the
    monotonic clock) is the last time by which the server had accepted both a recipient and a message, for
    anybody; minus infinity if it never did. `unconfirmed`: the message was sent without a reply, and may have
    arrived.
    """

    place: int
    served_at: float
    unconfirmed: bool


@dataclass(eq=False)
class Person:
    """A person on duty (mail address `address`), with the calls not yet delivered, and past failures.

    `pending` holds the ids of these calls, in order of arrival. `next_at` is the earliest time of the next
    session for this person, in seconds of a monotonic clock. A person is silent while the server gives no
    reply to their address.
    """

    address: str
    pending: dict[UUID, None] = field(default_factory=dict)
    session: int = 0
    """Number of the session, not stalled, that has claimed them; 0 for none."""
    next_at: float = 0.0
    silent_since: float | None = None
    """Time since when the server gives no reply to their address; None if it does."""
    tries: int = 0
    """Number of sessions begun for them since then."""
    named: int = 0
    """Number of sessions that named them to the server since they last received a message."""
    is_proved: bool = False
    """Whether a session named them in vain after the server had replied for others: the silence is theirs."""
    _failures: int = 0
    _failing_since: float = 0.0
    _alone_failures: int = 0
    """Failures while at most half of the people failed, at an address where they had failed before.

    Or after a message that may have arrived.
    """
    _failed_at: dict[int, float] = field(default_factory=dict)
    """Time of their last failure by number of the server's IP address."""
    _alone_until: float = 0.0
    _slow_until: float = 0.0

    def is_alone(self, now: float) -> bool:
        """Return whether the person gets sessions without other recipients, whom they might delay."""
        return max(self._alone_until, self._slow_until) > now or self._failures > 0

    def is_fresh(self, now: float) -> bool:
        """Return whether the person is not silent, or has been silent for less than `FRESH_SECONDS`."""
        return self.silent_since is None or now < self.silent_since + FRESH_SECONDS

    def set_apart(self, now: float) -> None:
        """Give the person sessions of their own for some time: they may be the cause of a failure or a stall.

        This ends when a message reaches them.
        """
        self._alone_until = now + SLOW_SECONDS

    def speaks(self, now: float, *, servers: bool) -> None:
        """Record that the person is no longer silent, if they were: the server has replied.

        `servers`: the silence was the server's fault; otherwise the person gets sessions of their own for
        some time.
        """
        if self.silent_since is not None:
            self.silent_since, self.tries, self.is_proved = None, 0, False
            self._slow_until = self._slow_until if servers else now + SLOW_SECONDS

    def has(self, calls: Sequence[UUID], now: float) -> None:
        """Record that the person has received these calls; their past failures no longer count."""
        for id_ in calls:
            self.pending.pop(id_, None)
        self.next_at, self.named = now, 0
        self._is_well()

    def drop(self, call: UUID) -> None:
        """Remove a call that will not be sent to this person any more.

        Past failures no longer count when no call is left.
        """
        self.pending.pop(call, None)
        if not self.pending:
            self._is_well()

    def _is_well(self) -> None:
        self._failures, self._alone_until = 0, 0.0
        self.silent_since, self.tries, self.is_proved = None, 0, False

    def failed_at(self, now: float) -> dict[int, float]:
        """Return the time of the person's last failure by number of the server's IP address, if recent."""
        return {place: at for place, at in self._failed_at.items() if at > now - SLOW_SECONDS}

    @property
    def fails(self) -> bool:
        """Whether the last attempt to send to the person failed, for a reason attributed to the person."""
        return self._failures > 0

    def fails_since(self, instant: float) -> bool:
        """Return whether the person's attempts fail, and their first failure was after `instant`."""
        return self.fails and self._failing_since > instant

    def put_off(self, now: float, failure: Failure, *, most_fail: bool) -> None:
        """Record a failure attributed to this person, and set the time of the next attempt (`next_at`).

        At an IP address of the server where the person had not failed yet, the next attempt is at once.
        Otherwise the pause doubles with each failure (`wait_after`): up to a minute if the server has served
        others since the first failure, else up to a fifth of the time since then. `most_fail`: more than half
        of the people fail, which is the server's fault: the pause is two seconds, later up to a thirtieth of
        that time. After a message that may have arrived it is up to the whole of that time, since each
        further attempt sends a copy.
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


class People(dict[str, Person]):
    """The people on duty by mail address; a missing person is added at the first access."""

    def __missing__(self, address: str) -> Person:
        person = self[address] = Person(address)
        return person

    def give(self, call: UUID, addresses: Collection[str], now: float) -> None:
        """Record that people are to receive a call: their next session may begin now."""
        for person in (self[address] for address in addresses):
            person.pending[call] = None
            person.next_at = min(person.next_at, now)

    def keep(self, addresses: Collection[str]) -> None:
        """Forget the people who have no call to receive, except `addresses`: they are off duty."""
        for address in [x for x, one in self.items() if not one.pending and x not in addresses]:
            del self[address]

    def silent(self) -> set[str]:
        """Return the addresses to which the server gives no reply."""
        return {one.address for one in self.values() if one.silent_since is not None}

    def are_all_silent(self) -> bool:
        """Return whether all people are silent: then nobody shows whether the server accepts messages."""
        return all(one.silent_since is not None for one in self.values() if one.pending)

    def try_silent_again(self, one: Person, sessions: Iterable["Session"], now: float) -> None:
        """Try again the people who became silent lately, now that the server has replied for `one`.

        If most people were silent, the server was at fault. Their stalled sessions among `sessions` are
        marked to be closed.
        """
        silent = [x for x in self.values() if x.silent_since is not None]
        servers = len(silent) > len(self) // 2
        fresh = [x for x in silent if x.is_fresh(now) or len(silent) == len(self)]
        for session in sessions:
            if any(session.waits_for(person.address) for person in fresh):
                session.cut = True
        for person in (*fresh, one):
            person.speaks(now, servers=servers)


@dataclass(eq=False)
class Session:
    """An SMTP session with the mail server at one of its IP addresses (`place`, its number).

    `number` identifies it. `people` are the recipients, by mail address, `calls` the calls that its message
    announces; `taken` are the recipients that the server accepted, `asked` the one whose reply it waits for
    ("" for none). `began` and `changed` are the times of its start and of the server's last reply. `stalled`:
    the server has not replied for some time; the people in it are released for other sessions. `cut`: the
    caller must close its connection.
    """

    number: int
    place: int
    people: list[str]
    began: float
    changed: float
    phase: Phase = Phase.CONNECTING
    calls: list[UUID] = field(default_factory=list)
    asked_at: float = 0.0
    """Time when it named the first recipient, 0 before."""
    taken: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Recipients that the server refused permanently (5xx); if it refuses all, it is at fault itself."""
    asked: str = ""
    stalled: bool = False
    cut: bool = False

    @property
    def is_early(self) -> bool:
        """Whether no recipient has been named yet: then none can be the cause of a failure or a stall."""
        named = self.asked or self.taken or self.phase > Phase.RECIPIENTS
        return not named

    @property
    def is_ungreeted(self) -> bool:
        """Whether the session is stalled before it has signed in, and is not marked to be closed."""
        return self.stalled and not self.cut and self.phase is Phase.CONNECTING

    def step_of(self, person: str) -> Step:
        """Return how far the session has come for a recipient (`person`, a mail address)."""
        if self.phase >= Phase.DATA:
            return Step.SENT if self.phase is Phase.SENT else Step.DATA
        if person in self.taken:
            return Step.TAKEN
        if self.asked == person:
            return Step.ASKED
        return Step.SIGNING_IN if self.phase is Phase.CONNECTING else Step.SIGNED_IN

    def waits_for(self, person: str) -> bool:
        """Return whether the session is stalled because of a person: it waits for a reply that concerns them.

        That is the reply to their address (`person`), or to the message for them.
        """
        named = self.phase >= Phase.DATA and person in self.taken
        return self.stalled and not self.cut and (self.asked == person or named)


@dataclass(eq=False)
class OpenCall:
    """An alarm call that is being sent to the people on duty.

    `added` is when it was first added, `attempt_at` when it was last. `waiting` are the mail addresses not
    yet reached, `reached` those reached, `lost` those that the server refused for good. `failure` is the code
    of the last failure ("" without one); `unconfirmed`: a message was sent without a reply, and may have
    arrived.
    """

    call: Call
    added: float
    attempt_at: float
    waiting: set[str]
    reached: set[str] = field(default_factory=set)
    refusals: Counter[str] = field(default_factory=Counter)
    """Number of permanent refusals (5xx) by recipient: a single one may be a mistake."""
    lost: set[str] = field(default_factory=set)
    told: str = ""
    """The outcome reported so far: FAILED, PARTLY (it reached some of the people), or "" for none."""
    failure: str = ""
    unconfirmed: bool = False

    def include(self, addresses: Collection[str]) -> set[str]:
        """Send the call to these people too; return the addresses to which it was not being sent before."""
        new = {*addresses} - self.waiting - self.reached - self.lost
        self.waiting |= new
        return new

    def is_to_widen(self, now: float) -> bool:
        """Return whether those called next (`Call.then`) are due: the call has reached nobody at once."""
        due = self.call.attempts > 1 or now >= self.attempt_at + WIDEN_SECONDS
        return due and not self.reached and bool({*self.call.then} - self.waiting - self.lost)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The outcome of an alarm call: `delivery` says how it was delivered; None if it failed.

    `failure` is the code of the failure, "" for a delivery. `later`: an earlier outcome was a partial
    delivery, and now it has reached everybody.
    """

    call: Call
    delivery: Delivery | None = None
    failure: str = ""
    later: bool = False


def groups(people: Sequence[Person], most: int, size: int = _IN_ONE) -> list[list[Person]]:
    """Divide people into groups for one session each; the people of a group have the same calls to receive.

    A group has at most `size` people, unless that makes more than `most` groups for the same calls.
    """
    same: dict[frozenset[UUID], list[Person]] = {}
    for person in people:
        same.setdefault(frozenset(person.pending), []).append(person)
    found = list[list[Person]]()
    for alike in same.values():
        of_one = math.ceil(len(alike) / max(1, min(most, math.ceil(len(alike) / size))))
        found += [alike[at : at + of_one] for at in range(0, len(alike), of_one)]
    return found
