"""Values that identify nobody: placeholders, very common names, hosts of short links (`data/hubs.toml`)."""

import re
import tomllib
from functools import lru_cache
from importlib import resources

import msgspec
from msgspec import Struct

_ONE_DIGIT = re.compile(r"(\d)\1{5,}")
_RUN = "01234567890123456789"
_ALIKE = re.compile(r"([0fx])\1*", re.IGNORECASE)
_TAIL = re.compile(r"(?<![\d_.\-])[\d_.\-]++$")
_SHORT = 4
_MARKS = dict.fromkeys(map(ord, ":-. "))


class Hubs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The file of values that identify nobody, in lower case.

    `mail_names` are local parts of e-mail addresses (`noreply`); `handles`, `devices` and `names` are
    placeholders for user names, device identifiers and people's names; `plain_handles` are common words;
    `shorteners` are hosts of URL shorteners. `schema` is the version of the file format, `version` that of
    the lists.
    """

    schema: int
    version: str
    mail_names: frozenset[str]
    handles: frozenset[str]
    devices: frozenset[str]
    names: frozenset[str]
    plain_handles: frozenset[str]
    shorteners: frozenset[str]


@lru_cache(maxsize=1)
def load_hubs() -> Hubs:
    """Return the shipped lists of placeholders: values that identify nobody, such as `noreply`."""
    path = resources.files("fanal.crosscheck").joinpath("data", "hubs.toml")
    return msgspec.convert(tomllib.loads(path.read_text("utf-8")), Hubs)


def is_empty_email(value: str) -> bool:
    """Return whether an e-mail address is a placeholder or a service address (`abuse@`), not a person's."""
    name = value.rpartition("@")[0]
    return name in load_hubs().mail_names or name.strip("0-./_x") == ""


def is_empty_phone(value: str) -> bool:
    """Return whether an E.164 number is a placeholder: it ends in six equal digits, or a sequence of eight.

    The sequence may go up or down, and over 9 and 0.
    """
    digits = value.lstrip("+")
    last = digits[-8:]
    return _ONE_DIGIT.fullmatch(digits[-6:]) is not None or last in _RUN or last[::-1] in _RUN


def is_empty_device(value: str) -> bool:
    """Return whether a device identifier is a placeholder: listed, too short, or one sign repeated.

    Too short is under four characters; `:-.` and spaces do not count. The sign is 0, f or x.
    """
    plain = value.lower()
    bare = plain.translate(_MARKS)
    return plain in load_hubs().devices or len(bare) < _SHORT or _ALIKE.fullmatch(bare) is not None


def is_empty_handle(name: str) -> bool:
    """Return whether a user name (handle), given without its service, is a placeholder.

    That is: it is listed, or has neither letter nor digit once `0`, `x` and `-./_` are removed from both
    ends. `name` is in lower case.
    """
    return name in load_hubs().handles or not any(map(str.isalnum, name.strip("0-./_x")))


def is_plain_handle(name: str) -> bool:
    """Return whether a user name is too common: at most four characters, or a common word.

    Digits and the characters `_.-` at its end do not count for the word. `name` is in lower case.
    """
    if len(name) <= _SHORT:
        return True
    # Non-ASCII digits and line ends need the pattern.
    plain = name.isascii() and name.isprintable()
    stem = name.rstrip("0123456789_.-") if plain else _TAIL.sub("", name)
    return stem in load_hubs().plain_handles


def is_empty_name(name: str) -> bool:
    """Return whether a person's name is a placeholder: listed, a single character, or without a letter."""
    plain = " ".join(name.lower().split())
    return plain in load_hubs().names or len(plain) < 2 or not any(c.isalpha() for c in plain)


def is_short_link(host: str) -> bool:
    """Return whether a host is a URL shortener."""
    return host in load_hubs().shorteners
