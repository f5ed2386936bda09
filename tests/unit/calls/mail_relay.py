"""A mail server in virtual time: sessions of a dispatch against scripted faults, thousands of seconds in one."""

import heapq
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from fanal.calls.dispatch import SESSION_SECONDS, Dispatch
from fanal.calls.people import Outcome, Session
from fanal.orient.domain.records import Call

STEPS = ("CONNECT", "GREET", "SIGN_IN", "MAIL", "RCPT", "DATA", "END")
NEVER = 1e9


@dataclass(kw_only=True)
class Fault:
    """What goes wrong at one step of some sessions: a reply after `seconds`, with `code`; 0 closes the session.

    `NEVER` seconds is silence. Unset conditions apply to all; `times` is how often it happens.
    """

    step: str
    seconds: float = 0.0
    code: int | None = None
    places: frozenset[int] | None = None
    people: frozenset[str] | None = None
    when: tuple[float, float] = (0.0, NEVER)
    times: int = 10**9

    def fits(self, step: str, place: int, people: Sequence[str], now: float) -> bool:
        if step != self.step or self.times <= 0 or not self.when[0] <= now < self.when[1]:
            return False
        if self.places is not None and place not in self.places:
            return False
        if self.people is not None and not self.people.intersection(people):
            return False
        self.times -= 1
        return True


@dataclass
class Relay:
    """A mail server with `places` addresses, of which each lets `limit` sessions in and answers after `reply` seconds.

    `got` holds, for each call and person, the instants at which the server took the message.
    """

    duty: Sequence[str]
    faults: Sequence[Fault] = ()
    places: int = 1
    limit: int = 10**9
    reply: float = 0.02
    shows: str = "GREET"
    """The step at which it shows that no session more is let in."""
    seed: int = 0
    now: float = 0.0
    got: defaultdict[tuple[UUID, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    outcomes: list[Outcome] = field(default_factory=list)
    made: dict[int, Call] = field(default_factory=dict)
    most: int = 0
    """Most sessions at once at one address."""
    begun: int = 0

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.dispatch = Dispatch(self.duty)
        self.dispatch.set_places(range(self.places))
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._talks: dict[int, _Talk] = {}
        self._over, self._held = set[int](), Counter[int]()

    def at(self, instant: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._count), event))

    def call(self, instant: float, number: int, *, escalated: bool = False) -> Call:
        """Announce a call at an instant; after a failure it comes again, as the outbox says."""
        one = UUID(int=number)
        call = Call(id=one, alarm_id=one, report_id=one, escalated=escalated, attempts=1, token=one)
        self.made[number] = call
        self.at(instant, lambda: self.dispatch.add(call, self.now))
        return call

    def run(self, until: float) -> None:
        beat = 0.0
        while self.now < until:
            self.now = min(beat, self._events[0][0]) if self._events else beat
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
            if self.now >= beat:
                self._beat()
                beat += 0.05

    def _beat(self) -> None:
        for session in self.dispatch.step(self.now):
            self.begun += 1
            talk = self._talks[session.number] = _Talk(self, session)
            talk.begin()
        for number in self.dispatch.cut():
            self._talks[number].end("TIMEOUT")
        for outcome in self.dispatch.outcomes():
            self.outcomes.append(outcome)
            if outcome.failure:
                self.at(self.now + 1.0, lambda call=outcome.call: self.dispatch.add(call, self.now))  # type: ignore[misc]

    def end(
        self, number: int, failure: str | None, *, full: bool = False, greeted: bool = False
    ) -> None:
        if number in self._over:
            return
        self._over.add(number)
        if failure is None:
            self.dispatch.ended(number, self.now)
        else:
            self.dispatch.failed(number, failure, self.now, full=full, greeted=greeted)

    def is_over(self, number: int) -> bool:
        return number in self._over


class _Talk:
    """One session, step by step."""

    def __init__(self, relay: Relay, session: Session) -> None:
        self.relay, self.session, self.number = relay, session, session.number
        self.calls: list[Call] = []
        self.to: list[str] = []

    def begin(self) -> None:
        relay, place = self.relay, self.session.place
        relay.at(relay.now + SESSION_SECONDS, lambda: self.end("TIMEOUT"))
        self.held = relay._held[place] < relay.limit
        relay._held[place] += self.held
        relay.most = max(relay.most, relay._held[place])
        self._step("CONNECT", (), self._connected)

    def end(
        self,
        failure: str | None,
        *,
        full: bool = False,
        greeted: bool = False,
        by_server: bool = False,
    ) -> None:
        if not self.relay.is_over(self.number):
            if self.held and (self.session.asked == "" or by_server):
                self.relay._held[self.session.place] -= 1
            elif (
                self.held
            ):  # a relay that asks another server holds the session until that one answers
                self.relay.at(self.relay.now + 30.0, self._release)
            self.relay.end(self.number, failure, full=full, greeted=greeted)

    def _release(self) -> None:
        self.relay._held[self.session.place] -= 1

    def _step(self, step: str, people: Sequence[str], then: Callable[[int], None]) -> None:
        relay, seconds, code = (
            self.relay,
            self.relay.reply * (0.5 + self.relay.random.random()),
            250,
        )
        for fault in relay.faults:
            if fault.fits(step, self.session.place, people, relay.now):
                seconds, code = seconds + fault.seconds, 250 if fault.code is None else fault.code
                break

        def replied() -> None:
            if relay.is_over(self.number):
                return
            if code == 0 or (code >= 300 and step not in ("RCPT",)):
                unconfirmed = step == "END" and code == 0
                self.end("UNCONFIRMED" if unconfirmed else "REFUSED", by_server=True)
            else:
                then(code)

        if seconds < NEVER / 2:
            relay.at(relay.now + seconds, replied)

    def _connected(self, _code: int) -> None:
        if not self.held and self.relay.shows == "GREET":
            self.end("REFUSED", full=True)
            return
        self._step("GREET", (), self._greeted)

    def _greeted(self, _code: int) -> None:
        self.relay.dispatch.advances(self.number, self.relay.now)
        if not self.held:
            self.end("REFUSED", full=True, greeted=True)
            return
        self._step("SIGN_IN", (), self._signed_in)

    def _signed_in(self, _code: int) -> None:
        self.to, self.calls = self.relay.dispatch.signed_in(self.number, self.relay.now)
        if not self.to:
            self.end(None)
            return
        self._step("MAIL", (), lambda _: self._next(0))

    def _next(self, at: int) -> None:
        dispatch, relay = self.relay.dispatch, self.relay
        if at == len(self.to):
            if not dispatch.may_send(self.number, relay.now):
                self.end(None)
                return
            self._step("DATA", dispatch.taken(self.number), self._data)
            return
        one = self.to[at]
        if not dispatch.asks(self.number, one, relay.now):
            self._next(at + 1)
            return

        def replied(code: int) -> None:
            dispatch.answered(self.number, one, code, relay.now)
            self._next(at + 1)

        self._step("RCPT", [one], replied)

    def _data(self, _code: int) -> None:
        if not self.relay.dispatch.sends(self.number, self.relay.now):
            self.end(None)
            return
        self._step("END", self.relay.dispatch.taken(self.number), self._ended)

    def _ended(self, _code: int) -> None:
        relay = self.relay
        for person in relay.dispatch.taken(self.number):
            for call in self.calls:
                relay.got[call.id, person].append(relay.now)
        relay.dispatch.advances(self.number, relay.now)
        relay.dispatch.accepted(self.number, relay.now)
        relay._over.add(self.number)
        relay._held[self.session.place] -= 1
