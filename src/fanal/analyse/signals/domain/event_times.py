"""Times of future events stated in a text, in French and English, as hours until them.

An expression ("demain 18 h", "in two days", "mercredi") is read in the time zone of the desk. A past ("hier",
"last Saturday"), hypothetical ("one day", "if we met tomorrow") or negated ("not tomorrow") expression states
no time.
"""

import re
import unicodedata
from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from fanal.kernel.calendar import PARIS

IMMINENT = 72
"""Hours within which an event is imminent."""
_LONGEST = 20_000
Hours = tuple[float, float]

_DAYS = {
    name: number
    for number, names in enumerate(
        (
            "lundi monday", "mardi tuesday", "mercredi wednesday", "jeudi thursday", "vendredi friday",
            "samedi saturday", "dimanche sunday",
        )
    )
    for name in names.split()
}  # fmt: skip
_MONTHS = {
    name: number
    for number, names in enumerate(
        (
            "janvier january", "fevrier february", "mars march", "avril april", "mai may", "juin june",
            "juillet july", "aout august", "septembre september", "octobre october", "novembre november",
            "decembre december",
        ),
        1,
    )
    for name in names.split()
}  # fmt: skip
_NUMBERS = {
    "un": 1, "une": 1, "a": 1, "an": 1, "one": 1, "deux": 2, "two": 2, "trois": 3, "three": 3,
    "quatre": 4, "four": 4, "cinq": 5, "five": 5, "six": 6, "sept": 7, "seven": 7, "huit": 8,
    "eight": 8, "dix": 10, "ten": 10, "douze": 12, "twelve": 12, "half an": 0.5, "une demi": 0.5,
    "few": 3, "a few": 3, "quelques": 3, "a couple of": 2,
}  # fmt: skip
_UNITS = {"mi": 1 / 60, "h": 1.0, "j": 24.0, "d": 24.0, "s": 168.0, "w": 168.0, "mo": 720.0}
_PARTS: tuple[tuple[str, int, int, int], ...] = (
    # words, day from today, first and last hour of the day
    (r"apres[- ]?demain|(?:the )?day after tomorrow", 2, 0, 24),
    (r"demain soir|tomorrow (?:night|evening)|tmrw night", 1, 18, 24),
    (r"demain matin|tomorrow morning", 1, 6, 12),
    (r"demain (?:apres[- ]midi|aprem)|tomorrow afternoon", 1, 12, 19),
    (r"demain|tomorrow|tmrw|tmr|tomoz|dmn|2moro", 1, 0, 24),
    (r"ce soir|cette nuit|tonight|tonite|2nite|this evening", 0, 18, 28),
    (r"cet(?:te)? (?:apres[- ]midi|aprem)|this afternoon", 0, 12, 19),
    (r"ce midi|this lunch(?:time)?", 0, 11, 14),
    (r"ce matin|this morning", 0, 6, 12),
    (
        r"aujourd ?hui|today|auj",
        0,
        0,
        24,
    ),
)
_NOW = re.compile(
    r"\b(?:maintenant|tout de suite|en ce moment|a l instant|right now|at this (?:very )?moment|as we speak"
    r"|straight away|immediatement|immediately)\b"
)
_DAY_PARTS = tuple(
    (re.compile(rf"\b(?:{words})\b"), day, first, last) for words, day, first, last in _PARTS
)
_WEEKDAY = re.compile(
    rf"\b(?P<before>next |last |this past )?(?P<day>{'|'.join(_DAYS)})s?\b"
    r"(?P<after> prochaine?| derniere?| passee?)?"
)
_AFTER_SCHOOL = re.compile(
    r"\b(?:after (?:school|class)|apres (?:l ?ecole|les cours|le college))\b"
)
_WEEKEND = re.compile(r"\b(?:ce|this|le|at the|on the) (?:week[- ]?end|we)\b")
_NEXT_WEEK = re.compile(r"\bsemaine prochaine\b|\bnext week\b")
_DATE = re.compile(
    rf"\b(?P<d>\d{{1,2}})(?:er|st|nd|rd|th)? (?:of )?(?P<m>{'|'.join(_MONTHS)})\b"
    rf"|\b(?P<m2>{'|'.join(_MONTHS)}) (?P<d2>\d{{1,2}})(?:st|nd|rd|th)?\b"
    r"|\b(?:le|on) (?P<d3>\d{1,2})/(?P<n3>\d{1,2})\b"
)
_UNIT = (
    r"(?P<unit>mi)n(?:ute)?s?\b|(?P<unit2>h)(?:eures?|ours?|rs?)?\b|(?P<unit3>j)ours?\b|(?P<unit4>d)ays?\b"
    r"|(?P<unit5>s)emaines?\b|(?P<unit6>w)eeks?\b|(?P<unit7>mo)(?:is|nths?)\b"
)
_IN = re.compile(
    r"\b(?P<how>dans|d ici|in|within|sous|avant|before|plus que|only|encore|j ai|i have|i ve got"
    r"|give[sn]?|gave"
    r"|laisse|donne|donnent|has|have) "
    r"(?:the next |les |moins de |less than |me |him |her |us |them |lui |nous )?"
    rf"(?P<number>\d{{1,3}}|{'|'.join(sorted(_NUMBERS, key=len, reverse=True))})[ -]?(?:{_UNIT})"
)
_HOUR = re.compile(
    r"\b(?:(?P<h>[01]?\d|2[0-4]) ?(?:h|heures?)(?: ?(?P<m>[0-5]\d))?\b|(?P<h2>[01]?\d"
    r"|2[0-3]):(?P<m2>[0-5]\d)\b"
    r"|(?P<h3>1[0-2]|[1-9])(?:[:.](?P<m3>[0-5]\d))? ?(?P<half>am|pm|a\.m|p\.m)\b"
    r"|(?P<h4>1[0-2]|[1-9]) o ?clock\b|(?P<noon>midi|noon)\b|(?P<midnight>minuit|midnight)\b"
    r"|\bat (?P<h5>1[0-2]|[1-9])\b(?! ?(?:years|ans|euros|dollars|%|of)))"
)
_DEADLINE = re.compile(
    r"\b(?:avant|before|by|until|till|jusqu ?a|d ici|within|sous|pour payer|to pay)\b"
)
_PAST = re.compile(
    r"\b(?:hier|avant-?hier|yesterday|ago|il y a|last (?:week|month|year|night|summer)|(?:semaine"
    r"|mois|an|annee|ete)"
    r" (?:derniere?|passee?)|l an dernier|years? before|autrefois|when i was|quand j etais|at the time)\b"
)
_PAST_VERB = re.compile(
    r"\b(?:was|were|came|went|met|happened|took|did|had been|saw|spoke|arrested|etait|etaient|avait"
    r"|avaient|a eu"
    r"|s est|se sont|est venue?|est allee?|sont alle?e?s|sont venus|ont eu|s etait|avons vu|a vu)\b"
)
_FUTURE = re.compile(
    r"\b(?:will|ll|going to|gonna|wants?|wanna|has to|have to|must|plans?|planned|meet(?:ing)?"
    r"|supposed to|va|vais|vont"
    r"|veut|veulent|doit|doivent|dois|viendra|ira|sera|aura|attend|prevue?|rendez-?vous|rdv"
    r"|rejoindre|retrouver"
    r"|deadline|delai|ultimatum|otherwise|sinon|or else)\b|(?:erai|erons|eront|era)\b"
)
_IMAGINED = re.compile(
    r"\b(?:annulee?s?|cancel+ed|called off|un jour|one day|some ?day|un de ces jours|peut[- ]etre"
    r"|if (?:i|we|you|he|she|they) (?:met|were|could|had|ever)"
    r"|imagine|imaginons|in the (?:film|movie|book|game|story)|dans (?:le|un) (?:film|livre|jeu|roman))\b"
)
_NEGATED = re.compile(
    r"\b(?:not|never|won t|wont|isn t|aren t|didn t|don t|doesn t|no longer|pas|jamais|plus"
    r"|n ira|n iront)(?: \w+){0,2} ?$"
)
_SENTENCE = re.compile(r"(?<![.!?…;\n])[.!?…;\n]+(?=\s|$)|\n")


def hours_until(text: str, at: datetime, *, zone: ZoneInfo = PARIS) -> Hours | None:
    """Return the interval of hours (from, to) from `at` until the nearest future event that a text states.

    If the text states several events, it is the one that ends first; None without any. An event of now has
    0 hours. Only the first 20,000 characters are read. `at` is the instant of the report, with time zone;
    days and hours are those of `zone`.
    """
    local = at.astimezone(zone)
    found: list[Hours] = []
    for sentence in _SENTENCE.split(text[:_LONGEST]):
        plain = _plain(sentence)
        if not _PAST.search(plain) and not _IMAGINED.search(plain):
            found.extend(_told(plain, local))
    ahead = [(max(0.0, low), high) for low, high in found if high > 0]
    if not ahead:
        return None
    low, high = min(ahead, key=lambda hours: (hours[1], hours[0]))
    return round(low, 1), round(high, 1)


def _plain(text: str) -> str:
    spread = unicodedata.normalize("NFKD", text.casefold())
    kept = "".join(c for c in spread if not unicodedata.combining(c))
    return " ".join(re.sub(r"['’`]", " ", kept).split())


def _told(plain: str, local: datetime) -> Iterator[Hours]:
    """Yield the intervals, in hours from `local`, of the times stated in a sentence.

    `plain` is the sentence in lower case without accents; `local` the report's time in the desk's zone.
    """
    deadline = bool(_DEADLINE.search(plain))
    for match in _IN.finditer(plain):
        if not _negated(plain, match.start()):
            yield _span(match)
    if _NOW.search(plain) and not _PAST_VERB.search(plain):
        yield 0.0, 1.0
    without = _IN.sub(" ", plain)
    hour = _hour(without)
    days = list(_days(without, local))
    if days:
        for first, last in days:
            yield _interval(first, last, hour, local, deadline=deadline)
    elif hour is not None and not _is_past(without):
        start = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(hours=hour)
        if start < local:
            start += timedelta(days=1)
        until = (start - local) / timedelta(hours=1)
        yield (0.0 if deadline else until), until + (0.0 if deadline else 1.0)


def _is_past(plain: str) -> bool:
    return bool(_PAST_VERB.search(plain)) and not _FUTURE.search(plain)


def _negated(plain: str, start: int) -> bool:
    return bool(_NEGATED.search(plain[max(0, start - 40) : start].rstrip()))


def _span(match: re.Match[str]) -> Hours:
    written = match["number"]
    number = float(written) if written.isdigit() else float(_NUMBERS[written])
    unit = next(
        value for name, value in match.groupdict().items() if name.startswith("unit") and value
    )
    hours = number * _UNITS[unit]
    if match["how"] in ("dans", "in"):
        return (hours * 0.75 if unit in ("mi", "h") else max(0.0, hours - 12)), hours * 1.25
    return 0.0, hours


def _days(plain: str, local: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Yield the first and last instant of each day, or part of a day, to come that a sentence names.

    A sentence in the past yields nothing; negated names of days are left out, dates are not. `plain` is the
    sentence in lower case without accents; `local` the report's time in the desk's zone.
    """
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    if _is_past(plain):
        return
    for pattern, day, first, last in _DAY_PARTS:
        match = pattern.search(plain)
        if match and not _negated(plain, match.start()):
            start = midnight + timedelta(days=day)
            yield start + timedelta(hours=first), start + timedelta(hours=last)
            return
    named = [*_dates(plain, midnight)] or [*_weekdays(plain, midnight)]
    yield from named
    school = _AFTER_SCHOOL.search(plain)
    if school and not named and not _negated(plain, school.start()):
        yield midnight + timedelta(hours=12), midnight + timedelta(hours=24)


def _weekdays(plain: str, midnight: datetime) -> Iterator[tuple[datetime, datetime]]:
    day = timedelta(days=1)
    for match in _WEEKDAY.finditer(plain):
        before, after = match["before"] or "", match["after"] or ""
        if "last" in before or "past" in before or "derni" in after or "pass" in after:
            continue
        if not _negated(plain, match.start()):
            start = midnight + timedelta(days=(_DAYS[match["day"]] - midnight.weekday()) % 7)
            yield start, start + day
    if _WEEKEND.search(plain):
        start = midnight + timedelta(days=max(0, 5 - midnight.weekday()))
        yield start, midnight + timedelta(days=7 - midnight.weekday())
    if _NEXT_WEEK.search(plain):
        start = midnight + timedelta(days=7 - midnight.weekday())
        yield start, start + 7 * day


def _dates(plain: str, midnight: datetime) -> Iterator[tuple[datetime, datetime]]:
    for match in _DATE.finditer(plain):
        number = int(match["d"] or match["d2"] or match["d3"])
        name = match["m"] or match["m2"]
        month = _MONTHS[name] if name else int(match["n3"])
        for year in (midnight.year, midnight.year + 1):
            try:
                start = midnight.replace(year=year, month=month, day=number)
            except ValueError:
                continue
            if start >= midnight:
                yield start, start + timedelta(days=1)
                break


def _hour(plain: str) -> float | None:
    """Return the hour of the day that a sentence names (0 to 24, minutes as fraction); None without any.

    An hour under 8 in words such as "at 5" is read as one of the afternoon.
    """
    match = _HOUR.search(plain)
    if match is None:
        return None
    if match["noon"]:
        return 12.0
    if match["midnight"]:
        return 24.0
    hour = float(next(match[name] for name in ("h", "h2", "h3", "h4", "h5") if match[name]))
    minutes = next((match[name] for name in ("m", "m2", "m3") if match[name]), "0")
    if (match["half"] or "").startswith("p") and hour < 12:
        hour += 12
    if (match["h4"] or match["h5"]) and hour < 8:
        hour += 12  # "at 5": a child is met in the afternoon
    return hour + float(minutes) / 60


def _interval(
    first: datetime, last: datetime, hour: float | None, local: datetime, *, deadline: bool
) -> Hours:
    if hour is not None and last - first <= timedelta(hours=24):
        first = first.replace(hour=0, minute=0) + timedelta(hours=hour)
        last = first + timedelta(hours=0 if deadline else 1)
    low, high = ((moment - local) / timedelta(hours=1) for moment in (first, last))
    return (min(0.0, low) if deadline else low), high
