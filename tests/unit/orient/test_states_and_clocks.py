"""State tables, the desk's clocks across changes of time, and what a decision must satisfy."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from fanal import reference
from fanal.distribution.domain.states import ITEM_STATES, PACKAGE_STATES
from fanal.judicial.domain.records import REFERRAL_STATES
from fanal.kernel.calendar import PARIS, add_working_days, holidays, is_working_day, paris_day
from fanal.kernel.refusal import Refusal
from fanal.kernel.states import StateTable, TransitionRefused
from fanal.measures.domain.records import MEASURE_STATES
from fanal.orient.domain.clocks import desk_deadline, due_at
from fanal.orient.domain.deciding import check_decision
from fanal.orient.domain.records import Choice, Track
from fanal.orient.domain.states import ALARM_STATES, CASE_STATES, CaseState

CATALOGUE = reference.load()
TABLES = [
    CASE_STATES, ALARM_STATES, MEASURE_STATES, REFERRAL_STATES, ITEM_STATES, PACKAGE_STATES,
]  # fmt: skip
ON = date(2026, 11, 24)


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_every_state_is_reached_and_only_final_ones_have_no_way_out(table: StateTable) -> None:
    states = set(type(table.initial))
    reached = {table.initial}
    while more := {
        t.target for t in table.transitions if reached & t.sources and t.target not in reached
    }:
        reached |= more
    assert reached == states
    stuck = {state for state in states if not table.moves_from(state)}
    assert stuck == table.final


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.name)
def test_a_name_never_leaves_one_state_twice(table: StateTable) -> None:
    for state in type(table.initial):
        moves = table.moves_from(state)
        assert len(moves) == len(set(moves))


@given(st.lists(st.sampled_from([t.name for t in MEASURE_STATES.transitions]), max_size=12))
def test_no_walk_sends_a_measure_without_approval(moves: list[str]) -> None:
    state, approved = MEASURE_STATES.initial, False
    for name in moves:
        try:
            state = MEASURE_STATES.apply(state, name)
        except TransitionRefused:
            continue
        approved = name == "approve" or (approved and name not in ("amend", "refuse"))
        if name == "send":
            assert approved


INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


@given(INSTANTS, st.sampled_from(["DANGER", "HIGH", "NORMAL", "LOW"]))
def test_clock_is_after_its_start_and_needs_no_zone_of_the_machine(
    start: datetime, level: str
) -> None:
    for stage in ("DECIDE", "SECOND", "SEND", "REFER"):
        due = desk_deadline(catalogue=CATALOGUE, stage=stage, level=level, start=start)
        elsewhere = start.astimezone(ZoneInfo("Pacific/Auckland"))
        assert due > start
        assert due == desk_deadline(catalogue=CATALOGUE, stage=stage, level=level, start=elsewhere)


@given(INSTANTS)
def test_levels_are_ordered(start: datetime) -> None:
    dues = [
        desk_deadline(catalogue=CATALOGUE, stage="DECIDE", level=level, start=start)
        for level in ("DANGER", "NORMAL", "LOW")
    ]
    assert dues == sorted(dues)


def test_hours_are_elapsed_over_a_night_of_time_change() -> None:
    """24 hours from noon before the spring change end at 13:00 on the wall clock."""
    start = datetime(2026, 3, 28, 12, 0, tzinfo=PARIS)
    due = desk_deadline(catalogue=CATALOGUE, stage="DECIDE", level="HIGH", start=start)
    assert due.astimezone(PARIS).strftime("%d %H:%M") == "29 13:00"
    autumn = datetime(2026, 10, 24, 12, 0, tzinfo=PARIS)
    due = desk_deadline(catalogue=CATALOGUE, stage="DECIDE", level="HIGH", start=autumn)
    assert due.astimezone(PARIS).strftime("%d %H:%M") == "25 11:00"


def test_working_days_skip_holidays_and_end_at_midnight_in_paris() -> None:
    """Received on Thursday 30 April 2026: 1 May, the week-end and 8 May do not count."""
    start = datetime(2026, 4, 30, 10, 0, tzinfo=UTC)
    due = desk_deadline(catalogue=CATALOGUE, stage="DECIDE", level="NORMAL", start=start)
    assert due.astimezone(PARIS) == datetime(2026, 5, 12, 0, 0, tzinfo=PARIS)


@given(st.dates(date(2000, 1, 1), date(2060, 1, 1)), st.integers(1, 40))
def test_working_days(day: date, count: int) -> None:
    end = add_working_days(day, count)
    between = [day + timedelta(days=n) for n in range(1, (end - day).days + 1)]
    assert sum(map(is_working_day, between)) == count
    assert is_working_day(end)


@pytest.mark.parametrize(
    ("year", "ascension"),
    [(2024, date(2024, 5, 9)), (2025, date(2025, 5, 29)), (2026, date(2026, 5, 14))],
)
def test_moving_holidays(year: int, ascension: date) -> None:
    assert ascension in holidays(year)
    assert len(holidays(year)) in (10, 11)


def test_paris_day_refuses_a_naive_instant() -> None:
    with pytest.raises(ValueError, match="aware"):
        paris_day(datetime(2026, 1, 1))


def test_due_restarts_from_the_decision_while_a_measure_waits() -> None:
    received, decided = datetime(2026, 1, 5, tzinfo=UTC), datetime(2026, 1, 6, tzinfo=UTC)
    due = due_at(
        catalogue=CATALOGUE,
        state=CaseState.TO_SECOND,
        level="DANGER",
        received_at=received,
        decided_at=decided,
        taken=True,
    )
    assert due == decided + timedelta(minutes=30)


def test_every_level_has_its_clocks_and_taking_comes_before_deciding() -> None:
    received = datetime(2026, 1, 5, tzinfo=UTC)
    for level in ("DANGER", "HIGH", "NORMAL", "LOW"):
        take, decide = (
            due_at(
                catalogue=CATALOGUE,
                state=CaseState.TO_ASSESS,
                level=level,
                received_at=received,
                decided_at=None,
                taken=taken,
            )
            for taken in (False, True)
        )
        assert received < take < decide


def choice(*tracks: Track, bases: tuple[str, ...] = ("CP 227-23",), reason: str = "seen") -> Choice:
    return Choice(tracks=tracks, bases=bases, reason=reason)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (choice(), "NO_TRACK"),
        (choice(Track.NONE, Track.JUDICIAL), "NONE_STANDS_ALONE"),
        (choice(Track.JUDICIAL, reason="  \n"), "NO_REASON"),
        (choice(Track.JUDICIAL, reason="x" * 20_001), "REASON_TOO_LONG"),
        (choice(Track.JUDICIAL, reason="a\0b"), "REASON_UNREADABLE"),
        (choice(Track.JUDICIAL, reason="a\ud800b"), "REASON_UNREADABLE"),
        (choice(Track.JUDICIAL, bases=()), "NO_BASIS"),
        (choice(Track.JUDICIAL, bases=("CP 1",)), "UNKNOWN_BASIS"),
        (choice(Track.MEASURES, bases=("FR_LCEN_6_1_REMOVAL@2025-06-15",)), "UNKNOWN_BASIS"),
        (choice(Track.MEASURES, bases=("FR_CP_227_23@2020-08-01",)), "MEASURES_CLOSED"),
        *(
            (choice(Track.MEASURES, bases=(article,)), "MEASURES_CLOSED")
            for article in ("CP 227-22-1", "CP 227-22-2", "CP 227-23-1", "CP 227-24", "CP 226-2-1")
        ),
    ],
)
def test_decisions_refused(wrong: Choice, code: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_decision(wrong, catalogue=CATALOGUE, on=ON)
    assert refused.value.code == code
    assert not CATALOGUE.words.missing("decision_refusal", [code])


def test_decision_accepted_by_code_or_entry() -> None:
    for name in ("CP 227-23", "FR_CP_227_23@2021-04-23"):
        bases = check_decision(choice(Track.MEASURES, bases=(name,)), catalogue=CATALOGUE, on=ON)
        assert [basis.entry_id for basis in bases] == ["FR_CP_227_23@2021-04-23"]
        assert bases[0].opens_measures
    assert check_decision(choice(Track.NONE, bases=()), catalogue=CATALOGUE, on=ON) == ()
