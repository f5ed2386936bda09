"""Texts for people: alphabetical order of names, texts without a visible character, bidirectional controls.

A bidirectional control changes the direction of the text after it: U+202E makes `gpj.exe` look like
`exe.jpg`, and in a letter reverses the words after a name.
"""

import re
import unicodedata

_LIGATURES = str.maketrans({"œ": "oe", "æ": "ae", "ø": "o", "ł": "l", "đ": "d"})
"""Letters without a Unicode decomposition, with their replacements."""


def alphabetical(name: str) -> str:
    """Return the sort key of a name: first without accents and case, then the name itself.

    The database compares bytes and would sort "Élise" after "Zoé".
    """
    plain = unicodedata.normalize("NFKD", name.casefold().translate(_LIGATURES))
    return "".join(c for c in plain if not unicodedata.combining(c)) + f"\0{name}"


_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def written_out(text: str) -> str:
    """Return a text with each bidirectional control replaced by its code, such as `⟨U+202E⟩`.

    Letters of every script remain.
    """
    return _TURNING.sub(lambda found: f"⟨U+{ord(found[0]):04X}⟩", text)


_FILLERS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""Letters and one symbol without a visible mark: fillers of Hangul, and the empty Braille pattern."""


def stripped(text: str) -> str:
    """Return a text without outer blanks; "" if it has no visible character.

    Invisible: blanks, controls, format characters (zero width, direction), fillers, lone combining marks.
    """
    return text.strip() if any(map(_is_visible, text)) else ""


def _is_visible(character: str) -> bool:
    return character not in _FILLERS and unicodedata.category(character)[0] not in "CMZ"


def plain(text: str) -> str:
    """Return a text as one line in its compatibility form (NFKC), with single blanks and nothing invisible.

    `RG\u00a026/01\u200b234` and `RG 26/01234` become the same text; so do full-width and ordinary letters.
    """
    spaced = " ".join(unicodedata.normalize("NFKC", text).split())
    shown = (c for c in spaced if c not in _FILLERS and unicodedata.category(c)[0] != "C")
    return " ".join("".join(shown).split())
