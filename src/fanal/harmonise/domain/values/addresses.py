"""IP addresses with port (RFC 4291, RFC 5952), e-mail addresses (RFC 5321, RFC 6531), telephone numbers."""

import re
import unicodedata
from functools import lru_cache

import phonenumbers
from msgspec import Struct

from fanal.harmonise.domain.values.urls import (
    PLAIN_HOST,
    canonical_host,
    canonical_ip,
    ip_in_host,
    packed_ip,
    refang,
)

# Telephone numbers in E.164 (ITU-T), with the country that the context gives as a hint.

DESK_COUNTRY = "FR"
_INTERNATIONAL = re.compile(r"\+([1-9][0-9]{6,14})")
_LONGEST = 40  # a longer text is no number, and parsing it would take time


class PhoneNumber(Struct, frozen=True, kw_only=True):
    """A telephone number in E.164; `assumed`: no hint gave the country, so France was assumed."""

    value: str
    assumed: bool = False


@lru_cache(maxsize=1024)
def read_phone(
    text: str, countries: tuple[str, ...] = (), *, strict: bool = False
) -> PhoneNumber | None:
    """Parse a telephone number to E.164; None for any other text, or more than 40 characters.

    An international number (`+…`) needs no hint. A national one is tried in each of `countries` (ISO
    3166-1 alpha-2, most likely first), then in France: the first country where it is a valid number wins,
    then the first where its length is possible. `strict` (for free text) accepts a number without `+` only
    if it is valid, which excludes dates and amounts. Zeros alone are no number.
    """
    if len(text) > _LONGEST:
        return None
    plain = _read_plain(text)
    if plain is not None:
        return plain
    tried = tuple(dict.fromkeys((*countries, DESK_COUNTRY)))
    possible: PhoneNumber | None = None
    for country in tried:
        number = _parse(text, country)
        # The library returns zeros alone unchanged, not in E.164.
        if number is None or not number.national_number:
            continue
        international = _is_international(number)
        found = PhoneNumber(
            value=phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164),
            assumed=country not in countries and not international,
        )
        if phonenumbers.is_valid_number(number):
            return found
        plausible = (international or not strict) and phonenumbers.is_possible_number(number)
        if possible is None and plausible:
            possible = found
    return possible


def _read_plain(text: str) -> PhoneNumber | None:
    """Parse `+` and digits by the general pattern of the country's numbering plan.

    A faster path for common input; None means that the caller must use the library's parser. An unassigned
    number also passes, as it does in the library's parser.
    """
    match = _INTERNATIONAL.fullmatch(text)
    if match is None:
        return None
    digits = match.group(1)
    plan = _plan_of(digits[:1]) or _plan_of(digits[:2]) or _plan_of(digits[:3])
    if plan is None:
        return None
    national = digits[len(plan.code) :]
    national = national.removeprefix("0") if plan.has_prefix else national
    return PhoneNumber(value=f"+{plan.code}{national}") if plan.has(national) else None


class _Plan(Struct, frozen=True):
    """The numbering plan of one calling code: lengths and general pattern of its national numbers.

    `has_prefix`: a leading 0 is a trunk prefix, which is removed.
    """

    code: str
    has_prefix: bool
    lengths: frozenset[int]
    pattern: re.Pattern[str]

    def has(self, national: str) -> bool:
        return (
            len(national) in self.lengths
            and not national.startswith("0")
            and self.pattern.fullmatch(national) is not None
        )


@lru_cache(maxsize=1024)
def _plan_of(code: str) -> _Plan | None:
    """Return the numbering plan of a calling code (`33`), if the fast parser can use it, else None.

    It can if the code has a single region, with the national prefix 0 or none.
    """
    regions = phonenumbers.COUNTRY_CODE_TO_REGION_CODE.get(int(code), ())
    known = (
        phonenumbers.PhoneMetadata.metadata_for_region(regions[0]) if len(regions) == 1 else None
    )
    if known is None or known.national_prefix_for_parsing not in {None, "0"}:
        return None
    if known.national_prefix_transform_rule is not None:
        return None
    general = known.general_desc
    if general is None or general.national_number_pattern is None:
        return None
    return _Plan(
        code,
        known.national_prefix_for_parsing is not None,
        frozenset(general.possible_length),
        re.compile(general.national_number_pattern),
    )


def _parse(text: str, country: str) -> phonenumbers.PhoneNumber | None:
    try:
        return phonenumbers.parse(text, country, keep_raw_input=True)
    except phonenumbers.NumberParseException:
        return None


def _is_international(number: phonenumbers.PhoneNumber) -> bool:
    source = phonenumbers.CountryCodeSource.FROM_DEFAULT_COUNTRY
    return bool(number.country_code_source != source)


_BRACKETED = re.compile(r"^\[([0-9A-Fa-f:.%\w]+)\](?::(\d{1,5}))?$")
_V4_PORT = re.compile(r"^(\d{1,3}(?:\.\d{1,3}){3}):(\d{1,5})$")
_NAMED = re.compile(r"^[^<>]{0,200}<([^<>\s]{3,320})>$")
_BAD_LOCAL = re.compile(r"[\x00-\x20\x7f()<>\[\]:;@\\,]")
_PLAIN_EMAIL = re.compile(rf"[a-z0-9][a-z0-9_.+\-]{{0,63}}@{PLAIN_HOST}")  # already canonical
_LONGEST_LOCAL = 64  # octets, RFC 5321, 4.5.3.1.1


class IpAddress(Struct, frozen=True, kw_only=True):
    """An IP address in canonical form; `port`: the port written after the address, None without."""

    value: str
    port: int | None = None


@lru_cache(maxsize=1024)
def read_ip(text: str) -> IpAddress | None:
    """Parse an IP address (`a`, `a:port`, `[a]:port`; also defanged: `192[.]0[.]2[.]1`), or return None."""
    written = canonical_ip(text)  # the usual case: nothing to correct
    if written is not None:
        return IpAddress(value=written)
    plain = refang(text).strip()
    port: str | None = None
    written = canonical_ip(plain)
    if written is not None:
        return IpAddress(value=written)
    for pattern in (_BRACKETED, _V4_PORT):
        match = pattern.match(plain)
        if match is not None:
            plain, port = match.group(1), match.group(2)
            break
    written = canonical_ip(plain)
    return None if written is None else IpAddress(value=written, port=read_port(port))


def read_port(text: str | None) -> int | None:
    """Parse a port number in ASCII digits; return None for any other text, or outside 1..65535."""
    if not text or not text.isascii() or not text.isdigit():
        return None
    port = int(text[:6])
    return port if 1 <= port <= 65535 else None


def is_routable(value: str) -> bool:
    """Return whether an IP address can identify one machine on the Internet; False if it is unreadable.

    Loopback, link-local, multicast, unspecified and private-use addresses (RFC 1918, RFC 4193) denote
    different machines in different networks. Shared (CGNAT, RFC 6598) and documentation ranges count as
    routable: a shared address with instant and port does identify an operator's customer.
    """
    packed = packed_ip(value)
    if packed is None:
        return False
    first, second = packed[0], packed[1]
    if len(packed) == 16:
        local = first & 0xFE == 0xFC or (first == 0xFE and second & 0xC0 == 0x80)
        return not (local or first == 0xFF or (packed[:15] == bytes(15) and packed[15] <= 1))
    if first in {10, 127} or 224 <= first <= 239 or packed == bytes(4):
        return False
    return not (
        (first == 169 and second == 254)
        or (first == 172 and second & 0xF0 == 16)
        or (first == 192 and second == 168)
    )


def read_email(text: str) -> str | None:
    """Return the canonical form of an e-mail address, also after `mailto:` or in `Name <…>`; None if none.

    The domain becomes the WHATWG host (IDNA, lower case), the local part lower case in NFC: RFC 5321 allows
    case-sensitive servers, but none is in use. Dots and `+tag` are kept, since their meaning differs by
    provider.
    """
    if _PLAIN_EMAIL.fullmatch(text) is not None:
        return text
    plain = refang(text).strip()
    plain = plain[7:] if plain[:7].lower() == "mailto:" else plain
    named = _NAMED.match(plain)
    plain = named.group(1) if named is not None else plain
    local, at, domain = plain.rpartition("@")
    if not at or not local or _BAD_LOCAL.search(local) is not None:
        return None
    local = unicodedata.normalize("NFC", local).lower()
    host = canonical_host(domain)
    if host is None or "." not in host or ip_in_host(host) is not None:
        return None
    if len(local.encode("utf-8", "replace")) > _LONGEST_LOCAL or not local.isprintable():
        return None
    return f"{local}@{host}"
