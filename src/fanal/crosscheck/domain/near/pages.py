"""Pages that are near: the same path at another host, another page of the same folder or thread."""

import re
from typing import Final

from fanal.crosscheck.domain.hubs import is_short_link

_PAGING: Final = frozenset(("page", "p", "pg", "start", "offset", "from", "post", "img", "pic"))
"""Parameters that turn the pages of one thing."""
_INDEX = re.compile(r"/(?:index|default|home)\.\w{2,5}$")
_NUMBERED = re.compile(r"\d(?:\.\w{2,5})?$")
_PART = re.compile(r"[^/?&=]+")
_NUMBER = re.compile(r"(?<!\d)(?!(?:19|20)\d\d(?!\d))\d{4,}")  # no year
_DEEP: Final = 2
_SLUG: Final = 12  # letters: `wp-content` has ten
_TOKEN: Final = 7


def host_of(key: str) -> str:
    """Return the host of an address as it is compared, without `www.`."""
    host = key.partition("://")[2].partition("/")[0].partition("?")[0]
    return host.removeprefix("www.")


def mirror_of(key: str, least: int) -> str | None:
    """Return path and query of an address, by which its mirrors are found; None for what many places have."""
    rest = _rest(key)
    if len(rest) < least or is_short_link(host_of(key)):
        return None
    return rest if any(map(_is_telling, _PART.findall(rest))) else None


def _is_telling(part: str) -> bool:
    """Return whether a part of a path is somebody's own, and no name that a program gives everywhere."""
    if _NUMBER.search(part):
        return True
    if "." in part:
        return False
    mixed = any(c.isdigit() for c in part) and any(c.isalpha() for c in part)
    return len(part) >= _SLUG or (mixed and len(part) >= _TOKEN)


def family_of(key: str) -> str | None:
    """Return what the pages of one folder, or of one thread, have in common; None at the top of a host."""
    host, rest = host_of(key), _rest(key)
    path, _, query = rest.partition("?")
    if is_short_link(host):
        return None
    if query:
        kept = [pair for pair in query.split("&") if pair.partition("=")[0] not in _PAGING]
        # What chooses the thing is not told from what sorts it: all of it has to be equal.
        return f"{host}{path}?{'&'.join(sorted(kept))}" if kept else None
    folder, _, name = path.rpartition("/")
    deep = folder.count("/")
    numbered = _NUMBERED.search(name) is not None
    return f"{host}{folder}/" if deep >= _DEEP or (deep == 1 and numbered) else None


def _rest(key: str) -> str:
    rest = key.partition("://")[2]
    slash = rest.find("/")
    path, mark, query = (rest[slash:] if slash >= 0 else "").partition("?")
    path = _INDEX.sub("", path).rstrip("/")
    return f"{path}?{query}" if mark and query else path
