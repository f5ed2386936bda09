"""STIX patterns: writing them for list values, and extracting values from the patterns of other programs."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from stix2patterns.exceptions import ParseException
from stix2patterns.v21.pattern import Pattern

from fanal.formats.indicators import kind_of

_PATHS: Final[Mapping[str, str]] = {
    "SHA256": "file:hashes.'SHA-256'",
    "SHA1": "file:hashes.'SHA-1'",
    "MD5": "file:hashes.MD5",
    "PDQ": "file:hashes.PDQ",
    "PHOTODNA": "file:hashes.PhotoDNA",
    "URL": "url:value",
    "HOST": "domain-name:value",
    "DOMAIN": "domain-name:value",
    "ONION": "domain-name:value",
    "EMAIL": "email-addr:value",
    "HANDLE": "user-account:account_login",
}
KINDS: Final = frozenset({*_PATHS, "IP"})
"""Kinds of value with a STIX observable; telephone numbers, devices and accounts have none."""
_VALUES: Final[Mapping[tuple[str, str], str]] = {
    ("url", "value"): "URL",
    ("domain-name", "value"): "DOMAIN",
    ("email-addr", "value"): "EMAIL",
    ("ipv4-addr", "value"): "IP",
    ("ipv6-addr", "value"): "IP",
    ("user-account", "account_login"): "HANDLE",
}
_LONGEST: Final = 5_000
_TEXT: Final = r"'((?:[^'\\]|\\.)*)'"
_ONE: Final = re.compile(
    r"\s*(?:(file):hashes\.(?:'([\w-]{1,40})'|([\w-]{1,40}))|(url|domain-name):value)\s*=\s*"
    + _TEXT
    + r"\s*"
)
_OR: Final = re.compile(r"\]\s*+OR\s*+\[|(?<!\s)\s++OR\s+")
_QUOTED: Final = re.compile(_TEXT + "|'.*+", re.DOTALL)  # an unclosed text extends to the end
_AND: Final = re.compile(r"\bAND\b")  # the library reports it between observations, not within one
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)


def write_pattern(values: Mapping[str, str]) -> str:
    """Return a STIX pattern that matches any of the values (by kind): one observation for each object type.

    Raises:
        KeyError: a kind outside `KINDS`.
    """
    observed: dict[str, list[str]] = {}
    for kind, value in values.items():
        path = _path(kind, value)
        text = value.replace("\\", "\\\\").replace("'", "\\'")
        observed.setdefault(path.partition(":")[0], []).append(f"{path} = '{text}'")
    return " OR ".join(f"[{' OR '.join(parts)}]" for parts in observed.values())


def _path(kind: str, value: str) -> str:
    if kind == "IP":
        return "ipv6-addr:value" if ":" in value else "ipv4-addr:value"
    return _PATHS[kind]


def read_pattern(text: str) -> list[dict[str, str]] | None:
    """Return the values by kind of a pattern of the form "value or value or ...", else None.

    The result has one item, or one for each value if a kind occurs twice, since these are several files. A
    pattern with a time, a sequence, a negation or another condition is not accepted: a list cannot express
    it, and taking a part of it would produce wrong matches.
    """
    try:
        found = list(dict.fromkeys(_simple(text) or _general(text)))
    except (_Other, ParseException, RecursionError):
        return None
    values = dict(found)
    return [values] if len(values) == len(found) else [{kind: value} for kind, value in found]


class _Other(Exception):
    """The pattern is not of the form "value or value or ..."."""


def _simple(text: str) -> list[tuple[str, str]]:
    """Parse a pattern in its usual form to pairs (kind, value), without the slow library; [] otherwise."""
    stripped = text.strip()
    if len(stripped) > _LONGEST or not (stripped.startswith("[") and stripped.endswith("]")):
        return []
    found: list[tuple[str, str]] = []
    for piece in _OR.split(stripped[1:-1]):
        match = _ONE.fullmatch(piece)
        kind = _kind(match) if match is not None else None
        if match is None or kind is None:
            return []
        found.append((kind, _ESCAPED.sub(r"\1", match[5])))
    return found


def _kind(match: re.Match[str]) -> str | None:
    if match[1]:
        return kind_of(match[2] or match[3])
    return _VALUES[match[4], "value"]


def _general(text: str) -> Iterator[tuple[str, str]]:
    if len(text) > _LONGEST:
        raise _Other
    seen = Pattern(text).inspect()
    if seen.qualifiers or set(seen.observation_ops) - {"OR"} or _AND.search(_QUOTED.sub("", text)):
        raise _Other
    for observable, comparisons in seen.comparisons.items():
        for path, operator, constant in comparisons:
            value = str(constant)
            if operator != "=" or not (value.startswith("'") and value.endswith("'")):
                raise _Other
            kind = _general_kind(observable, [str(step) for step in path])
            yield kind, _ESCAPED.sub(r"\1", value[1:-1])


def _general_kind(observable: str, path: list[str]) -> str:
    kind = _VALUES.get((observable, path[0])) if len(path) == 1 else None
    if observable == "file" and len(path) == 2 and path[0] == "hashes":
        kind = kind_of(path[1])
    if kind is None:
        raise _Other
    return kind
