"""Names on a service, as `name@platform`: the name folded, the service by its usual name."""

import re
import unicodedata
from functools import lru_cache

from fanal.harmonise.domain.datafiles import DataRecord, load

_GAPS = re.compile(r"\s+")
_LONGEST = 256


class _Platform(DataRecord, frozen=True):
    id: str
    names: tuple[str, ...]


class _Platforms(DataRecord, frozen=True):
    version: str
    source: str
    platform: tuple[_Platform, ...]


_PLATFORMS = load("platforms.toml", _Platforms)
PLATFORMS_VERSION = _PLATFORMS.version
PLATFORM_NAMES = {
    name: platform.id for platform in _PLATFORMS.platform for name in (platform.id, *platform.names)
}


@lru_cache(maxsize=8192)
def read_platform(text: str) -> str | None:
    """Return the usual name of a service: the listed id, else the words in lower case; None if blank."""
    plain = fold(text)
    if not plain or len(plain) > _LONGEST:
        return None
    return PLATFORM_NAMES.get(plain) or PLATFORM_NAMES.get(plain.removeprefix("www.")) or plain


def read_handle(text: str, platform: str | None = None) -> str | None:
    """Return `name@platform` (or the bare name where no service is stated), or None for a blank name.

    The name loses a leading `@`, is put in NFKC and lower case: services that tell case apart are
    rarer than people who do not. A `name@platform` already written is not doubled.
    """
    plain = fold(text).lstrip("@").strip()
    if not plain or len(plain) > _LONGEST:
        return None
    service = read_platform(platform) if platform else None
    if service is None:
        return plain
    return plain if plain.endswith(f"@{service}") else f"{plain}@{service}"


def bare_name(handle: str) -> str:
    """Return the name of a canonical handle without its service."""
    return handle.rpartition("@")[0] or handle


def spellings(text: str) -> tuple[str, ...]:
    """Return `text` as it was typed, then as identifiers are compared, where that differs.

    Identifiers are searched as people paste them: `@Renard_77` for `renard_77`.
    """
    return tuple(dict.fromkeys((text, fold(text).lstrip("@"))))


def fold(text: str) -> str:
    """Return `text` as it is compared: NFKC, lower case, single spaces, no unseen mark (Cc, Cf)."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text.lower()
    plain = _GAPS.sub(" ", text)
    if not plain.isprintable():
        # With direction and zero-width marks one name would be two that look the same.
        plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf"))
    # Lower case, then NFKC again: each alone can undo the other's fixed point.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).lower())
    return _GAPS.sub(" ", folded).strip()
