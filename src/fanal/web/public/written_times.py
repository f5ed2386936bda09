"""Hours and days as people write them in French or English: "9 h", "hier soir". Pure.

What is not understood is no error: the report keeps it as written (`draft.py`).
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta

from fanal.kernel.calendar import read_day


def numbered(*lines: str, start: int = 0) -> Mapping[str, int]:
    """Return a mapping of each word to the number of its line, from `start`; for tables of number words."""
    return {word: n for n, line in enumerate(lines, start) for word in line.split()}


NUMBERS = numbered(
    "zero", "un une one", "deux two", "trois three", "quatre four", "cinq five", "six", "sept seven",
    "huit eight", "neuf nine", "dix ten", "onze eleven", "douze twelve", "treize thirteen",
    "quatorze fourteen", "quinze fifteen", "seize sixteen", "dix-sept seventeen", "dix-huit eighteen",
    "dix-neuf nineteen", "vingt twenty",
)  # fmt: skip
_TENS = numbered("vingt twenty", "trente thirty", "quarante forty", "cinquante fifty", start=2)
_WEEKDAYS = numbered(
    "lundi monday", "mardi tuesday", "mercredi wednesday", "jeudi thursday", "vendredi friday",
    "samedi saturday", "dimanche sunday",
)  # fmt: skip
_MONTHS = numbered(
    "janvier january", "fevrier february", "mars march", "avril april", "mai may", "juin june",
    "juillet july", "aout august", "septembre september", "octobre october", "novembre november",
    "decembre december", start=1,
)  # fmt: skip
_MORNING, _AFTERNOON, _EVENING, _NIGHT = range(4)
_PARTS = numbered(
    "matin matinee morning", "aprem afternoon", "soir soiree evening tonight", "nuit night"
)
_FILLERS = numbered(
    "a au vers environ le la les l du de d en dans ce cet cette dernier derniere prochain prochaine passe h",
    "at about around on in the of this last o clock pile moi je crois i think",
).keys()
_NEGATED = numbered("pas ni sauf jamais not never except").keys()
_UNSURE = (
    numbered("ou avant apres depuis entre et or before after since between and").keys() | _NEGATED
)
"""Words that leave open which day, hour or age is meant: "avant lundi", "samedi ou dimanche"."""
_EITHER = numbered("ou or").keys()
_COUNTING = numbered("dans ici in within").keys()
"""Words after which a number may count hours, minutes or days, rather than name one."""
_LAST = numbered("dernier derniere passe last").keys()
_NEXT = numbered("prochain prochaine next").keys()
WORD = re.compile(r"\d+|[^\W\d_]+(?:-[^\W\d_]+)*")

_FEW = "|".join(sorted(NUMBERS, key=len, reverse=True))
_UNITS = "|".join(word for word, number in NUMBERS.items() if 0 < number < 10)
_NUMBER = rf"(?<![\w-])(?:(?:{'|'.join(_TENS)})(?:[- ](?:et[- ])?(?:{_UNITS}))?|{_FEW})(?![\w-])"
_IN_WORDS = re.compile(_NUMBER)
_COUNTED = re.compile(
    rf"{_NUMBER}(?= ?(?:h|heures?|hours?|minutes?|o clock|am|pm|jours?|days?)\b| past\b)"
    rf"|(?:(?<=heures )|(?<=heure )|(?<=\dh )|(?<=\d h )|(?<=moins )|(?<=past )|(?<=quarter to )){_NUMBER}"
)
_HOUR_AND_MINUTE = re.compile(r"(?<!\d)(\d{1,2}) ([0-5]\d)(?!\d)(?! ?h)")
_FRACTION = re.compile(
    r"(?:\b(?:une?|an?) )?(?<![\d/])(?P<part>[13]/[24]) ?(?:d |of an )?(?:h|heures?|hours?)\b(?! ?\d)"
)
_RATIO = re.compile(r"(?<![\d/])\d+ ?/ ?\d+(?![\d/])")
_MONTH = "|".join(_MONTHS)
_DAYS = (
    re.compile(r"(?<!\d)(?P<day>\d{1,2})[/. -](?P<month>\d{1,2})[/. -](?P<year>\d{4})(?!\d)"),
    re.compile(
        r"(?<![\d/])(?<!\dh )(?<!\d h )(?P<day>\d{1,2})/(?P<month>\d{1,2})(?![\d/])(?P<year>)"
        r"(?! ?(?:h|d|of|heures?|hours?|mi?n|min\w*|jours?|days?|semaines?|weeks?|mois|months?)\b)"
    ),
    re.compile(r"(?<!\d)(?P<year>\d{4})-(?P<month>\d{2})-(?P<day>\d{2})(?!\d)"),
    re.compile(rf"(?<!\d)(?P<day>\d{{1,2}})(?:er|st|nd|rd|th)? (?P<month>{_MONTH})\b(?: (?P<year>\d{{4}}))?"),
    re.compile(
        rf"\b(?P<month>{_MONTH}) (?P<day>\d{{1,2}})(?:st|nd|rd|th)?\b(?!:|h)(?:,? (?P<year>\d{{4}}))?"
    ),
)  # fmt: skip
_IN_DIGITS = _DAYS[:2]
_AMOUNT = (
    r"(?:(?:(?P<hours>\d{1,3}|an) ?(?:h|heures?|hours?)(?![a-z])"
    r"(?: et (?P<part>demie?|quart)\b)?(?: ?(?P<minutes>[0-5]?\d)\b)?"
    r"|(?P<alone>\d{1,3}) ?(?:minutes?|mins?|mn)"
    r"|(?:une |1 )?(?P<half>demi[- ]h)eure|(?P<half_an>half an) hour"
    r"|(?:un |1 )?(?P<quarter>quart d h)eure)\b)"
)
_ABOUT = r"(?: (?:environ|about|around|les?|the|next|moins de?|less than))*"
_MOMENTS = (
    (re.compile(rf"\bil y a{_ABOUT} {_AMOUNT}"), -1),
    (re.compile(rf"(?<!\d){_AMOUNT} ago\b"), -1),
    (re.compile(rf"\b(?:dans|d ici|in|within){_ABOUT} {_AMOUNT}"), 1),
    (re.compile(r"\b(?:maintenant|tout de suite|immediatement|right now|now|immediately)\b"), 0),
)
_LASTING = re.compile(
    r"\b(?:pendant|durant|for)(?: [a-z]+)? \d+ ?(?:h|heures?)\b|\b\d+ ?(?:h|heures?) par\b"
)
_DISTANT = (
    (re.compile(r"\bil y a (\d{1,3}) jours?\b"), -1),
    (re.compile(r"\b(\d{1,3}) days? ago\b"), -1),
    (re.compile(r"\b(?:dans|in) (\d{1,3}) (?:jours?|days?)\b"), 1),
)
_NEAR = (
    (re.compile(r"\b(?:avant-hier|avant hier|(?:the )?day before yesterday)\b"), -2),
    (re.compile(r"\b(?:apres-demain|apres demain|(?:the )?day after tomorrow)\b"), 2),
    (re.compile(r"\b(?:hier|yesterday|last (?=night))"), -1),
    (re.compile(r"\b(?:(?:aujourd hui|today|ajd|auj)\b|(?=tonight))"), 0),
    (re.compile(r"\b(?:ce|cet|cette|this) (?=matin|midi|soir|aprem|morning|afternoon|evening)"), 0),
    (re.compile(r"\b(?:demain|tomorrow|dmn|tmrw)\b"), 1),
)  # fmt: skip
_COMING_NIGHT = re.compile(r"\bcette (?=nuit)")
_WEEKDAY = re.compile(rf"\b({'|'.join(_WEEKDAYS)})\b")
_AMONG = "|".join(sorted({*_FILLERS, *_PARTS, "heures", "hours", "am", "pm"}))
_WITHIN = rf"(?:[ :\d]|(?<![a-z])(?:{_AMONG})(?![a-z]))*"
"""Between a weekday and a week that name one day; “mercredi ou la semaine prochaine” names two."""
_WEEK_BEFORE = re.compile(r"\b(?:semaine (?:derniere|passee)|last week)\b")
_WEEK_AFTER = re.compile(r"\b(?:semaine prochaine|next week)\b")
_WEEKS = tuple(
    (
        re.compile(rf"{_WEEKDAY.pattern}{within}{week.pattern}|{week.pattern},?{within}{_WEEKDAY.pattern}"),
        week, way,
    )
    for within, week, way in ((_WITHIN.replace("[ ", "[ ,"), _WEEK_BEFORE, -7), (_WITHIN, _WEEK_AFTER, 7))
)  # fmt: skip
_CLOCKS = (
    re.compile(
        r"\b(?:a )?(?P<span>half|quarter|[1-5]?\d) (?:past|(?P<before>(?<=quarter )to)) "
        r"(?P<hour>1[0-2]|[1-9])\b(?: ?(?P<half>[ap])\.? ?m\b\.?)?"
    ),
    re.compile(r"(?<!\d)(?P<hour>1[0-2]|[1-9])(?:[:. ](?P<minute>[0-5]\d))? ?(?P<half>[ap])\.? ?m\b\.?"),
    re.compile(
        r"(?<!\d)(?P<hour>[01]?\d|2[0-4]) ?(?:h(?:eures?)?|:)(?![a-z]| ?\d(?!\d))"
        r"(?: ?(?P<minute>(?<! )[0-5]\d(?!\d)|[0-5]\d(?!\d| ?h(?:eures?)?\b|:\d))"
        r"| et (?P<part>demie?|quart)\b"
        r"| moins (?:le )?(?P<less>quart|[1-5]\d|[1-9])\b)?"
    ),
    re.compile(r"(?<!\d)(?P<hour>1[0-2]|[1-9]) o clock\b"),
    re.compile(r"\b(?:(?P<noon>midi|noon)|minuit|midnight)(?: et (?P<part>demie?|quart)\b)?"),
)  # fmt: skip
_HALF_DAY = timedelta(hours=12)
_DAY = timedelta(days=1)
_STILL_YESTERDAY = 6
_SOON = timedelta(days=3)
"""From here on a planned day lowers the danger of a report: 72 hours, as in the facts of priority rules."""
_PARTS_OF_AN_HOUR = {"1/2": 30, "1/4": 15, "3/4": 45}
_MINUTES = {"demi": 30, "demie": 30, "half": 30, "quart": 15, "quarter": 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenTime:
    """The day and hour (`clock`, as `21:00`) that a text names. `whole`: it names nothing more.

    `unclear`: a planned day is named, but not with certainty, and is left out.
    """

    day: date | None = None
    clock: str | None = None
    whole: bool = False
    unclear: bool = False


def read_time(
    text: str,
    *,
    hour: str = "",
    now: datetime,
    ahead: bool = False,
    chosen: date | None = None,
    month_first: bool = False,
) -> WrittenTime:
    """Return the day and hour in a text such as `hier soir vers 9h`, `24/11/2026`, `last night` or `9 pm`.

    `hour` is a second text, the answer to “around what time”, in which a number alone is an hour. `now` is
    the local time of writing, without zone; `chosen` the day if it was not typed. `ahead`: the event is
    planned, so that `samedi` is the next one, today included; otherwise it is the last one before today.
    `month_first`: a date in digits may begin with its month, as in the United States; with two readings it
    counts as two days. An hour on the wrong side of `now` is not read, but a planned `5` may be 17 o'clock. A
    text with two days, or with a word such as “or”, names none; of a planned event it names the first, unless
    it says “not”.

    A planned day that is over, or more than three days away, lowers the danger of a report. So a past day is
    never read, and a day that far away only if every word and number of the text is understood.
    """
    typed = [one for one in (plain_words(text), _hour_alone(_in_minutes(plain_words(hour)))) if one]

    def joined_by(sign: str) -> WrittenTime:
        said = _said(sign.join(typed), now=now, ahead=ahead, month_first=month_first)
        read = _read(said, now=now, ahead=ahead, chosen=chosen)
        far = read.day is not None and read.day > now.date() + _SOON
        return WrittenTime(unclear=True) if ahead and far and not said.is_certain else read

    read = joined_by("; ")  # no time or date spans it: the minutes of `17h` are not another `17h`
    if read.clock is None and read.day == chosen and typed[1:] and not typed[1][:4].isdecimal():
        return joined_by(" ")  # one time over both: `dans 2`, `heures`; no year: `May 2`, `2030`
    return read


def _said(text: str, *, now: datetime, ahead: bool, month_first: bool) -> "_Said":
    """Return the times that a text in plain words names; the parameters are those of `read_time`."""
    text = _digits_for_words(_in_minutes(re.sub(r"apres[- ]midi", "aprem", text)))
    part = next((_PARTS[word] for word in WORD.findall(text) if word in _PARTS), None)
    moments, text = _moments(_LASTING.sub(" x ", text), now, ahead=ahead)
    days, text = _days(text, now=now, ahead=ahead, month_first=month_first)
    clocks, text = _clocks(text, part)
    return _Said(
        moments=moments,
        days=days,
        clocks=clocks,
        part=part,
        left=frozenset(WORD.findall(text)) - _PARTS.keys(),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    """The instants, days and hours that a text names, its part of the day, and the words that are left."""

    moments: set[datetime]
    days: set[date]
    clocks: set["_Clock"]
    part: int | None
    left: frozenset[str]

    @property
    def counts(self) -> bool:
        """Whether a number that is not understood may count hours or days, or be a second hour."""
        counting = self.part is None and not self.left.isdisjoint(_COUNTING)
        return counting or any(word.isdecimal() for word in self.left)

    @property
    def is_certain(self) -> bool:
        """Whether the text names one time, or several joined by “or”, and nothing that is not understood."""
        several = len(self.days) + len(self.moments) > 1
        joined = not several or not self.left.isdisjoint(_EITHER)
        return joined and not self.counts and not self.left - _FILLERS - _EITHER


def _read(said: _Said, *, now: datetime, ahead: bool, chosen: date | None) -> WrittenTime:
    """Return the day and hour as `read_time` does, without its check of planned days that are far away."""
    days, left = said.days, said.left
    first = chosen or (min(days, default=None) if ahead else None)
    if left & (_NEGATED | (_LAST if ahead else _NEXT)):
        return WrittenTime(day=chosen)
    told = days | ({chosen} if chosen else set())
    if said.moments:
        at = min(said.moments)
        moved = chosen is not None and at.date() != chosen and abs(at - now) > _HALF_DAY
        if len(said.moments) > 1 or said.clocks or moved or not told <= {now.date(), at.date()}:
            return WrittenTime(day=chosen or (min({at.date(), *days}) if ahead else None))
        return WrittenTime(day=at.date(), clock=f"{at:%H:%M}")
    if left & _UNSURE or len(days) > 1 or len(said.clocks) > 1 or (ahead and said.counts):
        return WrittenTime(day=first)
    day = chosen or next(iter(days), None)
    if day is not None and day > now.date() and not ahead:
        return WrittenTime()
    placed, kept = _placed(day, next(iter(said.clocks), None), said.part, now=now, ahead=ahead)
    whole = (
        kept
        and len(told) < 2
        and not left - _FILLERS
        and (said.part is None or placed.clock is not None)
    )
    return WrittenTime(day=placed.day, clock=placed.clock, whole=whole and placed != WrittenTime())


def _moments(text: str, now: datetime, *, ahead: bool) -> tuple[set[datetime], str]:
    """Return the instants that the text counts from `now`, such as `dans une heure`, and the text without.

    With `ahead`, past instants are left out.
    """
    found = set()
    for pattern, way in _MOMENTS:
        over = ahead and way < 0
        for match in () if over else pattern.finditer(text):
            found.add(now + way * _amount(match.groupdict()))
        text = pattern.sub(" x " if over else " ", text)
    return found, text


def _amount(named: Mapping[str, str | None]) -> timedelta:
    """Return the duration in the named groups of a match of `_AMOUNT`; zero if there are none: “now”."""
    hours = named.get("hours") or "0"
    minutes = _MINUTES.get(named.get("part") or "", 0) + int(named.get("minutes") or 0)
    minutes += int(named.get("alone") or 0) + (15 if named.get("quarter") else 0)
    minutes += 30 if named.get("half") or named.get("half_an") else 0
    return timedelta(hours=1 if hours == "an" else int(hours), minutes=minutes)


def _placed(
    day: date | None, clock: "_Clock | None", part: int | None, *, now: datetime, ahead: bool
) -> tuple[WrittenTime, bool]:
    """Return a day with its hour on the right side of `now` (after it if `ahead`), and whether as typed.

    A planned `5` is at 5 or 17 o'clock, `minuit` begins or ends the day, after `ce soir` an hour before five
    is of the next day. Without a reading on that side, or with two in the early morning, the hour is None.
    """
    if day is None or clock is None:
        return WrittenTime(day=day, clock=str(clock) if clock else None), True
    typed = datetime.combine(day, time(clock.hour, clock.minute))
    if part == _EVENING and clock.hour < 5:
        read = [typed + _DAY]
    elif clock.is_midnight or (part == _NIGHT and clock.hour < 5):
        read = [typed, typed + _DAY]
    elif clock.is_open and ahead:
        read = [typed, typed + _HALF_DAY]
    else:
        read = [typed]
    right = [at for at in read if (at >= now if ahead else at <= now)]
    if ahead and not right and clock.hour == 0:
        right = [typed + _DAY]
    if not right or (len(right) > 1 and clock.hour <= 6):
        return WrittenTime(day=day), False
    at = right[0]
    return WrittenTime(day=at.date(), clock=f"{at:%H:%M}"), at == typed


def plain_words(text: str) -> str:
    """Return a text in lower case, without accents and apostrophes, all digits as `0` to `9`."""
    text = "".join(str(unicodedata.decimal(c, c)) for c in text.lower().replace("\u2011", "-"))
    letters = unicodedata.normalize("NFD", text)
    bare = "".join(c for c in letters if not unicodedata.combining(c))
    return re.sub(r"[\s'’]+", " ", bare).strip()


def _in_minutes(text: str) -> str:
    """Return the text with “1/2 heure”, “3/4 d heure” and the like as minutes."""
    return _FRACTION.sub(lambda found: f"{_PARTS_OF_AN_HOUR.get(found['part'], 'x')} minutes", text)


def _hour_alone(text: str) -> str:
    """Return the answer to “around what time” with its number marked as an hour, if it names nothing else.

    A number after “dans” counts minutes or hours; two numbers with a slash are neither an hour nor a date.
    """
    text = _RATIO.sub(" x ", text)
    if _COUNTING & set(WORD.findall(re.split(r"\d", text)[0])):
        return text
    text = _HOUR_AND_MINUTE.sub(r"\1:\2", _IN_WORDS.sub(_in_digits, text))
    words = set(WORD.findall(text)) - _FILLERS - set(_PARTS)
    alone = len(words) == 1 and not any(clock.search(text) for clock in _CLOCKS)
    return re.sub(r"\d+", r"\g<0> h", text, count=1) if alone else text


def _digits_for_words(text: str) -> str:
    """Return the text with the words for numbers as digits, where an hour, a day or a minute is counted."""
    return _COUNTED.sub(_in_digits, text)


def _in_digits(found: re.Match[str]) -> str:
    """Return a number below sixty in digits; the minutes of an hour with two."""
    number = sum(
        10 * _TENS[word] if word in _TENS else NUMBERS.get(word, 0)
        for word in re.split("[- ]", found[0])
    )
    minutes = re.search(r"(?:\d ?h|heures?) $", found.string[: found.start()])
    return f"{number:02d}" if minutes else str(number)


def _days(text: str, *, now: datetime, ahead: bool, month_first: bool) -> tuple[set[date], str]:
    """Return the days that the text names (with `ahead`, none that is past), and the text without them."""
    today = now.date()
    since = _first_day(now) if ahead else date.min
    found, text = _dates(text, today=today, since=since, ahead=ahead, month_first=month_first)
    for pattern, way in _DISTANT:
        numbers = pattern.findall(text)
        over = ahead and way < 0
        found |= set() if over else {today + timedelta(days=way * int(one)) for one in numbers}
        text = pattern.sub(" x " if over else " ", text)
    for pattern, days in (*_NEAR, *(((_COMING_NIGHT, 0),) if ahead else ())):
        over = ahead and days < 0
        text, times = pattern.subn(" x " if over else " ", text)
        found |= {today + timedelta(days=days)} if times and not over else set()
    return _weekdays(text, found, now=now, ahead=ahead)


def _first_day(now: datetime) -> date:
    """Return the first day on which a planned event may be: yesterday until six o'clock in Paris.

    It is then still yesterday in the French Antilles.
    """
    return now.date() - _DAY if now.hour < _STILL_YESTERDAY else now.date()


def _dates(
    text: str, *, today: date, since: date, ahead: bool, month_first: bool
) -> tuple[set[date], str]:
    """Return the days that the text names with their month, from `since` on, and the text without them."""
    found: set[date] = set()
    for pattern in _DAYS:
        for match in pattern.finditer(text):
            swapped = month_first and pattern in _IN_DIGITS
            days = _dated(match, today=today, ahead=ahead, month_first=swapped)
            kept = {day for day in days if day >= since}
            if days:
                found |= kept
                mark = (" x ", " ", " ou ")[len(kept)]
                text = text.replace(match[0], mark, 1)
    return found, text


def _weekdays(text: str, found: set[date], *, now: datetime, ahead: bool) -> tuple[set[date], str]:
    """Return the days `found`, or else the days that the text names by weekday, and the text without them."""
    one_day, week, way = _WEEKS[ahead]
    named = _WEEKDAY.findall(text)
    if not found and len(named) == 1 and one_day.search(text):
        monday = now.date() + timedelta(days=way - now.weekday())
        found = {monday + timedelta(days=_WEEKDAYS[named[0]])}
        text = week.sub(" ", text)
    for word in named:
        if not found or {day.weekday() for day in found} == {_WEEKDAYS[word]}:
            text = text.replace(word, " ", 1)
            found = found or {_weekday(_WEEKDAYS[word], now=now, ahead=ahead)}
    return found, text


def _dated(match: re.Match[str], *, today: date, ahead: bool, month_first: bool) -> set[date]:
    """Return the day of a date as a set; without a year the last one up to `today`, or with `ahead` the next.

    With `ahead` also yesterday's, which is still today in the west of overseas France. With `month_first` a
    date with two readings gives both, if both are on the right side of today.
    """
    month = match["month"] if match["month"].isdecimal() else str(_MONTHS[match["month"]])
    readings = [(month, match["day"]), (match["day"], month)][: 1 + month_first]
    found = {
        _on(f"{month:0>2}-{number:0>2}", match["year"], today=today, ahead=ahead)
        for month, number in readings
    }
    days = {day for day in found if day}
    return {day for day in days if (day >= today - _DAY if ahead else day <= today)} or days


def _on(ending: str, year: str, *, today: date, ahead: bool) -> date | None:
    """Return the day of a month and day (`12-05`) in `year`, or in the nearest fitting one if ""."""
    if year:
        return read_day(f"{year}-{ending}")
    years = (today.year, today.year + 1) if ahead else (today.year, today.year - 1)
    found = (read_day(f"{year}-{ending}") for year in years)
    yesterday = today - _DAY
    return next(
        (day for day in found if day and (day >= yesterday if ahead else day <= today)), None
    )


def _weekday(number: int, *, now: datetime, ahead: bool) -> date:
    """Return the next day with this number (Monday is 0), today included; if not `ahead`, the last."""
    today = now.date()
    if ahead:
        since = _first_day(now)
        return since + timedelta(days=(number - since.weekday()) % 7)
    return today - timedelta(days=(today.weekday() - number - 1) % 7 + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Clock:
    """An hour that a text names; `is_open`: before or after noon, `is_midnight`: midnight, as `minuit`."""

    hour: int
    minute: int
    is_open: bool = False
    is_midnight: bool = False

    def __str__(self) -> str:
        """Return the hour as `21:00`."""
        return f"{self.hour:02d}:{self.minute:02d}"


def _clocks(text: str, part: int | None) -> tuple[set[_Clock], str]:
    """Return the hours that the text names, in this part of the day, and the text without them."""
    found = set()
    for pattern in _CLOCKS:
        for match in pattern.finditer(text):
            found.add(_clock(match.groupdict(), part))
        text = pattern.sub(" ", text)
    return found, text


def _clock(named: Mapping[str, str | None], part: int | None) -> _Clock:
    """Return the hour in the named groups of a match of `_CLOCKS`, in this part of the day."""
    written = named.get("hour") or ("12" if named.get("noon") else "24")
    hour = int(written) % 24
    said = named.get("minute") or named.get("part") or named.get("span") or named.get("less") or "0"
    minute = _MINUTES[said] if said in _MINUTES else int(said)
    if named.get("less") or named.get("before"):
        hour, minute = (hour - 1) % 24, 60 - minute
    half = named.get("half")
    if half:
        hour = hour % 12 + (12 if half == "p" else 0)
    elif part == _EVENING and hour == 12 and not named.get("noon"):
        hour = 0
    elif (
        (part == _AFTERNOON and 0 < hour < 12)
        or (part == _EVENING and 4 < hour < 12)
        or (part == _NIGHT and 6 < hour < 12)
    ):
        hour += 12
    is_open = part is None and not half and 0 < hour < 12 and not written.startswith("0")
    is_midnight = hour == 0 and not written.startswith("0")
    return _Clock(hour=hour, minute=minute, is_open=is_open, is_midnight=is_midnight)
