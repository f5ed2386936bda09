"""One suspect in several events of a dossier is a series; facts after a referral make a repeat offender."""

from datetime import UTC, datetime, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest

from fanal.crosscheck.dossiers.domain import Series, series_in
from fanal.formats.report.records import Person, PersonRole, ReportKind
from fanal.harmonise.domain.records import (
    HarmonisedReport,
    Selector,
    SelectorKind,
    SelectorRole,
    TimeRange,
)
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id

FOX = (SelectorKind.HANDLE, "renard_77@castlequest")
BARE = (SelectorKind.HANDLE, "renard_77")
MAIL = (SelectorKind.EMAIL, "fox@mail.example")
OTHER = (SelectorKind.PHONE, "+33639980012")
REFERRED = datetime(2026, 3, 10, 9, tzinfo=UTC)


def _day(day: str) -> tuple[str, str]:
    """Return begin and end of a day in Paris, or of what else is written as a time of UTC, as harmonise does."""
    if "T" in day:
        return day, day
    begin = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Paris"))
    ends = (begin, begin + timedelta(days=1, seconds=-1))
    return tuple(f"{end.astimezone(UTC):%Y-%m-%dT%H:%M:%S}" for end in ends)  # type: ignore[return-value]


def told(
    *suspects: tuple[tuple[SelectorKind, str], ...],
    day: str | None = "2026-03-01",
    victims: tuple[str, ...] = (),
    role: SelectorRole = SelectorRole.SUSPECT,
    weak: bool = False,
) -> HarmonisedReport:
    """A report of a day, whose suspects have these identifiers and whose victims have these names."""
    selectors = tuple(
        Selector(kind=kind, value=value, role=role, source=f"persons[{n}].handles[{k}]", weak=weak)
        for n, held in enumerate(suspects)
        for k, (kind, value) in enumerate(held)
    )
    first, last = (f"{ends}Z" for ends in _day(day)) if day else (None, None)
    return HarmonisedReport(
        report_id=new_id(datetime(2026, 3, 25, tzinfo=UTC)),
        reference="",
        kind=ReportKind.GROOMING,
        occurred=TimeRange(earliest=first, latest=last, precision="DAY", zone="Europe/Paris")
        if first and last
        else None,
        persons=(
            *(Person(role=PersonRole.SUSPECT) for _ in suspects),
            *(Person(role=PersonRole.VICTIM, name=name) for name in victims),
        ),
        selectors=selectors,
    )


def only(*records: HarmonisedReport, referred: dict[UUID, datetime] | None = None) -> Series:
    (found,) = series_in(records, referred=referred or {})
    return found


def test_a_series_has_one_suspect_on_several_days() -> None:
    late, early = told((FOX,), day="2026-03-05"), told((FOX, MAIL), day="2026-03-01")
    found = only(late, early)
    assert found.reports == (early.report_id, late.report_id)
    assert (paris_day(found.first).day, paris_day(found.last).day) == (1, 5)
    assert found.identifiers == (FOX, MAIL), "the identifier of most reports leads"
    assert not found.again


def test_victims_of_different_names_make_a_series_on_one_day() -> None:
    one, two = told((FOX,), victims=("Lina",)), told((FOX,), victims=("Tom", "LINA "))
    assert only(one, two).victims == 2


@pytest.mark.parametrize(
    "records",
    [
        (told((FOX,)), told((FOX,))),
        (told((FOX,)), told((FOX,), day="2026-03-01T14:00:00")),
        (told((BARE,)), told((BARE,), day="2026-03-05")),
        (told((FOX,), day=None), told((FOX,), day=None)),
        (told((FOX,)),),
        (told((FOX,)), told((OTHER,), day="2026-03-05")),
        (told((FOX,), weak=True), told((FOX,), day="2026-03-05", weak=True)),
        *[
            (told((value,)), told((value,), day="2026-03-05"))
            for value in (
                (SelectorKind.HANDLE, "unknown@snapchat"),
                (SelectorKind.HANDLE, "max@snapchat"),
                (SelectorKind.HANDLE, "il a 20 ans@snapchat"),
                (SelectorKind.HANDLE, "?!@snapchat"),
                (SelectorKind.EMAIL, "noreply@service.test"),
                (SelectorKind.PHONE, "+33611111111"),
                (SelectorKind.DEVICE, "02:00:00:00:00:00"),
                (SelectorKind.DEVICE, "iPhone 12"),
                (SelectorKind.DEVICE, "iphone14promax"),
            )
        ],
        (told((MAIL,), victims=("Lina",)), told((MAIL,), victims=("inconnue",))),
        (told((MAIL,), victims=("Lina D.",)), told((MAIL,), victims=("Durand, Lina",))),
        (
            told((FOX,), role=SelectorRole.WITNESS),
            told((FOX,), day="2026-03-05", role=SelectorRole.WITNESS),
        ),
        (
            told(((SelectorKind.IP, "203.0.113.7"),)),
            told(((SelectorKind.IP, "203.0.113.7"),), day="2026-03-05"),
        ),
    ],
    ids=[
        "one day",
        "an hour of it",
        "no service",
        "no date",
        "one report",
        "two suspects",
        "from text",
        *["placeholder, common or no identifier"] * 9,
        "a victim unnamed",
        "one victim",
        "witness",
        "address",
    ],
)
def test_what_may_be_one_event_or_two_people_is_no_series(
    records: tuple[HarmonisedReport, ...],
) -> None:
    assert series_in(records, referred={}) == []


def test_identifiers_join_a_suspect_across_reports_and_two_suspects_stay_two() -> None:
    one = told((FOX,), (OTHER,), day="2026-03-01")
    two = told((MAIL, FOX), day="2026-03-03")
    three = told((MAIL,), (OTHER,), day="2026-03-07")
    fox, other = series_in([one, two, three], referred={})
    assert fox.reports == (one.report_id, two.report_id, three.report_id)
    assert set(fox.identifiers) == {FOX, MAIL}
    assert other.identifiers == (OTHER,)
    assert other.reports == (one.report_id, three.report_id)


def test_facts_after_a_referral_make_a_repeat_offender() -> None:
    one, same, later = told((FOX,)), told((FOX,)), told((FOX,), day="2026-03-11")
    found = only(one, same, later, referred={one.report_id: REFERRED})
    assert found.again == (later.report_id,)
    assert found.referred == ((one.report_id, REFERRED),)


@pytest.mark.parametrize("value", ["352099001761481", "3c:22:fb:00:00:07", "F2LZ1A34CDE5"])
def test_what_names_one_device_makes_a_series(value: str) -> None:
    device = (SelectorKind.DEVICE, value)
    assert only(told((device,)), told((device,), day="2026-03-05")).identifiers == (device,)


def test_facts_announced_by_a_report_that_was_there_are_no_repetition() -> None:
    """A meeting to come, or a mistyped year: of the report that was referred, or of one received before."""
    for day in ("2026-04-05", "2062-03-01"):
        referred, other = told((FOX,), day=day), told((FOX,))
        found = only(referred, other, referred={referred.report_id: REFERRED})
        assert found.again == ()
        assert only(referred, other, referred={other.report_id: REFERRED}).again == ()


@pytest.mark.parametrize("day", ["2026-03-10", "2026-03-05", None])
def test_facts_not_known_to_be_later_do_not(day: str | None) -> None:
    one = told((FOX,))
    hours = datetime(2026, 3, 10, 13, tzinfo=UTC)
    found = series_in([one, told((FOX,), day=day)], referred={one.report_id: hours})
    assert not any(series.again for series in found)


def test_repeat_offenders_come_first_then_the_longest_series() -> None:
    many = [told((OTHER,), day=f"2026-03-0{n}") for n in range(1, 6)]
    some = [told((MAIL,), day=f"2026-03-0{n}") for n in range(1, 4)]
    one, again = told((FOX,)), told((FOX,), day="2026-03-20")
    found = series_in([*some, *many, one, again], referred={one.report_id: REFERRED})
    assert [series.identifiers for series in found] == [(FOX,), (OTHER,), (MAIL,)]
