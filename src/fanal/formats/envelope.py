"""Envelopes of notifications required by law: a report with the additional fields of the law.

Envelope and report are read strictly (unknown fields are refused with their path). Each value of the envelope
has a path (`provider/contact/email`, `informed[2]/country`; indices from 1), with which a record keeps it.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

import msgspec
from msgspec import Struct, structs

from fanal.formats.json_tree import parse, raw_entries
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.read import read_report
from fanal.formats.report.records import Person, PersonRole, Report

MAX_BYTES: Final = 1_000_000
_MAX_TEXT: Final = 200_000
_AT: Final = re.compile(r"\$\.?(.*)")
_COUNTED: Final = re.compile(r"\[([0-9]+)\]")
_STEP: Final = re.compile(r"([a-z_]+)(?:\[([0-9]{1,4})\])?")
T = TypeVar("T", bound="Part")


class Part(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Base of a notification required by law (envelope around a report), and of its parts.

    Immutable; absent fields are omitted, unknown fields refused.
    """


class ProviderContact(Part, frozen=True, kw_only=True):
    """The provider's contact person: name, e-mail, telephone; withheld like every reporter's identity."""

    name: str | None = None
    email: str | None = None
    phone: str | None = None


class Provider(Part, frozen=True, kw_only=True):
    """The provider that notifies: name, Member State of establishment (ISO 3166-1), representative, contact.

    `legal_representative` is the one in the Union of a provider established outside it. A value that is not
    stated is None.
    """

    name: str
    member_state: str | None = None
    legal_representative: str | None = None
    contact: ProviderContact | None = None


def read_envelope(body: bytes, kind: type[T]) -> tuple[T, Report]:
    """Parse an envelope of type `kind`; return (its own fields, the report enclosed in it).

    Raises:
        FormatRefused: no strict JSON within the limits; an unknown, missing or wrong field.
    """
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, parameters={"limit": MAX_BYTES})
    tree = parse(body)  # strict about keys, numbers and encodings, unlike msgspec
    if not isinstance(tree, dict):
        raise FormatRefused(DocumentFault.WRONG_ROOT, parameters={"expected": "object"})
    parts = raw_entries(body)
    inner = parts.pop("report", None)
    if inner is None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, "report")
    try:
        found = msgspec.json.decode(msgspec.json.encode(parts), type=kind)
    except msgspec.ValidationError as error:
        raise _refusal(str(error)) from error
    try:
        report = read_report(bytes(inner))
    except FormatRefused as refusal:
        path = f"report/{refusal.path}" if refusal.path else "report"
        raise FormatRefused(refusal.code, path, parameters=refusal.parameters) from refusal
    for path, text in leaves(found):
        _check_text(text, path=path)
    return found, report


def leaves(part: Part) -> list[tuple[str, str]]:
    """Return the values of an envelope (`part`), without its report, as pairs (path, text).

    An envelope is a notification required by law, around a report.

    Indices in paths count from 1; values that are None are left out, booleans become `true` and `false`.
    """
    return list(_leaves("", msgspec.to_builtins(part)))


def from_leaves(pairs: Sequence[tuple[str, str]], kind: type[T]) -> T | None:
    """Rebuild an envelope of type `kind` from the (path, value) pairs that `leaves` gives.

    Pairs whose path does not begin with a field of `kind` are ignored. The result is None if the values form
    no valid envelope.
    """
    tree: dict[str, object] = {}
    for path, value in pairs:
        steps = [_STEP.fullmatch(part) for part in path.split("/")]
        if all(steps) and steps[0] is not None and steps[0][1] in kind.__struct_fields__:
            _place(tree, [(s[1], int(s[2] or 0)) for s in steps if s is not None], value)
    try:
        return msgspec.convert(_listed(tree), kind, strict=False)
    except msgspec.ValidationError:
        return None


def write_envelope(part: Part, report: Report) -> bytes:
    """Serialise an envelope (`part`, a legal notification) with its report as indented JSON in UTF-8.

    The report becomes the field `report`.
    """
    whole = {**msgspec.to_builtins(part), "report": msgspec.to_builtins(report)}
    return msgspec.json.format(msgspec.json.encode(whole), indent=2)


def written_report(report: Report, *, pairs: Sequence[tuple[str, str]]) -> tuple[Report, str]:
    """Return the report as an envelope may hold it, and a text about the persons that it may not hold.

    These are the ASSOCIATED persons, a line of JSON each. `pairs` are the (path, text) pairs kept from the
    envelope in which the report came, empty if none: the text at `report/reference` becomes the reference
    again. A reporter whose values are withheld is left out.
    """
    told = [
        f"ASSOCIATED {person.type or ''}: {msgspec.json.encode(person).decode()}"
        for person in report.persons
        if person.role is PersonRole.ASSOCIATED
    ]
    kept = structs.replace(
        report,
        reference=dict(pairs).get("report/reference", report.reference),
        persons=tuple(
            person
            for person in report.persons
            if person.role is not PersonRole.ASSOCIATED
            and person != Person(role=PersonRole.REPORTER)
        ),
    )
    return kept, "\n".join(told)


def _refusal(message: str) -> FormatRefused:
    """Convert a validation message of msgspec to a refusal with code and path."""
    words, _, where = message.partition(" - at `")
    matched = _AT.match(where.rstrip("`"))
    path = matched[1].replace(".", "/") if matched else ""
    path = _COUNTED.sub(lambda found: f"[{int(found[1]) + 1}]", path)  # from 1, as everywhere
    name = words.partition("`")[2].partition("`")[0]
    if "missing required field" in words:
        return FormatRefused(DocumentFault.MISSING_FIELD, f"{path}/{name}".strip("/"))
    if "unknown field" in words:
        return FormatRefused(DocumentFault.UNKNOWN_FIELD, f"{path}/{name}".strip("/"))
    code = DocumentFault.UNKNOWN_CODE if "Invalid enum value" in words else DocumentFault.WRONG_TYPE
    return FormatRefused(code, path)


def _check_text(text: str, *, path: str) -> None:
    if len(text) > _MAX_TEXT:
        raise FormatRefused(DocumentFault.TEXT_TOO_LONG, path, parameters={"limit": _MAX_TEXT})
    if "\0" in text:
        raise FormatRefused(DocumentFault.FORBIDDEN_CHARACTER, path)


def _leaves(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(f"{path}/{name}" if path else name, inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value, start=1):
            yield from _leaves(f"{path}[{number}]", inner)
    elif value is not None:
        yield path, str(value).lower() if isinstance(value, bool) else str(value)


def _place(tree: dict[str, object], steps: list[tuple[str, int]], value: str) -> None:
    """Store a value in the nested objects of `tree` at `steps`, pairs (name, index from 1; 0: no list).

    Lists are objects with the index as key until `_listed` converts them. A value is dropped if a text is
    already stored on the way to its place.
    """
    at: dict[object, object] = tree  # type: ignore[assignment]
    keys = [key for name, number in steps for key in ((name, number) if number else (name,))]
    for key in keys[:-1]:
        inner = at.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        at = inner
    at[keys[-1]] = value


def _listed(value: object) -> object:
    if not isinstance(value, dict):
        return value
    if value and all(isinstance(key, int) for key in value):
        return [_listed(value[key]) for key in sorted(value)]
    return {key: _listed(inner) for key, inner in value.items()}
