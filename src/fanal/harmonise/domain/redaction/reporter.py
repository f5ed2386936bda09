"""Separation of the reporter's identity and contact from a harmonised report, and records of its disclosure.

`withhold` splits the complete report, which exists only in memory: the clear part is stored and read by later
stages. The identity stays in the encrypted bytes; a recorded access reads it there, `restore` puts it back.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct, structs

from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import Extra, HarmonisedReport

# Fields of external formats that may identify the reporter: all below `reporter` (NCMEC XML) or
# `reportingEsp` (its police export), except the provider's statements about itself as a company.
_IDENTITY = re.compile(
    r"(?:^|[/.])(?:(?:reporter|reportingEsp)(?:\[\d+\])?[/.]"
    r"(?!(?:companyTemplate|termsOfService|legalURL|espName)(?:[/.\[@]|$))|contact(?:[/.@\[]|$))",
    re.IGNORECASE,
)
_OF_REPORTER = re.compile(
    r"(?:^|[/.])(?:reporter|reportingEsp|contact)(?:[/.\[@]|$)", re.IGNORECASE
)


class Identity(Struct, frozen=True, kw_only=True):
    """The identity of a report's reporter, withheld from the stored report.

    `persons`: the REPORTER persons with their index in the report; `extra`: identifying values without a
    field.
    """

    persons: tuple[tuple[int, Person], ...]
    extra: tuple[Extra, ...]


def withhold(report: HarmonisedReport) -> tuple[HarmonisedReport, Identity]:
    """Split a report into the report without its reporter's identity, and that identity.

    A REPORTER keeps only the role, so that a reader sees that somebody reported. Warnings keep path and code,
    and lose a value that comes from the reporter.
    """
    reporters = tuple(
        (place, person)
        for place, person in enumerate(report.persons)
        if person.role is PersonRole.REPORTER
    )
    named: list[Extra] = []
    others: list[Extra] = []
    for extra in report.extra:
        (named if _names_reporter(extra.path) else others).append(extra)
    identity = Identity(persons=reporters, extra=tuple(named))
    if not reporters and not named:
        return report, identity
    paths = tuple(f"persons[{place}]" for place, _ in reporters)
    values = reporter_strings(identity)
    return (
        structs.replace(
            report,
            persons=tuple(_without_values(person) for person in report.persons),
            extra=tuple(others),
            warnings=tuple(
                structs.replace(warning, value="")
                if warning.path.startswith(paths)
                or is_of_reporter(warning.path)
                or warning.value in values
                else warning
                for warning in report.warnings
            ),
        ),
        identity,
    )


def restore(report: HarmonisedReport, identity: Identity) -> HarmonisedReport:
    """Return a stored report with its reporter's identity restored: the inverse of `withhold`.

    Values removed from warnings stay removed. `identity` is the second result of `withhold`.
    """
    persons = list(report.persons)
    for place, person in identity.persons:
        if place < len(persons) and persons[place].role is PersonRole.REPORTER:
            persons[place] = person
    return structs.replace(report, persons=tuple(persons), extra=(*report.extra, *identity.extra))


@lru_cache(maxsize=8192)
def _names_reporter(path: str) -> bool:
    return _IDENTITY.search(path) is not None


@lru_cache(maxsize=8192)
def is_of_reporter(path: str) -> bool:
    """Return whether a path in a source document is that of a value about the reporter."""
    return _OF_REPORTER.search(path) is not None


def reporter_strings(identity: Identity) -> frozenset[str]:
    """Return every text that identifies the reporter: names, contacts, accounts and other values.

    The values without a field are in `extra`. `identity` holds only those values of `extra` that `withhold`
    removed from the report.
    """
    leaves = {extra.value for extra in identity.extra}
    return own_values(identity) | frozenset(text for text in leaves if text)


def own_values(identity: Identity) -> frozenset[str]:
    """Return the values that identify a reporter, as written in the report.

    They are names, contacts, user names, accounts, devices and IP addresses.
    """
    strings: set[str] = set()
    for _, person in identity.persons:
        strings.update((person.name or "", *person.emails, *person.phones, *person.devices))
        strings.update(handle.value for handle in person.handles)
        strings.update(account.value for account in person.accounts)
        strings.update(sighting.value for sighting in person.ips)
    return frozenset(text for text in strings if text.strip())


def _without_values(person: Person) -> Person:
    return Person(role=person.role) if person.role is PersonRole.REPORTER else person


# Records of the disclosure of a reporter's identity: facts, person, time, purpose, reviewers.
#
# Pure functions: no database, clock or log.

SHORTEST_MOTIVE: Final = 15
LONGEST_MOTIVE: Final = 2000

Fact = tuple[str, str]
"""Code of a fact (label kind `identity_fact`; a path of the source for what has no field) and its value."""


class OpenedIdentity(Struct, frozen=True, kw_only=True):
    """A disclosed identity of a reporter: `facts` as (code, value); empty if the report says nothing of it.

    `opening_id` is the id of the recorded disclosure.
    """

    opening_id: UUID
    facts: tuple[Fact, ...]


class IdentityOpening(Struct, frozen=True, kw_only=True):
    """A recorded disclosure of a reporter's identity: by whom, of which report, when, and for which purpose.

    The purpose (`motive`) is None after its expiry; `seen` holds (reviewer's person id, instant).
    """

    id: UUID
    report_id: UUID
    desk_id: int
    person_id: UUID
    opened_at: datetime
    motive: str | None
    seen: tuple[tuple[UUID, datetime], ...] = ()


def facts_of_form(sealed: bytes) -> tuple[Fact, ...]:
    """Return the reporter's identity from the public form as (code, value) pairs.

    `sealed` is the decrypted JSON: name, e-mail, telephone, whether the reporter is the child, and the IP
    address, if kept. Empty values and boxes not ticked are left out; the value of a ticked box is "". Bytes
    that are not such JSON become a single fact with their text, so that the person who opened the identity
    sees the whole content.
    """
    try:
        said = msgspec.json.decode(sealed, type=dict[str, str | bool | None])
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        return (("AS_SEALED", sealed.decode("utf-8", "replace")),)
    return tuple(
        (name.upper(), "" if value is True else str(value)) for name, value in said.items() if value
    )


def facts_of_reporter(identity: Identity) -> tuple[Fact, ...]:
    """Return a reporter's identity as pairs (code, value), each once, for display.

    First the fields of the persons, then the values without a field, whose code is their path in the source
    document.
    """
    found = [fact for _, person in identity.persons for fact in _of_person(person)]
    found += [(extra.path, extra.value) for extra in identity.extra]
    return tuple(dict.fromkeys(found))


def _of_person(person: Person) -> Iterator[Fact]:
    yield from (("NAME", name) for name in (person.name,) if name)
    if person.age is not None:
        yield "AGE", str(person.age)
    yield from (("BIRTH_DATE", day) for day in (person.birth_date,) if day)
    yield from (("COUNTRY", country) for country in (person.country,) if country)
    yield from (("EMAIL", value) for value in person.emails)
    yield from (("PHONE", value) for value in person.phones)
    yield from (
        ("HANDLE", f"{h.value}@{h.platform}" if h.platform else h.value) for h in person.handles
    )
    yield from (("ADDRESS", sighting.value) for sighting in person.ips)
    yield from (("DEVICE", value) for value in person.devices)
    yield from (("ACCOUNT", account.value) for account in person.accounts)
