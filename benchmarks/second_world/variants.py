"""Written variants of true values: spellings of the same mailbox, number, page, name or day."""

from benchmarks.second_world.names import Civil
from benchmarks.truth.dice import Dice

_TRACKING = ("?utm_source=partage", "?fbclid=q{w}", "#haut", "?si={w}", "/")
_EASTERN_DIGITS = str.maketrans("0123456789", "٠١٢٣٤٥٦٧٨٩")


def handle(dice: Dice, value: str, *, machine: bool) -> str:
    """Return a user name as written: unchanged by a machine, sometimes with `@` or capitals by a person."""
    if machine:
        return value
    style = dice.below(10)
    if style < 3:
        return f"@{value}"
    return value.capitalize() if style == 3 else value


def email(dice: Dice, value: str, *, told: bool) -> str:
    """Return a mailbox as a sender writes it; in sentences (`told`) sometimes with `@` and dots in words."""
    local, _, host = value.partition("@")
    style = dice.below(10)
    if told and style < 4:
        at = dice.one((" (arobase) ", " [at] ", " arobase ", "(at)"))
        return f"{local}{at}{host.replace('.', dice.one((' point ', ' [dot] ', '.')))}"
    if style == 4:
        return f"{local.capitalize()}@{host.upper()}"
    return f"{local}+{dice.word(4)}@{host}" if style == 5 else value


def phone(dice: Dice, value: str, language: str, *, told: bool) -> str:
    """Return a telephone number as written: French ones often in national form.

    In a sentence (`told`) in Arabic, sometimes with Eastern Arabic digits.
    """
    if not value.startswith("+33"):
        return value if dice.happens(0.6) else f"00{value[1:]}"
    national = "0" + value[3:]
    pairs = [national[at : at + 2] for at in range(0, 10, 2)]
    style = dice.below(8 if told else 5)
    if told and language == "ar" and style > 3:
        return " ".join(pairs).translate(_EASTERN_DIGITS)
    if style == 6:
        return f"+33 (0){national[1]} {' '.join(pairs[1:])}"
    return (value, national, " ".join(pairs), value, f"0033{value[3:]}", ".".join(pairs))[
        min(style, 5)
    ]


def spaced(dice: Dice, value: str) -> str:
    """Return an account number, sometimes in groups of four."""
    if dice.happens(0.5):
        return value
    return " ".join(value[at : at + 4] for at in range(0, len(value), 4))


def page(dice: Dice, value: str) -> str:
    """Return a URL of the same page: with or without TLS, `www`, tracking parameters."""
    if dice.happens(0.3):
        value = value + dice.one(_TRACKING).format(w=dice.word(6))
    if dice.happens(0.15):
        value = value.replace("https://", "http://", 1)
    if dice.happens(0.15):
        value = value.replace("://www.", "://", 1)
    return value


def name(dice: Dice, civil: Civil, *, script: bool) -> str:
    """Return a full name as written: mostly as it is, else with the surname first or in capitals.

    `script`: in another alphabet or transliteration.
    """
    if script:
        return dice.one(civil.spellings[1:])
    style = dice.below(8)
    if style == 0:
        return f"{civil.family.upper()} {civil.given}"
    if style == 1:
        return f"{civil.family}, {civil.given}"
    return civil.spellings[0].upper() if style == 2 else civil.spellings[0]


def day(dice: Dice, iso: str) -> str:
    """Return an ISO date in one of the usual orders of day, month and year."""
    year, month, date = iso.split("-")
    return dice.one((f"{date}/{month}/{year}", iso, f"{date}.{month}.{year}"))


def prefix(dice: Dice, value: str) -> str:
    """Return an IPv6 prefix, sometimes with all its zeros; an IPv4 address is unchanged."""
    if "." in value or dice.happens(0.8):
        return value
    return ":".join(group.zfill(4) for group in value.split(":"))
