"""Calls to the people of the duty roster, and to those named next when nobody of them is reached at once."""

import logging
import time
from dataclasses import replace
from datetime import time as time_of_day, timedelta
from uuid import UUID

import pytest

from fanal.accounts.domain.duty import FIRST, THEN, DutyKind, DutyLine, Shift
from fanal.calls.roster import Roster
from fanal.calls.shared_shifts import SharedShifts
from fanal.cli.doctor_desk import rosters_fit
from fanal.kernel import clock
from fanal.orient.domain.clocks import Delivery
from fanal.orient.domain.records import Call
from tests.unit.calls.mail_relay import NEVER, Fault, Relay
from tests.unit.calls.test_dispatch import LIMIT, people

DUTY = people(2)
ON, NEXT = "claire@roster.example", "marc@roster.example"


def called(relay: Relay, number: int) -> dict[str, float]:
    """Return when each person had a call."""
    id_ = relay.made[number].id
    return {who: when[0] for (one, who), when in relay.got.items() if one == id_ and when}


def test_a_call_goes_to_who_is_on_duty_and_to_nobody_else() -> None:
    relay = Relay(DUTY)
    relay.call(1.0, 1, to=[ON], then=[NEXT, *DUTY])
    relay.call(1.2, 2)
    relay.call(1.4, 3, to=[NEXT])
    relay.run(30.0)
    assert [set(called(relay, number)) for number in (1, 2, 3)] == [{ON}, set(DUTY), {NEXT}]
    assert {one.delivery for one in relay.outcomes} == {Delivery.SENT}


@pytest.mark.parametrize(
    "fault",
    [
        Fault(step="RCPT", seconds=NEVER, people=frozenset({ON})),
        Fault(step="RCPT", code=550, people=frozenset({ON})),
        Fault(step="RCPT", code=451, people=frozenset({ON})),
        Fault(step="RCPT", code=421, people=frozenset({ON})),
    ],
    ids=["silent", "refused for good", "refused for now", "closes"],
)
def test_who_cannot_be_reached_is_replaced_within_ten_seconds(fault: Fault) -> None:
    relay = Relay(DUTY, [fault])
    relay.call(1.0, 1, to=[ON], then=[NEXT, *DUTY])
    relay.run(30.0)
    found = called(relay, 1)
    assert set(found) == {NEXT, *DUTY}
    assert max(found.values()) <= 1.0 + LIMIT


def test_whoever_follows_on_duty_gets_the_next_call_while_the_one_before_is_still_asked() -> None:
    relay = Relay(DUTY, [Fault(step="RCPT", seconds=NEVER, people=frozenset({ON}))])
    relay.call(1.0, 1, to=[ON], then=DUTY)
    relay.call(20.0, 2, to=[NEXT], then=DUTY)
    relay.run(60.0)
    assert set(called(relay, 2)) == {NEXT}
    assert called(relay, 2)[NEXT] <= 20.0 + LIMIT


def test_a_reached_person_ends_it_though_another_is_away() -> None:
    relay = Relay(DUTY, [Fault(step="RCPT", code=550, people=frozenset({ON}))])
    relay.call(1.0, 1, to=[ON, NEXT], then=DUTY)
    relay.run(30.0)
    assert set(called(relay, 1)) == {NEXT}
    assert [one.delivery for one in relay.outcomes] == [Delivery.PARTLY]


# The roster as the loop reads it.

NOW = clock.now().replace(microsecond=0)


def shift(rank: int, address: str) -> Shift:
    hour = NOW.replace(minute=0, second=0)
    return Shift(
        since=hour, until=hour.replace(year=hour.year + 1), rank=rank, name="x", address=address
    )


TOO_LARGE = {1: [replace(shift(FIRST, ON), name="x" * 9_000)] * 2_000}


def call(*, desk: int = 1, escalated: bool = False) -> Call:
    one = UUID(int=1)
    return Call(
        id=one, alarm_id=one, report_id=one, escalated=escalated, attempts=1, token=one, desk_id=desk
    )  # fmt: skip


def test_calls_are_addressed_by_desk() -> None:
    roster = Roster(DUTY)
    roster._shared.write({1: [shift(FIRST, ON), shift(THEN, NEXT)]})
    first, far, again = roster.address([call(), call(desk=2), call(escalated=True)], now=NOW)
    assert (first.to, first.then) == ((ON,), (NEXT, *DUTY))
    assert (far.to, far.then) == ((), ())  # FANAL_DUTY
    assert (again.to, again.then) == ((ON, NEXT, *DUTY), ())


def test_a_roster_that_is_torn_old_or_too_large_is_no_roster(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shared = SharedShifts()
    assert shared.read() == {}
    shared.write({1: [shift(FIRST, ON)]})
    assert [one.address for one in shared.read()[1]] == [ON]
    shared._memory[30:31] = b"\xff"
    assert shared.read() == {}
    shared._memory[:4] = b"\xff\xff\xff\xff"
    assert shared.read() == {}
    assert not shared.write(TOO_LARGE)
    assert shared.read() == {}
    assert shared.write({1: [shift(FIRST, ON)]})
    later = time.monotonic() + 61
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert shared.read() == {}


def test_the_most_lines_of_a_hundred_desks_fit() -> None:
    longest = replace(shift(FIRST, "a" * 240 + "@roster.example"), name="é" * 200)
    shared, rosters = SharedShifts(), {desk: [longest] * 200 for desk in range(100)}
    assert shared.write(rosters)
    assert shared.read() == rosters


def test_rosters_too_large_are_said_once(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger("fanal"), "propagate", True)
    roster = Roster(DUTY)
    for shifts in (TOO_LARGE, TOO_LARGE, {1: [shift(FIRST, ON)]}):
        roster._write(shifts)
    assert caplog.text.count("rosters are too large to be used: FANAL_DUTY is called") == 1


def test_the_doctor_knows_rosters_that_are_too_large() -> None:
    line = DutyLine(
        kind=DutyKind.WEEKLY, rank=FIRST, person_id=None, name="x" * 9_000, address=ON, last_day=None,
        zone="Europe/Paris", weekdays=frozenset(range(7)), first_day=NOW.date() - timedelta(days=9),
        starts=time_of_day(8), ends=time_of_day(8), id=UUID(int=1), desk_id=1,
    )  # fmt: skip
    assert rosters_fit([line] * 200, NOW)
    assert not rosters_fit([line] * 2_000, NOW)


def test_whatever_fails_in_the_roster_the_calls_go_to_the_settings(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    roster = Roster(DUTY)
    roster._shared._memory[:20] = b"\x01" * 20
    assert roster.address([call()], now=NOW) == [call()]
    monkeypatch.setattr(SharedShifts, "read", lambda _self: 1 / 0)
    assert roster.address([call()], now=NOW) == [call()]
