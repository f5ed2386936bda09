"""Whatever hangs, fails or is slow in a mail server: a call reaches everybody else within ten seconds, in virtual time."""

import math
from collections.abc import Sequence

import pytest

from fanal.orient.domain.clocks import Delivery
from tests.unit.calls.mail_relay import NEVER, Fault, Relay

pytestmark = pytest.mark.long

LIMIT = 10.0
HANGS = {"seconds": NEVER}


def people(count: int) -> list[str]:
    return [f"p{number}@desk.example" for number in range(count)]


def late(relay: Relay, calls: dict[int, float], *, but: frozenset[str] = frozenset()) -> list[str]:
    """Return which call reached which person too late, of those who can be reached."""
    found = []
    for number, at in calls.items():
        call = relay.made[number]
        for one in relay.duty:
            when = relay.got.get((call.id, one))
            if one not in but and (when is None or when[0] > at + LIMIT):
                found.append(f"{number} to {one}: {when and when[0] - at}")
    return found


def run(relay: Relay, instants: Sequence[float], *, until: float = 0.0) -> dict[int, float]:
    calls = dict(enumerate(instants, start=1))
    for number, at in calls.items():
        relay.call(at, number)
    relay.run(until or max(instants) + 30)
    return calls


def test_without_a_fault_each_has_each_call_once_in_few_sessions() -> None:
    relay = Relay(people(20))
    calls = run(relay, [1.0 + 0.3 * n for n in range(30)])
    assert not late(relay, calls)
    assert all(len(when) == 1 for when in relay.got.values())
    assert {one.delivery for one in relay.outcomes} == {Delivery.SENT}
    assert relay.most <= 4


def test_calls_that_come_while_one_is_sent_go_in_one_message() -> None:
    relay = Relay(people(3), reply=0.1)
    calls = run(relay, [1.0 + 0.01 * n for n in range(60)])
    assert not late(relay, calls)
    assert relay.begun <= 3


def test_a_server_slow_at_each_recipient_has_a_session_for_each() -> None:
    relay = Relay(people(8), [Fault(step="RCPT", seconds=0.5)])
    run(relay, [1.0], until=20.0)
    relay.most = 0
    calls = run(relay, [21.0])
    assert not late(relay, calls)
    assert relay.most == 8


def test_escalated_calls_do_not_wait_for_the_end_of_a_flow_of_first_ones() -> None:
    relay = Relay(people(5), reply=0.1)
    relay.call(3.0, 1000, escalated=True)
    calls = run(relay, [1.0 + 0.6 * n for n in range(60)]) | {1000: 3.0}
    assert not late(relay, calls)


@pytest.mark.parametrize(("many", "silent"), [(2, 1), (5, 1), (10, 3), (20, 6), (50, 22)])
@pytest.mark.parametrize("step", ["RCPT", "END"])
def test_people_at_a_silent_provider_keep_nobody_else_waiting(
    many: int, silent: int, step: str
) -> None:
    if step == "END" and silent > 3:
        silent = 3
    duty = people(many)
    away = frozenset(duty[:: max(1, many // silent)][:silent])
    relay = Relay(duty, [Fault(step=step, people=away, **HANGS)], limit=10**9 if many > 20 else 20)
    calls = run(relay, [*(1.0 + 0.5 * n for n in range(20)), 60.0, 120.0])
    assert not late(relay, calls, but=away)


def test_who_is_silent_holds_few_sessions() -> None:
    duty = people(5)
    relay = Relay(duty, [Fault(step="RCPT", people=frozenset(duty[:1]), **HANGS)], limit=8)
    calls = run(relay, [1.0 + 0.6 * n for n in range(100)])
    assert not late(relay, calls, but=frozenset(duty[:1]))
    assert relay.most <= 6


def test_who_is_well_again_has_the_next_call_at_once() -> None:
    duty = people(5)
    silent = Fault(step="RCPT", people=frozenset(duty[:1]), when=(0.0, 30.0), seconds=20.0)
    relay = Relay(duty, [silent])
    calls = run(relay, [1.0, 5.0, 90.0])
    assert not late(relay, {3: calls[3]})
    assert [one.later for one in relay.outcomes if one.delivery is Delivery.SENT].count(True) >= 1


def test_who_is_refused_for_good_is_lost_and_others_are_not() -> None:
    duty = people(3)
    relay = Relay(duty, [Fault(step="RCPT", people=frozenset(duty[:1]), code=550)])
    run(relay, [1.0])
    assert [one.delivery for one in relay.outcomes] == [Delivery.PARTLY]
    assert relay.begun == 2


def test_who_is_refused_for_good_once_by_mistake_is_asked_again() -> None:
    duty = people(3)
    relay = Relay(duty, [Fault(step="RCPT", people=frozenset(duty[:1]), code=554, times=1)])
    assert not late(relay, run(relay, [1.0]))


@pytest.mark.parametrize("code", [-1, 150, 354])
def test_a_reply_that_is_none_is_no_acceptance(code: int) -> None:
    duty = people(3)
    relay = Relay(duty, [Fault(step="RCPT", people=frozenset(duty[:1]), code=code, times=1)])
    assert not late(relay, run(relay, [1.0]))


def test_an_address_of_the_server_that_refuses_everybody_loses_nobody() -> None:
    relay = Relay(people(10), [Fault(step="RCPT", places=frozenset({0}), code=550)], places=2)
    calls = run(relay, [1.0, 12.0, 24.0])
    assert not late(relay, calls)
    assert {one.delivery for one in relay.outcomes} == {Delivery.SENT}


@pytest.mark.parametrize("step", ["GREET", "MAIL", "DATA", "END"])
def test_a_server_that_says_no_for_a_moment_loses_nobody(step: str) -> None:
    """Only a refusal of a recipient is one for good."""
    relay = Relay(people(20), [Fault(step=step, code=554, when=(0.0, 4.0))])
    calls = run(relay, [1.0])
    assert not late(relay, calls)
    assert relay.outcomes[-1].delivery is Delivery.SENT


@pytest.mark.parametrize("many", [1, 5, 20, 50])
@pytest.mark.parametrize("places", [1, 2])
def test_connections_that_were_never_greeted_keep_no_later_call(many: int, places: int) -> None:
    """A frozen server is well again; the connections of before stay dumb."""
    relay = Relay(people(many), [Fault(step="GREET", when=(0.0, 12.0), **HANGS)], places=places)
    calls = run(relay, [1.0, 13.0, 25.0])
    assert not late(relay, {2: calls[2], 3: calls[3]})


@pytest.mark.parametrize("many", [1, 5, 20])
def test_half_of_the_connections_may_be_dumb(many: int) -> None:
    """One of two machines behind an address hangs; which connection it gets is chance."""
    wrong = []
    for seed in range(12):
        relay = Relay(people(many), [Fault(step="GREET", share=0.5, **HANGS)], seed=seed)
        calls = run(relay, [1.0 + 0.7 * n for n in range(30)])
        wrong += late(relay, {number: at for number, at in calls.items() if number > 1})
    assert not wrong


@pytest.mark.parametrize("seconds", [3.0, 5.0, 7.0])
@pytest.mark.parametrize("many", [1, 8, 20, 50])
@pytest.mark.parametrize("places", [1, 2, 3])
@pytest.mark.parametrize("step", ["GREET", "AUTH"])
def test_a_server_that_greets_late_is_waited_for(
    seconds: float, many: int, places: int, step: str
) -> None:
    relay = Relay(people(many), [Fault(step=step, seconds=seconds)], places=places)
    assert not late(relay, run(relay, [1.0, 20.0, 40.0]))
    assert relay.begun < 150


@pytest.mark.parametrize("many", [1, 10, 25, 60])
@pytest.mark.parametrize("seconds", [4.0, 5.0])
def test_a_server_that_confirms_late_gets_few_copies(many: int, seconds: float) -> None:
    relay = Relay(people(many), [Fault(step="END", seconds=seconds)], limit=20)
    calls = run(relay, [1.0, 1.6, 2.2])
    found = late(relay, calls)
    assert len(found) <= (many > 25) * many
    assert max(map(len, relay.got.values())) <= 4


@pytest.mark.parametrize(("many", "silent"), [(20, 7), (33, 8), (60, 9)])
def test_a_third_of_the_people_may_be_silent(many: int, silent: int) -> None:
    duty = people(many)
    away = frozenset(duty[:: many // silent][:silent])
    relay = Relay(duty, [Fault(step="RCPT", people=away, **HANGS)], limit=20)
    assert not late(relay, run(relay, [1.0 + 10 * n for n in range(8)]), but=away)


@pytest.mark.parametrize("until", [5.0, 12.0, 20.0, 40.0])
@pytest.mark.parametrize(("many", "silent"), [(1, 1), (2, 1), (10, 1), (8, 8)])
@pytest.mark.parametrize("step", ["RCPT", "END"])
def test_whose_provider_is_well_again_has_the_next_call(
    until: float, many: int, silent: int, step: str
) -> None:
    """The sessions of before stay dumb."""
    duty = people(many)
    relay = Relay(
        duty, [Fault(step=step, people=frozenset(duty[:silent]), when=(0.0, until), **HANGS)]
    )
    calls = run(relay, [1.0, until + 1.0, until + 10.0])
    assert not late(relay, {2: calls[2], 3: calls[3]})


@pytest.mark.parametrize("many", [1, 2, 5, 10, 17, 25])
@pytest.mark.parametrize("until", [4.0, 5.0, 8.0, 15.0, 40.0])
@pytest.mark.parametrize("step", ["RCPT", "DATA", "END"])
def test_a_server_that_is_well_again_has_the_next_call(many: int, until: float, step: str) -> None:
    """The sessions of before stay dumb, as behind a balancer that lost its states."""
    relay = Relay(people(many), [Fault(step=step, when=(0.0, until), **HANGS)])
    calls = run(relay, [1.0, until + 1.0, until + 10.0])
    assert not late(relay, {2: calls[2], 3: calls[3]})


@pytest.mark.parametrize("many", [1, 2, 3, 10])
@pytest.mark.parametrize(("bad", "places"), [(1, 2), (2, 3), (2, 4), (3, 4), (3, 6)])
@pytest.mark.parametrize("step", ["CONNECT", "AUTH", "MAIL", "RCPT", "DATA", "END"])
def test_half_of_the_addresses_may_give_no_answer(
    many: int, bad: int, places: int, step: str
) -> None:
    relay = Relay(
        people(many), [Fault(step=step, places=frozenset(range(bad)), **HANGS)], places=places
    )
    assert not late(relay, run(relay, [1.0, 16.0, 41.0]))
    assert max(map(len, relay.got.values())) <= 2


@pytest.mark.parametrize("many", [1, 2, 5, 10, 20])
@pytest.mark.parametrize("seconds", [2.2, 3.0, 4.0, 5.0, 6.0])
@pytest.mark.parametrize("step", ["MAIL", "DATA"])
def test_a_server_that_is_slow_at_one_step_is_waited_for(
    many: int, seconds: float, step: str
) -> None:
    """As one whose name server is slow: sessions overtake each other, and the first goes on."""
    relay = Relay(people(many), [Fault(step=step, seconds=seconds)])
    instants = [1.0, 21.0, 41.0] if seconds > 4.0 or many > 10 else [1.0, 1.5, 21.0, 41.0]
    assert not late(relay, run(relay, instants))
    assert max(map(len, relay.got.values())) <= 2


@pytest.mark.parametrize("many", [1, 2, 10])
@pytest.mark.parametrize("seconds", [2.2, 3.0, 4.0])
def test_one_recipient_who_is_answered_slowly_is_called(many: int, seconds: float) -> None:
    duty = people(many)
    relay = Relay(duty, [Fault(step="RCPT", seconds=seconds, people=frozenset(duty[:1]))])
    assert not late(relay, run(relay, [1.0, 21.0]))


@pytest.mark.parametrize("many", [1, 3, 8])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize("until", [3.0, 5.0, 8.0, 20.0])
def test_a_server_that_lets_few_in_and_greeted_nobody_has_the_next_call(
    many: int, limit: int, until: float
) -> None:
    relay = Relay(people(many), [Fault(step="GREET", when=(0.0, until), **HANGS)], limit=limit)
    calls = run(relay, [1.0, until + 1.0, until + 10.0])
    assert not late(relay, {2: calls[2], 3: calls[3]})


def test_whose_session_was_not_let_in_is_no_cause_of_silence() -> None:
    relay = Relay(people(3), [Fault(step="RCPT", when=(0.0, 3.0), **HANGS)], limit=3)
    assert not late(relay, run(relay, [1.0, 4.0, 13.0]))


@pytest.mark.parametrize("code", [250, 450])
@pytest.mark.parametrize(("many", "slow", "seconds"), [(10, 5, 1.9), (32, 7, 1.5), (60, 12, 1.9)])
def test_recipients_that_are_answered_slowly_delay_no_others(
    many: int, slow: int, seconds: float, code: int
) -> None:
    """As in a list by provider: they stand one after the other."""
    duty = people(many)
    away = frozenset(duty[-slow - 1 : -1])
    relay = Relay(duty, [Fault(step="RCPT", seconds=seconds, people=away, code=code)])
    assert not late(relay, run(relay, [1.0, 21.0, 41.0]), but=away)


def test_copies_are_few_where_the_server_confirms_nothing() -> None:
    relay = Relay(people(1), [Fault(step="END", seconds=0.1, code=0)])
    run(relay, [1.0], until=300.0)
    assert {one.failure for one in relay.outcomes} == {"UNCONFIRMED"}
    assert relay.begun < 60


def test_a_call_that_fails_is_told_of_in_eight_seconds_and_may_still_arrive() -> None:
    relay = Relay(people(2), [Fault(step="AUTH", seconds=12.0)])
    run(relay, [1.0])
    assert relay.outcomes[0].failure == "TIMEOUT"
    assert relay.outcomes[-1].delivery is Delivery.SENT


@pytest.mark.parametrize("code", [None, 421])
def test_a_call_is_unserved_from_when_it_came_even_if_it_failed_and_comes_again(
    code: int | None,
) -> None:
    """The addresses of the mail server are then asked for again: its machine may be another one now."""
    fault = Fault(step="AUTH", seconds=0.0 if code else NEVER, code=code, when=(5.0, NEVER))
    relay = Relay(people(2), [fault])
    run(relay, [1.0, 6.0], until=4.0)
    assert relay.dispatch.unserved_since == math.inf
    relay.run(9.5)
    assert relay.dispatch.unserved_since == pytest.approx(6.0, abs=0.1)
