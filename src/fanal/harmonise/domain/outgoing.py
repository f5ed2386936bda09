"""A harmonised report in the report format again, for the writers of other formats."""

from msgspec import structs

from fanal.formats.report.records import PersonRole, Report
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.unnamed import without_reporter


def has_texts(record: HarmonisedReport) -> bool:
    """Return whether somebody's own words stand in a record, which may name its reporter."""
    return bool(
        record.description
        or record.conversation
        or any(file.name for file in record.files)
        or any(p.sender or p.beneficiary or p.label for p in record.payments)
    )


def withheld_texts(report: Report, own: frozenset[str] | None) -> Report:
    """Return a report whose texts tell nothing of `own`: a reporter's names, contacts and accounts.

    Where nobody knows whom they name (None), no text is left.
    """
    if own is not None and not own:
        return report

    def left(text: str | None) -> str | None:
        return without_reporter(text, own) if own is not None and text else None

    return structs.replace(
        report,
        description=left(report.description),
        conversation=tuple(
            structs.replace(message, speaker=left(message.speaker), text=left(message.text))
            for message in report.conversation
            if own is not None
        ),
        files=tuple(structs.replace(file, name=left(file.name)) for file in report.files),
        payments=tuple(
            structs.replace(
                payment,
                sender=left(payment.sender),
                beneficiary=left(payment.beneficiary),
                label=left(payment.label),
            )
            for payment in report.payments
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
