"""The host names that a measure may block, and those that need the approval of a third person. Pure.

A name is compared in the form that resolvers use: the A-labels of UTS 46, in lower case, without root dot. A
measure on a name covers every name below it.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date
from functools import cache, lru_cache
from pathlib import Path
from typing import NewType, cast

from msgspec import Struct
from publicsuffixlist import PSLFILE

from fanal.harmonise.domain.values.urls import (
    canonical_host,
    ip_in_host,
    packed_ip,
    registrable_domain,
)
from fanal.kernel.refusal import Refusal
from fanal.reference import Catalogue, ProtectedName

HostName = NewType("HostName", str)
"""A host name that may be blocked, as A-labels: only `read_name` and `check_written` return one."""
ZONE = "rpz.fanal"
"""The zone under which the list is served to access providers."""
_OCTETS = 255
"""Most octets of a name in the DNS (RFC 1035, 2.3.4), length octets and root included."""
LONGEST = _OCTETS - len(f"*.{ZONE}") - 3
"""Most characters of a name such that `*.NAME` still is a name within the zone."""
_LONGEST_TEXT = 1000
"""Most characters that are parsed; UTS 46 leaves some out, so that a longer text may be a shorter name."""
_LABEL = r"(?!rpz-)[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_WRITTEN = re.compile(rf"(?:{_LABEL}\.)+(?![0-9]+$|0x[0-9a-f]*$){_LABEL}")
_HOST_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*", re.IGNORECASE)
_PORT = re.compile(r"([^:]+|\[[^\]]*\]):([0-9]*)")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f-\x9f]")
_OF_URL = re.compile(r"[/\\?#@]")
_NOT_PUBLIC = frozenset({"alt", "arpa", "i2p", "internal", "invalid", "local", "localhost"})
"""Roots outside the public DNS, or of its own machinery (RFC 6761, RFC 9476)."""


class Protection(Struct, frozen=True, kw_only=True):
    """A reason why blocking a name requires the approval of a third person.

    `name` is the protected name concerned, `category` a code of the label kind `protected_category`.
    `entry_id` is the version of the reference data entry; empty for a name above a public suffix, which
    follows from the Public Suffix List.
    """

    category: str
    name: str
    entry_id: str = ""


def read_name(text: str, *, own: Collection[str]) -> HostName:
    """Parse a typed host name that a measure may block, and return it as A-labels.

    `own` are the host names of the desk and of its stop page, as A-labels: they, the names below them and
    those above them are refused.

    Raises:
        Refusal: kind `blocking`: the code says the fault: NAME_UNREADABLE, NAME_IS_URL, NAME_IS_ADDRESS (IP),
            NAME_HAS_PORT, NAME_WILDCARD (`*.`), NAME_SINGLE_LABEL (a top-level domain), NAME_ODD_LABEL (other
            characters than letters, digits and inner hyphens), NAME_ONION, NAME_NOT_PUBLIC (a reserved
            top-level domain), NAME_RPZ_LABEL (a label that name servers read as an instruction),
            NAME_TOO_LONG, NAME_PUBLIC_SUFFIX, NAME_OWN (it is or covers a name of the desk).
    """
    if len(text) > _LONGEST_TEXT:
        raise _refused("NAME_TOO_LONG", most=LONGEST)
    host = _host_in(text.strip())
    labels = host.split(".")
    if "" in labels:
        raise _refused("NAME_UNREADABLE")
    if len(labels) == 1:
        raise _refused("NAME_SINGLE_LABEL")
    _check_labels(labels)
    if len(host) > LONGEST:
        raise _refused("NAME_TOO_LONG", most=LONGEST)
    if any(_overlap(host, each) for each in (ZONE, *own)):
        raise _refused("NAME_OWN")
    if registrable_domain(host) is None or host in _suffixes().bases:
        raise _refused("NAME_PUBLIC_SUFFIX")
    return HostName(host)


def check_written(names: Iterable[str]) -> tuple[HostName, ...]:
    """Check that stored names have the form that `read_name` returns (A-labels), and return them.

    Only characters and length are checked, not the other rules of `read_name`.

    Raises:
        ValueError: a name has other characters or is too long, so that it must not reach a file.
    """
    checked = tuple(names)
    is_written = _WRITTEN.fullmatch
    for name in checked:
        if len(name) > LONGEST or is_written(name) is None:
            raise ValueError(f"no written host name: {name!r}")
    return cast("tuple[HostName, ...]", checked)


def covers(above: str, name: str) -> bool:
    """Return whether a measure on `above` blocks `name`: it is that name or one below it."""
    return name == above or name.endswith(f".{above}")


def names_above(name: str) -> Iterator[str]:
    """Yield the names above `name`, nearest first, the top-level domain last."""
    while "." in name:
        name = name.partition(".")[2]
        yield name


def protections_of(name: HostName, *, catalogue: Catalogue, on: date) -> tuple[Protection, ...]:
    """Return the protected names for which a blocking of `name` needs a third person's approval; () for none.

    They are those that it would block (the name itself and names below it), and those above that protect the
    names below them. A name above a public suffix is protected too, since others' domains are registered
    below it. `catalogue` holds the protected names, `on` is the day.
    """
    groups = _protected(catalogue.in_force(ProtectedName, on))
    found = {groups.by_name[name]} if name in groups.by_name else set()
    found |= {groups.below[up] for up in names_above(name) if up in groups.below}
    found |= groups.above.get(name, frozenset())
    suffix = _suffixes().above.get(name)
    computed = () if suffix is None else (Protection(category="SHARED_HOST", name=suffix),)
    return (*sorted(found, key=lambda one: (one.category, one.name)), *computed)


def guarded_names(catalogue: Catalogue) -> set[tuple[str, str]]:
    """Return the names that the database refuses to block without further approval, as pairs (name, kind).

    Kinds: NAME, a protected name alone; BELOW, with the names below it (of any date in `catalogue`); SUFFIX,
    a public suffix; BASE, a name whose every child is a public suffix, except each EXCEPTION (Public Suffix
    List).
    """
    protected = catalogue.entries(ProtectedName)
    found: set[tuple[str, str]] = {
        (name, entry.value.covers) for entry in protected for name in entry.value.names
    }
    for mark, name in _rules():
        found.add((name, {"": "SUFFIX", "*.": "BASE", "!": "EXCEPTION"}[mark]))
    return found


class _ByPlace(Struct, frozen=True):
    """Protected names, indexed by the name with which each is found.

    `by_name`: the protected name itself; `below`: a protected name that covers the names below it; `above`:
    every name above a protected one.
    """

    by_name: Mapping[str, Protection]
    below: Mapping[str, Protection]
    above: Mapping[str, frozenset[Protection]]


@lru_cache(maxsize=8)
def _protected(entries: tuple[ProtectedName, ...]) -> _ByPlace:
    by_name: dict[str, Protection] = {}
    below: dict[str, Protection] = {}
    above: dict[str, frozenset[Protection]] = {}
    for entry in entries:
        for name in entry.value.names:
            one = Protection(category=entry.value.category, name=name, entry_id=entry.entry_id)
            by_name[name] = one
            if entry.value.covers == "BELOW":
                below[name] = one
            for up in names_above(name):
                above[up] = above.get(up, frozenset()) | {one}
    return _ByPlace(by_name, below, above)


class _Suffixes(Struct, frozen=True):
    """Names derived from both sections of the Public Suffix List.

    `bases` are the names whose every child is a suffix (`*.NAME`); `above` maps a name above a suffix to one.
    """

    bases: frozenset[str]
    above: Mapping[str, str]


@cache
def _suffixes() -> _Suffixes:
    bases: set[str] = set()
    above: dict[str, str] = {}
    for mark, suffix in _rules():
        if mark == "*.":
            bases.add(suffix)
        for up in names_above(suffix) if mark != "!" else ():
            above.setdefault(up, suffix)
    return _Suffixes(frozenset(bases), above)


def _rules() -> Iterator[tuple[str, str]]:
    """Yield the rules of the Public Suffix List, both sections: mark (`*.`, `!` or none) and name."""
    for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines():
        rule = line.partition(" ")[0].strip()
        if not rule or rule.startswith("//"):
            continue
        mark = next((one for one in ("*.", "!") if rule.startswith(one)), "")
        if (name := canonical_host(rule.removeprefix(mark))) is not None:
            yield mark, name


def _host_in(text: str) -> str:
    """Return the host name (WHATWG) that `text` consists of.

    Raises:
        Refusal: kind `blocking`: NAME_UNREADABLE, NAME_IS_ADDRESS, NAME_IS_URL, NAME_HAS_PORT, NAME_WILDCARD.
    """
    if not text or _SPACE.search(text):
        raise _refused("NAME_UNREADABLE")
    if packed_ip(text.partition("/")[0].strip("[]")) is not None:
        raise _refused("NAME_IS_ADDRESS")
    if _OF_URL.search(text):
        raise _refused("NAME_IS_URL")
    port = _PORT.fullmatch(text)
    host = canonical_host(text if port is None else port[1])
    if _is_address(text if port is None else port[1], host):
        raise _refused("NAME_IS_ADDRESS")
    if host is None or "%" in text:
        raise _refused("NAME_UNREADABLE")
    if port is not None:
        raise _refused("NAME_HAS_PORT")
    if host.startswith("*."):
        raise _refused("NAME_WILDCARD", name=host.removeprefix("*."))
    return host


def _is_address(text: str, host: str | None) -> bool:
    """Return whether WHATWG parsers read `text` (parsed as `host`) as an IP address, even an invalid one."""
    if host is not None:
        return ip_in_host(host) is not None
    return _NUMBER.fullmatch(text.removesuffix(".").rpartition(".")[2]) is not None


def _check_labels(labels: list[str]) -> None:
    """Check that labels form a host name of the public DNS, without labels that RPZ reads as instructions.

    Raises:
        Refusal: kind `blocking`: NAME_ODD_LABEL, NAME_UNREADABLE, NAME_ONION, NAME_NOT_PUBLIC,
            NAME_RPZ_LABEL.
    """
    if any(_HOST_LABEL.fullmatch(label) is None for label in labels):
        raise _refused("NAME_ODD_LABEL")
    if any(label.startswith("xn--") and not _is_a_label(label) for label in labels):
        raise _refused("NAME_UNREADABLE")
    if labels[-1] == "onion":
        raise _refused("NAME_ONION")
    if labels[-1] in _NOT_PUBLIC:
        raise _refused("NAME_NOT_PUBLIC", root=labels[-1])
    if any(label.startswith("rpz-") for label in labels):
        raise _refused("NAME_RPZ_LABEL")


def _is_a_label(label: str) -> bool:
    """Return whether an `xn--` label is an A-label: UTS 46 encodes its decoded text as this label."""
    try:
        text = label.removeprefix("xn--").encode("ascii").decode("punycode")
    except UnicodeError:
        return False
    return canonical_host(f"{text}.example") == f"{label}.example"


def _overlap(one: str, other: str) -> bool:
    return covers(one, other) or covers(other, one)


def _refused(code: str, **parameters: str | int) -> Refusal:
    return Refusal("blocking", code, **parameters)
