"""Notifications that a law asks of a provider: the report within is the draft, the rest stands beside it.

Every leaf of an envelope is kept in `extra` under its path; some are also read into fields.
"""

from collections.abc import Iterator

from msgspec import structs

from fanal.formats.com209.provider_report import ProviderReport, read_provider_report
from fanal.formats.dsa18.notification import Notification, read_notification
from fanal.formats.envelope import Part, Provider, leaves
from fanal.formats.report.records import Person, PersonRole, Report
from fanal.harmonise.domain.records import Extra, Selector, SelectorKind, SelectorRole
from fanal.harmonise.domain.sources.draft import Draft
from fanal.harmonise.domain.sources.report import draft_of


def read_dsa18(body: bytes) -> Draft:
    """Return the draft of a notification under article 18 DSA: urgent unless it is over.

    Raises:
        FormatRefused: the bytes are none.
    """
    found, report = read_notification(body)
    urgent = report.emergency or found.stage in {"ONGOING", "LIKELY"}
    draft = _around(found, found.provider, report, reference=found.notification_id)
    return structs.replace(draft, emergency=urgent, escalation_reason=found.suspicion)


def read_com209(body: bytes) -> Draft:
    """Return the draft of a provider's report under article 13 of COM(2022)209.

    Raises:
        FormatRefused: the bytes are none.
    """
    found, report = read_provider_report(body)
    draft = _around(found, found.provider, report, reference=found.report_id)
    return structs.replace(
        draft,
        emergency=report.emergency or found.urgent,
        loose=(*draft.loose, *_addresses(found)),
    )


def _around(
    part: Notification | ProviderReport, provider: Provider, report: Report, *, reference: str
) -> Draft:
    draft = draft_of(report)
    contact = provider.contact
    persons = draft.persons
    if contact is not None:
        answers = Person(
            role=PersonRole.REPORTER,
            name=contact.name,
            emails=_given(contact.email),
            phones=_given(contact.phone),
        )
        persons = (*persons, answers)
    return structs.replace(
        draft,
        reference=reference,
        platform=draft.platform or provider.name,
        persons=persons,
        extra=(*draft.extra, *_extra(part, report)),
    )


def _extra(part: Part, report: Report) -> Iterator[Extra]:
    yield from (Extra(path=path, value=value) for path, value in leaves(part))
    yield Extra(path="report/reference", value=report.reference)


def _addresses(found: ProviderReport) -> Iterator[Selector]:
    for number, place in enumerate(found.locations, start=1):
        if place.ip:
            yield Selector(
                kind=SelectorKind.IP,
                value=place.ip,
                role=SelectorRole.CONTENT,
                at=place.at,
                port=place.port,
                source=f"locations[{number}]/ip",
            )


def _given(value: str | None) -> tuple[str, ...]:
    return (value,) if value else ()
