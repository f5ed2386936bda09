"""How often the mail server is asked: a provider that counts connections must not shut the desk out."""

import pytest

from tests.unit.calls.mail_relay import NEVER, Fault, Relay
from tests.unit.calls.test_dispatch import late, people, run

pytestmark = pytest.mark.long
OUT = 55
"""Most connections a minute at an address in an outage; after it, two for each person."""
FIRST = [
    *[
        Fault(step=step, seconds=NEVER, when=(30.0, 40.0))
        for step in ("MAIL", "RCPT", "DATA", "END")
    ],
    Fault(step="RCPT", code=450, when=(30.0, 40.0)),
    Fault(step="END", code=451, when=(30.0, 40.0)),
]
SECOND = [
    Fault(step="CONNECT", code=0, when=(40.0, 80.0)),
    Fault(step="GREET", code=554, when=(40.0, 80.0)),
    Fault(step="CONNECT", seconds=NEVER, when=(40.0, 80.0)),
]


@pytest.mark.parametrize("many", [1, 10])
@pytest.mark.parametrize("first", FIRST)
@pytest.mark.parametrize("second", SECOND)
def test_an_outage_in_two_phases(many: int, first: Fault, second: Fault) -> None:
    """First it fails after the sign-in, so that each person is tried alone, and then before it."""
    relay = Relay(people(many), [first, second], reply=0.05)
    calls = run(relay, [1.0, *(30.5 + 10.0 * n for n in range(5))])
    assert relay.most_in_a_minute() <= OUT + 2 * many
    assert not late(relay, {number: max(at, 80.0) for number, at in calls.items() if at > 30.0})


@pytest.mark.parametrize("many", [1, 8])
@pytest.mark.parametrize("apart", [2.0, 5.0])
@pytest.mark.parametrize(
    ("step", "code"), [("RCPT", 450), ("RCPT", 421), ("DATA", None), ("END", None), ("END", 451)]
)
def test_an_outage_of_one_kind_with_many_alarms(
    many: int, apart: float, step: str, code: int | None
) -> None:
    fault = Fault(step=step, code=code, seconds=NEVER if code is None else 0.0, when=(30.0, 70.0))
    relay = Relay(people(many), [fault], reply=0.05)
    run(relay, [1.0, *(30.5 + apart * n for n in range(int(40 / apart)))])
    assert relay.most_in_a_minute() <= OUT + 2 * many


@pytest.mark.parametrize(("refused", "many"), [(1, 2), (1, 10), (3, 10)])
@pytest.mark.parametrize(("step", "code"), [("RCPT", 450), ("RCPT", 421), ("END", 451)])
def test_people_whom_a_healthy_server_refuses(
    refused: int, many: int, step: str, code: int
) -> None:
    """One call brings some eight connections for each of them in its first minute, and one a minute after.

    Where the whole message is refused, each person is first tried alone.
    """
    duty = people(many)
    fault = Fault(step=step, code=code, people=frozenset(duty[:refused]))
    relay = Relay(duty, [fault], reply=0.05)
    run(relay, [1.0])
    assert relay.most_in_a_minute() <= 2 + 8 * refused + (many if step == "END" else 0)
    relay.run(300.0)
    assert relay.most_in_a_minute(since=120.0) <= 2 * refused


@pytest.mark.parametrize("many", [2, 5, 10])
@pytest.mark.parametrize("step", ["RCPT", "DATA", "END"])
def test_a_stall_of_all_leaves_nobody_alone(many: int, step: str) -> None:
    """A healthy server is asked twice for each call, whatever it did a minute ago."""
    stall = Fault(step=step, seconds=NEVER, when=(30.0, 36.0))
    relay = Relay(people(many), [stall], reply=0.05)
    calls = run(relay, [1.0, 30.2, 31.5, *(50.0 + 10.0 * n for n in range(15))])
    assert relay.most_in_a_minute(since=100.0) <= 14
    assert not late(relay, {number: at for number, at in calls.items() if at >= 50.0})


@pytest.mark.parametrize("many", [1, 5])
@pytest.mark.parametrize("places", [2, 3])
@pytest.mark.parametrize(
    ("step", "code"), [("RCPT", 450), ("RCPT", 421), ("DATA", 451), ("END", 451)]
)
@pytest.mark.parametrize("lasts", [12.0, 60.0])
def test_the_address_that_is_well_again_first_serves(
    many: int, places: int, step: str, code: int, lasts: float
) -> None:
    well = 30.0 + lasts
    faults = [
        Fault(step=step, code=code, places=frozenset({one}), when=(30.0, well + 60.0 * one))
        for one in range(places)
    ]
    relay = Relay(people(many), faults, places=places, reply=0.05)
    calls = run(relay, [1.0, 30.5, well - 5.0])
    assert not late(relay, {number: max(at, well) for number, at in calls.items()})


@pytest.mark.parametrize("many", [1, 2, 10])
@pytest.mark.parametrize(
    ("refusing", "places", "reply"), [(1, 2, 0.05), (1, 2, 0.2), (2, 3, 0.2), (3, 4, 0.05)]
)
@pytest.mark.parametrize("apart", [2.0, 3.0, 5.0, 15.0])
def test_whom_some_addresses_refuse_is_called_by_another(
    many: int, refusing: int, places: int, reply: float, apart: float
) -> None:
    """That person's provider blocks them; the others of the desk have another provider."""
    duty = people(many)
    here = frozenset(range(refusing))
    refuses = Fault(step="RCPT", code=450, people=frozenset(duty[:1]), places=here)
    relay = Relay(duty, [refuses], places=places, reply=reply)
    assert not late(relay, run(relay, [1.0 + apart * n for n in range(int(60 / apart))]))


@pytest.mark.parametrize("many", [2, 5, 10])
@pytest.mark.parametrize("after", [0.8, 1.6, 2.4, 3.2])
@pytest.mark.parametrize("lasts", [6.0, 14.0, 22.0, 30.0])
def test_an_outage_that_begins_in_a_delivery(many: int, after: float, lasts: float) -> None:
    """Some have the call; no other call comes, and nobody takes it for the fault of the rest."""
    out = (30.0 + after, 30.0 + after + lasts)
    relay = Relay(people(many), [Fault(step="RCPT", code=450, when=out)], reply=0.25)
    calls = run(relay, [1.0, 30.0], until=out[1] + 20.0)
    assert not late(relay, {number: max(at, out[1]) for number, at in calls.items() if at > 1.0})


@pytest.mark.parametrize("before", [1, 2, 4])
def test_a_wrong_address_that_was_put_right_is_forgotten(before: int) -> None:
    """It is named twice for each call; an ordinary loss an hour later costs its person seconds."""
    duty = people(5)
    wrong = Fault(step="RCPT", code=550, people=frozenset(duty[:1]), when=(0.0, 3800.0))
    once = Fault(step="DATA", code=0, people=frozenset(duty[:1]), times=1, when=(4990.0, 5100.0))
    named = wrong.times
    relay = Relay(duty, [wrong, once], reply=0.05)
    calls = run(relay, [*(1.0 + 30.0 * n for n in range(before)), 5000.0])
    assert named - wrong.times == 2 * before
    assert not late(relay, {before + 1: calls[before + 1]})


@pytest.mark.parametrize("many", [1, 2, 10])
@pytest.mark.parametrize("step", ["RCPT", "DATA", "END"])
@pytest.mark.parametrize("lasts", [3.0, 15.0])
@pytest.mark.parametrize("code", [450, 0])
def test_addresses_that_fail_one_after_the_other(
    many: int, step: str, lasts: float, code: int
) -> None:
    """A rolling restart: where somebody failed a moment ago is the address that is well now."""
    second = 30.0 + lasts + 2.0
    faults = [
        Fault(step=step, code=code, places=frozenset({0}), when=(30.0, 30.0 + lasts)),
        Fault(step=step, seconds=NEVER, places=frozenset({1}), when=(second, second + 120.0)),
    ]
    relay = Relay(people(many), faults, places=2, reply=0.05)
    assert not late(relay, run(relay, [1.0, 30.5, *(second + 1.0 + 20.0 * n for n in range(6))]))


@pytest.mark.parametrize("many", [1, 10])
@pytest.mark.parametrize("silent", ["CONNECT", "AUTH"])
@pytest.mark.parametrize(("step", "code"), [("RCPT", 450), ("DATA", 451), ("END", 451)])
def test_an_address_that_was_silent_before_the_sign_in_and_then_another_that_refuses(
    many: int, silent: str, step: str, code: int
) -> None:
    """A rolling restart: a session that was lost says nothing of the address that is well now."""
    faults = [
        Fault(step=silent, seconds=NEVER, places=frozenset({0}), when=(30.0, 45.0)),
        Fault(step=step, code=code, places=frozenset({1}), when=(47.0, 165.0)),
    ]
    relay = Relay(people(many), faults, places=2, reply=0.05)
    alarms = [1.0, 30.5, 32.0, 40.0, *(48.0 + 20.0 * n for n in range(3))]
    assert not late(relay, run(relay, alarms, until=110.0))


@pytest.mark.parametrize("many", [1, 5])
@pytest.mark.parametrize("lost", ["GREET", "AUTH"])
@pytest.mark.parametrize("refused", [1, 5])
def test_sessions_lost_at_one_address_send_nobody_back_to_the_one_that_refuses_them(
    many: int, lost: str, refused: int
) -> None:
    duty = people(many)
    here = frozenset(duty[:refused])
    faults = [
        Fault(step="RCPT", code=450, people=here, places=frozenset({0})),
        Fault(step=lost, seconds=NEVER, places=frozenset({1}), when=(40.0, NEVER), times=2),
    ]
    relay = Relay(duty, faults, places=2, reply=0.05)
    assert not late(relay, run(relay, [1.0 + 13.0 * n for n in range(8)]))


@pytest.mark.parametrize(("many", "served"), [(3, 2), (10, 7)])
@pytest.mark.parametrize("lasts", [60.0, 240.0])
@pytest.mark.parametrize("before", [1.0, 8.0])
def test_whom_the_end_of_an_outage_finds_waiting_is_served_with_the_first(
    many: int, served: int, lasts: float, before: float
) -> None:
    """Some have a call as all are refused; a second one comes in the last seconds of that."""
    duty, well = people(many), 30.0 + lasts
    faults = [
        Fault(step="RCPT", code=450, people=frozenset(duty[served:]), when=(29.0, 33.0)),
        Fault(step="RCPT", code=450, when=(32.0, well)),
    ]
    relay = Relay(duty, faults, reply=0.05)
    calls = run(relay, [1.0, 30.0, well - before])
    assert not late(relay, {number: max(at, well) for number, at in calls.items() if at > 1.0})
    assert relay.most_in_a_minute(since=well - 60.0) <= OUT + 2 * many


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_whom_a_healthy_server_refuses_is_not_tried_again_with_each_other_it_takes(
    share: float,
) -> None:
    """Three people it refuses now and then, and one always: it has served others all the time."""
    duty = people(10)
    always = Fault(step="RCPT", code=450, people=frozenset(duty[-1:]))
    some = [Fault(step="RCPT", code=450, people=frozenset({one}), share=share) for one in duty[:3]]
    relay = Relay(duty, [always, *some], places=3, reply=0.05)
    named = always.times
    run(relay, [1.0 + 15.0 * n for n in range(12)], until=200.0)
    assert named - always.times <= 12 + 10


@pytest.mark.parametrize("places", [1, 4])
@pytest.mark.parametrize("reply", [0.01, 0.1])
def test_who_may_have_the_message_gets_few_copies_however_many_addresses(
    places: int, reply: float
) -> None:
    """The server closes after the whole message to one of the people, and confirms none."""
    duty = people(10)
    closes = Fault(step="END", code=0, people=frozenset(duty[:1]))
    relay = Relay(duty, [closes], places=places, reply=reply)
    run(relay, [1.0])
    copies = relay.had[relay.made[1].id, duty[0]]
    assert max(sum(at <= one < at + 10.0 for one in copies) for at in copies) <= 6


@pytest.mark.parametrize("many", [2, 10])
@pytest.mark.parametrize("apart", [5.0, 30.0])
@pytest.mark.parametrize("lasts", [20.0, 100.0])
def test_whom_one_address_refuses_for_good_is_taken_by_the_other_once_it_is_well(
    many: int, apart: float, lasts: float
) -> None:
    duty = people(many)
    first = frozenset(duty[:1])
    faults = [
        Fault(step="RCPT", code=450, people=first, places=frozenset({0})),
        Fault(step="RCPT", code=450, people=first, places=frozenset({1}), when=(0.0, lasts)),
    ]
    relay = Relay(duty, faults, places=2, reply=0.05)
    calls = run(relay, [1.0 + apart * n for n in range(int(200 / apart))])
    assert not late(relay, {number: at for number, at in calls.items() if at > lasts + 60.0})
