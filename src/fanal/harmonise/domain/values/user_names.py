"""User names (handles) in free text: with `@`, after a colon or `pseudo`, with a number, or near a service.

A name belongs to the service that the same sentence names near it, else to the platform of the report. A word
without `@` needs a digit or an underscore: other words are seldom user names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from fanal.harmonise.domain.values.handle_mentions import (
    mentioned_handles,
    reads_otherwise,
    unlisted_service,
)
from fanal.harmonise.domain.values.handles import (
    PLATFORM_NAMES,
    bare_name,
    fold,
    read_handle,
    read_service,
    service_names,
)

_AT_NAME = re.compile(r"(?<![\w@./+\-])@([0-9A-Za-z_][0-9A-Za-z_.\-]{1,31})")
_NAMED = re.compile(
    r"(?<![\w@.])(?:([A-Za-z]{1,20})\s{1,3})?([A-Za-z]{1,20})\s{0,2}[:=]\s{0,2}"
    r"(@?[0-9A-Za-z_.\-]{3,32})(?![\w@])"
)
# Words that people write with a service before a user name: "Roblox pseudo : …", "pseudo Roblox : …".
_NAME_WORDS = frozenset(
    {"pseudo", "pseudonyme", "nom", "compte", "identifiant", "profil", "id", "user", "username",
     "name", "nick", "nickname", "account", "login", "gamertag", "handle", "tag", "profile"}
)  # fmt: skip
# Those of them that announce a user name even without a service.
_CALLED = re.compile(
    r"(?<!\w)(?:pseudo(?:nyme)?|user ?name|nick(?:name)?|login|gamertag|handle)"
    r"(?:\s{1,2}(?:est|is|was|était|c'est))?\s{0,2}[:=\"'«“‘]{0,2}\s{0,2}"
    r"((?=[\w.]{0,31}[\d_])[^\W\d_][\w.]{2,31})(?![\w@#])",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?<![\w@#.])([0-9A-Za-z_.\-]{2,32}#\d{4})(?!\w)")
_SIGNED = re.compile(
    r"(?<![\w@#.+/\\:=\-])((?=[\w.]{0,31}[\d_])[^\W\d_][\w.]{4,31})(?![\w@#/\\]|-\w)"
)
_SIGN = re.compile(r"[^\W\d_]\.*[\d_]")
_WORD = re.compile(r"[^\W\d_]+")
_ON_SERVICE = re.compile(
    r"\s{1,3}(?:on|sur|via|auf|en|de)\s{1,3}([A-Za-z]{1,20})(?!\w)", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"[.!?;\n]")
_WINDOW = 40
_BEYOND = 4
"""Most words between a service's name and a user name without `@`."""
_JOINED = 3
_LETTERS = 3
_FILE = re.compile(r"\.[a-z]{2,4}[0-9]?$")
# Things that people write with a number, like a user name: a telephone, a version, a part of something.
_THINGS = re.compile(
    r"(?:iphone|ipad|galaxy|windows|android|covid|version|level|niveau|page|part|partie|photo|foto|image|img"
    r"|video|vid|room|room_|chapter|chapitre|saison|season|episode|classe|class|annexe|message|article)[\d._]+"
)


def user_names(text: str, platform: str | None) -> Iterator[str]:
    """Yield the user names in a text in canonical form, `name@service` or `name`; some may come twice.

    `platform` is the platform of the report, in its own words: the service of a name that has no other.
    """
    found = list(dict.fromkeys(_found(text, platform)))
    yield from found
    known = {bare_name(name) for name in found}
    for name, service in mentioned_handles(text):
        if fold(name) not in known:
            yield from _read(name, service or platform)


def _found(text: str, platform: str | None) -> Iterator[str]:
    services = _services(platform)
    for pattern, sign in ((_AT_NAME, "@"), (_NUMBERED, "#")):
        for match in pattern.finditer(text) if sign in text else ():
            yield from _read(
                match.group(1).rstrip(".-"), _service_near(text, match, services) or platform
            )
    if ":" in text or "=" in text:
        yield from _named(text)
    if _SIGN.search(text) is not None:
        yield from _signed(text, platform, services)


def _signed(text: str, platform: str | None, services: Mapping[str, str]) -> Iterator[str]:
    """Yield the user names of a text that have a digit or an underscore: after `pseudo`, or near a service.

    `platform` is that of the report, `services` the services by their names in texts.
    """
    for match in _CALLED.finditer(text):
        service = _service_near(text, match, services) or platform
        if service is not None:
            yield from _read(match.group(1).rstrip("."), service)
    for match in _SIGNED.finditer(text):
        name = match.group(1).rstrip(".")
        service = _next_service(text, match, services) if _is_name(name) else None
        if service is not None:
            yield from _read(name, service)


def _read(name: str, service: str | None) -> Iterator[str]:
    value = read_handle(name, service)
    if value is not None:
        yield value


def _named(text: str) -> Iterator[str]:
    """Yield user names after a service and a colon (`snap: some_name9`).

    Without `@` the name needs a digit, `_` or `.`: ordinary words have none.
    """
    for match in _NAMED.finditer(text):
        service = _named_service(match.group(1), match.group(2))
        name = match.group(3).rstrip(".-")
        signed = re.search(r"[0-9_.]", name) is not None and not reads_otherwise(name)
        if service is not None and (name[:1] == "@" or signed):
            yield from _read(name, service)


def _named_service(before: str | None, last: str) -> str | None:
    """Return the service named before a colon: by its last word `last`, or by `before` if that means "name".

    None if neither word names a known service (`insta name: …` gives the service of `insta`).
    """
    last = last.lower()
    if last in PLATFORM_NAMES:
        return PLATFORM_NAMES[last]
    if before is None or last not in _NAME_WORDS:
        return None
    return PLATFORM_NAMES.get(before.lower())


def _is_name(name: str) -> bool:
    """Return whether a word with a digit or an underscore could be a user name, and not a file or a thing."""
    plain = name.lower()
    if _FILE.search(plain) or _THINGS.fullmatch(plain):
        return False
    return sum(map(str.isalpha, plain)) >= _LETTERS


@lru_cache(maxsize=1024)
def _services(platform: str | None) -> Mapping[str, str]:
    """Return the services by their names in a text (lower case, letters only), `platform` among them."""
    listed = {name: found for name, found in PLATFORM_NAMES.items() if len(name) > 1}
    own = read_service(platform) if platform else None
    if own is None:
        return listed
    return listed | dict.fromkeys(service_names(own), own)


def _service_near(text: str, match: re.Match[str], services: Mapping[str, str]) -> str | None:
    """Return the service stated for the user name in `match`: "on …" after it, else the last named before.

    Of the text before it only the same sentence counts, at most 40 characters, after the last earlier `@`.
    Then a service that is not listed (`unlisted_service`). None without any. `text` is the whole text.
    """
    after = _ON_SERVICE.match(text, match.end())
    if after is not None and after.group(1).lower() in services:
        return services[after.group(1).lower()]
    found = _last(_before(text, match.start()), services)
    if found is not None:
        return found[0]
    return unlisted_service(text, match.start(1), match.end())


def _next_service(text: str, match: re.Match[str], services: Mapping[str, str]) -> str | None:
    """Return the service that is named nearest to the word in `match`, in its sentence, a few words away.

    Of two services as near, that before the word counts. Without one, a service that is not listed
    (`unlisted_service`); else None.
    """
    end = match.end(1)
    after = _SENTENCE_END.split(text[end : end + _WINDOW], maxsplit=1)[0]
    one = _last(_before(text, match.start()), services)
    two = _first(_WORD.findall(fold(after)), services)
    near = min((found for found in (one, two) if found), key=lambda found: found[1], default=None)
    if near is not None and near[1] < _BEYOND:
        return near[0]
    return unlisted_service(text, match.start(1), end)


def _before(text: str, start: int) -> list[str]:
    """Return the words before a place in a text, of the same sentence, after the last `@`; 40 characters."""
    before = _SENTENCE_END.split(text[max(0, start - _WINDOW) : start])[-1].rpartition("@")[2]
    return _WORD.findall(fold(before))


def _last(words: Sequence[str], services: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the last service that a list of words names, and the number of words after it."""
    for end in range(len(words), 0, -1):
        for start in range(max(0, end - _JOINED), end):
            service = services.get("".join(words[start:end]))
            if service is not None:
                return service, len(words) - end
    return None


def _first(words: Sequence[str], services: Mapping[str, str]) -> tuple[str, int] | None:
    """Return the first service that a list of words names, and the number of words before it."""
    for start in range(len(words)):
        for end in range(min(len(words), start + _JOINED), start, -1):
            service = services.get("".join(words[start:end]))
            if service is not None:
                return service, start
    return None
