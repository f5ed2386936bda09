"""An opened identity as facts to show, and the record of who opened it. Pure."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
from msgspec import Struct

from fanal.formats.report.records import Person
from fanal.harmonise.domain.reporter import Identity

SHORTEST_MOTIVE: Final = 15
LONGEST_MOTIVE: Final = 2000

Fact = tuple[str, str]
"""Code of a fact (label kind `identity_fact`; a path of the source for what has no field) and its value."""


class OpenedIdentity(Struct, frozen=True, kw_only=True):
    """What the named act brought to light; empty `facts`: the report says nothing of its reporter."""

    opening_id: UUID
    facts: tuple[Fact, ...]


class Opening(Struct, frozen=True, kw_only=True):
    """One opening: who, which report, when; `motive` is None once its words have expired."""

    id: UUID
    report_id: UUID
    desk_id: int
    person_id: UUID
    opened_at: datetime
    motive: str | None
    seen: tuple[tuple[UUID, datetime], ...] = ()


def facts_of_form(sealed: bytes) -> tuple[Fact, ...]:
    """Return what a citizen said of themself on the form, from the sealed JSON; empty values left out.

    Bytes that are no such JSON are one fact as they stand: an act that was recorded shows what it opened.
    """
    try:
        said = msgspec.json.decode(sealed, type=dict[str, str | bool | None])
    except msgspec.DecodeError:
        return (("AS_SEALED", sealed.decode("utf-8", "replace")),)
    return tuple(
        (name.upper(), "" if value is True else str(value)) for name, value in said.items() if value
    )


def facts_of_reporter(identity: Identity) -> tuple[Fact, ...]:
    """Return what a sender's document says of its reporter."""
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
