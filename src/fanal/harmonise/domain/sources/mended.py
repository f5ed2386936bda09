"""A public form's answers that the strict reader refuses: what fits is read, the rest is cut and told.

The person who filled the form in cannot be asked to send it again, so that a report of theirs always
reaches somebody at the desk. The original bytes stay sealed, whole.
"""

import json
import re
from typing import Final

import msgspec
from msgspec import structs

from fanal.formats.report.read import MAX_TEXT_BYTES
from fanal.formats.report.records import Report, ReportKind
from fanal.harmonise.domain.records import Extra, Warning as SourceWarning
from fanal.harmonise.domain.sources.draft import Draft

MOST_ITEMS: Final = 1_000
"""Items of a list that are read: with every text of them it stays far below the record's limits."""
_MOST_DEPTH: Final = 8
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")


def mended(body: bytes, *, reference: str) -> tuple[Report, Draft]:
    """Return what can be read of a form's answers, and a draft of the warnings and what was left over.

    `FORM_CUT`: a text or list is longer than a record takes. `FORM_UNREADABLE`: a field has another
    shape than its own; its text is in `extra`.
    """
    warnings: list[SourceWarning] = []
    extra: list[Extra] = []
    required: dict[str, object] = {"reference": reference, "kind": ReportKind.OTHER.value}
    kept = dict(required)
    for name, value in _fields(body).items():
        fitted = _fit(value)
        if fitted != value:
            warnings.append(SourceWarning(path=name, code="FORM_CUT"))
        try:
            msgspec.convert(required | {name: fitted}, Report)
        except msgspec.ValidationError:
            warnings.append(SourceWarning(path=name, code="FORM_UNREADABLE"))
            text = fitted if isinstance(fitted, str) else json.dumps(fitted, ensure_ascii=False)
            extra.append(Extra(path=name, value=_cut(text)))
        else:
            kept[name] = fitted
    left_over = Draft(
        reference=reference, kind=ReportKind.OTHER, warnings=tuple(warnings), extra=tuple(extra)
    )
    return msgspec.convert(kept, Report), left_over


def complete(draft: Draft, left_over: Draft) -> Draft:
    """Return `draft` with the warnings and the extra of `left_over`."""
    return structs.replace(draft, warnings=left_over.warnings, extra=left_over.extra)


def _fields(body: bytes) -> dict[str, object]:
    text = body.decode("utf-8", "replace")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        tree = None
    return {str(k): v for k, v in tree.items()} if isinstance(tree, dict) else {"form": text}


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
    """Return the beginning of a text that fits, cut between two characters."""
    return text.encode()[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
