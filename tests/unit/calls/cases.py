"""Mail servers with one fault each, drawn by chance, inside what SECURITY.md promises of calls.

`LIMITS` holds what SECURITY.md names as outside of it, in its words and order: whatever else `draw` may draw,
the promise holds (`wrongs` says where it does not).
"""

import itertools
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from fanal.orient.domain.clocks import Delivery
from tests.examples import EXAMPLES
from tests.unit.calls.mail_relay import NEVER, SIGN_IN, STEPS, Fault, Relay

LATEST: Final = 10.0 if EXAMPLES <= 1 else 12.5
"""Seconds after which a call is late. Of thousands drawn some two in a thousand take longer than ten."""
_POLL_SECONDS: Final = 0.5
_TRIED_AGAIN: Final = 60.0
"""Time after which somebody is called whose own provider gives answers again."""
_UNTIL_SIGNED_IN = ("CONNECT", "GREET", "EHLO", "TLS", "AUTH")
_LATER = ("MAIL", "RCPT", "DATA", "END")
_CODES = (0, 421, 432, 451, 452, 454, 554)
"""Replies that refuse, for now or for good; 0 closes the session."""
ALL_OUT, PERSON, PLACES, SLOW, TIMES, CHANCE = "all", "person", "places", "slow", "times", "chance"


@dataclass(kw_only=True)
class Case:
    """A mail server, what is wrong with it, and the alarms (their instants)."""

    seed: int
    kind: str
    duty: list[str]
    alarms: list[float]
    faults: list[Fault] = field(default_factory=list)
    places: int = 1
    limit: int = 10**9
    together: bool = False
    shows: str = "GREET"
    shown: int = 421
    holds: bool = False
    tls: bool = True
    reply: float = 0.02
    names: list[tuple[float, list[int]]] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)

    def relay(self) -> Relay:
        """Return the server, with the calls of the alarms; each is polled for half a second at most."""
        relay = Relay(
            self.duty,
            self.faults,
            places=self.places,
            limit=self.limit,
            reply=self.reply,
            shows=self.shows,
            shown=self.shown,
            seed=self.seed,
            together=self.together,
            holds=self.holds,
            tls=self.tls,
            jitter=0.1,
            names=self.names,
        )
        for number, at in enumerate(self.alarms, start=1):
            relay.call(at + _POLL_SECONDS * relay.random.random(), number)
        for instant in self.restarts:
            relay.restart(instant)
        return relay

    @property
    def away(self) -> set[str]:
        """The people whom the server does not call, or late: their address is at fault."""
        return {one for fault in self.faults for one in fault.people or () if not _is_slow(fault)}

    @property
    def replies(self) -> int:
        """The replies of the server in a session with all people."""
        return len(("CONNECT", "GREET", "MAIL", "DATA", "END", *self.duty)) + (4 if self.tls else 2)

    @property
    def well_seconds(self) -> float:
        """The time that the server needs for a session with all people, without a fault."""
        return 1.1 * self.reply * self.replies

    @property
    def seconds(self) -> float:
        """The same with its fault, where that makes it slow."""
        slow = [one for one in self.faults if _is_slow(one)]
        return self.well_seconds + sum(one.seconds * _times(one, self.tls) for one in slow)

    @property
    def closest(self) -> float:
        """The shortest time between two alarms."""
        gaps = [after - at for at, after in itertools.pairwise(sorted(self.alarms))]
        return min(gaps, default=NEVER)

    def is_dead(self, place: int, steps: Sequence[str]) -> bool:
        """Return whether an address gives no answer at one of these steps."""
        return any(
            one.seconds == NEVER and one.step in steps and place in (one.places or ())
            for one in self.faults
        )


def _is_slow(fault: Fault) -> bool:
    return 0.0 < fault.seconds < NEVER and fault.code is None


def _times(fault: Fault, tls: bool) -> int:
    if fault.people:
        return len(fault.people)
    return max(1, SIGN_IN.count(fault.step)) if tls else 1


def _needs_long(case: Case) -> bool:
    return case.seconds > (3.5 if case.closest < 10.0 else 8.0)


def _is_slow_too(case: Case) -> bool:
    return bool(case.faults or case.restarts) and case.well_seconds > 2.5


def _loses_sessions(case: Case) -> bool:
    return any(
        one.seconds == NEVER and (one.times > 2 - (one.step in _LATER) or one.share < 1.0)
        for one in case.faults
        if not (one.people or one.places) and one.when[1] == NEVER
    )


def _dead(steps: Sequence[str]) -> Callable[[Case], int]:
    return lambda case: sum(case.is_dead(place, steps) for place in range(case.places))


def _leaves_no_room(case: Case) -> bool:
    silent = [one for one in case.faults if one.step == "RCPT" and one.seconds > 2.0]
    asked = sum(len(one.people or case.duty) for one in silent)
    return case.limit < 2 * asked + 1 + case.holds * (asked + 2) if asked else False


def _loses_people(case: Case) -> bool:
    return any(
        one.code is not None and one.code >= 500 and one.step == "RCPT" and one.times > 1
        for one in case.faults
        if not one.people
    )


LIMITS: Final[dict[str, Callable[[Case], bool]]] = {
    "up to ten people on duty": lambda case: len(case.duty) > 10,
    "needs more than a third of a second for each of its replies": lambda case: case.reply > 0.31,
    "more than 8 s in all (3.5 s where another call came just before)": _needs_long,
    "or more than 2.5 s without the fault": _is_slow_too,
    "where more than three of its addresses give no answer": lambda case: (
        _dead(_UNTIL_SIGNED_IN)(case) > 3
    ),
    "or more than one falls silent after the sign-in": lambda case: _dead(_LATER)(case) > 1,
    "loses more than one session in a row (two before the sign-in), some by chance": _loses_sessions,
    "or refuses more than one in ten": lambda case: any(0.1 < x.share < 1 for x in case.faults),
    "where it lets in one or two sessions at once and has another fault": lambda case: (
        case.limit < 3 and bool(case.faults or case.restarts)
    ),
    "or three or four and is slow by more than four seconds": lambda case: (
        case.limit < 5 and any(_is_slow(one) and one.seconds > 4.0 for one in case.faults)
    ),
    "sessions that wait for silent people": _leaves_no_room,
    "Nobody whom the server refused for good twice is asked a third time": _loses_people,
}
"""The limits that SECURITY.md names, and whether a case is outside of one."""


def draw(seed: int) -> Case:
    """Return a case inside the promise."""
    chance = random.Random(seed)
    while True:
        case = _draw(chance, seed)
        if not any(excludes(case) for excludes in LIMITS.values()):
            return case


def _draw(chance: random.Random, seed: int) -> Case:
    duty = [f"p{number}@desk.example" for number in range(chance.choice([1, 2, 3, 5, 8, 10]))]
    flow = chance.uniform(0.5, 2.0)
    alarms = chance.choice(
        [
            [0.0],
            [0.0, 0.5, 1.5],
            [flow * number for number in range(30)],
            [0.0, 20.0, 40.0],
            [0.0, 13.0, 26.0, 26.5],
            [0.0, 400.0, 800.0],
            [0.0, 0.3, 400.0, 400.6],
        ]
    )
    shows, shown = chance.choice(
        [("GREET", 421)] * 3
        + [
            ("CONNECT", 0),
            ("GREET", 0),
            ("EHLO", 421),
            ("AUTH", 421),
            ("AUTH", 454),
            ("MAIL", 421),
            ("MAIL", 451),
        ]
        + [("END", 432)]
    )
    case = Case(
        seed=seed,
        kind=chance.choice(list(_KINDS)),
        duty=duty,
        alarms=[1.0 + at for at in alarms],
        places=chance.choice([1, 1, 2, 3, 4]),
        limit=chance.choice([10**9, 10**9, 20, 10, 5, 3, 3, 2, 1]),
        together=chance.random() < 0.3,
        shows=shows,
        shown=shown,
        holds=chance.random() < 0.3,
        tls=chance.random() < 0.7,
        reply=chance.choice([0.01, 0.04, 0.1, 0.2, 0.3]),
    )
    if chance.random() < 0.2:
        _before(case, chance)
    _KINDS[case.kind](case, chance)
    if chance.random() < 0.1 and case.closest > 15.0:
        case.restarts.append(max(case.alarms) - 1.0)
    return case


def _before(case: Case, chance: random.Random) -> None:
    """Let an earlier fault end long before the one of the case."""
    earlier = Case(seed=0, kind="", duty=case.duty, alarms=[1.0, 1.5, 14.0], places=case.places)
    chance.choice([_all_out, _times_only])(earlier, chance)
    for one in earlier.faults:
        one.when = (0.0, min(one.when[1], 30.0))
        one.times = min(one.times, 1) if one.when[1] == 30.0 else one.times
    case.faults += earlier.faults
    after = chance.choice([400.0, 700.0, 4000.0])
    case.alarms = [*earlier.alarms, *(after + at for at in case.alarms)]


def _begin(case: Case, chance: random.Random) -> float:
    """Return when the fault of a case begins: after any earlier one."""
    first = 0.0 if not case.faults else 100.0
    return chance.choice([first, first, chance.choice([x for x in case.alarms if x > first])])


def _action(chance: random.Random) -> tuple[float, int | None]:
    """Return silence, or a refusal that comes soon or late."""
    if chance.random() < 0.5:
        return NEVER, None
    return chance.choice([0.0, 0.0, 1.0]), chance.choice(_CODES)


def _none(case: Case, chance: random.Random) -> None:
    """Nothing is wrong."""


def _places(case: Case, chance: random.Random) -> None:
    """Some of the server's addresses do not work, for good or for some time."""
    if case.places == 1:
        return
    began, (seconds, code) = _begin(case, chance), _action(chance)
    bad = chance.sample(range(case.places), chance.randrange(1, case.places))
    ends = chance.choice([NEVER, NEVER, began + chance.choice([2.0, 10.0, 60.0])])
    case.faults.append(
        Fault(
            step=chance.choice(STEPS),
            seconds=seconds,
            code=code,
            places=frozenset(bad),
            when=(began, ends),
            thaws=chance.random() < 0.3,
        )
    )


def _all_out(case: Case, chance: random.Random) -> None:
    """The server does not work for some time; then it does, and the old sessions do or stay silent."""
    began, (seconds, code) = _begin(case, chance), _action(chance)
    ends = began + chance.choice([1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 20.0, 30.0, 45.0])
    step = chance.choice(STEPS)
    case.faults.append(
        Fault(
            step=step,
            seconds=seconds,
            code=code,
            when=(began, ends),
            thaws=chance.random() < 0.3,
        )
    )
    falls_silent = code is None and step in _LATER  # with no later call a limit
    if falls_silent or chance.random() < 0.7:  # else none takes the earlier ones along
        case.alarms = sorted({*case.alarms, *(ends + x for x in (0.2, 1.0, 5.0, 14.0))})


def _slow(case: Case, chance: random.Random) -> None:
    """The server is slow at one step."""
    step = chance.choice([one for one in STEPS if one != "RCPT"])
    seconds = chance.choice([0.5, 1.0, 1.6, 1.9, 2.2, 2.6, 3.0, 3.5, 5.0, 6.0])
    case.faults.append(Fault(step=step, seconds=seconds, when=(_begin(case, chance), NEVER)))


def _person(case: Case, chance: random.Random) -> None:
    """The address of one person, or of some at one provider, is silent, refused or slow."""
    if len(case.duty) == 1:
        return
    step = chance.choice(["RCPT", "RCPT", "END"])
    many = chance.choice([1, 1, max(1, len(case.duty) // 3)]) if step == "RCPT" else 1
    seconds, code = chance.choice(
        [
            (NEVER, None),
            (NEVER, None),
            (chance.uniform(0.3, 3.5), None),
            (chance.choice([0.0, 1.0, 2.5]), chance.choice([0, 421, 450, 452, 550])),
        ]
    )
    began = _begin(case, chance)
    ends = chance.choice([NEVER, NEVER, began + chance.choice([5.0, 15.0, 40.0])])
    people = frozenset(chance.sample(case.duty, many))
    case.faults.append(
        Fault(step=step, seconds=seconds, code=code, people=people, when=(began, ends))
    )


def _at_some_step(case: Case, chance: random.Random) -> Fault:
    """Return a fault of all sessions at one step."""
    seconds, code = _action(chance)
    step = chance.choice(STEPS)
    return Fault(step=step, seconds=seconds, code=code, when=(_begin(case, chance), NEVER))


def _times_only(case: Case, chance: random.Random) -> None:
    """Something goes wrong once, or a few times."""
    case.faults.append(replace(_at_some_step(case, chance), times=chance.choice([1, 2, 3])))


def _by_chance(case: Case, chance: random.Random) -> None:
    """Something goes wrong now and then."""
    case.faults.append(replace(_at_some_step(case, chance), share=chance.choice([0.02, 0.05, 0.1])))


def _moves(case: Case, chance: random.Random) -> None:
    """The server's name gives another address again and again, and the machine of the one before is gone."""
    many, every = chance.choice([1, 3, 6, 12]), chance.choice([60.0, 120.0, 300.0, 1200.0])
    case.faults = []
    case.places = 1
    case.names = [(number * every, [number]) for number in range(many + 1)]
    seconds, code = chance.choice([(NEVER, None), (0.0, 0)])
    case.faults = [
        Fault(
            step=chance.choice(["CONNECT", "GREET"]),
            seconds=seconds,
            code=code,
            places=frozenset({number}),
            when=((number + 1) * every, NEVER),
        )
        for number in range(many)
    ]
    after = many * every + chance.choice([65.0, 100.0, 1000.0])
    case.alarms = [after + at for at in case.alarms]


def _restart(case: Case, chance: random.Random) -> None:
    """The process ends while it sends."""
    case.restarts.append(chance.choice(case.alarms) + chance.uniform(0.0, 1.0))


_KINDS: Final = {
    "none": _none,
    "places": _places,
    "places too": _places,
    "all": _all_out,
    "slow": _slow,
    "person": _person,
    "person too": _person,
    "times": _times_only,
    "chance": _by_chance,
    "moves": _moves,
    "restart": _restart,
}


def wrongs(case: Case) -> list[str]:
    """Return where the promise is broken: who was called late, or never, or too often, or is told of wrongly."""
    relay = case.relay()
    relay.run(max(_due(case, at) for at in case.alarms) + 10.0)
    found = []
    for number, at in enumerate(case.alarms, start=1):
        due, id_ = _due(case, at), relay.made[number].id
        for one in case.duty:
            when = min(relay.got[id_, one], default=NEVER)
            if when > due and not _is_excused(case, one, at):
                found.append(f"late: call of {at:.1f} to {one}, {when - due + LATEST:.1f} s")
        told = [x.delivery for x in relay.outcomes if x.call.id == id_]
        if Delivery.SENT in told and not all(relay.got[id_, one] for one in case.duty):
            found.append(f"told SENT: call of {at:.1f}")
    for seconds, bound in _most_copies(case):
        most = max((_within(seconds, one) for one in relay.had.values()), default=0)
        if most > bound:
            found.append(f"copies: {most} in {seconds} s")
    return found


def _within(seconds: float, copies: Sequence[float]) -> int:
    return max(sum(at <= one < at + seconds for one in copies) for at in copies)


def _due(case: Case, at: float) -> float:
    """Return by when a call must arrive: ten seconds after its alarm, or after the server is well again."""
    due = at + LATEST
    for one in case.faults:
        out = not (one.people or one.places) and one.when[1] < NEVER and one.times > 100
        if out and at < one.when[1] and due > one.when[0]:
            due = max(due, one.when[1] + LATEST)
    return due


def _is_excused(case: Case, person: str, at: float) -> bool:
    """Return whether somebody's own address was at fault when a call came, or soon after."""
    return any(
        person in (one.people or ())
        and not _is_slow(one)
        and one.when[0] < at + LATEST
        and at < one.when[1] + _TRIED_AGAIN
        for one in case.faults
    )


def _most_copies(case: Case) -> list[tuple[float, int]]:
    """Return times, and the most copies that one person may have of a call within each."""
    if any(one.step == "END" for one in case.faults):
        return [(1.0, 3 + len(case.restarts)), (10.0, 6)]
    return [(NEVER, 1 + len(case.restarts))]
