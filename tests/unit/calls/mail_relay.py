"""A mail server in virtual time: sessions of a dispatch against scripted faults, thousands of seconds in one."""

import heapq
import itertools
import random
import socket
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

from msgspec import structs

from fanal.calls.dispatch import SESSION_SECONDS, Dispatch
from fanal.calls.people import Outcome, Phase, Session
from fanal.calls.places import Addresses
from fanal.connectors.smtp import Address
from fanal.orient.domain.clocks import UNCONFIRMED, wait_after
from fanal.orient.domain.records import Call

SIGN_IN = ("EHLO", "TLS", "EHLO", "AUTH")
STEPS = ("CONNECT", "GREET", "EHLO", "TLS", "AUTH", "MAIL", "RCPT", "DATA", "END")
NEVER = 1e9
FULL = 432
_CLOSING, _HELD_SECONDS = 421, 30.0
_LOOKED_UP, _UNSERVED, _IDLE = 20.0, 1.0, 60.0
"""When `Sending` asks the DNS again: for a call, while calls wait, and without one."""


def address(machine: int) -> Address:
    """Return an address of the server; each is a machine of its own."""
    return (socket.AF_INET, socket.SOCK_STREAM, 6), (f"192.0.2.{machine}", 25)


@dataclass(kw_only=True)
class Fault:
    """What goes wrong at one step of some sessions: a reply after `seconds`, with `code`; 0 closes the session.

    `NEVER` seconds is silence. Unset conditions apply to all; `times` is how often it happens, `share` how
    often by chance. `thaws`: what was silent answers at the end of the time (`when`); else it stays silent.
    """

    step: str
    seconds: float = 0.0
    code: int | None = None
    places: frozenset[int] | None = None
    people: frozenset[str] | None = None
    when: tuple[float, float] = (0.0, NEVER)
    times: int = 10**9
    share: float = 1.0
    thaws: bool = False

    def fits(
        self, step: str, place: int, people: Sequence[str], now: float, draw: random.Random
    ) -> bool:
        if step != self.step or self.times <= 0 or not self.when[0] <= now < self.when[1]:
            return False
        if self.places is not None and place not in self.places:
            return False
        if self.people is not None and not self.people.intersection(people):
            return False
        if self.share < 1.0 and draw.random() >= self.share:
            return False
        self.times -= 1
        return True

    def delay(self, now: float) -> float:
        """Return the seconds by which it puts a reply off that was due at an instant."""
        return self.when[1] - now if self.thaws and self.seconds == NEVER else self.seconds


@dataclass
class Relay:
    """A mail server with `places` addresses, of which each lets `limit` sessions in and answers after `reply` seconds.

    `got` holds, for each call and person, the instants at which the server took the message; `had` those at
    which it had the whole message, confirmed or not.
    """

    duty: Sequence[str]
    faults: Sequence[Fault] = ()
    places: int = 1
    limit: int = 10**9
    reply: float = 0.02
    shows: str = "GREET"
    """The step at which it shows that no session more is let in, by `shown`."""
    seed: int = 0
    shown: int = 421
    shown_after: float = 0.0
    together: bool = False
    """Its addresses have one limit together."""
    holds: bool = True
    """It holds a session that was closed while a recipient's provider was asked, until that one answers."""
    tls: bool = False
    jitter: float = 0.5
    names: Sequence[tuple[float, Sequence[int]]] = ()
    """The addresses that its name gives from an instant on; without, it always gives all `places`."""
    now: float = 0.0
    got: defaultdict[tuple[UUID, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    had: defaultdict[tuple[UUID, str], list[float]] = field(
        default_factory=lambda: defaultdict(list)
    )
    outcomes: list[Outcome] = field(default_factory=list)
    made: dict[int, Call] = field(default_factory=dict)
    most: int = 0
    """Most sessions at once at one address."""
    begun: int = 0
    connects: defaultdict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    """When sessions began, by address."""

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.names = self.names or [(0.0, range(self.places))]
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._count, self._beat_at, self.held = itertools.count(), 0.0, Counter[int]()
        self._begin()

    def _begin(self) -> None:
        self.dispatch, self.addresses = Dispatch(self.duty), Addresses()
        self._talks: dict[int, _Talk] = {}
        self._look_up()

    def at(self, instant: float, event: Callable[[], None]) -> None:
        heapq.heappush(self._events, (instant, next(self._count), event))

    def call(
        self,
        instant: float,
        number: int,
        *,
        escalated: bool = False,
        to: Sequence[str] = (),
        then: Sequence[str] = (),
    ) -> Call:
        """Announce a call at an instant; after a failure it comes again, as the outbox says."""
        one = UUID(int=number)
        call = Call(
            id=one, alarm_id=one, report_id=one, escalated=escalated, attempts=1, token=one,
            to=tuple(to), then=tuple(then),
        )  # fmt: skip
        self.made[number] = call
        self._add_at(instant, call)
        return call

    def restart(self, instant: float, *, pause: float = 1.0) -> None:
        """End the process at an instant; the calls in its hands come again after a pause."""
        self.at(instant, lambda: self._restart(pause))

    def run(self, until: float) -> None:
        while self.now < until:
            self.now = min(self._beat_at, self._events[0][0]) if self._events else self._beat_at
            while self._events and self._events[0][0] <= self.now:
                heapq.heappop(self._events)[2]()
            if self.now >= self._beat_at:
                self._beat()

    def most_in_a_minute(self, since: float = 0.0) -> int:
        """The most sessions that began at one address within a minute, from an instant on."""
        counts = [0]
        for instants in self.connects.values():
            later = [one for one in instants if one >= since]
            counts += [sum(one <= at < one + 60.0 for at in later) for one in later]
        return max(counts)

    def _restart(self, pause: float) -> None:
        lost = [one for one in self.made.values() if one.id in self.dispatch.in_hand]
        for talk in list(self._talks.values()):
            talk.leave()
        self._begin()
        for call in lost:
            self._add_at(self.now + pause, call)

    def _add_at(self, instant: float, call: Call, *, again: bool = False) -> None:
        def add() -> None:
            self._hear()
            if again and any(one.call.id == call.id and one.delivery for one in self.outcomes):
                return  # a session of before has sent it meanwhile
            if self.now > self._looked_up + _LOOKED_UP:
                self._look_up()
            self.dispatch.add(call, self.now)
            self._beat_at = self.now

        self.at(instant, add)

    def _look_up(self) -> None:
        given = [given for since, given in self.names if since <= self.now][-1]
        self._looked_up = self.now
        self.dispatch.set_places(self.addresses.keep([address(one) for one in given], self.now))

    def _beat(self) -> None:
        for session in self.dispatch.step(self.now):
            self.begun += 1
            self.connects[session.place].append(self.now)
            talk = self._talks[session.number] = _Talk(self, session)
            talk.begin()
        for number in self.dispatch.cut():
            self._talks[number].end("TIMEOUT")
        waits = self.now > self.dispatch.unserved_since + _UNSERVED
        if self.now > self._looked_up + (_UNSERVED if waits else _IDLE):
            self._look_up()
        self._hear()
        self._beat_at = self.now + (0.05 if self._talks or self.dispatch.in_hand else 1.0)

    def _hear(self) -> None:
        """Take in what became of calls."""
        for outcome in self.dispatch.outcomes():
            self.outcomes.append(outcome)
            if outcome.failure:
                self._again(outcome)

    def _again(self, outcome: Outcome) -> None:
        """Let the outbox send a call again that failed."""
        call = structs.replace(outcome.call, attempts=outcome.call.attempts + 1)
        unconfirmed = outcome.failure == UNCONFIRMED
        wait = wait_after(attempts=outcome.call.attempts, jitter=1.0, unconfirmed=unconfirmed)
        self._add_at(self.now + wait.total_seconds(), call, again=True)

    def over(self, number: int) -> None:
        del self._talks[number]


class _Talk:
    """One session, step by step, as `Sending` holds it."""

    def __init__(self, relay: Relay, session: Session) -> None:
        self.relay, self.session, self.number = relay, session, session.number
        self.dispatch, self.calls, self.to = relay.dispatch, list[Call](), list[str]()
        self.place = int(str(relay.addresses[session.place][1][0]).rpartition(".")[2])
        self.is_over = self.is_in = False

    def begin(self) -> None:
        relay = self.relay
        relay.at(relay.now + SESSION_SECONDS, lambda: self.end("TIMEOUT"))
        self._go([*(("CONNECT", "GREET")), *(SIGN_IN if relay.tls else ("EHLO", "AUTH"))])

    def end(self, failure: str | None, *, code: int = 0, step: str = "") -> None:
        """Tell the dispatch how the session ended; without a step of the server's, it was closed here."""
        if self.is_over:
            return
        if self.session.phase is Phase.SENT and not step:
            failure = UNCONFIRMED
        self.leave(by_server=bool(step))
        if failure is None:
            self.dispatch.ended(self.number, self.relay.now)
        else:
            full = code == FULL and step != "RCPT"
            self.dispatch.failed(
                self.number, failure, self.relay.now, full=full, replied=code // 100 == 4
            )

    def leave(self, *, by_server: bool = False) -> None:
        """Close the session. A server that asks another one about a recipient may hold it for some time."""
        self.is_over = True
        self.relay.over(self.number)
        if self.is_in and self.relay.holds and self.session.asked and not by_server:
            self.relay.at(self.relay.now + _HELD_SECONDS, self._release)
        elif self.is_in:
            self._release()

    @property
    def _key(self) -> int:
        return -1 if self.relay.together else self.place

    def _release(self) -> None:
        self.relay.held[self._key] -= 1

    def _enter(self) -> bool:
        """Take a place at the server, where it shows by then whether there is one."""
        relay = self.relay
        self.is_in = relay.held[self._key] < relay.limit
        relay.held[self._key] += self.is_in
        relay.most = max(relay.most, relay.held[self._key])
        return self.is_in

    def _reply(self, step: str, people: Sequence[str]) -> tuple[float, int]:
        """Return after which time the server replies, and how."""
        relay = self.relay
        seconds = relay.reply * (1.0 - relay.jitter + 2.0 * relay.jitter * relay.random.random())
        code = 250
        for fault in relay.faults:
            if fault.fits(step, self.place, people, relay.now, relay.random):
                seconds = min(NEVER, seconds + fault.delay(relay.now))
                code = 250 if fault.code is None else fault.code
                break
        unheard = step == "CONNECT" and seconds == NEVER
        if step == relay.shows and not (self.is_in or unheard or self._enter()):
            code, seconds = relay.shown, relay.reply + relay.shown_after
        return seconds, code

    def _step(self, step: str, people: Sequence[str], then: Callable[[int], None]) -> None:
        relay = self.relay
        seconds, code = self._reply(step, people)
        if step == "END" and code in (0, 250):
            self._note(relay.had)

        def replied() -> None:
            if step == "END" and code == 250:  # the server may deliver it after the session
                self._note(relay.got)
            if self.is_over:
                return
            if code != 0 and step not in ("CONNECT", "GREET", "END"):
                self.dispatch.advances(self.number, relay.now)
            closes = code == 0 or (step == "RCPT" and code == _CLOSING)
            if closes or (code >= 300 and step != "RCPT"):
                unconfirmed = step == "END" and code == 0
                self.end(UNCONFIRMED if unconfirmed else "REFUSED", code=code, step=step)
            else:
                then(code)

        if seconds < NEVER / 2:
            relay.at(relay.now + seconds, replied)

    def _go(self, steps: Sequence[str]) -> None:
        """Take the steps until the sign-in, one after the other."""
        if not steps:
            self._signed_in()
            return
        self._step(steps[0], (), lambda _: self._go(steps[1:]))

    def _signed_in(self) -> None:
        self.to, self.calls = self.dispatch.signed_in(self.number, self.relay.now)
        if not self.to:
            self.end(None)
            return
        self._step("MAIL", (), lambda _: self._next(0))

    def _next(self, at: int) -> None:
        dispatch, relay = self.dispatch, self.relay
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
        if not self.dispatch.sends(self.number, self.relay.now):
            self.end(None)
            return
        self.to = list(self.dispatch.taken(self.number))
        self._step("END", self.to, self._ended)

    def _note(self, kept: defaultdict[tuple[UUID, str], list[float]]) -> None:
        for person in self.to:
            for call in self.calls:
                kept[call.id, person].append(self.relay.now)

    def _ended(self, _code: int) -> None:
        self.is_over = True
        self.dispatch.accepted(self.number, self.relay.now)
        self.relay.over(self.number)
        self._release()
