"""A mail server that lets few sessions in, or whose addresses change or answer slowly: everybody is called."""

import random

import pytest

from fanal.calls.places import Addresses
from tests.unit.calls.mail_relay import NEVER, Fault, Relay, address
from tests.unit.calls.test_dispatch import late, people, run

pytestmark = pytest.mark.long


def test_the_address_that_the_name_gives_now_comes_first_and_old_ones_go() -> None:
    known = Addresses()
    for day in range(200):
        order = known.keep([address(day)], day * 86_400.0)
        assert known[order[0]] == address(day)
        for _ in range(20):
            order = known.keep([address(day)], day * 86_400.0 + 3600.0)
        assert [known[one] for one in order] == [address(day)]


def test_of_many_addresses_in_a_short_time_the_newest_stay() -> None:
    known = Addresses()
    for second in range(100):
        order = known.keep([address(second)], float(second))
    assert [known[one] for one in order] == [address(number) for number in range(99, 67, -1)]


def test_a_name_that_gives_one_of_several_addresses_keeps_them_all() -> None:
    known, chance = Addresses(), random.Random(1)
    for minute in range(100):
        order = known.keep([address(chance.randrange(4))], minute * 60.0)
        assert minute < 20 or sorted(known[one] for one in order) == [address(n) for n in range(4)]


@pytest.mark.parametrize("many", [1, 5, 10])
@pytest.mark.parametrize("seconds", [2.0, 3.0, 5.0])
@pytest.mark.parametrize(("places", "dead"), [(2, 1), (3, 1), (4, 2)])
def test_a_slow_sign_in_makes_nobody_wait_longer_at_dead_addresses_later(
    many: int, seconds: float, places: int, dead: int
) -> None:
    silent = Fault(step="CONNECT", places=frozenset(range(dead)), seconds=NEVER)
    relay = Relay(people(many), [silent, Fault(step="GREET", seconds=seconds)], places=places)
    assert not late(relay, run(relay, [1.0, 400.0, 800.0]))


@pytest.mark.parametrize("many", [1, 2, 5])
@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize(("step", "seconds"), [("MAIL", 2.2), ("MAIL", 3.0), ("AUTH", 4.5)])
def test_a_server_that_is_slow_and_lets_few_in_calls_everybody(
    many: int, limit: int, step: str, seconds: float
) -> None:
    relay = Relay(people(many), [Fault(step=step, seconds=seconds)], limit=limit)
    assert not late(relay, run(relay, [1.0, 21.0, 41.0]))


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_people_go_together_where_few_sessions_are_let_in(limit: int) -> None:
    relay = Relay(people(10), [Fault(step="GREET", seconds=1.9)], limit=limit)
    assert not late(relay, run(relay, [1.0, 21.0, 41.0]))


@pytest.mark.parametrize("many", [2, 5, 10])
@pytest.mark.parametrize(("limit", "within"), [(1, 25.0), (2, 15.0), (3, 10.0), (5, 10.0)])
@pytest.mark.parametrize("apart", [0.5, 20.0])
def test_one_who_is_never_confirmed_keeps_nobody_from_few_sessions(
    many: int, limit: int, within: float, apart: float
) -> None:
    duty = people(many)
    silent = Fault(step="END", people=frozenset(duty[:1]), seconds=NEVER)
    relay = Relay(duty, [silent], limit=limit)
    calls = run(relay, [1.0 + apart * n for n in range(3)])
    for number, at in calls.items():
        for one in duty[1:]:
            assert min(relay.got[relay.made[number].id, one], default=NEVER) < at + within


@pytest.mark.parametrize("many", [2, 5, 10])
@pytest.mark.parametrize("limit", [1, 2, 3, 5])
def test_a_bound_that_is_shown_after_the_greeting_is_kept(many: int, limit: int) -> None:
    duty = people(many)
    silent = Fault(step="END", people=frozenset(duty[:1]), seconds=NEVER)
    for faults in ([], [silent]):
        relay = Relay(duty, faults, limit=limit, shows="AUTH")
        calls = run(relay, [1.0, 21.0, 41.0])
        for number, at in calls.items():
            for one in duty[1:]:
                within = 20.0 if limit < 3 and faults else 10.0
                assert min(relay.got[relay.made[number].id, one], default=NEVER) < at + within


@pytest.mark.parametrize("limit", [1, 2, 3])
@pytest.mark.parametrize("apart", [0.6, 1.5])
def test_nobody_waits_behind_a_flow_of_new_calls(limit: int, apart: float) -> None:
    relay = Relay(people(10), limit=limit, reply=0.1)
    assert not late(relay, run(relay, [1.0 + apart * n for n in range(25)]))


@pytest.mark.parametrize("places", [1, 3, 8, 24])
@pytest.mark.parametrize("limit", [3, 10**9])
def test_a_server_that_was_silent_at_all_addresses_is_served_once_it_is_well(
    places: int, limit: int
) -> None:
    silent = Fault(step="GREET", seconds=NEVER, when=(0.0, 15.0))
    relay = Relay(people(5), [silent], places=places, limit=limit)
    calls = run(relay, [1.0, 1.4, 15.2, 19.0])
    assert not late(relay, {number: max(at, 15.0) for number, at in calls.items()})


@pytest.mark.parametrize("step", ["MAIL", "RCPT", "END"])
@pytest.mark.parametrize("many", [1, 10])
def test_the_address_that_took_a_message_comes_first_the_next_time(step: str, many: int) -> None:
    silent = Fault(step=step, seconds=NEVER, places=frozenset(range(3)))
    relay = Relay(people(many), [silent], places=4, reply=0.25)
    calls = run(relay, [1.0, 400.0, 800.0])
    assert not late(relay, {number: at for number, at in calls.items() if at > 1.0})
