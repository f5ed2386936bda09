"""The duty roster: who is called for an alarm, when. Pure functions of its lines.

Hours are wall-clock hours of the line's zone. A shift covers both readings of an hour that occurs twice or
not at all (clock changes): then two people are called rather than nobody. An absence covers both too, so that
somebody absent is not the only one called: 02:00 to 02:30 of the night in October takes ninety minutes, and
the gap that this leaves is shown and calls FANAL_DUTY.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

FIRST, THEN = 1, 2
"""Ranks: who is called first; who is called if nobody has acknowledged (escalation), or nobody is first."""
ZONES: Final = (
    "Europe/Paris", "America/Cayenne", "America/Guadeloupe", "America/Martinique", "America/Miquelon",
    "Indian/Mayotte", "Indian/Reunion", "Pacific/Noumea", "Pacific/Tahiti", "Pacific/Wallis",
)  # fmt: skip
"""Legal times of the French territories, by their names in the IANA time zone database."""
AHEAD: Final = timedelta(days=14)
"""Time for which gaps of the roster are shown before they happen."""
_DAY = timedelta(days=1)


class DutyKind(StrEnum):
    """What a line of the roster says of a person.

    WEEKLY: on duty on certain days of the week. ON: on duty once, at dated hours. OFF: absent at dated hours,
    whatever their other lines say.
    """

    WEEKLY = "WEEKLY"
    ON = "ON"
    OFF = "OFF"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewDuty:
    """What a line of a duty roster says: a person, or an address with a name, and their hours.

    `person_id` is None for an address with a name. `kind`: a weekly shift, a dated one, or an absence;
    `rank`: who is called first (1) or next (2). `address` is the mail address now; "" for somebody without
    one, or whose account or role at the desk has ended. Times are
    wall-clock times in `zone` (IANA name). `weekdays`: the days (0 is Monday) on which a weekly shift starts;
    it ends on the next day if `ends` is not after `starts`. A weekly line counts from `first_day` to
    `last_day` (None: without end), by the day on which a shift starts; a dated one from `first_day`, `starts`
    to `last_day`, `ends`.
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
        """The person, or the address of a line without one."""
        return self.person_id or self.address

    @property
    def over_midnight(self) -> bool:
        """Whether a weekly shift ends on the day after its start."""
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
    """A time without anybody on duty whom a call can reach first: FANAL_DUTY is called instead.

    From `since` until `until` (excluded).
    """

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RosterState:
    """The roster of a desk for the next two weeks, for pages and `fanal doctor`.

    `has_lines`: somebody is ever on duty by it; otherwise FANAL_DUTY is called at every hour, and `gaps` is
    empty. `gaps` are the times without anybody to reach first; `unreachable` the names of people on duty in
    that time whom no call reaches: without a mail address, or whose account or role at the desk has ended.
    """

    desk_id: int
    desk: str
    has_lines: bool
    gaps: tuple[Gap, ...]
    unreachable: tuple[str, ...]


def shifts(lines: Iterable[DutyLine], *, since: datetime, until: datetime) -> list[Shift]:
    """Return the shifts that overlap the time from `since` until `until`, in order of their start.

    Absences are taken out: a shift may be cut in two. Those with one start are in order of rank, then name.
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
    """Return the times between `since` and `until` without a shift of the first rank that has an address.

    In order of time.
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
    """Return (the addresses called for an alarm, those called too if none of these is reached at once).

    First the people of the first rank. Without any, or for the second call (`escalated`), everybody on duty
    and the addresses of the settings (`fallback`, FANAL_DUTY). So there is nobody to call only if both are
    empty.
    """
    now = [one for one in on_duty if one.address and one.since <= at < one.until]
    first = tuple(dict.fromkeys(one.address for one in now if one.rank == FIRST))
    everybody = tuple(dict.fromkeys([*first, *(one.address for one in now), *fallback]))
    if escalated or not first:
        return everybody, ()
    return first, tuple(one for one in everybody if one not in first)


def instants(zone: str, day: date, wall: time) -> tuple[datetime, datetime]:
    """Return the earliest and the latest instant of a wall-clock time in a zone, in UTC.

    They differ by an hour where clocks change: in October the hour occurs twice, in March never. `zone` is an
    IANA name, such as `Europe/Paris`.
    """
    both = [
        datetime.combine(day, wall, ZoneInfo(zone)).replace(fold=fold).timestamp()
        for fold in (0, 1)
    ]
    utc = ZoneInfo("UTC")
    return datetime.fromtimestamp(min(both), utc), datetime.fromtimestamp(max(both), utc)


def is_sound(line: NewDuty) -> bool:
    """Return whether a line's hours are in order: it ends after it starts, a weekly one has a day."""
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
