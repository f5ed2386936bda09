"""The report format, and the public form's answers in it, to a draft."""

import msgspec

from fanal.formats.refusal import FormatRefused, Refusal
from fanal.formats.report.read import read_form_report, read_report
from fanal.formats.report.records import FormAnswers, Report
from fanal.harmonise.domain.sources.draft import CategoryHint, Draft
from fanal.harmonise.domain.sources.mended import complete, mended


def read_own(body: bytes) -> Draft:
    """Return the draft of a report in the report format.

    Raises:
        FormatRefused: the bytes are no such report.
    """
    return draft_of(read_report(body, written_by_a_desk=True))  # its door has asked who may say so


def read_form(body: bytes, *, reference: str) -> Draft:
    """Return the draft of a form's answers, under `reference` where they carry none.

    What the format refuses is cut or left out with a warning: a form always reaches a person.
    """
    try:
        return _read_form(body, reference=reference)
    except FormatRefused:
        report, left_over = mended(body, reference=reference)
        return complete(draft_of(report), left_over)


def _read_form(body: bytes, *, reference: str) -> Draft:
    try:
        answers = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise FormatRefused(Refusal.MALFORMED) from error
    if "reference" in answers or not answers:
        return draft_of(read_form_report(body))
    inside = body.lstrip().removeprefix(b"{")  # spliced, so that the strict reader sees it all
    whole = b'{"reference":' + msgspec.json.encode(reference) + b"," + inside
    return draft_of(read_form_report(whole))


def draft_of(report: Report) -> Draft:
    """Return the draft of a report of the report format, value by value."""
    hints = tuple(
        CategoryHint(
            scheme=file.classification.scheme,
            code=file.classification.code,
            path=f"files[{index}].classification",
        )
        for index, file in enumerate(report.files)
        if file.classification is not None
    )
    return Draft(
        reference=report.reference,
        kind=report.kind,
        emergency=report.emergency,
        occurred_at=report.occurred_at,
        occurred_until=report.occurred_until,
        language=report.language,
        channel=report.channel,
        platform=report.platform,
        place=report.place,
        urls=report.urls,
        description=report.description,
        conversation=report.conversation,
        persons=report.persons,
        files=report.files,
        payments=report.payments,
        hints=hints,
        stated=report.stated if isinstance(report, FormAnswers) else (),
    )
