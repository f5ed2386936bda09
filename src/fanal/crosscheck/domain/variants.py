"""Forms in which variations of one identifier come out alike: the same hand writes them."""

import re

_NOT_LETTERS = re.compile(r"[^a-z]+")
_LEET = str.maketrans("013457$@", "oieastsa")
_WRAPPED = re.compile(r"^(?:x+|_+|the|its|real|mr)(.{5,}?)(?:x+|_+|off|real|fr)?$")
_TAG = re.compile(r"\+.*$")


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
