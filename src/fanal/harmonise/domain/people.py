"""Persons of a report with canonical identifiers, and the selectors that their values yield."""

from collections.abc import Iterator

from msgspec import Struct, structs

from fanal.formats.report.records import Account, IpSighting, Person, PersonRole
from fanal.harmonise.domain.accounts import read_iban, read_wallet
from fanal.harmonise.domain.addresses import read_email, read_ip
from fanal.harmonise.domain.collect import Collector, Origin
from fanal.harmonise.domain.devices import read_device
from fanal.harmonise.domain.handles import read_handle
from fanal.harmonise.domain.phones import read_phone
from fanal.harmonise.domain.records import SelectorKind as Kind, SelectorRole
from fanal.harmonise.domain.times import read_time

OLDEST = 120
"""Years; an age above it, or below 0, is nobody's."""


class Reading(Struct, frozen=True, kw_only=True):
    """One identifier of a person: what was written, and its canonical form if it has one."""

    kind: Kind
    path: str
    raw: str
    value: str | None
    warning: str | None = None
    sighting: IpSighting | None = None


class ReadPerson(Struct, frozen=True, kw_only=True):
    """A person in canonical values, with every identifier that was read."""

    person: Person
    readings: tuple[Reading, ...]
    path: str
    odd_age: int | None = None  # as written, when it is nobody's


def read_person(
    person: Person, path: str, *, countries: tuple[str, ...], platform: str | None
) -> ReadPerson:
    """Return `person` with canonical e-mails, phones, accounts, addresses and country.

    What cannot be read stays as written, but for an age that is nobody's, which would count as a child's.
    Names and handles stay as written in any case: the canonical handle is a selector. `platform` is where
    the report happened, for a handle that states no service.
    """
    country = _country(person.country)
    hints = tuple(c for c in (country, *countries) if c)
    readings = tuple(_readings(person, path, countries=hints, platform=platform))
    by_kind = {
        kind: tuple(r.raw if r.value is None else r.value for r in readings if r.kind is kind)
        for kind in (Kind.EMAIL, Kind.PHONE, Kind.DEVICE, Kind.ACCOUNT)
    }
    accounts = tuple(
        Account(kind=account.kind, value=value)
        for account, value in zip(person.accounts, by_kind[Kind.ACCOUNT], strict=True)
    )
    odd_age = None if person.age is None or 0 <= person.age <= OLDEST else person.age
    canonical = structs.replace(
        person,
        age=None if odd_age is not None else person.age,
        country=country or person.country,
        emails=by_kind[Kind.EMAIL],
        phones=by_kind[Kind.PHONE],
        devices=by_kind[Kind.DEVICE],
        accounts=accounts,
        ips=tuple(_canonical_ip(sighting) for sighting in person.ips),
    )
    return ReadPerson(person=canonical, readings=readings, path=path, odd_age=odd_age)


def withhold_reporter(read: ReadPerson, collector: Collector) -> None:
    """Tell the collector a reporter's values, as canonical and as written."""
    for reading in read.readings:
        value = reading.value or reading.raw
        if reading.kind is Kind.IP:
            found = read_ip(reading.raw)
            value = value if found is None else found.value
        collector.withhold(reading.kind, value)


def collect_person(read: ReadPerson, collector: Collector) -> None:
    """Add the selectors of a person who is not the reporter, and warn of what could not be read."""
    role = SelectorRole(read.person.role.value)
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
    """Return whether a person is the one who reports."""
    return person.role is PersonRole.REPORTER


def country_code(text: str | None) -> str | None:
    """Return an ISO 3166-1 alpha-2 code in capitals, or None if `text` is not two letters."""
    return _country(text)


def _country(text: str | None) -> str | None:
    plain = (text or "").strip()
    return plain.upper() if len(plain) == 2 and plain.isascii() and plain.isalpha() else None


def _readings(
    person: Person, path: str, *, countries: tuple[str, ...], platform: str | None
) -> Iterator[Reading]:
    for place, handle in enumerate(person.handles):
        value = read_handle(handle.value, handle.platform or platform)
        yield _reading(Kind.HANDLE, f"{path}.handles[{place}]", handle.value, value=value)
    for place, text in enumerate(person.emails):
        yield _reading(Kind.EMAIL, f"{path}.emails[{place}]", text, value=read_email(text))
    for place, text in enumerate(person.phones):
        yield _phone(f"{path}.phones[{place}]", text, countries)
    for place, account in enumerate(person.accounts):
        yield _account(f"{path}.accounts[{place}]", account)
    for place, sighting in enumerate(person.ips):
        yield Reading(
            kind=Kind.IP,
            path=f"{path}.ips[{place}]",
            raw=sighting.value,
            value=None,
            sighting=sighting,
        )
    for place, text in enumerate(person.devices):
        yield _reading(Kind.DEVICE, f"{path}.devices[{place}]", text, value=read_device(text))


def _reading(kind: Kind, path: str, raw: str, *, value: str | None) -> Reading:
    warning = f"{kind.value}_UNREADABLE" if value is None else None
    return Reading(kind=kind, path=path, raw=raw, value=value, warning=warning)


def _phone(path: str, text: str, countries: tuple[str, ...]) -> Reading:
    number = read_phone(text.strip(), countries)
    if number is None:
        return _reading(Kind.PHONE, path, text, value=None)
    warning = "PHONE_COUNTRY_ASSUMED" if number.assumed else None
    return Reading(kind=Kind.PHONE, path=path, raw=text, value=number.value, warning=warning)


def _account(path: str, account: Account) -> Reading:
    if account.kind == "IBAN":
        value, code = read_iban(account.value), "IBAN_CHECK_FAILED"
    elif account.kind == "WALLET":
        value, code = read_wallet(account.value), "WALLET_CHECK_FAILED"
    else:
        value, code = account.value.strip() or None, "ACCOUNT_UNREADABLE"
    return Reading(
        kind=Kind.ACCOUNT,
        path=path,
        raw=account.value,
        value=value,
        warning=code if value is None else None,
    )


def _canonical_ip(sighting: IpSighting) -> IpSighting:
    found = read_ip(sighting.value)
    if found is None:
        return sighting
    port = sighting.port if sighting.port is not None else found.port
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
