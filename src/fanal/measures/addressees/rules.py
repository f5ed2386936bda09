"""Rules of the directory of addressees: valid values, the facts of a new version, which entries fit. Pure."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from fanal.harmonise.domain.values.urls import canonical_host, ip_in_host, registrable_domain
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.kernel.typed import is_mail_address, is_sheltered, whole_number
from fanal.measures.addressees.records import Fact, Field, Kind, NewEntry

MOST_VALUES = 500
"""Most values of a field with several."""
LONGEST = 500
"""Most characters of a value."""
LONGEST_NAME = 200
LONGEST_CONTACT = 320
LONGEST_SOURCE = 300
_SINGLE = frozenset(
    {
        Field.NAME, Field.CONTACT_POINT, Field.EMAIL, Field.POSTAL, Field.USER_POINT, Field.TERRITORY,
    }
)  # fmt: skip
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+(?!\d+$){_LABEL}")
_LONGEST_DOMAIN = 253
_AS_DIGITS, _LAST_AS = 10, 2**32 - 1
_WIDEST = {4: 8, 6: 16}
"""Shortest prefix length by IP version: a wider network would fit addresses of the whole world."""


def _name(text: str) -> str | None:
    line = stripped(" ".join(text.split()))
    return line if 0 < len(line) <= LONGEST_NAME and line.isprintable() else None


def _kind(text: str) -> str | None:
    code = text.strip().upper()
    return code if code in set(Kind) else None


def _postal(text: str) -> str | None:
    """Return a postal address with one line feed between its lines, or None."""
    lines = [line for line in map(_name, text.splitlines()) if line]
    whole = "\n".join(lines)
    return whole if whole and len(whole) <= LONGEST and whole.count("\n") < 10 else None


def _mail(text: str) -> str | None:
    address = text.strip()
    return address if is_mail_address(address) else None


def _contact(text: str) -> str | None:
    """Return a contact point (an e-mail address, or a page served over https), or None if it is neither."""
    address = text.strip()
    is_page = address.startswith("https://") and is_sheltered(address) and address.isprintable()
    known = is_mail_address(address) or (is_page and not re.search(r"\s", address))
    return address if known and len(address) <= LONGEST_CONTACT else None


def _language(text: str) -> str | None:
    code = text.strip().lower()
    return code if re.fullmatch("[a-z]{2}", code) else None


def _territory(text: str) -> str | None:
    code = text.strip().upper()
    return code if re.fullmatch("[A-Z]{2}", code) else None


def _as_number(text: str) -> str | None:
    number = whole_number(text.strip().upper().removeprefix("AS"), digits=_AS_DIGITS)
    return f"AS{number}" if number and number <= _LAST_AS else None


def _prefix(text: str) -> str | None:
    found = _network(text.strip())
    return str(found) if found and found.prefixlen >= _WIDEST[found.version] else None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text)
    except ValueError:
        return None


def _domain(text: str) -> str | None:
    host = canonical_host(text.strip()) if len(text) <= LONGEST else None
    if host is None or len(host) > _LONGEST_DOMAIN or registrable_domain(host) is None:
        return None  # nobody is responsible for all names below a public suffix
    return host if _DOMAIN.fullmatch(host) else None


_READERS: Mapping[Field, Callable[[str], str | None]] = {
    Field.KIND: _kind,
    Field.NAME: _name,
    Field.OTHER_NAME: _name,
    Field.CONTACT_POINT: _contact,
    Field.EMAIL: _mail,
    Field.POSTAL: _postal,
    Field.USER_POINT: _contact,
    Field.LANGUAGE: _language,
    Field.TERRITORY: _territory,
    Field.AS_NUMBER: _as_number,
    Field.PREFIX: _prefix,
    Field.DOMAIN: _domain,
}


def checked_entry(asked: NewEntry, *, today: date) -> NewEntry:
    """Validate what is stated of an addressee; return it in canonical form, fields without values left out.

    Raises:
        Refusal: kind `addressee`: the name of a field, if it has an unreadable value or too many values;
            MISSING_KIND or MISSING_NAME; SOURCE (none, or over 300 characters); DATE (`dated_on` is after
            `today`).
    """
    values = {
        field: found for field in Field if (found := _read(field, asked.values.get(field, ())))
    }
    if Field.KIND not in values:
        raise Refusal("addressee", "MISSING_KIND")
    if Field.NAME not in values:
        raise Refusal("addressee", "MISSING_NAME")
    source = stripped(" ".join(asked.source.split()))
    if not 0 < len(source) <= LONGEST_SOURCE or not source.isprintable():
        raise Refusal("addressee", "SOURCE")
    if asked.dated_on > today:
        raise Refusal("addressee", "DATE")
    return NewEntry(
        values=values,
        source=source,
        dated_on=asked.dated_on,
        checked=asked.checked,
        restates=asked.restates,
        closed=asked.closed,
    )


def _read(field: Field, typed: Iterable[str]) -> tuple[str, ...]:
    read = _READERS[field]
    found = [read(text) for text in typed if text.strip()]
    values = tuple(dict.fromkeys(value for value in found if value is not None))
    most = 1 if field in _SINGLE else MOST_VALUES
    if None in found or len(values) > most:
        raise Refusal("addressee", field.value)
    return values


def facts_of(asked: NewEntry, before: Collection[Fact]) -> tuple[Fact, ...]:
    """Return the facts of a new version with the values of `asked`; `before` are those of the version before.

    A kept value keeps its source, unless `asked` restates it; an unchecked source never replaces a checked
    one.
    """
    known = {(fact.field, fact.value): fact for fact in before}

    def fact(field: Field, value: str) -> Fact:
        held = known.get((field, value))
        if held and (not asked.restates or (held.checked and not asked.checked)):
            return held
        return Fact(
            field=field,
            value=value,
            source=asked.source,
            dated_on=asked.dated_on,
            checked=asked.checked,
        )

    return tuple(
        fact(field, value) for field in Field for value in sorted(asked.values.get(field, ()))
    )


def fits(facts: Collection[Fact], host: str) -> tuple[str, ...]:
    """Return the domain names, or networks, by which an addressee is responsible for a host; () if it is not.

    `host` is a host name as A-labels, or an IP address (IPv6 in brackets). The longest domain comes first.
    """
    address = ip_in_host(host) if host else None
    if address is None:
        names = {f.value for f in facts if f.field is Field.DOMAIN}
        return tuple(
            sorted((n for n in names if host == n or host.endswith(f".{n}")), key=len, reverse=True)
        )
    ip = ip_address(address)
    networks = (ip_network(f.value) for f in facts if f.field is Field.PREFIX)
    found = [n for n in networks if n.version == ip.version and ip in n]
    return tuple(map(str, sorted(found, key=lambda n: n.prefixlen, reverse=True)))
