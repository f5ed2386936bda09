"""User names as `name@platform`, names of services and games, and device identifiers, in canonical form."""

import re
import unicodedata
from functools import lru_cache

from ada_url import URL

from fanal.harmonise.domain.datafiles import DataRecord, load

_GAPS = re.compile(r"\s+")
_LONGEST = 256
_REMARK = re.compile(r"\([^()]*\)")
_HOST = re.compile(r"[\w\-]+(?:\.[\w\-]+)+")
_APART = re.compile(r"[\s_\-]+")
_SIGNS = re.compile(r"[\W_]+")
_SUFFIX = 4
_INFLECTED = 7
"""Least letters of a service's name with a case ending (`Instagramie`)."""


class _Platform(DataRecord, frozen=True):
    id: str
    names: tuple[str, ...]
    front: bool = False


class _Platforms(DataRecord, frozen=True):
    version: str
    source: str
    programs: frozenset[str]
    pages: tuple[str, ...]
    no_accounts: frozenset[str]
    platform: tuple[_Platform, ...]


_PLATFORMS = load("platforms.toml", _Platforms)
PLATFORMS_VERSION = _PLATFORMS.version
PLATFORM_NAMES = {
    name: platform.id for platform in _PLATFORMS.platform for name in (platform.id, *platform.names)
}


@lru_cache(maxsize=8192)
def read_platform(text: str) -> str | None:
    """Return the canonical name of a service: its listed id, else the text as `fold` gives it.

    None if it is blank or has more than 256 characters.
    """
    plain = fold(text)
    if not plain or len(plain) > _LONGEST:
        return None
    return PLATFORM_NAMES.get(plain) or PLATFORM_NAMES.get(plain.removeprefix("www.")) or plain


def read_handle(text: str, platform: str | None = None) -> str | None:
    """Return the canonical user name `name@platform`, or `name` alone if no service is known.

    None if `text` is blank or has more than 256 characters. A leading `@` is removed, and the name becomes
    NFKC in lower case: few services distinguish case, and few people write it correctly. A name that
    already ends in `@platform` gets no second one.
    """
    plain = fold(text).lstrip("@").strip()
    if not plain or len(plain) > _LONGEST:
        return None
    service = read_service(platform) if platform else None
    if platform is None or service is None:
        return plain
    name, _, stated = plain.rpartition("@")
    return f"{name if name and read_service(stated) == service else plain}@{service}"


@lru_cache(maxsize=8192)
def read_service(text: str) -> str | None:
    """Return the service of a user name: its listed id, else a normalised form of its name.

    None if `text` is blank or has more than 256 characters. Of a host name only the label before its suffix
    counts. Remarks in brackets, spaces, hyphens and words for a kind of program are left out:
    `blue-lamp.example` and `Blue Lamp (app)` are both `bluelamp`, and `Insta (mobile)` is `instagram`.
    """
    service = read_platform(text)
    if service is None or service in PLATFORM_NAMES:
        return service
    plain = _REMARK.sub("", service).strip()
    if _HOST.fullmatch(plain):
        labels = plain.removeprefix("www.").split(".")
        plain = labels[-3] if len(labels) > 2 and len(labels[-2]) < _SUFFIX else labels[-2]
    words = [word for word in _APART.split(plain) if word]
    named = [word for word in words if word not in _PLATFORMS.programs]
    plain = "".join(named or words)
    return PLATFORM_NAMES.get(plain, plain) or service


def service_of_word(word: str) -> str | None:
    """Return the listed service that a word of a sentence names, also with a case ending; else None."""
    plain = word.lower()
    stems = (plain, *(plain[:-cut] for cut in (1, 2, 3) if len(plain) > _INFLECTED))
    return next((PLATFORM_NAMES[stem] for stem in stems if stem in PLATFORM_NAMES), None)


@lru_cache(maxsize=8192)
def service_names(service: str) -> frozenset[str]:
    """Return the names of a service as people write them, lower case, letters and digits only.

    `service` is the part of a canonical user name after `@`: `snapchat` gives `snapchat`, `snap` and others.
    Names of a single character are left out: in a sentence they are words.
    """
    listed = (name for name, platform in PLATFORM_NAMES.items() if platform == service)
    plain = (_SIGNS.sub("", name) for name in (service, *listed))
    return frozenset(name for name in plain if len(name) > 1)


_PAGES = tuple(re.compile(path) for path in _PLATFORMS.pages)
_FRONTS = frozenset(platform.id for platform in _PLATFORMS.platform if platform.front)
_FRONT = re.compile(r"/([\w.\-]{3,40})/?")
_WEB = ("https:", "http:")
_PAGE_MARK = re.compile(r"/(?:@|[uapmi])")
"""How the path of an account's page begins, unless it is its only part."""
_SHORTEST = 4


def account_in_url(key: str, domain: str | None) -> str | None:
    """Return `name@service` if a web address is the page of an account (`/@name`, `/users/name`), else None.

    `key` is the address in compared form, `domain` its registrable domain, which names the service. On some
    listed services the first part of a path is a user name (`front` in `platforms.toml`).
    """
    start = key.find("/", 8)  # after `https://`
    if domain is None or start < 0 or not key.startswith(_WEB):
        return None
    path = key[start:].partition("?")[0]
    if len(path) < _SHORTEST or (_PAGE_MARK.match(path) is None and path.rfind("/", 0, -1) > 0):
        return None  # most pages, soon
    service = read_service(domain)
    found = next(filter(None, (page.match(path) for page in _PAGES)), None)
    if found is None and service in _FRONTS:
        found = _FRONT.fullmatch(path)
    if service is None or found is None or found.group(1).lower() in _PLATFORMS.no_accounts:
        return None
    return read_handle(found.group(1), service)


def bare_name(handle: str) -> str:
    """Return the name in a canonical user name without its `@platform`; a name without platform as it is."""
    return handle.rpartition("@")[0] or handle


def spellings(text: str) -> tuple[str, ...]:
    """Return `text` as typed and, if different, in the folded form in which identifiers are compared.

    Identifiers are searched as people paste them: `@Renard_77` for `renard_77`.
    """
    return tuple(dict.fromkeys((text, fold(text).lstrip("@"))))


def fold(text: str) -> str:
    """Normalise `text` for comparison: NFKC, lower case, single spaces, no invisible characters (Cc, Cf)."""
    if text.isascii() and text.isprintable() and " " not in text:
        return text.lower()
    plain = _GAPS.sub(" ", text)
    if not plain.isprintable():
        # Direction and zero-width marks would make two names that look the same.
        plain = "".join(c for c in plain if unicodedata.category(c) not in ("Cc", "Cf"))
    # Lower case, then NFKC again: each alone can undo the other's fixed point.
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", plain).lower())
    return _GAPS.sub(" ", folded).strip()


# Games and virtual worlds: the service, or `service:world` if a URL names the world.


class _Game(DataRecord, frozen=True):
    platform: str
    domain: str
    path: str


class _Games(DataRecord, frozen=True):
    version: str
    source: str
    game: tuple[_Game, ...]


_GAMES = load("games.toml", _Games)
_BY_DOMAIN: dict[str, list[tuple[str, re.Pattern[str]]]] = {}
for _entry in _GAMES.game:
    _BY_DOMAIN.setdefault(_entry.domain, []).append((_entry.platform, re.compile(_entry.path)))


def read_game(text: str) -> str | None:
    """Return the canonical name of a game or world, `service:world` for an id on a service; None if blank."""
    service, mark, world = text.partition(":")
    world = "" if world.startswith("//") else fold(world)
    if mark and world:
        name = read_platform(service)
        return None if name is None else f"{name}:{world}"
    return read_platform(text)


def game_in_url(key: str, host: str, domain: str | None) -> str | None:
    """Return `service:world` if a URL is the address of a listed game world (a page of a game), else None.

    `key` is the URL in compared form, `host` its host, `domain` its registrable domain.
    """
    rules = _BY_DOMAIN.get(domain or "") or _BY_DOMAIN.get(host)
    if rules is None:
        return None
    path = URL(key).pathname
    for platform, pattern in rules:
        match = pattern.match(path)
        if match is not None:
            return f"{platform}:{match.group(1).lower()}"
    return None


# Device identifiers: advertising ids, hardware addresses, IMEI; anything else as written.

_UUID = re.compile(r"\{?([0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12})\}?", re.IGNORECASE)
_MAC = re.compile(
    r"(?:[0-9a-f]{2}[:\-]){5}[0-9a-f]{2}|(?:[0-9a-f]{4}\.){2}[0-9a-f]{4}", re.IGNORECASE
)
_IMEI = re.compile(r"(?:\d[ \-]?){14}\d")
_DEVICES_LONGEST = 512


def read_device(text: str) -> str | None:
    """Return the canonical form of a device identifier, or None for a blank or overlong text.

    A UUID becomes lower case, a MAC address lower case with colons, an IMEI digits only; others stay as
    written apart from spaces and composed characters (NFC).
    """
    if len(text) == 15 and text.isascii() and text.isdigit():  # a plain IMEI
        return text
    plain = _GAPS.sub(" ", unicodedata.normalize("NFC", text)).strip()
    if not plain or len(plain) > _DEVICES_LONGEST:
        return None
    uuid = _UUID.fullmatch(plain)
    if uuid is not None:
        return uuid.group(1).lower()
    if _MAC.fullmatch(plain) is not None:
        digits = re.sub(r"[:.\-]", "", plain).lower()
        return ":".join(digits[i : i + 2] for i in range(0, 12, 2))
    if _IMEI.fullmatch(plain) is not None and plain.isascii():
        return re.sub(r"[ \-]", "", plain)
    return plain
