"""Extraction of selectors from free text: addresses, e-mails, telephones, accounts, hashes, user names.

Every pattern starts at a word boundary and is bounded or a single run of one character class, so reading
time is linear in the length of the text. The results are marked as *weak*, since they were found in a
sentence and not stated in a field.

A user name (handle) is recognised by an `@`, a colon or the word `pseudo` before it, by a number in it, or
by a service named near it. It belongs to the service that the same sentence names near it, else to the
platform of the report. A word without `@` needs a digit or an underscore, since other words are seldom user
names.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from msgspec import Struct

from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.values.accounts import IBAN_LENGTH, read_iban, read_wallet
from fanal.harmonise.domain.values.addresses import (
    is_routable,
    read_email,
    read_ip,
    read_phone,
    read_port,
)
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
from fanal.harmonise.domain.values.hashes import kind_by_length
from fanal.harmonise.domain.values.urls import canonical_host, ip_in_host, is_plain_host, refang

# Three patterns instead of one with three branches: the engine can then skip to a possible start.
_MARK = re.compile(r"[@0-9:=_]")
_DOT_INSIDE = re.compile(r"\.\w")
_LONG_WORD = re.compile(r"[A-Za-z]{25}")
_URL = re.compile(
    r"(?<![0-9A-Za-z])(?:(?:https?|ftps?|wss?|rtmps?|tg)://|magnet:\?)[^\s<>\"`{}|^«»“”]+",
    re.IGNORECASE,
)
_EMAIL = re.compile(
    r"(?<![\w.%+'\-])[\w.%+'\-]{1,64}@(?:[^\W_][\w\-]{0,62}\.){1,10}[^\W_][\w\-]{1,62}(?![\w@])"
)
_IPV4 = re.compile(r"(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?::(\d{1,5}))?(?![\w]|\.\d)", re.ASCII)
_IPV6 = re.compile(r"(?<![\w:.])[0-9A-Fa-f:]{3,45}(?![\w:])")
_HOST = re.compile(
    r"(?<![\w@.\-/\\])((?:[^\W_][\w\-]{0,62}\.){1,10}[^\W\d_][\w\-]{1,62})(?![\w@])(?::(\d{1,5})(?!\w))?"
    r"(/[^\s<>\"`{}|^«»“”]*)?"
)
_LONG = re.compile(r"(?<![0-9A-Za-z])[0-9A-Za-z]{15,128}(?![0-9A-Za-z])")
_IBAN = re.compile(
    r"(?<![0-9A-Za-z])[A-Z]{2}\d{2}(?:[ \u00a0\u202f\-][0-9A-Z]{4}){2,7}"
    r"(?:[ \u00a0\u202f\-][0-9A-Z]{1,3})?(?![0-9A-Za-z])"
)
_DATE = re.compile(r"(?<!\d)(?:\d{1,2}[./\-]\d{1,2}[./\-]\d{4}|\d{4}-\d{2}-\d{2})(?!\d)")
_PHONE = re.compile(
    r"(?<![\w+/.,@])(?:\+|00|0|\()[\d(](?:[\d .()\u00a0\u202f\-]{4,20})\d(?!\w)", re.ASCII
)


class TextHit(Struct, frozen=True, kw_only=True):
    """An identifier found in a text.

    `value` is its canonical form; for a URL, the text to pass to `read_url`. `port` is that written after an
    IP address, None without one.
    """

    kind: SelectorKind
    value: str
    port: int | None = None


def find_selectors(
    text: str, *, countries: tuple[str, ...] = (), platform: str | None = None
) -> tuple[TextHit, ...]:
    """Return the selectors (identifiers such as e-mails, telephones, user names) in `text`, each once.

    They come in the order of the patterns, not of the text. `countries` (ISO 3166-1 alpha-2) help to parse
    national telephone numbers; `platform` is that of the report, for user names without a service.
    Private-use, loopback and other IP addresses that are not routable are left out: in a sentence they are
    examples or version numbers.
    """
    plain = refang(text)
    if not _is_worth_reading(plain):
        return ()
    return tuple(dict.fromkeys(_find(plain, countries, platform)))


def _is_worth_reading(text: str) -> bool:
    """Return whether any pattern of this module could match the text; a cheap test before the search."""
    if _MARK.search(text) is not None or _DOT_INSIDE.search(text) is not None:
        return True
    long_part = len(max(text.split(), key=len, default="")) >= 25
    return long_part and _LONG_WORD.search(text) is not None


def _find(text: str, countries: tuple[str, ...], platform: str | None) -> Iterator[TextHit]:
    rest = text
    if "://" in text or "magnet:?" in text.lower():
        rest, urls = _taken(_URL, text)
        yield from (TextHit(kind=SelectorKind.URL, value=_trimmed(url)) for url in urls)
    if "@" in rest:
        rest, emails = _taken(_EMAIL, rest)
        yield from _emails(emails)
    yield from (
        TextHit(kind=SelectorKind.HANDLE, value=name) for name in user_names(rest, platform)
    )
    if "." in rest:
        yield from _ipv4(rest)
        yield from _hosts(rest)
    if rest.count(":") > 1:
        yield from _ipv6(rest)
    yield from _tokens(rest)
    yield from _spaced_ibans(rest)
    yield from _phones(rest, countries)


def _taken(pattern: re.Pattern[str], text: str) -> tuple[str, list[str]]:
    """Return the text with every match of a pattern replaced by a blank, and the list of matches.

    So no later pattern finds the same letters again.
    """
    found: list[str] = []

    def take(match: re.Match[str]) -> str:
        found.append(match.group(0))
        return " "

    return pattern.sub(take, text), found


def _trimmed(url: str) -> str:
    """Return a URL without the sentence's punctuation after it; closing brackets stay while balanced."""
    surplus = {")": url.count(")") - url.count("("), "]": url.count("]") - url.count("[")}
    end = len(url)
    while end:
        last = url[end - 1]
        if surplus.get(last, 0) > 0:
            surplus[last] -= 1
        elif last not in ".,;:!?'…*_":
            break
        end -= 1
    return url[:end]


def _emails(found: list[str]) -> Iterator[TextHit]:
    for text in found:
        value = read_email(text.lstrip(".'-"))
        if value is not None:
            yield TextHit(kind=SelectorKind.EMAIL, value=value)


def _ipv4(text: str) -> Iterator[TextHit]:
    for match in _IPV4.finditer(text):
        found = read_ip(match.group(1))
        if found is not None and is_routable(found.value):
            yield TextHit(kind=SelectorKind.IP, value=found.value, port=read_port(match.group(2)))


def _ipv6(text: str) -> Iterator[TextHit]:
    for match in _IPV6.finditer(text):
        if match.group(0).count(":") < 2:
            continue
        found = read_ip(match.group(0))
        if found is not None and is_routable(found.value):
            yield TextHit(kind=SelectorKind.IP, value=found.value)


def _hosts(text: str) -> Iterator[TextHit]:
    """Yield the web addresses without scheme in a text: a URL if there is a path or port, else a HOST."""
    for match in _HOST.finditer(text):
        name, port, path = match.group(1), match.group(2), match.group(3)
        if not is_plain_host(name, has_path=path is not None):
            continue
        if path is not None or port is not None:
            whole = f"{name}:{port}{path or ''}" if port else f"{name}{path}"
            yield TextHit(kind=SelectorKind.URL, value=_trimmed(whole))
        else:
            host = canonical_host(name)
            if host is not None and ip_in_host(host) is None:
                yield TextHit(kind=SelectorKind.HOST, value=host)


def _tokens(text: str) -> Iterator[TextHit]:
    for match in _LONG.finditer(text):
        token = match.group(0)
        kind = kind_by_length(token)
        if kind is not None:
            yield TextHit(kind=kind, value=token.lower())
            continue
        account = read_wallet(token) or (read_iban(token) if token[:2].isupper() else None)
        if account is not None:
            yield TextHit(kind=SelectorKind.ACCOUNT, value=account)


def _spaced_ibans(text: str) -> Iterator[TextHit]:
    for match in _IBAN.finditer(text):
        letters = re.sub(r"[ \u00a0\u202f\-]", "", match.group(0))
        # Words in capitals may follow: the country determines the length of the number.
        value = read_iban(letters[: IBAN_LENGTH.get(letters[:2], len(letters))])
        if value is not None:
            yield TextHit(kind=SelectorKind.ACCOUNT, value=value)


def _phones(text: str, countries: tuple[str, ...]) -> Iterator[TextHit]:
    plain = _DATE.sub(" | ", text)
    for match in _PHONE.finditer(plain):
        number = read_phone(match.group(0), countries, strict=True)
        if number is not None:
            yield TextHit(kind=SelectorKind.PHONE, value=number.value)


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
    """Return the service stated for a user name: "on …" after it, else the last one named before it.

    Of the text before it, only the last 40 characters of the same sentence count, after the last earlier
    `@`. If no listed service is found there, the name of a service that is not listed is returned
    (`unlisted_service`); None without any. `match` is the user name in `text`, the whole text.
    """
    after = _ON_SERVICE.match(text, match.end())
    if after is not None and after.group(1).lower() in services:
        return services[after.group(1).lower()]
    found = _last(_before(text, match.start()), services)
    if found is not None:
        return found[0]
    return unlisted_service(text, match.start(1), match.end())


def _next_service(text: str, match: re.Match[str], services: Mapping[str, str]) -> str | None:
    """Return the service named nearest to the word in `match`, in the same sentence.

    At most three words, and 40 characters, may lie between. If two services are equally near, the one
    before the word is returned. If no listed service is near, the name of a service that is not listed is
    returned (`unlisted_service`); None without any.
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
    """Return the words of the same sentence before the place `start` in a text.

    Only those after the last `@` are returned. At most the last 40 characters before `start` are read.
    """
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
