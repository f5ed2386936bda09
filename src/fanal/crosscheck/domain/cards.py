"""The card of a report: its comparable values in a few hundred bytes, the only input of linking.

A card is computed from the harmonised report and stored; linking reports, and rebuilding the links, read
nothing else. The selector key of a value (an identifier such as an e-mail address) is a digest of its kind
and text (16 bytes); cards hold its first eight bytes, the short key.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from hashlib import blake2b
from socket import AF_INET, AF_INET6, inet_pton
from uuid import UUID

import phonenumbers
from msgspec import Struct

from fanal.crosscheck.domain.hubs import (
    is_empty_device,
    is_empty_email,
    is_empty_handle,
    is_empty_name,
    is_empty_phone,
    is_plain_handle,
    is_short_link,
)
from fanal.crosscheck.domain.names import words_of
from fanal.crosscheck.domain.weights import IDENTIFIERS, Mark
from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.sightings import ROLE_CODES, key_bytes
from fanal.kernel.calendar import read_day

MARKS = tuple(Mark)
NUMBER_OF_MARK = {mark: number for number, mark in enumerate(MARKS)}
WEAK = 0x80
MOST_ADDRESSES = 4
MOST_WORDS = 3
WEEKS = 255
SEVERAL = 1 << 15
"""Bit of `Card.has` above those of the marks: the fields of the suspect name two identifiers or more."""
NO_TIME = -(2**62)
_FILLER_DAY = "-01-01"
"""The first of January: written where only the year is known, so no evidence for or against a person."""
_HEAD = struct.Struct("<QIIIIHBB")
_ADDRESS = struct.Struct("<QqiB")
_VALUE = struct.Struct("<QBB")
CARD_SHAPE = _HEAD.size, _ADDRESS.size, _VALUE.size
"""Bytes of a packed card's head, of each address after it, of each value after those (its key first)."""
_IP = SelectorKind.IP
_SUSPECT = ROLE_CODES[SelectorRole.SUSPECT]
_CONTENTS = (ROLE_CODES[SelectorRole.CONTENT], ROLE_CODES[SelectorRole.CONTENT] | WEAK)
_PERSONS = frozenset(NUMBER_OF_MARK[mark] for mark in IDENTIFIERS)
_TELLING = {
    role: rank
    for rank, role in enumerate(
        (
            *(SelectorRole.SUSPECT, SelectorRole.ASSOCIATED, SelectorRole.RECIPIENT),
            *(SelectorRole.VICTIM, SelectorRole.WITNESS, SelectorRole.CONTENT),
        )
    )
}


class Evidence(Struct, frozen=True, gc=False):
    """A selector (identifying value of a report) that can link reports, with its keys and weight class.

    `whole` is its selector key (digest, 16 bytes), `key` the first eight bytes as a number, `mark` its weight
    class, which sets the points for sharing it.
    """

    selector: Selector
    whole: bytes
    key: int
    mark: Mark


class Value(Struct, frozen=True, gc=False):
    """A value of a report, as three numbers.

    `key`: first 8 bytes of its digest. `mark`: its weight class, as position in `MARKS`. `role`: a code of
    `ROLE_CODES` (suspect, victim …), plus `WEAK` if the value was found in a free text.
    """

    key: int
    mark: int
    role: int


class CardAddress(Struct, frozen=True, gc=False):
    """An IP address of the suspect with the time of its use.

    `key`: digest of the address (IPv6: of its /64 prefix); `at`: Unix time in seconds; `port`: -1 if unknown;
    `six`: it is IPv6.
    """

    key: int
    at: int
    port: int
    six: bool


class Card(Struct, frozen=True, gc=False):
    """The comparable data of a report.

    `values` are its identifiers and hashes. `name`, `words`, `birth` and the marks in `has` are filled only
    if the report has exactly one suspect. `name` (whole name), `words` (of the name) and `birth` (date) are
    digests, 0 or empty if unknown. `has` is a bit set of the marks (weight classes) of which the suspect has
    a value, plus `SEVERAL`. `addresses` are at most four, the latest first. `week` is that of the incident
    (`week_of`), 0 if unknown.
    """

    values: tuple[Value, ...]
    addresses: tuple[CardAddress, ...] = ()
    name: int = 0
    words: tuple[int, ...] = ()
    birth: int = 0
    has: int = 0
    week: int = 0


def evidence_of(selectors: Sequence[Selector]) -> list[Evidence]:
    """Return the selectors that can link reports, in the given order, with keys and weight classes.

    A selector is an identifier such as an e-mail address. Placeholders such as `noreply` (`hubs`) and kinds
    of selectors that link nothing are left out.
    """
    found: list[Evidence] = []
    for selector in selectors:
        kind = selector.kind
        reader = _READERS.get(kind)
        if reader is None:
            continue
        value = selector.value
        mark = reader(value)
        if mark is not None:
            whole = key_bytes(kind, value)
            found.append(Evidence(selector, whole, int.from_bytes(whole[:8], "little"), mark))
    return found


def card_of(report: HarmonisedReport, evidence: Sequence[Evidence] | None = None) -> Card:
    """Return the card of a report: its comparable data.

    `evidence` is the result of `evidence_of` for its selectors, if the caller already has it. A selector is
    an identifier such as an e-mail address.
    """
    values = _said(_values(evidence_of(report.selectors) if evidence is None else evidence))
    suspects = [person for person in report.persons if person.role is PersonRole.SUSPECT]
    addresses = tuple(addresses_of(report.selectors))
    week = week_of(report.occurred_at)
    stated = [value.mark for value in values if value.role == _SUSPECT]
    has = SEVERAL if sum(mark in _PERSONS for mark in stated) > 1 else 0
    if len(suspects) != 1:
        return Card(values=values, addresses=addresses, has=has, week=week)
    (suspect,) = suspects
    name, words = _name(suspect)
    for mark in stated:
        has |= 1 << mark
    birth = 0
    if suspect.birth_date and not suspect.birth_date.endswith(_FILLER_DAY):
        birth = _digest32(suspect.birth_date)
    return Card(
        values=values,
        addresses=addresses,
        name=name,
        words=words,
        birth=birth,
        has=has,
        week=week,
    )


def week_of(instant: str | None) -> int:
    """Return the number of the week of a date or instant as stated (ISO 8601), from 1 to `WEEKS`.

    0 for None and any other text. After `WEEKS` weeks, nearly five years, the numbers start again at 1.
    """
    day = read_day((instant or "")[:10])
    return 0 if day is None else day.toordinal() // 7 % WEEKS + 1


def weeks_between(one: int, two: int) -> int:
    """Return the number of weeks between two week numbers of `week_of`, at most half of `WEEKS`.

    0 if either is unknown. The numbers repeat after `WEEKS` weeks, so greater distances are not known.
    """
    between = abs(one - two) if one and two else 0
    return min(between, WEEKS - between)


def pack_card(card: Card) -> bytes:
    """Encode a card as bytes: a head, then addresses, then values, each of fixed size and little-endian.

    A card holds the comparable data of a report; `read_card` is the inverse.
    """
    words = (*card.words, *(0,) * (MOST_WORDS - len(card.words)))
    head = _HEAD.pack(card.name, *words, card.birth, card.has, len(card.addresses), card.week)
    addresses = [_ADDRESS.pack(a.key, a.at, a.port, a.six) for a in card.addresses]
    values = [_VALUE.pack(v.key, v.mark, v.role) for v in card.values]
    return b"".join([head, *addresses, *values])


def read_card(content: bytes) -> Card:
    """Decode a card (comparable data of a report) that `pack_card` encoded.

    Raises:
        struct.error: the bytes are cut within the head, an address or a value.
    """
    name, *words, birth, has, held, week = _HEAD.unpack_from(content)
    end = _HEAD.size + held * _ADDRESS.size
    addresses = (
        CardAddress(k, at, p, bool(six))
        for k, at, p, six in _ADDRESS.iter_unpack(content[_HEAD.size : end])
    )
    return Card(
        values=tuple(Value(*row) for row in _VALUE.iter_unpack(content[end:])),
        addresses=tuple(addresses),
        name=name,
        words=tuple(word for word in words if word),
        birth=birth,
        has=has,
        week=week,
    )


def short_key(kind: SelectorKind, value: str) -> int:
    """Return the short key of a value in comparable data: its selector key's first 8 bytes as a number.

    The selector key is a digest of an identifier's kind and text.
    """
    return int.from_bytes(key_bytes(kind, value)[:8], "little")


def key_of(selector_key: UUID) -> int:
    """Return the short key of comparable data for a selector key: its first eight bytes as a number.

    The selector key is a digest of an identifier's kind and text.
    """
    return int.from_bytes(selector_key.bytes[:8], "little")


KEY = 0xFFFFFFFFFFFFFFFF
"""Mask that turns the signed number of PostgreSQL into the unsigned 64-bit key again."""


def beginning_of(key: int) -> bytes:
    """Return the first eight bytes of a selector key, given its short key.

    The short key may be unsigned, or signed as PostgreSQL stores it.
    """
    return (key & KEY).to_bytes(8, "little")


def signed(key: int) -> int:
    """Return an unsigned 64-bit key as the signed number that PostgreSQL stores."""
    return key - (1 << 64) if key >= 1 << 63 else key


def mark_of(selector: Selector) -> Mark | None:
    """Return the weight class of a selector, which gives the points for sharing it (`Mark`).

    None for placeholders and kinds that are no evidence. A selector is an identifier such as an e-mail
    address.
    """
    reader = _READERS.get(selector.kind)
    return None if reader is None else reader(selector.value)


def _values(evidence: Sequence[Evidence]) -> tuple[Value, ...]:
    """Return one value for each short key (first eight bytes of the digest), in its most significant role.

    A selector from a field has precedence over one from a text, then the suspect's over others (`_TELLING`).
    `evidence` are the report's selectors that can link it. A selector is an identifier such as an e-mail
    address.
    """
    found: dict[int, Evidence] = {}
    for one in evidence:
        before = found.setdefault(one.key, one)
        if before is not one and _rank(one.selector) < _rank(before.selector):
            found[one.key] = one
    return tuple(
        [
            Value(
                key,
                NUMBER_OF_MARK[one.mark],
                ROLE_CODES[one.selector.role] | (WEAK if one.selector.weak else 0),
            )
            for key, one in found.items()
        ]
    )


def _said(values: tuple[Value, ...]) -> tuple[Value, ...]:
    """Give the suspect's role to identifiers that only a text or a page mentions, and return all values of
    a report.

    This is done only if no field of the report names an identifier of a suspect, and only for an identifier
    that is the only one of its weight class in the texts. In any other case the text may name somebody
    else, and the values are returned unchanged.
    """
    if any(value.role == _SUSPECT and value.mark in _PERSONS for value in values):
        return values
    said = [v.mark for v in values if v.role in _CONTENTS and v.mark in _PERSONS]
    alone = {mark for mark in said if said.count(mark) == 1}
    if not alone:
        return values
    return tuple(
        Value(v.key, v.mark, _SUSPECT | WEAK) if v.role in _CONTENTS and v.mark in alone else v
        for v in values
    )


def _rank(selector: Selector) -> tuple[bool, int]:
    return selector.weak, _TELLING[selector.role]


def addresses_of(selectors: Sequence[Selector]) -> list[CardAddress]:
    """Return the suspect's IP addresses with their time of use, the latest first, at most `MOST_ADDRESSES`.

    `selectors` are those of one report. Addresses without a time, or found in a free text, are left out.
    """
    found: dict[tuple[int, int], CardAddress] = {}
    for selector in selectors:
        if selector.kind is not _IP or selector.role is not SelectorRole.SUSPECT:
            continue
        if selector.at is None or selector.weak:
            continue  # without its time an address is no evidence
        at = int(datetime.fromisoformat(selector.at).timestamp())
        key, six = _place(selector.value)
        found[key, at] = CardAddress(key, at, -1 if selector.port is None else selector.port, six)
    return sorted(found.values(), key=lambda a: (-a.at, a.key))[:MOST_ADDRESSES]


@lru_cache(maxsize=1024)
def _place(value: str) -> tuple[int, bool]:
    """Return the digest of an IP address, and whether it is IPv6.

    For IPv6 it is the digest of the /64 prefix, which is usually that of a home.
    """
    if ":" in value:
        return _digest64(f"64|{inet_pton(AF_INET6, value)[:8].hex().lstrip('0') or '0'}"), True
    return _digest64(f"4|{int.from_bytes(inet_pton(AF_INET, value))}"), False


def _name(person: Person) -> tuple[int, tuple[int, ...]]:
    if not person.name or is_empty_name(person.name):
        return 0, ()
    words = words_of(person.name)
    # A single word or an initial is no full name: it is not compared.
    long = tuple(word for word in words if len(word) > 1)
    if len(long) < 2:
        return 0, ()
    return _digest64(" ".join(words)), tuple(_digest32(word) for word in long[:MOST_WORDS])


def _digest64(text: str) -> int:
    return int.from_bytes(
        blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little"
    )


def _digest32(text: str) -> int:
    return _digest64(text) & 0xFFFFFFFF


def _email(value: str) -> Mark | None:
    return None if is_empty_email(value) else Mark.EMAIL


def _handle(value: str) -> Mark | None:
    name, at, _ = value.rpartition("@")
    if is_empty_handle(name or value):
        return None
    if not at:
        return Mark.BARE_HANDLE
    return Mark.COMMON_HANDLE if is_plain_handle(name) else Mark.HANDLE


def _phone(value: str) -> Mark | None:
    if is_empty_phone(value):
        return None
    return Mark.LANDLINE if _is_landline(value) else Mark.MOBILE


@lru_cache(maxsize=1024)
def _is_landline(value: str) -> bool:
    if value.startswith("+33"):
        return value[3:4] in "12345"
    try:
        number = phonenumbers.parse(value)
    except phonenumbers.NumberParseException:
        return False
    return bool(phonenumbers.number_type(number) == phonenumbers.PhoneNumberType.FIXED_LINE)


def _device(value: str) -> Mark | None:
    return None if is_empty_device(value) else Mark.DEVICE


def _account(value: str) -> Mark | None:
    letters, digits = value[:2], value[2:4]
    is_iban = letters.isalpha() and letters.isupper() and digits.isdigit() and len(value) >= 15
    return Mark.IBAN if is_iban else Mark.WALLET


def _url(value: str) -> Mark | None:
    rest = value.partition("://")[2]
    host, _, path = rest.partition("/")
    # The front page of a site identifies no content.
    return None if not path or is_short_link(host) else Mark.URL


_READERS: Mapping[SelectorKind, Callable[[str], Mark | None]] = {
    SelectorKind.EMAIL: _email,
    SelectorKind.HANDLE: _handle,
    SelectorKind.PHONE: _phone,
    SelectorKind.DEVICE: _device,
    SelectorKind.ACCOUNT: _account,
    SelectorKind.URL: _url,
    SelectorKind.ONION: lambda _: Mark.ONION,
    SelectorKind.SHA256: lambda _: Mark.SHA256,
    SelectorKind.SHA1: lambda _: Mark.SHA1,
    SelectorKind.MD5: lambda _: Mark.MD5,
    SelectorKind.PDQ: lambda _: Mark.PDQ,
}
