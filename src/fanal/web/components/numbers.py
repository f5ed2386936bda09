"""Numbers, changes, lengths of time and months as people read them in both languages. Pure."""

from datetime import date, timedelta

from fanal.web.components.words import span

_MONTHS = {
    "fr": (
        "janvier", "février", "mars", "avril", "mai", "juin",
        "juillet", "août", "septembre", "octobre", "novembre", "décembre",
    ),
    "en": (
        "January", "February", "March", "April", "May", "June",
        "July", "August", "September", "October", "November", "December",
    ),
}  # fmt: skip
_SHORT = {
    "fr": (
        "janv.", "févr.", "mars", "avr.", "mai", "juin",
        "juil.", "août", "sept.", "oct.", "nov.", "déc.",
    ),
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
}  # fmt: skip
NONE = "–"


def number(value: float | None, lang: str) -> str:
    """Return `1 234` in French, `1,234` in English; a dash for none."""
    if value is None:
        return NONE
    grouped = f"{round(value):,}"
    return grouped if lang == "en" else grouped.replace(",", "\u202f")


def percent(change: float | None, lang: str) -> str:
    """Return `+12 %`, `−3 %` or a dash: by how much a number changed (0.12 is +12 %)."""
    if change is None:
        return NONE
    rounded = round(change * 100)
    sign = "+" if rounded > 0 else "\u2212" if rounded < 0 else ""
    unit = "%" if lang == "en" else "\u00a0%"
    return f"{sign}{number(abs(rounded), lang)}{unit}"


def signed(value: float, lang: str) -> str:
    """Return `+7,5` in French, `+7.5` in English, `−15`, `0`: what is added, with two decimals at most."""
    plain = f"{abs(value):,.2f}".rstrip("0").rstrip(".")
    if lang != "en":
        plain = plain.replace(",", "\u202f").replace(".", ",")
    sign = "+" if value > 0 else "\u2212" if value < 0 else ""
    return f"{sign}{plain}"


def level(value: float, lang: str) -> str:
    """Return about how many there are in a week: `0,4`, with a decimal under ten; whole from there."""
    if value >= 9.95:
        return number(value, lang)
    plain = f"{value:.1f}".removesuffix(".0")
    return plain if lang == "en" else plain.replace(".", ",")


def length(seconds: float | None, lang: str) -> str:
    """Return a length of time in its two largest units; under a minute in seconds."""
    if seconds is None:
        return NONE
    if seconds < 60:
        return f"{seconds:.0f}\u202fs"
    return span(timedelta(seconds=seconds), lang)


def month(first: date, lang: str, *, short: bool = False) -> str:
    """Return `novembre 2026`, or `nov. 26` where space is short."""
    if short:
        return f"{_SHORT[lang][first.month - 1]} {first:%y}"
    return f"{_MONTHS[lang][first.month - 1]} {first.year}"


def monday(first: date, lang: str, *, short: bool = False) -> str:
    """Return the Monday of a week: `5 oct. 2026`, or `5 oct. 26` where space is short."""
    day = "1er" if first.day == 1 and lang != "en" else str(first.day)
    year = f"{first:%y}" if short else str(first.year)
    return f"{day} {_SHORT[lang][first.month - 1]} {year}"
