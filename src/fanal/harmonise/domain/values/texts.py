"""Extraction of selectors from free text: addresses, e-mails, telephones, accounts, hashes, user names.

Every pattern starts at a word boundary and is bounded or a single run of one character class, so reading time
is linear in the text. The results are *weak*: found in a sentence, not stated in a field.
"""

import re
from collections.abc import Iterator

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
from fanal.harmonise.domain.values.hashes import kind_by_length
from fanal.harmonise.domain.values.urls import canonical_host, ip_in_host, is_plain_host, refang
from fanal.harmonise.domain.values.user_names import user_names

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
    """An identifier found in a text, in canonical form; of a URL, the text to pass to `read_url`.

    `port` is that written after an IP address, None without one.
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
