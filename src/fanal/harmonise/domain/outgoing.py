"""A harmonised report in the report format again, for the writers of other formats."""

from fanal.formats.report.records import Report
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
        persons=record.persons,
        files=record.files,
        payments=record.payments,
    )
