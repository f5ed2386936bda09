"""What is sealed of a report: the identity and contact of the one who reports (decisions 8).

A harmonised report is whole only in memory. What is stored in clear, and what later stages read, comes
out of `withhold`; the rest comes back from the opened bytes, by a named act, through `restore`.
"""

import re
from functools import lru_cache

from msgspec import Struct, structs

from fanal.formats.report.records import Person, PersonRole
from fanal.harmonise.domain.records import Extra, HarmonisedReport

# Leaves of outside formats that may say who reports: all that lies below the wire's `reporter` or the
# police export's `reportingEsp`, but what the provider says of itself as a company.
_IDENTITY = re.compile(
    r"(?:^|[/.])(?:(?:reporter|reportingEsp)(?:\[\d+\])?[/.]"
    r"(?!(?:companyTemplate|termsOfService|legalURL|espName)(?:[/.\[@]|$))|contact(?:[/.@\[]|$))",
    re.IGNORECASE,
)
_OF_REPORTER = re.compile(
    r"(?:^|[/.])(?:reporter|reportingEsp|contact)(?:[/.\[@]|$)", re.IGNORECASE
)


class Identity(Struct, frozen=True, kw_only=True):
    """The withheld part: persons of role REPORTER by their place, and leaves that name them."""

    persons: tuple[tuple[int, Person], ...]
    extra: tuple[Extra, ...]


def withhold(report: HarmonisedReport) -> tuple[HarmonisedReport, Identity]:
    """Return the report without its reporter's identity, and that identity.

    The role stays, so that a reader sees that somebody reported; the values go. Warnings keep their
    path and code and lose a value that the reporter gave.
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
    """Return a stored report with its reporter's identity put back."""
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
    """Return whether a leaf of an outside format speaks of the one who reports."""
    return _OF_REPORTER.search(path) is not None


def reporter_strings(identity: Identity) -> frozenset[str]:
    """Return every text by which the reporter could be found: own values, and named leaves."""
    leaves = {extra.value for extra in identity.extra}
    return own_values(identity) | frozenset(text for text in leaves if text)


def own_values(identity: Identity) -> frozenset[str]:
    """Return the names, contacts, user names, accounts and devices of whoever reported, as written."""
    strings: set[str] = set()
    for _, person in identity.persons:
        strings.update((person.name or "", *person.emails, *person.phones, *person.devices))
        strings.update(handle.value for handle in person.handles)
        strings.update(account.value for account in person.accounts)
        strings.update(sighting.value for sighting in person.ips)
    return frozenset(text for text in strings if text.strip())


def _without_values(person: Person) -> Person:
    return Person(role=person.role) if person.role is PersonRole.REPORTER else person
