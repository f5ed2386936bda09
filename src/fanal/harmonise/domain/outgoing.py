"""A harmonised report in the report format again, for the writers of other formats."""

from typing import Final

from msgspec import structs

from fanal.formats.report.records import PersonRole, Report
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.search import without_contacts

MARK: Final = "[…]"
"""Stands where a text named its reporter."""


def withheld_texts(report: Report, contacts: frozenset[str] | None) -> Report:
    """Return a report whose texts name nobody of `contacts` (a reporter's name, e-mails, numbers).

    Where nobody knows whom they name (None), no text is left.
    """
    if contacts is None:
        return structs.replace(report, description=None, conversation=())
    if not contacts:
        return report
    return structs.replace(
        report,
        description=report.description
        and without_contacts(report.description, contacts, mark=MARK),
        conversation=tuple(
            structs.replace(
                message, text=message.text and without_contacts(message.text, contacts, mark=MARK)
            )
            for message in report.conversation
        ),
    )


def as_report(record: HarmonisedReport) -> Report:
    """Return `record` as the report format has it; addresses as they were reported."""
    return Report(
        reference=record.reference,
        kind=record.kind,
        emergency=record.emergency,
        occurred_at=record.occurred_at,
        occurred_until=record.occurred_until,
        language=record.language,
        channel=record.channel,
        platform=record.platform,
        place=record.place,
        urls=tuple(url.reported for url in record.urls),
        description=record.description,
        conversation=record.conversation,
        persons=tuple(
            person if person.role is PersonRole.ASSOCIATED else structs.replace(person, type=None)
            for person in record.persons
        ),
        files=record.files,
        payments=tuple(
            structs.replace(payment, reference=None, sender_person=None, beneficiary_person=None)
            for payment in record.payments
        ),
    )
