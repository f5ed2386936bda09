"""Search for identifiers in spite of other spellings: skeletons of texts, and the kinds of difference.

The skeleton of a text is its form without accents, look-alike letters, signs in place of letters, separators
and case: `Sh4d0w.King` and `shadow_king` have the same. The idea and the look-alike letters come from Unicode
Technical Standard 39 (confusable detection). PostgreSQL computes the same skeleton (`harmonise_skeleton`,
migration 0007). A match is a hint for a person who searches, never a link.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from string import ascii_lowercase, ascii_uppercase
from typing import Final
from uuid import UUID

from fanal.harmonise.domain.collect import read_value
from fanal.harmonise.domain.records import SelectorKind as Kind
from fanal.harmonise.domain.sightings import FoundSelector
from fanal.harmonise.domain.values.addresses import read_ip
from fanal.harmonise.domain.values.handles import fold, spellings
from fanal.harmonise.domain.values.hashes import HASH_LENGTH
from fanal.harmonise.domain.values.urls import canonical_host, read_url

LONGEST: Final = 100
"""Characters of a value, and of its skeleton, that the index holds."""
_BEGINNING = 60
"""Characters of a longer skeleton that are searched: where an indexed one ends depends on its separators."""
LEAST: Final = 4
"""Fewest characters of a skeleton by which values written otherwise are searched."""
LOOK_ALIKES: Final = dict(
    zip(
        "аеорсухіјѕԁһкмтвнӏԛԝοαεικνρτυχγσѵօսոɑɩɡıłøđ",
        "aeopcyxijsdhkmtbhlqwoaeikvptuxyovounaigilod",
        strict=True,
    )
)
"""Cyrillic, Greek, Armenian and Latin letters, in lower case, that look like a letter from a to z."""
SUBSTITUTES: Final = dict(zip("01i|!34@5$7", "olllleaasst", strict=True))
"""Digits and signs in place of letters; i, l and 1 are one letter, since a capital I looks like an l."""
SEPARATORS: Final = " ._-+()"
MARKS: Final = "".join(map(chr, (*range(0x300, 0x370), *range(0x64B, 0x653))))
"""Combining accents of Latin, Greek and Cyrillic letters; Arabic vowel signs."""
EXACT_KINDS: Final = frozenset((Kind.IP, *HASH_LENGTH))
"""Kinds in which each character counts: similar values are no hint."""


class Difference(StrEnum):
    """A way in which the spelling of a value differs from a search text; case and letter width never count.

    CALLING_CODE: a national telephone number for one with its country code. SCHEME: the beginning of a web
    address (`https://`). ACCENT: letters with or without accents. LOOK_ALIKE: letters of another alphabet
    that look like Latin ones. DECORATION: letters x around a name (`xX_name_Xx`). SUBSTITUTE: digits and
    signs in place of letters. SEPARATOR: dots, dashes, spaces and similar signs between letters.
    """

    CALLING_CODE = "CALLING_CODE"
    SCHEME = "SCHEME"
    ACCENT = "ACCENT"
    LOOK_ALIKE = "LOOK_ALIKE"
    DECORATION = "DECORATION"
    SUBSTITUTE = "SUBSTITUTE"
    SEPARATOR = "SEPARATOR"


_SHORTEST = 2
_ALIKE = 2
_LETTERS = (Difference.ACCENT, Difference.LOOK_ALIKE, Difference.SUBSTITUTE, Difference.SEPARATOR)
_STEPS = {
    Kind.HANDLE: (*_LETTERS, Difference.DECORATION),
    Kind.EMAIL: (*_LETTERS, Difference.DECORATION),
    Kind.URL: (*_LETTERS, Difference.SCHEME),
    Kind.PHONE: (Difference.SUBSTITUTE, Difference.SEPARATOR, Difference.CALLING_CODE),
}
_HOSTS = frozenset((Kind.HOST, Kind.DOMAIN))
_SCHEME = re.compile(r"https?://")
_NATIONAL = re.compile(r"[\d\s.\-oil]{4,25}")
_FRANCE = "+33"
_DIGITS = str.maketrans("oil", "011")
_LATIN = str.maketrans(LOOK_ALIKES)
_PLAIN = str.maketrans(SUBSTITUTES)
_JOINED = str.maketrans(dict.fromkeys(SEPARATORS))
_BARE = str.maketrans(dict.fromkeys(MARKS))
_OF_LATIN: dict[str, str] = {latin: other for other, latin in reversed(LOOK_ALIKES.items())}

_SKELETON: dict[int, str | int | None] = str.maketrans(
    {
        **dict(zip(ascii_uppercase, ascii_lowercase, strict=True)),
        **{other: SUBSTITUTES.get(latin, latin) for other, latin in LOOK_ALIKES.items()},
        **SUBSTITUTES,
        **dict.fromkeys(SEPARATORS),
        "I": SUBSTITUTES["i"],
    }
)
_ASCII = bytes.maketrans(
    f"{ascii_uppercase}{''.join(SUBSTITUTES)}I".encode(),
    f"{ascii_lowercase}{''.join(SUBSTITUTES.values())}{SUBSTITUTES['i']}".encode(),
)
_DROPPED = SEPARATORS.encode()
_TO_OTHERS = str.maketrans("".join(_OF_LATIN), "".join(_OF_LATIN.values()))


def skeleton(text: str) -> str:
    """Return the skeleton of the first 100 characters of a text: equal for texts that look or read alike."""
    begun = text[:LONGEST]
    if begun.isascii():  # the same in a tenth of the time
        return begun.encode().translate(_ASCII, _DROPPED).decode()
    return _spread(begun).translate(_SKELETON)[:LONGEST]


def beginnings(text: str) -> list[str]:
    """Return the prefixes to search for in the index of skeletons, for values that begin with `text`.

    They are the skeletons of the text itself, and of its other spellings: without and with a decoration of
    letters x, with `https://` or `http://` (an address), with the calling code of France (a number). None
    is repeated; spellings that are too short to search for are left out.
    """
    plain = fold(text).lstrip("@")
    told = [plain]
    core = _undecorated(plain)
    if len(skeleton(core)) >= LEAST:
        told += [core, *(f"{'x' * count}{core}" for count in (1, 2, 3))]
    if "." in plain and _SCHEME.match(plain) is None:
        told += [f"https://{plain}", f"http://{plain}"]
    if _NATIONAL.fullmatch(plain):
        told.append(_with_calling_code(plain))
    found = (skeleton(one) for one in told)
    return list(dict.fromkeys(one[:_BEGINNING] for one in found if len(one) >= _SHORTEST))


def similar_kinds(kinds: Iterable[Kind], started: Sequence[str]) -> list[Kind]:
    """Return those of `kinds` whose values are searched by skeleton: without IP addresses and hashes.

    None of them if the first of the skeletons `started` is too short: nearly every value would match.
    """
    if not started or len(started[0]) < LEAST:
        return []
    return [kind for kind in kinds if kind not in EXACT_KINDS]


def meanings(kinds: Iterable[Kind], text: str) -> dict[tuple[Kind, str], tuple[Difference, ...]]:
    """Return the canonical values that a search text may mean, each with its differences from the text.

    Keys are (kind, canonical value). Exact readings of the text (`readings`) have no difference and come
    first.
    """
    exact = {(kind, value): () for kind in kinds for value in readings(kind, text)}
    near = {
        (kind, value): (difference,)
        for kind in kinds
        for value, difference in near_readings(kind, text).items()
        if (kind, value) not in exact
    }
    return {**exact, **near}


def found_selectors(
    text: str,
    meant: Mapping[tuple[Kind, str], tuple[Difference, ...]],
    rows: Sequence[tuple[UUID, str, str, int, int]],
) -> list[FoundSelector]:
    """Build the results of a search for `text` from database rows, exact matches first.

    `meant` are the text's `meanings`. A row is (key, kind, value, number of occurrences, match), where match
    is 0 for a value of `meant`, 1 for one that begins with the text, 2 if only its skeleton does.
    """
    found = []
    for key, kind, value, seen, place in rows:
        code = Kind(kind)
        known = meant.get((code, value))
        otherwise = differences(code, text, value) if known is None else known
        if otherwise or place < _ALIKE:
            found.append(
                FoundSelector(key=key, kind=code, value=value, count=seen, otherwise=otherwise)
            )
    return sorted(found, key=lambda one: bool(one.otherwise))


def readings(kind: Kind, text: str) -> tuple[str, ...]:
    """Return the canonical values of `kind` to look up for a search text: as typed, folded, and parsed.

    They are returned in this order and without repetition.
    """
    typed = unicodedata.normalize("NFKC", text).strip()
    if kind is Kind.URL:
        parsed = read_url(typed).key
    elif kind is Kind.IP:
        address = read_ip(typed)
        parsed = None if address is None else address.value
    elif kind in _HOSTS or kind is Kind.ONION:
        parsed = canonical_host(typed)
    else:
        parsed = read_value(kind, typed)
    return tuple(dict.fromkeys((*spellings(text), *([parsed] if parsed else []))))


def near_readings(kind: Kind, text: str) -> dict[str, Difference]:
    """Return the canonical values of `kind` that a text means if its look-alike letters are exchanged.

    The value of each key is the kind of difference. Only kinds whose canonical form hides the letters have
    such values: a host name (`xn--…`), an e-mail address, a telephone number with letters for digits. For
    others the result is {}.
    """
    plain = fold(text).lstrip("@")
    if kind is Kind.PHONE and _NATIONAL.fullmatch(plain):
        number = read_value(kind, plain.translate(_DIGITS))
        return {} if number is None else {number: Difference.SUBSTITUTE}
    if kind not in _HOSTS and kind is not Kind.EMAIL:
        return {}
    if "." not in plain or " " in plain or len(plain) > _BEGINNING:
        return {}
    written = [plain.translate(_LATIN), *(_in_other_letters(plain) if kind in _HOSTS else ())]
    read = (canonical_host(one) if kind in _HOSTS else read_value(kind, one) for one in written)
    return dict.fromkeys((value for value in read if value), Difference.LOOK_ALIKE)


def differences(kind: Kind, text: str, value: str) -> tuple[Difference, ...]:
    """Return the differences between a search text and the beginning of an identifier's value.

    `kind` is that of the identifier, `value` its canonical value. () if the value does not begin with the
    text in any spelling, or begins with the text itself, whatever its case.
    """
    steps = frozenset(_STEPS.get(kind, _LETTERS))
    if kind in EXACT_KINDS or not _agree(text, value, steps) or _agree(text, value):
        return ()
    needed = {step for step in steps if not _agree(text, value, steps - {step})}
    return tuple(step for step in Difference if step in (needed or steps))


def _agree(text: str, value: str, steps: frozenset[Difference] = frozenset()) -> bool:
    asked = _reduced(fold(text).lstrip("@"), steps)
    return bool(asked) and _reduced(fold(value), steps).startswith(asked)


def _reduced(text: str, steps: frozenset[Difference]) -> str:
    """Return a folded text without the differences of `steps`."""
    if Difference.SCHEME in steps:
        text = _SCHEME.sub("", text, count=1)
    if Difference.CALLING_CODE in steps and _NATIONAL.fullmatch(text):
        text = _with_calling_code(text)
    if Difference.ACCENT in steps:
        text = _spread(text)
    if Difference.LOOK_ALIKE in steps:
        text = text.translate(_LATIN)
    if Difference.DECORATION in steps:
        text = _undecorated(text)
    if Difference.SUBSTITUTE in steps:
        text = text.translate(_PLAIN)
    return text.translate(_JOINED) if Difference.SEPARATOR in steps else text


def _spread(text: str) -> str:
    """Return a text without accents (NFKD without combining marks)."""
    return text if text.isascii() else unicodedata.normalize("NFKD", text).translate(_BARE)


def _with_calling_code(text: str) -> str:
    digits = re.sub(r"\D", "", text.translate(_DIGITS))
    return f"{_FRANCE}{digits[1:]}" if digits.startswith("0") else digits


def _undecorated(text: str) -> str:
    """Return a name without a decoration of letters x (`xX_name_Xx`); a service after its `@` stays."""
    name, sign, service = text.rpartition("@")
    inner = (name if sign else text).strip(SEPARATORS)
    before, after = (len(inner) - len(inner.lstrip("x")), len(inner) - len(inner.rstrip("x")))
    if before < 2 and not (before and after):
        return text
    core = inner[min(before, 3) : len(inner) - min(after, 3)].strip(SEPARATORS)
    return f"{core}{sign}{service if sign else ''}" if len(core) >= LEAST else text


def _in_other_letters(host: str) -> Iterator[str]:
    """Yield spellings of a host name in which letters are replaced by look-alikes of another alphabet.

    First a single letter is replaced (each in turn), then all occurrences of one letter, then all letters.
    The top-level domain stays. Nothing is yielded for a name that is not ASCII.
    """
    if not host.isascii():
        return
    name, dot, root = host.rpartition(".")
    for place, letter in enumerate(name):
        if letter in _OF_LATIN:
            yield f"{name[:place]}{_OF_LATIN[letter]}{name[place + 1 :]}{dot}{root}"
    for letter in set(name) & set(_OF_LATIN):
        yield f"{name.replace(letter, _OF_LATIN[letter])}{dot}{root}"
    yield f"{name.translate(_TO_OTHERS)}{dot}{root}"
