"""Forms in which variations of one identifier come out alike: the same hand writes them."""

import re

from fanal.harmonise.domain.search import fold

_NOT_LETTERS = re.compile(r"[^a-z]+")
_LEET = str.maketrans("013457$@", "oieastsa")
_BEFORE = re.compile("x++|the|its|real|mr")
_AFTER = ("off", "real", "fr")
_CORE = 5
"""Letters that are left of a name at the least when decorations come off."""
_APART = re.compile(r"[\W_]+")
_SPARE_WORDS = "backup|bkp|bak|alt|old|new|bis|official|officiel|secours|perso|second|again|back|v"
# Read from the end of a name, so that each sign is looked at once: `2_pukcab.` of `.backup_2`.
_SPARE = re.compile(rf"(?:\d{{0,4}}(?:{_SPARE_WORDS[::-1]})?[._\-]++)++")
_SPARE_NAME = re.compile(r"(?:backup|official)\d?$")
_TAIL = re.compile(r"(?<![\d_.\-])[\d_.\-]++$")
_WORDS = re.compile(r"[^\W\d_]+(?:[._\-\s][^\W\d_]+)+")
_INNER = re.compile(r"(?<=[a-z])[013457](?=[a-z])")
_FRAMED_CORE = 6


def mail_name(address: str) -> str:
    """Return the name of an e-mail address without tag, dots, digits at its ends; empty if little is left."""
    name = address.rpartition("@")[0].lower().partition("+")[0]
    bare = re.sub(r"[.\-_]", "", name)
    return bare if len(bare) >= 5 else ""


def handle_stem(name: str) -> str:
    """Return the letters of a name on a service: digits read as letters, decorations taken off.

    Empty where fewer than five letters are left: what many share resembles nothing.
    """
    lower = name.lower()
    bare = _TAIL.sub("", lower) or lower
    stem = _unwrapped(_NOT_LETTERS.sub("", bare.translate(_LEET)))
    return stem if len(stem) >= 5 else ""


def handle_core(name: str) -> str:
    """Return a name on a service without what is put on for a further account, its own figures kept.

    Off go separators, a tail after one (`_2`, `.backup`), an `x` at both ends; figures between letters are
    read as letters. `marie75` and `marie76` stay two.
    """
    plain = _APART.sub("", _without_spare(fold(name)) or fold(name))
    return _unframed(_INNER.sub(lambda found: found.group().translate(_LEET), plain))


def is_of_words(name: str) -> bool:
    """Return whether a name on a service is words of letters set apart, as people write their own names."""
    return _WORDS.fullmatch(_without_spare(fold(name))) is not None


def mail_core(address: str) -> str:
    """Return the name of a mailbox without tag and separators, its figures kept."""
    return _APART.sub("", fold(address.rpartition("@")[0]).partition("+")[0])


def _unwrapped(letters: str) -> str:
    """Return letters without a decoration before them, and then one after, where five are left; else all."""
    found = _BEFORE.match(letters)
    if found is None:
        return letters
    start = min(found.end(), len(letters) - _CORE) if letters[0] == "x" else found.end()
    if start < 1 or len(letters) - start < _CORE:
        return letters
    core = letters[start:]
    if core.endswith("x"):
        return core[: max(len(core.rstrip("x")), _CORE)]
    end = next((end for end in _AFTER if core.endswith(end)), "")
    return core.removesuffix(end) if len(core) - len(end) >= _CORE else core


def _without_spare(name: str) -> str:
    """Return a name without a tail after a separator (`_2`, `.backup`), or `backup` at its end."""
    found = _SPARE.match(name[::-1])
    return name[: -found.end()] if found else _SPARE_NAME.sub("", name)


def _unframed(letters: str) -> str:
    """Return letters without an `x` at both ends, where six are left between them; else all."""
    start = min(len(letters) - len(letters.lstrip("x")), len(letters) - _FRAMED_CORE - 1)
    if start < 1 or not letters.endswith("x"):
        return letters
    core = letters[start:]
    return core[: max(len(core.rstrip("x")), _FRAMED_CORE)]


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
