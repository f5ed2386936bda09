"""Alphabetical order of names for people."""

import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
"""Letters without a Unicode decomposition, with their replacements."""


def alphabetical(name: str) -> str:
    """Return the sort key of a name: first without accents and case, then the name itself.

    The database compares bytes and would sort "Élise" after "Zoé".
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LIGATURES))
    return "".join(c for c in plain if not unicodedata.combining(c)) + f"\0{name}"
