"""Parsing of times as sources write them, to a range: earliest and latest instant, precision and zone.

Both bounds are inclusive, in RFC 3339, UTC. A time without zone is taken as Europe/Paris and marked
(`zone_assumed`). A local hour that daylight saving time skips or repeats widens the bounds to both readings.
"""

import re
from calendar import isleap, monthrange
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, TimeRange, Warning as Doubt
from fanal.kernel.calendar import is_within

ASSUMED_ZONE = "Europe/Paris"
_PARIS = ZoneInfo(ASSUMED_ZONE)
_TIME = re.compile(
    r"(\d{4})(?:-(\d{2})(?:-(\d{2})(?:[Tt ](\d{2})(?::(\d{2})(?::(\d{2})(?:[.,](\d{1,30}))?)?)?"
    r"\s?([Zz]|[+-]\d{2}:?\d{2}|[+-]\d{2})?)?)?)?([Zz]|[+-]\d{2}:\d{2})?",
    re.ASCII,
)
_RFC3339 = re.compile(
    r"\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:[Zz]|[+-]\d{2}:\d{2})", re.ASCII
)
# Neither a leap second, nor the hour 24, nor a year at the ends of the calendar.
_USUAL = re.compile(
    r"[12]\d{3}-\d{2}-\d{2}T(?:[01]\d|2[0-3]):\d{2}:[0-5]\d(?:Z|[+-](?:[01]\d|2[0-3]):[0-5]\d)",
    re.ASCII,
)
_PRECISIONS = ("YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
_SECOND = timedelta(seconds=1)


class ReadTime(Struct, frozen=True, kw_only=True):
    """A parsed time (`range`) and, if daylight saving time makes it ambiguous, the code of a warning."""

    range: TimeRange
    warning: str | None = None  # TIME_SKIPPED_BY_CLOCKS | TIME_REPEATED_BY_CLOCKS


class _Fields(Struct, frozen=True, kw_only=True):
    precision: str
    start: datetime  # naive, local
    end: datetime  # naive, local, excluded
    leap: bool
    point: bool  # written to the second: one instant


@lru_cache(maxsize=1024)
def read_time(text: str) -> ReadTime | None:
    """Parse a time to the range that it denotes; None if unreadable, or in the year 1 or 9999.

    Accepted: the RFC 3339 forms, their prefixes down to the year, a space for `T`, offsets without colon, the
    hour 24:00:00 (XML Schema) and the leap second 60.
    """
    plain = text.strip()
    if _USUAL.fullmatch(plain) is not None:
        return _read_usual(plain)
    match = _TIME.fullmatch(plain)
    if match is None:
        return None
    try:
        fields = _fields(match)
        zone, name, assumed = _zone(match.group(8) or match.group(9))
        return _ranged(fields, zone, name, assumed=assumed)
    except ValueError:
        return None


def is_rfc3339(text: str) -> bool:
    """Return whether `text` is an RFC 3339 date-time; a leap second only where UTC can have one."""
    if _RFC3339.fullmatch(text) is None:
        return False
    if text[11:13] == "24":
        return False
    read = read_time(text)
    if read is None:
        return False
    if text[17:19] != "60":
        return True
    return read.range.earliest[11:19] == "23:59:59"


def instant(text: str) -> str | None:
    """Return the UTC instant (`…Z`) of a time with seconds; without a zone it is taken as Europe/Paris.

    None for a less precise or unreadable time; of an hour that occurs twice, the earlier instant.
    """
    read = read_time(text)
    if read is None or read.range.precision != "SECOND":
        return None
    return read.range.earliest


def until_received(report: HarmonisedReport, received_at: datetime) -> HarmonisedReport:
    """Return `report` with its time range cut off at its receipt (`received_at`): “today” is not over.

    A range that lies entirely after the receipt (a wrong clock, a planned meeting) and an exact instant are
    not changed.
    """
    occurred = report.occurred
    if occurred is None or occurred.precision == "SECOND":
        return report
    end = _written(received_at.astimezone(UTC).replace(microsecond=0))
    if not occurred.earliest <= end < occurred.latest:
        return report
    return structs.replace(report, occurred=structs.replace(occurred, latest=end))


def later_than_received(report: HarmonisedReport, received_at: datetime) -> HarmonisedReport:
    """Return `report` with a warning for each birth date or use of an IP address after its receipt.

    The code of the warning is `FUTURE_DATE`, `received_at` the instant of receipt. Dates of the reporter
    get no warning. The report is not refused: only intake refuses reports, and only for a future date of
    the incident itself (docs: decisions/0016).
    """
    end = _written(received_at.astimezone(UTC).replace(microsecond=0))
    noted = [
        Doubt(path=path, code="FUTURE_DATE", value=text[:200])
        for path, text in _dates_of_persons(report)
        if (read := read_time(text)) is not None and read.range.earliest > end
    ]
    return structs.replace(report, warnings=(*report.warnings, *noted)) if noted else report


def _dates_of_persons(report: HarmonisedReport) -> Iterator[tuple[str, str]]:
    for place, person in enumerate(report.persons):
        if person.role is PersonRole.REPORTER:
            continue
        if person.birth_date is not None:
            yield f"persons[{place}].birth_date", person.birth_date
        for index, sighting in enumerate(person.ips):
            if sighting.at is not None:
                yield f"persons[{place}].ips[{index}].at", sighting.at


def _read_usual(text: str) -> ReadTime | None:
    """Parse a time in the common machine-written form (`2024-05-01T10:00:00Z`); None for an invalid date.

    It takes a tenth of the time of the general parser.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    # In UTC this form is what `_written` gives.
    written = text if text[19] == "Z" else _written(moment.astimezone(UTC))
    return ReadTime(
        range=TimeRange(earliest=written, latest=written, precision="SECOND", zone=text[19:])
    )


def _fields(match: re.Match[str]) -> _Fields:
    year, month, day, hour, minute, second = match.groups()[:6]
    given = [part for part in (year, month, day, hour, minute, second) if part is not None]
    precision = _PRECISIONS[len(given) - 1]
    leap = second == "60"
    midnight = hour == "24"
    if midnight and (int(minute or 0) or int(second or 0) or int(match.group(7) or 0)):
        raise ValueError("after the end of the day")
    if not is_within(int(year)):
        raise ValueError("at an end of the calendar")
    micro = int((match.group(7) or "0").ljust(6, "0")[:6])
    start = datetime(  # noqa: DTZ001 - the zone is applied later, for both of its readings
        int(year),
        int(month or 1),
        int(day or 1),
        0 if midnight else int(hour or 0),
        int(minute or 0),
        59 if leap else int(second or 0),
        micro,
    )
    start += timedelta(days=1) if midnight else timedelta()
    return _Fields(
        precision=precision,
        start=start,
        end=start + _length(start, precision),
        leap=leap,
        point=precision == "SECOND",
    )


def _length(start: datetime, precision: str) -> timedelta:
    if precision == "YEAR":
        return timedelta(days=366 if isleap(start.year) else 365)
    if precision == "MONTH":
        return timedelta(days=monthrange(start.year, start.month)[1])
    return {
        "DAY": timedelta(days=1),
        "HOUR": timedelta(hours=1),
        "MINUTE": timedelta(minutes=1),
        "SECOND": _SECOND,
    }[precision]


def _zone(given: str | None) -> tuple[tzinfo, str, bool]:
    if given is None:
        return _PARIS, ASSUMED_ZONE, True
    if given in "Zz":
        return UTC, "Z", False
    digits = given[1:].replace(":", "").ljust(4, "0")
    hours, minutes = int(digits[:2]), int(digits[2:])
    if hours > 23 or minutes > 59:
        raise ValueError("no such offset")
    offset = timedelta(hours=hours, minutes=minutes)
    return timezone(-offset if given[0] == "-" else offset), given, False


def _ranged(fields: _Fields, zone: tzinfo, name: str, *, assumed: bool) -> ReadTime:
    last = fields.start if fields.point else fields.end - _SECOND
    folds = (0, 1) if assumed else (0,)  # only a zone with clock changes has two readings
    moments = (fields.start,) if last == fields.start else (fields.start, last)
    bounds = [_utc(moment, zone, fold) for moment in moments for fold in folds]
    latest = max(bounds) + (_SECOND if fields.leap else timedelta())
    return ReadTime(
        range=TimeRange(
            earliest=_written(min(bounds)),
            latest=_written(latest),
            precision=fields.precision,
            zone=name,
            zone_assumed=assumed,
        ),
        warning=_doubt(fields, zone) if assumed else None,
    )


def _doubt(fields: _Fields, zone: tzinfo) -> str | None:
    if fields.precision not in {"HOUR", "MINUTE", "SECOND"}:
        return None
    first, second = _utc(fields.start, zone, 0), _utc(fields.start, zone, 1)
    if first == second:
        return None
    # In a gap the reading with the earlier offset lies later (PEP 495).
    return "TIME_SKIPPED_BY_CLOCKS" if first > second else "TIME_REPEATED_BY_CLOCKS"


def _utc(local: datetime, zone: tzinfo, fold: int) -> datetime:
    return local.replace(tzinfo=zone, fold=fold).astimezone(UTC)


def _written(moment: datetime) -> str:
    return moment.replace(tzinfo=None).isoformat() + "Z"
