"""The duty roster of a desk: who is called for an alarm, and when. Pure functions of its lines.

Hours are wall-clock hours of the line's time zone. When clocks change, an hour occurs twice or not at all. A
shift that begins or ends in such an hour covers both readings: two people may be called then, but never
nobody. An absence covers both readings too, so that an absent person is never the only one called. An absence
from 02:00 to 02:30 in the October night therefore lasts ninety minutes; for the gap that this leaves,
FANAL_DUTY is called.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

FIRST, THEN = 1, 2
"""Ranks of a line. People of rank 1 are called first; those of rank 2 if nobody acknowledges or is first."""
ZONES: Final = (
    "Europe/Paris", "America/Cayenne", "America/Guadeloupe", "America/Martinique", "America/Miquelon",
    "Indian/Mayotte", "Indian/Reunion", "Pacific/Noumea", "Pacific/Tahiti", "Pacific/Wallis",
)  # fmt: skip
"""Legal times of the French territories, by their names in the IANA time zone database."""
AHEAD: Final = timedelta(days=14)
"""Time for which gaps of the roster are shown before they happen."""
_DAY = timedelta(days=1)


class DutyKind(StrEnum):
    """The kind of a line of the duty roster.

    WEEKLY: the person is on duty on certain days of each week. ON: on duty once, between two dates with
    hours. OFF: absent between two dates with hours; this takes precedence over the person's other lines.
    """

    WEEKLY = "WEEKLY"
    ON = "ON"
    OFF = "OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDuty:
    """A line of a duty roster, before it is stored: a person, or a mail address with a name, and the hours.

    `person_id` is None for an address with a name. `kind`: a weekly shift, a dated shift or an absence.
    `rank`: 1 is called first, 2 next. `address` is the present mail address; "" if the person has none, or if
    their account or role at the desk has ended. Times are wall-clock times in `zone` (IANA name).

    `weekdays` are the days (0 is Monday) on which a weekly shift begins; it ends on the next day if `ends` is
    not after `starts`. A weekly line applies to shifts that begin from `first_day` to `last_day` (None:
    without end). A dated line lasts from `first_day` at `starts` to `last_day` at `ends`.
    """

    kind: DutyKind
    rank: int
    person_id: UUID | None
    name: str
    address: str
    zone: str
    weekdays: frozenset[int]
    first_day: date
    last_day: date | None
    starts: time
    ends: time

    @property
    def who(self) -> UUID | str:
        """The id of the person; for an address without a person, the address."""
        return self.person_id or self.address

    @property
    def over_midnight(self) -> bool:
        """Whether a weekly shift ends on the day after it begins."""
        return self.ends <= self.starts


@dataclass(frozen=True, slots=True, kw_only=True)
class DutyLine(NewDuty):
    """A line of the duty roster of the desk `desk_id`."""

    id: UUID
    desk_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """The time from `since` until `until` (excluded) for which a line's person is on duty.

    `rank`, `name` and `address` are those of the line.
    """

    since: datetime
    until: datetime
    rank: int
    name: str
    address: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap:
    """A time, from `since` until `until` (excluded), without anybody of rank 1 who has a mail address.

    FANAL_DUTY is called instead.
    """

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterState:
    """The roster of a desk in the next two weeks, as pages and `fanal doctor` show it.

    `has_lines` is whether the roster has any shift; without one, FANAL_DUTY is called at every hour and
    `gaps` is empty. `gaps` are the times in which nobody can be called first. `unreachable` are the names of
    people on duty in these weeks whom no call reaches: without a mail address, or whose account or role at
    the desk has ended.
    """

    desk_id: int
    desk: str
    has_lines: bool
    gaps: tuple[Gap, ...]
    unreachable: tuple[str, ...]


def shifts(lines: Iterable[DutyLine], *, since: datetime, until: datetime) -> list[Shift]:
    """Return the shifts that overlap the time from `since` until `until`, in order of their beginning.

    An absence removes its time from the person's shifts, and may cut a shift in two. Shifts with the same
    beginning are in order of rank, then name.
    """
    lines = list(lines)
    absences: dict[UUID | str, list[tuple[datetime, datetime]]] = {}
    for line in lines:
        if line.kind is DutyKind.OFF:
            absences.setdefault(line.who, []).append(_dated(line))
    found = list[Shift]()
    for line in lines:
        if line.kind is DutyKind.OFF:
            continue
        spans = [_dated(line)] if line.kind is DutyKind.ON else _weekly(line, since, until)
        for begin, end in _without(spans, absences.get(line.who, [])):
            if begin < until and end > since:
                shift = Shift(
                    since=begin, until=end, rank=line.rank, name=line.name, address=line.address
                )
                found.append(shift)
    return sorted(found, key=lambda one: (one.since, one.rank, one.name))


def gaps(on_duty: Iterable[Shift], *, since: datetime, until: datetime) -> list[Gap]:
    """Return the times between `since` and `until` in which nobody of rank 1 with a mail address is on duty.

    They are in order of time.
    """
    found, at = list[Gap](), since
    for shift in sorted(on_duty, key=lambda one: one.since):
        if shift.rank != FIRST or not shift.address or shift.until <= at:
            continue
        if shift.since >= until:
            break
        if shift.since > at:
            found.append(Gap(since=at, until=shift.since))
        at = shift.until
    if at < until:
        found.append(Gap(since=at, until=until))
    return found


def state_of_roster(
    lines: Iterable[DutyLine], *, desk_id: int, desk: str, now: datetime
) -> RosterState:
    """Return the state of one desk's roster in the two weeks from `now`; `desk` is the desk's name."""
    until, mine = now + AHEAD, [one for one in lines if one.desk_id == desk_id]
    coming = shifts(mine, since=now, until=until)
    has_lines = any(one.kind is not DutyKind.OFF for one in mine)
    return RosterState(
        desk_id=desk_id,
        desk=desk,
        has_lines=has_lines,
        gaps=tuple(gaps(coming, since=now, until=until)) if has_lines else (),
        unreachable=tuple(dict.fromkeys(one.name for one in coming if not one.address)),
    )


def recipients(
    on_duty: Iterable[Shift], *, at: datetime, fallback: Sequence[str], escalated: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return two groups of mail addresses to call for an alarm at the instant `at`.

    The first group is called at once; the second is called too if nobody of the first group can be reached at
    once. The first group is the people of rank 1. If there is none, or for the second call (`escalated`), it
    is everybody on duty and the addresses of the setting FANAL_DUTY (`fallback`). Both groups are empty only
    if nobody on duty has an address and `fallback` is empty.
    """
    now = [one for one in on_duty if one.address and one.since <= at < one.until]
    first = tuple(dict.fromkeys(one.address for one in now if one.rank == FIRST))
    everybody = tuple(dict.fromkeys([*first, *(one.address for one in now), *fallback]))
    if escalated or not first:
        return everybody, ()
    return first, tuple(one for one in everybody if one not in first)


def instants(zone: str, day: date, wall: time) -> tuple[datetime, datetime]:
    """Return the earliest and the latest instant, in UTC, that a wall-clock time on a day can mean.

    `zone` is an IANA name, such as `Europe/Paris`. The two differ by an hour when clocks change: in October
    the wall-clock hour occurs twice, in March it does not exist. On other days they are equal.
    """
    both = [
        datetime.combine(day, wall, ZoneInfo(zone)).replace(fold=fold).timestamp()
        for fold in (0, 1)
    ]
    utc = ZoneInfo("UTC")
    return datetime.fromtimestamp(min(both), utc), datetime.fromtimestamp(max(both), utc)


def is_sound(line: NewDuty) -> bool:
    """Return whether the hours of a line are valid.

    The rank must be 1 or 2, the zone one of `ZONES`. A weekly line must have a day of the week, and its last
    day, if any, must not be before the first. Any other line must end after it begins, within 366 days.
    """
    if line.rank not in (FIRST, THEN) or line.zone not in ZONES:
        return False
    if line.kind is DutyKind.WEEKLY:
        days = bool(line.weekdays) and all(0 <= day <= 6 for day in line.weekdays)
        return days and (line.last_day is None or line.last_day >= line.first_day)
    if line.last_day is None:
        return False
    begin, end = _dated(line)
    return end > begin and end - begin <= timedelta(days=366)


def _dated(line: NewDuty) -> tuple[datetime, datetime]:
    last = line.last_day or line.first_day
    return instants(line.zone, line.first_day, line.starts)[0], instants(
        line.zone, last, line.ends
    )[1]


def _weekly(line: DutyLine, since: datetime, until: datetime) -> list[tuple[datetime, datetime]]:
    zone = ZoneInfo(line.zone)
    # A day before, for a shift over midnight; two, for the hour that a clock change may add.
    day = max(since.astimezone(zone).date() - 2 * _DAY, line.first_day)
    last = until.astimezone(zone).date()
    last = last if line.last_day is None else min(last, line.last_day)
    found = list[tuple[datetime, datetime]]()
    while day <= last:
        if day.weekday() in line.weekdays:
            end = day + _DAY if line.over_midnight else day
            found.append(
                (
                    instants(line.zone, day, line.starts)[0],
                    instants(line.zone, end, line.ends)[1],
                )
            )
        day += _DAY
    return found


def _without(
    spans: list[tuple[datetime, datetime]], cuts: Iterable[tuple[datetime, datetime]]
) -> list[tuple[datetime, datetime]]:
    for since, until in cuts:
        kept = list[tuple[datetime, datetime]]()
        for begin, end in spans:
            kept += [
                (a, b) for a, b in ((begin, min(end, since)), (max(begin, until), end)) if a < b
            ]
        spans = kept
    return spans
