"""Forms in which variations of one identifier come out alike: the same hand writes them."""

import re

from fanal.harmonise.domain.search import fold

_NOT_LETTERS = re.compile(r"[^a-z]+")
_LEET = str.maketrans("013457$@", "oieastsa")
_WRAPPED = re.compile(r"^(?:x+|_+|the|its|real|mr)(.{5,}?)(?:x+|_+|off|real|fr)?$")
_TAG = re.compile(r"\+.*$")
_APART = re.compile(r"[\W_]+")
_SPARE_WORDS = "backup|bkp|bak|alt|old|new|bis|official|officiel|secours|perso|second|again|back|v"
# Possessive: a run of separators is taken whole or not at all, whatever stands after it.
_SPARE = re.compile(rf"(?:[._\-]++(?:{_SPARE_WORDS})?\d{{0,4}})+$|(?:backup|official)\d?$")
_WORDS = re.compile(r"[^\W\d_]+(?:[._\-\s][^\W\d_]+)+")
_INNER = re.compile(r"(?<=[a-z])[013457](?=[a-z])")
_FRAMED = re.compile(r"^x+(.{6,}?)x+$")


def mail_name(address: str) -> str:
    """Return the name of an e-mail address without tag, dots, digits at its ends; empty if little is left."""
    name = _TAG.sub("", address.rpartition("@")[0].lower())
    bare = re.sub(r"[.\-_]", "", name)
    return bare if len(bare) >= 5 else ""


def handle_stem(name: str) -> str:
    """Return the letters of a name on a service: digits read as letters, decorations taken off.

    Empty where fewer than five letters are left: what many share resembles nothing.
    """
    lower = name.lower()
    tail = re.sub(r"[\d_.\-]+$", "", lower) or lower
    letters = _NOT_LETTERS.sub("", tail.translate(_LEET))
    found = _WRAPPED.match(letters)
    stem = found.group(1) if found else letters
    return stem if len(stem) >= 5 else ""


def handle_core(name: str) -> str:
    """Return a name on a service without what is put on for a further account, its own figures kept.

    Off go separators, a tail after one (`_2`, `.backup`), an `x` at both ends; figures between letters are
    read as letters. `marie75` and `marie76` stay two.
    """
    plain = _APART.sub("", _SPARE.sub("", fold(name)) or fold(name))
    letters = _INNER.sub(lambda found: found.group().translate(_LEET), plain)
    framed = _FRAMED.match(letters)
    return framed.group(1) if framed else letters


def is_of_words(name: str) -> bool:
    """Return whether a name on a service is words of letters set apart, as people write their own names."""
    return _WORDS.fullmatch(_SPARE.sub("", fold(name))) is not None


def mail_core(address: str) -> str:
    """Return the name of a mailbox without tag and separators, its figures kept."""
    return _APART.sub("", _TAG.sub("", fold(address.rpartition("@")[0])))


def phone_core(number: str) -> str:
    """Return the digits of a number, one that could not be read too, with its country's code."""
    digits = re.sub(r"\D", "", number).removeprefix("00")
    national = digits.removeprefix("33").removeprefix("0")
    return f"33{national}" if digits.startswith(("0", "33")) else digits


def one_apart(one: str, two: str) -> str | None:
    """Return the characters in which two texts differ by one error of a typist; None where by more, or none.

    An error: one character other, one lost or one too many, two neighbours swapped.
    """
    if one == two or abs(len(one) - len(two)) > 1:
        return None
    start, most = 0, min(len(one), len(two))
    while start < most and one[start] == two[start]:
        start += 1
    end = 0
    while end < most - start and one[-1 - end] == two[-1 - end]:
        end += 1
    mine, theirs = one[start : len(one) - end], two[start : len(two) - end]
    swapped = len(mine) == 2 and mine == theirs[::-1]
    return mine + theirs if swapped or max(len(mine), len(theirs)) == 1 else None


def without_one(text: str, *, digits: bool) -> set[str]:
    """Return a text and what is left of it without one of its digits, or of its other characters.

    Two texts one error apart in such a character have one of these in common (two neighbours of them
    swapped: both lose the one that moved).
    """
    return {text} | {
        text[:at] + text[at + 1 :] for at, c in enumerate(text) if c.isdigit() is digits
    }
