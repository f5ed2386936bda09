"""The duty roster: nights, absences, clock changes, overseas hours, gaps, and who is called."""

from datetime import UTC, date, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from fanal.accounts.domain.duty import (
    FIRST,
    THEN,
    ZONES,
    DutyKind,
    DutyLine,
    Gap,
    Shift,
    gaps,
    is_sound,
    recipients,
    shifts,
)

PARIS = ZoneInfo("Europe/Paris")
EVERY_DAY = frozenset(range(7))


def line(**changes: object) -> DutyLine:
    told: dict[str, object] = {
        "id": UUID(int=1),
        "desk_id": 1,
        "kind": DutyKind.WEEKLY,
        "rank": FIRST,
        "person_id": None,
        "name": "Claire",
        "address": "claire@desk.test",
        "zone": "Europe/Paris",
        "weekdays": EVERY_DAY,
        "first_day": date(2026, 1, 1),
        "last_day": None,
        "starts": time(22),
        "ends": time(6),
    }
    return DutyLine(**(told | changes))  # type: ignore[arg-type]


def paris(day: int, hour: int, minute: int = 0, *, month: int = 11) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=PARIS)


def seen(found: list[Shift]) -> list[tuple[datetime, datetime]]:
    return [(one.since, one.until) for one in found]


def test_a_night_goes_over_midnight() -> None:
    saturday = line(weekdays=frozenset({5}))
    found = shifts([saturday], since=paris(9, 0), until=paris(16, 0))
    assert seen(found) == [(paris(14, 22), paris(15, 6))]
    # After midnight it is Sunday, and the shift of Saturday goes on.
    assert len(shifts([saturday], since=paris(15, 5), until=paris(15, 5, 1))) == 1
    assert shifts([saturday], since=paris(15, 6), until=paris(15, 7)) == []


def test_the_same_hour_is_a_whole_day() -> None:
    found = shifts(
        [line(weekdays=frozenset({5}), starts=time(8), ends=time(8))],
        since=paris(14, 0),
        until=paris(16, 0),
    )
    assert seen(found) == [(paris(14, 8), paris(15, 8))]


def test_a_gap_is_found_before_it_happens() -> None:
    days = line(starts=time(6), ends=time(22))
    nights = line(weekdays=frozenset({0, 1, 2, 3, 4, 6}), name="Marc", address="marc@desk.test")
    since, until = paris(9, 8), paris(23, 8)
    found = gaps(shifts([days, nights], since=since, until=until), since=since, until=until)
    assert found == [
        Gap(since=paris(14, 22), until=paris(15, 6)),
        Gap(since=paris(21, 22), until=paris(22, 6)),
    ]


def test_who_has_no_address_or_comes_second_fills_no_gap() -> None:
    since, until = paris(9, 8), paris(10, 8)
    whole = {"starts": time(8), "ends": time(8)}
    for one in (line(address="", person_id=UUID(int=7), **whole), line(rank=THEN, **whole)):
        found = gaps(shifts([one], since=since, until=until), since=since, until=until)
        assert found == [Gap(since=since, until=until)]


def test_an_absence_cuts_a_shift_of_the_same_person_alone() -> None:
    claire, marc = UUID(int=1), UUID(int=2)
    away = line(
        kind=DutyKind.OFF, person_id=claire, first_day=date(2026, 11, 14), starts=time(23),
        last_day=date(2026, 11, 15), ends=time(1),
    )  # fmt: skip
    both = [
        line(person_id=claire, weekdays=frozenset({5})),
        line(person_id=marc, name="Marc", weekdays=frozenset({5})),
        away,
    ]
    found = shifts(both, since=paris(14, 0), until=paris(16, 0))
    assert [(one.name, one.since, one.until) for one in found] == [
        ("Claire", paris(14, 22), paris(14, 23)),
        ("Marc", paris(14, 22), paris(15, 6)),
        ("Claire", paris(15, 1), paris(15, 6)),
    ]


def test_dated_hours_add_somebody_once() -> None:
    extra = line(
        kind=DutyKind.ON, first_day=date(2026, 12, 24), starts=time(18),
        last_day=date(2026, 12, 26), ends=time(8), weekdays=frozenset(),
    )  # fmt: skip
    found = shifts([extra], since=paris(1, 0, month=12), until=paris(31, 0, month=12))
    assert seen(found) == [(paris(24, 18, month=12), paris(26, 8, month=12))]


def test_the_repeated_hour_of_october_has_both_people_and_no_gap() -> None:
    # On 25 October 2026 the clocks go from 03:00 back to 02:00: 02:30 occurs twice.
    early = line(starts=time(20), ends=time(2, 30))
    late = line(starts=time(2, 30), ends=time(20), name="Marc", address="marc@desk.test")
    since, until = datetime(2026, 10, 24, 18, tzinfo=UTC), datetime(2026, 10, 25, 18, tzinfo=UTC)
    found = shifts([early, late], since=since, until=until)
    assert gaps(found, since=since, until=until) == []
    first, second = (datetime(2026, 10, 25, hour, 45, tzinfo=UTC) for hour in (0, 1))
    called = [recipients(found, at=at, fallback=[], escalated=False)[0] for at in (first, second)]
    assert called == [("claire@desk.test", "marc@desk.test"), ("marc@desk.test",)]
    assert found[0].until - found[0].since == timedelta(hours=7, minutes=30)


def test_the_missing_hour_of_march_leaves_no_gap() -> None:
    both = [
        line(starts=time(20), ends=time(2, 30)),
        line(starts=time(2, 30), ends=time(20), name="Marc", address="marc@desk.test"),
    ]
    since, until = datetime(2026, 3, 28, 20, tzinfo=UTC), datetime(2026, 3, 29, 18, tzinfo=UTC)
    assert gaps(shifts(both, since=since, until=until), since=since, until=until) == []


def test_overseas_hours_are_those_of_the_place() -> None:
    reunion = line(zone="Indian/Reunion", weekdays=frozenset({5}), starts=time(8), ends=time(18))
    found = shifts([reunion], since=paris(14, 0), until=paris(15, 0))
    assert seen(found) == [(paris(14, 5), paris(14, 15))]


def test_a_weekly_line_ends_with_the_last_day_on_which_a_shift_starts() -> None:
    until_sunday = line(first_day=date(2026, 11, 14), last_day=date(2026, 11, 15))
    found = shifts([until_sunday], since=paris(9, 0), until=paris(30, 0))
    assert seen(found) == [(paris(14, 22), paris(15, 6)), (paris(15, 22), paris(16, 6))]


FALLBACK = ["duty@desk.test"]


def on(rank: int, address: str) -> Shift:
    return Shift(since=paris(14, 22), until=paris(15, 6), rank=rank, name="x", address=address)


@pytest.mark.parametrize(
    ("on_duty", "escalated", "to", "then"),
    [
        ([], False, ("duty@desk.test",), ()),
        ([], True, ("duty@desk.test",), ()),
        ([on(FIRST, "")], False, ("duty@desk.test",), ()),
        ([on(FIRST, "a@x.test"), on(THEN, "b@x.test")], False, ("a@x.test",), ("b@x.test", "duty@desk.test")),
        ([on(FIRST, "a@x.test"), on(THEN, "b@x.test")], True, ("a@x.test", "b@x.test", "duty@desk.test"), ()),
        ([on(THEN, "b@x.test")], False, ("b@x.test", "duty@desk.test"), ()),
    ],
)  # fmt: skip
def test_who_is_called(
    on_duty: list[Shift], escalated: bool, to: tuple[str, ...], then: tuple[str, ...]
) -> None:
    asked = {"at": paris(15, 0), "fallback": FALLBACK, "escalated": escalated}
    assert recipients(on_duty, **asked) == (to, then)  # type: ignore[arg-type]
    after = asked | {"at": paris(15, 6)}
    assert recipients(on_duty, **after) == (("duty@desk.test",), ())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"weekdays": frozenset()},
        {"last_day": date(2025, 12, 31)},
        {"rank": 3},
        {"zone": "Mars/Base"},
        {"kind": DutyKind.ON},
        {"kind": DutyKind.OFF, "last_day": date(2026, 1, 1), "starts": time(9), "ends": time(9)},
        {"kind": DutyKind.ON, "last_day": date(2028, 1, 1)},
    ],
)
def test_unsound_lines(changes: dict[str, object]) -> None:
    assert is_sound(line())
    assert not is_sound(line(**changes))


INSTANTS = st.datetimes(
    min_value=datetime(2026, 1, 1), max_value=datetime(2027, 12, 31), timezones=st.just(UTC)
)


@given(
    at=INSTANTS,
    wall=st.times().map(lambda one: one.replace(second=0, microsecond=0)),
    zone=st.sampled_from(ZONES),
)
def test_two_shifts_that_share_their_hours_leave_nobody_out_at_any_instant(
    at: datetime, wall: time, zone: str
) -> None:
    other = time((wall.hour + 11) % 24, wall.minute)
    both = [line(zone=zone, starts=wall, ends=other), line(zone=zone, starts=other, ends=wall)]
    found = shifts(both, since=at, until=at + timedelta(minutes=1))
    assert gaps(found, since=at, until=at + timedelta(minutes=1)) == []
    assert recipients(found, at=at, fallback=[], escalated=False)[0]


@given(INSTANTS, st.integers(1, 300))
def test_gaps_and_shifts_cover_the_time(at: datetime, hours: int) -> None:
    until = at + timedelta(hours=hours)
    found = shifts([line(weekdays=frozenset({1, 4, 5}))], since=at, until=until)
    missing = gaps(found, since=at, until=until)
    for step in range(hours):
        instant = at + timedelta(hours=step)
        called = any(one.since <= instant < one.until for one in found)
        assert called is not any(one.since <= instant < one.until for one in missing)
