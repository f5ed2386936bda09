"""A harmonised report in the report format again, for the writers of other formats."""

from msgspec import structs

from fanal.formats.report.records import PersonRole, Report
from fanal.harmonise.domain.records import HarmonisedReport


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
