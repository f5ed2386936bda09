"""Names as they sound, from one script to another: their consonants alone, word by word.

Arabic writes no short vowels, and one name has many Latin spellings: only consonants compare. The table is
ours: for each letter, Persian ones too, the consonant by which French and English spell it. Alone this says
little, so it is compared together with a date of birth.
"""

import re
import unicodedata
from typing import Final

from fanal.crosscheck.domain.hubs import is_empty_name
from fanal.formats.report.records import PersonRole
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.search import fold

_ARABIC: Final = {
    **dict(zip("بتثجدذرزسصضطظفقكلمنحه", "bttjddrzssdtzfkklmnhh", strict=True)),
    "خ": "X",
    "ش": "C",
    "غ": "g",
    "پ": "p",
    "چ": "C",
    "ژ": "j",
    "گ": "g",
    "ک": "k",
}
"""Vowels, long ones too, and what carries them are left out."""
_SCRIPT = re.compile("[\u0600-\u06ff]")
_WORD = re.compile(r"[^\W\d_]+")
_ARTICLE = re.compile("^(?:ال|[أا]?بو)(?=.{3})")
"""The article, and `Bou`, which is left out in Latin letters too."""
_NOT_NAMES: Final = frozenset(
    (
        *("بن", "ابن", "بنت", "ولد", "ben", "bin", "ibn", "bint", "ould", "el", "al", "ul"),
        *("ar", "as", "ad", "an", "az", "er", "es", "ed", "en", "ez"),
    )
)
_SERVANT = re.compile(r"^abd[aeou]?(?:l|r(?=r)|s(?=s)|n(?=n)|z(?=z)|d(?=d))?(?:(?=.{3})|$)")
_SON = re.compile(r"^(?:ben(?=[^aeiou]*[aeiou].{1})|bou)(?=.{3})")
_LATIN = (
    *((re.compile(a), b) for a, b in (("kh", "X"), ("[sc]h", "C"), ("gh", "g"), ("ph", "f"))),
    *((re.compile(a), b) for a, b in (("dj", "j"), ("th", "t"), ("dh", "d"), ("c(?=[eiy])", "s"))),
    *((re.compile(a), b) for a, b in (("[qc]", "k"), ("[aeiouyw]", ""))),
)
_TAIL = re.compile(r"h$")
_DOUBLED = re.compile(r"(.)\1+")
_LEAST = 4


def sounds_of(report: HarmonisedReport) -> set[str]:
    """Return how the names of a report's suspects sound, each with the date of birth beside it."""
    return {
        f"{sound} {person.birth_date}"
        for person in report.persons
        if person.role is PersonRole.SUSPECT and person.name and person.birth_date
        if (sound := sound_of(person.name))
    }


def sound_of(name: str) -> str:
    """Return the consonants of a full name, its words in order; empty where they are too few to tell."""
    if is_empty_name(name):
        return ""
    words = _arabic(name) if _SCRIPT.search(name) else _latin(name)
    kept = sorted({word for word in words if word})
    return " ".join(kept) if len(kept) > 1 and sum(map(len, kept)) >= _LEAST else ""


def _arabic(name: str) -> list[str]:
    plain = "".join(c for c in unicodedata.normalize("NFKC", name) if not unicodedata.combining(c))
    words = [_ARTICLE.sub("", word) for word in _WORD.findall(plain) if word not in _NOT_NAMES]
    return [_closed("".join(_ARABIC.get(c, "") for c in word)) for word in words]


def _latin(name: str) -> list[str]:
    found: list[str] = []
    for word in _WORD.findall(fold(name)):
        servant = _SERVANT.match(word)
        parts = ["abd", word[servant.end() :]] if servant else [_SON.sub("", word)]
        found += [_consonants(part) for part in parts if part not in _NOT_NAMES]
    return found


def _consonants(word: str) -> str:
    for pattern, sound in _LATIN:
        word = pattern.sub(sound, word)
    return _closed(word)


def _closed(consonants: str) -> str:
    """Return consonants without the last breath, which few write, and each once in a row."""
    return _TAIL.sub("", _DOUBLED.sub(r"\1", consonants))
