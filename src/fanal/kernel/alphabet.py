"""Order of names as people look for them."""

import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
"""Letters that Unicode does not take apart."""


def alphabetical(name: str) -> str:
    """Return what sorts names as a dictionary does: without accents and capitals, then by the name itself.

    The database compares bytes, where "Élise" comes after "Zoé".
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LIGATURES))
    return "".join(c for c in plain if not unicodedata.combining(c)) + f"\0{name}"
