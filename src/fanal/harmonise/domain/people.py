"""Persons of a report with canonical identifiers, payers and payees of its payments, and their selectors."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct, structs

from fanal.formats.report.records import Account, Handle, IpSighting, Payment, Person, PersonRole
from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.records import SelectorKind as Kind, SelectorRole
from fanal.harmonise.domain.values.accounts import read_iban, read_wallet
from fanal.harmonise.domain.values.addresses import read_email, read_ip, read_phone
from fanal.harmonise.domain.values.handles import read_device, read_handle
from fanal.harmonise.domain.values.times import read_time

# Parties of payments: payer and payee, each in its own role, and the texts of payments.
#
# A report in JSON names both parties in a text. An account, a wallet or an e-mail address is parsed as such;
# a word with a digit is a user name at the operator (`customer-204@transfers example`); a person's name is no
# identifier, since many people have the same.

_NUMBERED: Final = re.compile(r"(?=\S*\d)[^\s@]{3,64}")
_SIDES: Final = (("sender", SelectorRole.ASSOCIATED), ("beneficiary", SelectorRole.RECIPIENT))


def collect_payments(payments: Sequence[Payment], collector: Collector) -> None:
    """Add the identifiers of payers and payees of payments that are not listed among the persons.

    Payers get the role ASSOCIATED, payees RECIPIENT. A mere name is no identifier. `collector` gathers the
    report's selectors.
    """
    for place, payment in enumerate(payments):
        for side, role in _SIDES:
            text = _loose(payment, side)
            found = identifier(text, operator=payment.operator) if text else None
            if found is not None:
                origin = Origin(role=role, source=f"payments[{place}].{side}", at=payment.at)
                collector.add(found[0], found[1], origin)


def identifier(text: str, *, operator: str | None) -> tuple[Kind, str] | None:
    """Return kind and canonical value of the identifier that names a payer or payee; None for a mere name.

    None also for a customer number without an `operator`. The identifier is an account, an e-mail address, or
    a customer number, which counts as a user name at `operator` (the payment service). `text` is the payer or
    payee as the payment names it.
    """
    account = read_iban(text) or read_wallet(text)
    if account is not None:
        return Kind.ACCOUNT, account
    email = read_email(text) if "@" in text else None
    if email is not None:
        return Kind.EMAIL, email
    plain = text.strip()
    if operator and _NUMBERED.fullmatch(plain):
        handle = read_handle(plain, operator)
        return None if handle is None else (Kind.HANDLE, handle)
    return None


def texts_of(payments: Sequence[Payment]) -> Iterator[tuple[str, str]]:
    """Yield (path, text) for free texts of payments: labels, names of payers and payees not in `persons`."""
    for place, payment in enumerate(payments):
        for side, _ in _SIDES:
            text = _loose(payment, side)
            if text and identifier(text, operator=payment.operator) is None:
                yield f"payments[{place}].{side}", text
        if payment.label:
            yield f"payments[{place}].label", payment.label


def _loose(payment: Payment, side: str) -> str | None:
    if side == "sender":
        return payment.sender if payment.sender_person is None else None
    return payment.beneficiary if payment.beneficiary_person is None else None


OLDEST = 120
"""Maximum age in years; an age above it, or below 0, is implausible."""
# Constants, because Python 3.11 looks up an enumeration member through a slow descriptor.
_EMAIL, _PHONE, _HANDLE, _IP = Kind.EMAIL, Kind.PHONE, Kind.HANDLE, Kind.IP
_DEVICE, _ACCOUNT, _REPORTER = Kind.DEVICE, Kind.ACCOUNT, PersonRole.REPORTER
_ROLES = {PersonRole(role.value): role for role in SelectorRole if role is not SelectorRole.CONTENT}
# A value as written, its canonical form or None, and a warning code or None.
_Read = tuple[str, str | None, str | None]


class IdentifierReading(Struct, frozen=True, kw_only=True, gc=False):
    """The result of parsing an identifier of a person.

    `path` is its place in the report, `raw` the text as written, `value` its canonical form, None if
    unreadable; `warning` is then the code of the reason. An IP address is held unparsed in `sighting`.
    """

    kind: Kind
    path: str
    raw: str
    value: str | None
    warning: str | None = None
    sighting: IpSighting | None = None


class ReadPerson(Struct, frozen=True, kw_only=True):
    """A person with canonical values, and the results of parsing the person's identifiers.

    `readings` are these results, one for each identifier. `path` is that of the person in the report.
    `odd_age` is an implausible age, removed from the person; None without.
    """

    person: Person
    readings: tuple[IdentifierReading, ...]
    path: str
    odd_age: int | None = None  # the age as written, if implausible


def read_person(
    person: Person, path: str, *, countries: tuple[str, ...], platform: str | None
) -> ReadPerson:
    """Parse a person's identifiers; return the person with canonical e-mails, phones, accounts, devices, IPs.

    The country is canonical too.

    Unreadable values stay as written; an implausible age is removed, since it could count as a child's. Names
    and handles always stay as written: the canonical handle is a selector. `platform` is the service of the
    incident, for handles without a service of their own; `countries` help to parse national telephone
    numbers. `path` is the person's path in the report.
    """
    country = _country(person.country)
    hints = tuple(c for c in (country, *countries) if c)
    read = _Readings(path)
    read.add(_HANDLE, "handles", [_read_handle(handle, platform) for handle in person.handles])
    emails = read.add(_EMAIL, "emails", [(text, read_email(text), None) for text in person.emails])
    phones = read.add(_PHONE, "phones", [_read_phone(text, hints) for text in person.phones])
    accounts = read.add(_ACCOUNT, "accounts", [_read_account(a) for a in person.accounts])
    read.add_ips(person.ips)
    devices = read.add(_DEVICE, "devices", [(t, read_device(t), None) for t in person.devices])
    odd_age = None if person.age is None or 0 <= person.age <= OLDEST else person.age
    canonical = structs.replace(
        person,
        age=None if odd_age is not None else person.age,
        country=country or person.country,
        emails=emails,
        phones=phones,
        devices=devices,
        accounts=tuple(
            [structs.replace(a, value=v) for a, v in zip(person.accounts, accounts, strict=True)]
        ),
        ips=tuple([_canonical_ip(sighting) for sighting in person.ips]),
    )
    return ReadPerson(person=canonical, readings=tuple(read.found), path=path, odd_age=odd_age)


def withhold_reporter(read: ReadPerson, collector: Collector) -> None:
    """Register the identifiers of the reporter (`read`) with the collector: they never become selectors."""
    for reading in read.readings:
        value = reading.value or reading.raw
        if reading.kind is _IP:
            found = read_ip(reading.raw)
            value = value if found is None else found.value
        collector.withhold(reading.kind, value)


def collect_person(read: ReadPerson, collector: Collector) -> None:
    """Add the identifiers of a person other than the reporter to the report's selectors.

    Unreadable values, and an implausible age, give warnings. `collector` gathers both.
    """
    role = _ROLES[read.person.role]
    for reading in read.readings:
        if reading.warning is not None:
            collector.warn(reading.path, reading.warning, reading.raw)
        if reading.sighting is not None:
            sighting = reading.sighting
            collector.add_ip(
                sighting.value,
                Origin(role=role, source=reading.path, at=sighting.at, port=sighting.port),
            )
        elif reading.value is not None:
            collector.add(reading.kind, reading.value, Origin(role=role, source=reading.path))
    _warn_of_facts(read, collector)


def is_reporter(person: Person) -> bool:
    """Return whether a person has the role REPORTER."""
    return person.role is _REPORTER


def country_code(text: str | None) -> str | None:
    """Return an ISO 3166-1 alpha-2 code in capitals, or None if `text` is not two letters."""
    return _country(text)


def _country(text: str | None) -> str | None:
    plain = (text or "").strip()
    return plain.upper() if len(plain) == 2 and plain.isascii() and plain.isalpha() else None


class _Readings:
    """Collector of the parsed identifiers of one person, in the order of the fields of `Person`."""

    def __init__(self, path: str) -> None:
        self.found: list[IdentifierReading] = []
        self._path = path

    def add(self, kind: Kind, name: str, read: Iterable[_Read]) -> tuple[str, ...]:
        """Record the parsed values of the field `name`; return the field's values, canonical where readable.

        `read` yields (text as written, canonical value or None, warning code or None). `kind` is the field's
        kind of identifier.
        """
        values = []
        for place, (raw, value, doubt) in enumerate(read):
            warning = f"{kind}_UNREADABLE" if value is None and doubt is None else doubt
            path = f"{self._path}.{name}[{place}]"
            self.found.append(
                IdentifierReading(kind=kind, path=path, raw=raw, value=value, warning=warning)
            )
            values.append(raw if value is None else value)
        return tuple(values)

    def add_ips(self, sightings: Iterable[IpSighting]) -> None:
        """Record uses of IP addresses as written; they are parsed later, with port and instant."""
        for place, sighting in enumerate(sightings):
            path, raw = f"{self._path}.ips[{place}]", sighting.value
            self.found.append(
                IdentifierReading(kind=_IP, path=path, raw=raw, value=None, sighting=sighting)
            )


def _read_handle(handle: Handle, platform: str | None) -> _Read:
    return handle.value, read_handle(handle.value, handle.platform or platform), None


def _read_phone(text: str, countries: tuple[str, ...]) -> _Read:
    number = read_phone(text.strip(), countries)
    if number is None:
        return text, None, None
    return text, number.value, "PHONE_COUNTRY_ASSUMED" if number.assumed else None


def _read_account(account: Account) -> _Read:
    raw = account.value
    if account.kind == "IBAN":
        value, code = read_iban(raw), "IBAN_CHECK_FAILED"
    elif account.kind == "WALLET":
        value, code = read_wallet(raw), "WALLET_CHECK_FAILED"
    else:
        value, code = raw.strip() or None, "ACCOUNT_UNREADABLE"
    return raw, value, code if value is None else None


def _canonical_ip(sighting: IpSighting) -> IpSighting:
    found = read_ip(sighting.value)
    if found is None:
        return sighting
    port = sighting.port if sighting.port is not None else found.port
    if found.value == sighting.value and port == sighting.port:
        return sighting
    return structs.replace(sighting, value=found.value, port=port)


def _warn_of_facts(read: ReadPerson, collector: Collector) -> None:
    person = read.person
    if read.odd_age is not None:
        collector.warn(f"{read.path}.age", "AGE_UNREADABLE", str(read.odd_age))
    if person.birth_date is not None:
        born = read_time(person.birth_date)
        if born is None:
            collector.warn(f"{read.path}.birth_date", "DATE_UNREADABLE", person.birth_date)
    if person.country is not None and _country(person.country) is None:
        collector.warn(f"{read.path}.country", "COUNTRY_UNREADABLE", person.country)
    for place, sighting in enumerate(person.ips):
        if sighting.at is not None and read_time(sighting.at) is None:
            collector.warn(f"{read.path}.ips[{place}].at", "TIME_UNREADABLE", sighting.at)
