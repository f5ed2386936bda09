"""Conversion of reports in Fanal's own format, and of the public form's answers, to drafts."""

import json
import re
from typing import Final

import msgspec
from msgspec import structs

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.read import MAX_TEXT_BYTES, read_form_report, read_report
from fanal.formats.report.records import FormAnswers, Report, ReportKind
from fanal.harmonise.domain.records import Extra, Warning as SourceWarning
from fanal.harmonise.domain.sources.building import CategoryHint, Draft

# Lenient reading of form answers that the strict reader refuses: valid fields are read, long ones truncated.
#
# Nobody can ask the person to send the form again, so their report must always reach somebody at the desk.
# The original bytes stay encrypted and complete.

MOST_ITEMS: Final = 1_000
"""Maximum items read of a list: even with their texts it stays far below the record's limits."""
_MOST_DEPTH: Final = 8
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")


def mended(body: bytes, *, reference: str) -> tuple[FormAnswers, Draft]:
    """Read an invalid public form as far as possible: return the usable answers, and a draft with the rest.

    That draft has warnings and unread values only. `FORM_CUT`: a text or list was truncated to a record's
    limit. `FORM_UNREADABLE`: a field has the wrong shape, or is repeated (its first value counts); its text
    is in `extra`. `body` is the form as received; `reference` is used if it contains none.
    """
    warnings: list[SourceWarning] = []
    extra: list[Extra] = []
    required: dict[str, object] = {"reference": reference, "kind": ReportKind.OTHER.value}
    kept = dict(required)
    fields, repeated = _fields(body)
    for name, value in repeated:
        warnings.append(SourceWarning(path=name, code="FORM_UNREADABLE"))
        extra.append(Extra(path=name, value=_told(_fit(value))))
    for name, value in fields.items():
        fitted = _fit(value)
        if fitted != value:
            warnings.append(SourceWarning(path=name, code="FORM_CUT"))
        try:
            msgspec.convert(required | {name: fitted}, FormAnswers)
        except msgspec.ValidationError:
            warnings.append(SourceWarning(path=name, code="FORM_UNREADABLE"))
            extra.append(Extra(path=name, value=_told(fitted)))
        else:
            kept[name] = fitted
    left_over = Draft(
        reference=reference, kind=ReportKind.OTHER, warnings=tuple(warnings), extra=tuple(extra)
    )
    return msgspec.convert(kept, FormAnswers), left_over


def complete(draft: Draft, left_over: Draft) -> Draft:
    """Return a copy of a report's `draft` with the warnings and unmapped values (`extra`) of `left_over`.

    `left_over` is the second result of `mended`.
    """
    return structs.replace(draft, warnings=left_over.warnings, extra=left_over.extra)


def _fields(body: bytes) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """Return a form's fields with their first values, and the repeated fields as pairs (name, value).

    Bytes that are no JSON object become a single field `form` with their text.
    """
    text = body.decode("utf-8", "replace")
    repeated: list[tuple[str, object]] = []

    def first_of(pairs: list[tuple[str, object]]) -> dict[str, object]:
        firsts: dict[str, object] = {}
        for name, value in pairs:
            if name in firsts:
                repeated.append((name, value))
            else:
                firsts[name] = value
        return firsts

    try:
        tree = json.loads(text, object_pairs_hook=first_of)
    except (ValueError, RecursionError):
        return {"form": text}, []
    return (tree, repeated) if isinstance(tree, dict) else ({"form": text}, [])


def _told(value: object) -> str:
    """Return the value of a form's field as text (JSON if it is no text), truncated to the maximum size."""
    return _cut(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def _fit(value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return _cut(_FORBIDDEN.sub("", value))
    if depth >= _MOST_DEPTH:
        return None
    if isinstance(value, list):
        return [_fit(item, depth + 1) for item in value[:MOST_ITEMS]]
    if isinstance(value, dict):
        return {_cut(str(k)): _fit(item, depth + 1) for k, item in value.items()}
    return value


def _cut(text: str) -> str:
    """Truncate a text to the maximum number of bytes, between two characters."""
    return text.encode()[:MAX_TEXT_BYTES].decode("utf-8", "ignore")


def read_own(body: bytes) -> Draft:
    """Convert a report in Fanal's own report format to a draft.

    Raises:
        FormatRefused: the bytes are not such a report.
    """
    return draft_of(read_report(body, written_by_a_desk=True))  # intake has checked the sender


def read_form(body: bytes, *, reference: str) -> Draft:
    """Convert the answers of the public form to a report's draft.

    `reference` is used if the answers contain none. A form must always reach a person: values that the
    format refuses are truncated or left out, with a warning.
    """
    try:
        return _read_form(body, reference=reference)
    except FormatRefused:
        report, left_over = mended(body, reference=reference)
        return complete(draft_of(report), left_over)


def _read_form(body: bytes, *, reference: str) -> Draft:
    try:
        answers = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise FormatRefused(DocumentFault.MALFORMED) from error
    if "reference" in answers or not answers:
        return draft_of(read_form_report(body))
    inside = body.lstrip().removeprefix(b"{")  # spliced, so that the strict reader sees it all
    whole = b'{"reference":' + msgspec.json.encode(reference) + b"," + inside
    return draft_of(read_form_report(whole))


def draft_of(report: Report) -> Draft:
    """Convert a report of the report format to a draft, value by value."""
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
        places=report.places,
        urls=report.urls,
        description=report.description,
        conversation=report.conversation,
        persons=report.persons,
        files=report.files,
        payments=report.payments,
        hints=hints,
        stated=report.stated if isinstance(report, FormAnswers) else (),
    )
