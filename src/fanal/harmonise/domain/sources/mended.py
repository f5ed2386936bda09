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
from fanal.formats.report.records import FormAnswers, ReportKind
from fanal.harmonise.domain.records import Extra, Warning as SourceWarning
from fanal.harmonise.domain.sources.draft import Draft

MOST_ITEMS: Final = 1_000
"""Items of a list that are read: with every text of them it stays far below the record's limits."""
_MOST_DEPTH: Final = 8
_FORBIDDEN: Final = re.compile("[\x00\ud800-\udfff]")


def mended(body: bytes, *, reference: str) -> tuple[FormAnswers, Draft]:
    """Return what can be read of a form's answers, and a draft of the warnings and what was left over.

    `FORM_CUT`: a text or list is longer than a record takes. `FORM_UNREADABLE`: a field has another
    shape than its own, or stands there a second time (the first one counts); its text is in `extra`.
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
    """Return `draft` with the warnings and the extra of `left_over`."""
    return structs.replace(draft, warnings=left_over.warnings, extra=left_over.extra)


def _fields(body: bytes) -> tuple[dict[str, object], list[tuple[str, object]]]:
    """Return the fields of a form, each as first said, and those said again."""
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
    """Return a value as a text that fits."""
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
    """Return the beginning of a text that fits, cut between two characters."""
    return text.encode()[:MAX_TEXT_BYTES].decode("utf-8", "ignore")
