"""Canonical form of people's names: Latin script, no accents, no particles, sorted words."""

import re
import unicodedata

# ISO 9 and the usual French and English spellings, merged into a single one.
_CYRILLIC = {
    "а": "a",
    "б": "b",
    "в": "v",
    "г": "g",
    "ґ": "g",
    "д": "d",
    "е": "e",
    "ё": "e",
    "є": "e",
    "ж": "zh",
    "з": "z",
    "и": "i",
    "і": "i",
    "ї": "i",
    "й": "i",
    "к": "k",
    "л": "l",
    "м": "m",
    "н": "n",
    "о": "o",
    "п": "p",
    "р": "r",
    "с": "s",
    "т": "t",
    "у": "u",
    "ф": "f",
    "х": "kh",
    "ц": "ts",
    "ч": "ch",
    "ш": "sh",
    "щ": "sh",
    "ъ": "",
    "ы": "i",
    "ь": "",
    "э": "e",
    "ю": "iu",
    "я": "ia",
}
_GREEK = dict(zip("αβγδεζηθικλμνξοπρσςτυφχψω", "avgdezitiklmnxoprsstufhpo", strict=True))
_LETTERS = str.maketrans(
    _CYRILLIC | _GREEK | {"æ": "ae", "œ": "oe", "ß": "ss", "ø": "o", "ł": "l", "đ": "d"}
)
_APOSTROPHES = re.compile("[’'‘`]")
_APART = re.compile(r"[^a-z0-9]+")
_PARTICLES = frozenset(
    (
        "de",
        "du",
        "des",
        "d",
        "la",
        "le",
        "les",
        "l",
        "von",
        "van",
        "der",
        "den",
        "di",
        "da",
        "dos",
        "el",
        "al",
        "ben",
        "bin",
        "ibn",
    )
)
_LONGEST = 200


def words_of(name: str) -> tuple[str, ...]:
    """Return the words of a name in canonical form, sorted, each once; empty if it has none.

    Particles (`de`, `von`, `ben`) are left out unless the name has no other word. `Dmitri` and `Дмитрий` give
    the same result, and so do `DE LA TOUR Jean` and `Jean de La Tour`.
    """
    spread = unicodedata.normalize("NFKD", name[:_LONGEST].casefold().translate(_LETTERS))
    plain = "".join(c for c in spread if not unicodedata.combining(c)).translate(_LETTERS)
    words = [word for word in _APART.split(_APOSTROPHES.sub(" ", plain)) if word]
    kept = [word for word in words if word not in _PARTICLES] or words
    return tuple(sorted({_one_spelling(word) for word in kept}))


def _one_spelling(word: str) -> str:
    """Return a word with equivalent spellings merged: y, j as i; ou as u; tch as ch; doubled letters once."""
    folded = word.replace("y", "i").replace("j", "i").replace("ou", "u").replace("tch", "ch")
    shorter = re.sub(r"(.)\1+", r"\1", folded)
    return re.sub(r"ii?$", "i", shorter)
