"""What SECURITY.md promises of calls holds for every mail server with one fault that `cases` draws."""

from pathlib import Path

import pytest
from hypothesis import Phase, given, settings, strategies as st

from tests.unit.calls.cases import LIMITS, draw, wrongs
from tests.unit.calls.mail_relay import NEVER, STEPS, Fault, Relay
from tests.unit.calls.test_dispatch import late, people, run

pytestmark = pytest.mark.long

SECURITY = Path(__file__).parents[3] / "SECURITY.md"


@given(seed=st.integers(min_value=0, max_value=2**40))
@settings(max_examples=300, phases=[Phase.generate])
def test_with_one_fault_everybody_has_each_call_within_ten_seconds(seed: int) -> None:
    case = draw(seed)
    assert not wrongs(case), case


@pytest.mark.parametrize("words", LIMITS)
def test_what_is_never_drawn_is_named_as_a_limit(words: str) -> None:
    assert words in " ".join(SECURITY.read_text().split())


@pytest.mark.parametrize(
    ("shows", "shown"),
    [("CONNECT", 0), ("GREET", 0), ("EHLO", 421), ("AUTH", 454), ("MAIL", 421), ("MAIL", 451)],
)
@pytest.mark.parametrize(("places", "together"), [(1, False), (3, True)])
@pytest.mark.parametrize("step", ["AUTH", "MAIL", "DATA"])
def test_sessions_that_were_lost_leave_room_however_the_server_shows_its_bound(
    shows: str, shown: int, places: int, together: bool, step: str
) -> None:
    lost = Fault(step=step, seconds=NEVER, when=(0.0, 12.0))
    server = {"shows": shows, "shown": shown, "places": places, "together": together}
    relay = Relay(people(5), [lost], limit=3, **server)  # type: ignore[arg-type]
    calls = run(relay, [1.0, 1.5, 12.2, 17.0])
    assert not late(relay, {number: max(at, 12.0) for number, at in calls.items()})


@pytest.mark.parametrize("step", ["RCPT", "END"])
@pytest.mark.parametrize(("shows", "shown"), [("MAIL", 451), ("MAIL", 452), ("END", 432)])
@pytest.mark.parametrize("apart", [0.6, 20.0])
def test_one_silent_person_keeps_nobody_waiting_however_the_server_shows_its_bound(
    shows: str, shown: int, step: str, apart: float
) -> None:
    duty = people(5)
    silent = Fault(step=step, people=frozenset(duty[:1]), seconds=NEVER)
    relay = Relay(duty, [silent], limit=3, shows=shows, shown=shown, holds=False)
    assert not late(relay, run(relay, [1.0 + apart * n for n in range(3)]), but=frozenset(duty[:1]))


@pytest.mark.parametrize(("step", "code"), [("MAIL", 421), ("MAIL", 432), ("AUTH", 454)])
@pytest.mark.parametrize("apart", [0.6, 1.5, 3.0])
def test_a_passing_refusal_is_no_bound(step: str, code: int, apart: float) -> None:
    for seed in range(3):
        refusal = Fault(step=step, code=code, times=2)
        relay = Relay(people(10), [refusal], reply=0.2, tls=True, seed=seed)
        assert not late(relay, run(relay, [1.0 + apart * n for n in range(20)]))


@pytest.mark.parametrize("many", [1, 5, 10])
@pytest.mark.parametrize(
    ("step", "code"), [("CONNECT", 0), ("GREET", 421), ("AUTH", 454), ("MAIL", 451)]
)
@pytest.mark.parametrize("lost", ["MAIL", "RCPT", "DATA"])
def test_sessions_lost_as_a_server_falls_are_no_bound_once_it_is_back(
    many: int, step: str, code: int, lost: str
) -> None:
    """Up to four sessions fall silent for good, others are refused for six seconds; then all is well."""
    silent = Fault(step=lost, seconds=NEVER, when=(7.0, 10.0), times=4)
    relay = Relay(people(many), [silent, Fault(step=step, code=code, when=(10.0, 16.0))], reply=0.1)
    calls = run(relay, [7.5, 8.0, 8.5, 9.0, *(16.5 + 1.5 * n for n in range(20))], until=80.0)
    assert not late(relay, {number: max(at, 16.0) for number, at in calls.items()})


@pytest.mark.parametrize("many", [1, 5, 10])
@pytest.mark.parametrize(("reply", "apart"), [(0.15, 1.5), (0.15, 3.0), (0.1, 0.6), (0.1, 1.5)])
def test_a_server_that_lets_one_session_in_serves_a_flow_of_calls(
    many: int, reply: float, apart: float
) -> None:
    relay = Relay(people(many), limit=1, reply=reply, jitter=0.1)
    assert not late(relay, run(relay, [1.0 + apart * n for n in range(20)], until=80.0))


@pytest.mark.parametrize("seconds", [0.0, 0.7, 1.5, 3.0])
@pytest.mark.parametrize("limit", [3, 5])
def test_a_bound_is_heard_from_a_server_that_takes_its_time_to_refuse(
    limit: int, seconds: float
) -> None:
    duty = people(5)
    silent = Fault(step="RCPT", people=frozenset(duty[:1]), seconds=NEVER)
    relay = Relay(duty, [silent], limit=limit, shown_after=seconds)
    calls = run(relay, [1.0, 21.0, 41.0])
    assert not late(relay, calls, but=frozenset(duty[:1]))


@pytest.mark.parametrize("seed", [5, 7, 8, 9])
@pytest.mark.parametrize(("reply", "apart"), [(0.1, 0.6), (0.1, 1.0), (0.12, 1.0)])
def test_an_address_that_refuses_each_message_for_now_keeps_nobody(
    seed: int, reply: float, apart: float
) -> None:
    refuses = Fault(step="MAIL", code=451, places=frozenset({0}), when=(5.3, NEVER))
    server = {"places": 2, "reply": reply, "jitter": 0.1, "seed": seed, "tls": False}
    relay = Relay(people(10), [refuses], **server)  # type: ignore[arg-type]
    assert not late(relay, run(relay, [1.0 + apart * n for n in range(25)], until=80.0))


@pytest.mark.parametrize("many", [2, 5, 10])
@pytest.mark.parametrize("seconds", [2.0, 5.0, 12.0])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_server_that_stands_still_is_used_as_soon_as_it_is_well(
    many: int, seconds: float, seed: int
) -> None:
    """Whatever step a session is at: it falls silent for good, and only new ones are answered afterwards."""
    ends = 10.0 + seconds
    stands = [Fault(step=step, seconds=NEVER, when=(10.0, ends)) for step in STEPS]
    relay = Relay(people(many), stands, reply=0.1, jitter=0.1, seed=seed)
    calls = run(relay, [9.6, 9.9, *(ends + 0.2 + 1.5 * n for n in range(12))], until=ends + 50.0)
    assert not late(relay, {number: max(at, ends) for number, at in calls.items()})


@pytest.mark.parametrize(("step", "code"), [("CONNECT", 0), ("GREET", 421), ("MAIL", 451)])
@pytest.mark.parametrize("down", [25.0, 45.0, 90.0])
@pytest.mark.parametrize("at", [1.0, 3.3, 5.6])
def test_the_only_call_of_an_outage_leaves_once_the_server_is_well(
    step: str, code: int, down: float, at: float
) -> None:
    relay = Relay(people(1), [Fault(step=step, code=code, when=(0.0, down))])
    calls = run(relay, [at], until=down + 30.0)
    assert not late(relay, {number: max(when, down) for number, when in calls.items()})


@pytest.mark.parametrize(("step", "code"), [("CONNECT", 0), ("GREET", 421), ("MAIL", 451)])
def test_a_server_that_refuses_is_asked_at_growing_distances(step: str, code: int) -> None:
    """A provider may block clients that connect too often."""
    refuses = Fault(step=step, code=code, when=(0.0, 120.0))
    before = refuses.times
    run(Relay(people(1), [refuses]), [1.0], until=61.0)
    first, refuses_then = before - refuses.times, refuses.times
    assert 8 < first < 45
    relay = Relay(people(1), [refuses])
    run(relay, [1.0], until=118.0)
    assert refuses_then - refuses.times < 70


@pytest.mark.parametrize(("many", "most"), [(1, 40), (10, 75)])
@pytest.mark.parametrize(
    ("step", "code", "seconds"),
    [
        *(("GREET", 554, seconds) for seconds in (1.0, 2.5, 4.0, 6.0)),
        ("CONNECT", 0, 2.5),
        ("AUTH", 535, 2.5),
        ("GREET", 0, NEVER),
        ("CONNECT", 0, NEVER),
    ],
)
def test_an_outage_after_a_served_call_brings_few_connections(
    step: str, code: int, seconds: float, many: int, most: int
) -> None:
    """The server was quick until then, and refuses or falls silent after some seconds."""
    fault = Fault(step=step, code=code, seconds=seconds, when=(5.0, 125.0))
    before = fault.times
    relay = Relay(people(many), [fault])
    calls = run(relay, [1.0, 6.0], until=66.0)
    assert 5 < before - fault.times <= most
    relay = Relay(people(many), [Fault(step=step, code=code, seconds=seconds, when=(5.0, 65.0))])
    calls = run(relay, [1.0, 6.0], until=100.0)
    assert not late(relay, {number: max(at, 65.0) for number, at in calls.items()})


@pytest.mark.parametrize("down", [30.0, 45.0, 60.0])
@pytest.mark.parametrize("later", [27.0, 33.0, 39.0, 45.0, 51.0])
@pytest.mark.parametrize("many", [1, 3, 10])
def test_what_was_lost_in_an_outage_delays_no_call_after_it(
    down: float, later: float, many: int
) -> None:
    """The sessions that fell silent end one after the other, a minute after they began."""
    relay = Relay(people(many), [Fault(step="MAIL", seconds=NEVER, when=(0.0, down))])
    calls = run(relay, [1.0, down + later], until=down + later + 40.0)
    assert not late(relay, {2: calls[2]})
