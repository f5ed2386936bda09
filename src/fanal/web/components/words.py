"""Formatting of times, durations, numbers and addresses for display. Pure: no request, no clock."""

import re
from datetime import date, datetime, timedelta

from fanal.kernel.clock import PARIS

_DAYS = {
    "fr": ("lun.", "mar.", "mer.", "jeu.", "ven.", "sam.", "dim."),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
_MONTHS = {
    "fr": (
        "janv.", "févr.", "mars", "avr.", "mai", "juin",
        "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip
# Control, bidirectional and zero-width characters, but not the zero-width joiner of emoji.
_UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200c\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]"
)
_ADDRESSES = frozenset({"URL", "HOST", "DOMAIN", "ONION", "EMAIL"})
_SCHEME = re.compile(r"^(h)tt(ps?)://", re.IGNORECASE)
_OTHER_SCHEME = re.compile(r"^([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def day(value: date, language: str, *, today: date) -> str:
    """Return a day as `mar. 24 nov.` (`Tue 24 Nov`), with the year unless it is that of `today`.

    An aware datetime is converted to Europe/Paris.
    """
    local = _paris(value)
    lang = _known(language)
    number = "1er" if local.day == 1 and lang == "fr" else str(local.day)
    words = f"{_DAYS[lang][local.weekday()]} {number} {_MONTHS[lang][local.month - 1]}"
    return words if local.year == today.year else f"{words} {local.year}"


def moment(value: datetime, language: str, *, now: datetime) -> str:
    """Return a time as `mar. 24 nov., 21:14` (`Tue 24 Nov, 21:14`), in Europe/Paris.

    The year is added unless it is that of `now`.
    """
    local = value.astimezone(PARIS)
    return f"{day(local, language, today=_paris(now))}, {local:%H:%M}"


def machine(value: date) -> str:
    """Return a day or time in ISO 8601, for tooltips; times in Europe/Paris, to the second."""
    if isinstance(value, datetime):
        return value.astimezone(PARIS).isoformat(timespec="seconds")
    return value.isoformat()


def span(value: timedelta, language: str) -> str:
    """Return a duration in its two largest units: `2 j 3 h`, `2 h 05 min`, `40 min`."""
    minutes = int(abs(value).total_seconds() // 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if days:
        return f"{days}\u202f{_day_unit(language)} {hours}\u202fh"
    return f"{hours}\u202fh {rest:02d}\u202fmin" if hours else f"{rest}\u202fmin"


def defang(address: str) -> str:
    """Return an address in defanged form, which no program makes a link of: `hxxps[:]//host[.]test/path`.

    An address inside it (archive, redirection) is defanged as well: `…/web/http[:]//other.test/`.
    """
    text = _SCHEME.sub(lambda m: f"{m[1]}xx{m[2]}[:]//", address)
    if text == address:
        text = _OTHER_SCHEME.sub(lambda m: f"{m[1]}[:]//", address)
    head, separator, tail = text.partition("//")
    host, slash, path = (tail if separator else head).partition("/")
    host, path = host.replace(".", "[.]").replace("@", "[@]"), path.replace("://", "[:]//")
    return f"{head}//{host}{slash}{path}" if separator else f"{host}{slash}{path}"


def identifier(kind: str, value: str) -> str:
    """Return an identifier for display: addresses defanged, invisible characters written out.

    `kind`: a selector kind, such as `URL`.
    """
    return visible(defang(value) if kind in _ADDRESSES else value)


def visible(value: str) -> str:
    """Return a text with invisible characters written out as `⟨U+202E⟩`.

    A right-to-left override makes a file name end in another extension on screen (Unicode TR 36, 2.4).
    """
    return _UNSEEN.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", value)


def _paris(value: date) -> date:
    return value.astimezone(PARIS) if isinstance(value, datetime) else value


def _known(language: str) -> str:
    return "en" if language.startswith("en") else "fr"


def _day_unit(language: str) -> str:
    return "d" if language.startswith("en") else "j"


# Numbers, changes, durations and months in both languages.

_NUMBERS_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
NONE = "–"


def number(value: float | None, lang: str) -> str:
    """Return a number, rounded to a whole one: `1 234` in French, `1,234` in English; a dash for None.

    The space is the narrow no-break space (U+202F).
    """
    if value is None:
        return NONE
    grouped = f"{round(value):,}"
    return grouped if lang == "en" else grouped.replace(",", "\u202f")


def percent(change: float | None, lang: str) -> str:
    """Return a relative change (0.12) in whole percents, `+12 %` (`+12%` in English); a dash for None."""
    if change is None:
        return NONE
    rounded = round(change * 100)
    sign = "+" if rounded > 0 else "\u2212" if rounded < 0 else ""
    unit = "%" if lang == "en" else "\u00a0%"
    return f"{sign}{number(abs(rounded), lang)}{unit}"


def share(part: float, lang: str) -> str:
    """Return a part of a whole (0.3) in whole percents: `30 %`, `30%` in English."""
    unit = "%" if lang == "en" else "\u00a0%"
    return f"{number(part * 100, lang)}{unit}"


def signed(value: float, lang: str) -> str:
    """Return a signed number with at most two decimals: `+7,5` (`+7.5` in English), `−15`, `0`."""
    plain = f"{abs(value):,.2f}".rstrip("0").rstrip(".")
    if lang != "en":
        plain = plain.replace(",", "\u202f").replace(".", ",")
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    return f"{sign}{plain}"


def level(value: float, lang: str) -> str:
    """Return a weekly average as text: one decimal (`0,4`) if under ten after rounding, else a whole number.

    A decimal of 0 is left out. `lang` decides the decimal sign: comma in French, point in English.
    """
    if value >= 9.95:
        return number(value, lang)
    plain = f"{value:.1f}".removesuffix(".0")
    return plain if lang == "en" else plain.replace(".", ",")


def length(seconds: float | None, lang: str) -> str:
    """Return a duration in its two largest units, in seconds if below a minute; a dash for None."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.0f}\u202fs"
    return span(timedelta(seconds=seconds), lang)


def month(first: date, lang: str, *, short: bool = False) -> str:
    """Return the month that begins on `first` as `novembre 2026`, or `nov. 26` where space is short."""
    if short:
        return f"{_MONTHS[lang][first.month - 1]} {first:%y}"
    return f"{_NUMBERS_MONTHS[lang][first.month - 1]} {first.year}"


def quarter(first: date, lang: str) -> str:
    """Return the quarter that begins on `first` as `T3 2026` (`Q3 2026` in English)."""
    letter = "Q" if lang == "en" else "T"
    return f"{letter}{(first.month - 1) // 3 + 1} {first.year}"


def monday(first: date, lang: str, *, short: bool = False) -> str:
    """Return a week, given by its Monday `first`, as `5 oct. 2026`, or `5 oct. 26` where space is short."""
    day = "1er" if first.day == 1 and lang != "en" else str(first.day)
    year = f"{first:%y}" if short else str(first.year)
    return f"{day} {_MONTHS[lang][first.month - 1]} {year}"
