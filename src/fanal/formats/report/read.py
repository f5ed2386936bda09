"""Strict reader of the report format: bytes to `Report`, or a `FormatRefused`.

The limits are part of the public format. Two parsers share the work: the standard library's reveals duplicate
keys, msgspec checks names and types. The full traversal of all values is made only when a cheap check of the
bytes shows that a limit could be exceeded.
"""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NoReturn, TypeVar

import msgspec
from msgspec import Struct

from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import (
    FormAnswers,
    Payment,
    Person,
    PersonRole,
    PlaceRole,
    Report,
)

R = TypeVar("R", bound=Report)

MAX_BYTES: Final = 1_000_000
MAX_DEPTH: Final = 50
MAX_VALUES: Final = 10_000
MAX_TEXT_BYTES: Final = 200_000
MAX_REFERENCE: Final = 200
MAX_LANGUAGE: Final = 100
"""Maximum characters of a language tag (RFC 5646 requires support for 35), as stored by public nodes."""
MAX_INTEGER: Final = 2**53

_decoder: Final = msgspec.json.Decoder(Report)
_form_decoder: Final = msgspec.json.Decoder(FormAnswers)
_encoder: Final = msgspec.json.Encoder(order="sorted")

_ESCAPED_TROUBLE: Final = re.compile(rb"\\u(?:0000|[dD][89a-fA-F])")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_AT_PATH: Final = re.compile(r" - at `(?:key in )?\$\.?([^`]*)`$")
_UNKNOWN: Final = re.compile(
    r"^Object contains unknown field `(.*?)`(?: - at `[^`]*`)?$", re.DOTALL
)
_MISSING: Final = re.compile(r"^Object missing required field `([^`]*)`")
_EXPECTED: Final = re.compile(r"^Expected `([^`]*)`, got `([^`]*)`")


class Line(Struct, frozen=True, kw_only=True):
    """One line of a JSON-lines file: its number from 1, its bytes, and its report or refusal.

    Exactly one of `report` and `refusal` is set. `body` holds at most `MAX_BYTES` + 2 bytes.
    """

    number: int
    body: bytes
    report: Report | None = None
    refusal: FormatRefused | None = None


class _Duplicate(Struct, frozen=True):
    """Placeholder in a parsed tree for an object with a repeated key."""

    key: str


def read_report(body: bytes, *, written_by_a_desk: bool = False) -> Report:
    """Parse and check a report in Fanal's format (JSON); every string is kept byte for byte.

    `written_by_a_desk` also accepts associated accounts (ASSOCIATED persons) with their type, which only
    desks write.

    Raises:
        FormatRefused: over a limit, not strict JSON, or not a report; no other exception.
    """
    return _read(body, _decoder, by_desk=written_by_a_desk)


def read_form_report(body: bytes) -> FormAnswers:
    """Parse a report of the public form (JSON) with the form's own answers, as strictly as a partner's.

    Raises:
        FormatRefused: over a limit, not strict JSON, or not such a report; no other exception.
    """
    return _read(body, _form_decoder)


def _read(body: bytes, decoder: msgspec.json.Decoder[R], *, by_desk: bool = False) -> R:
    if len(body) > MAX_BYTES:
        raise FormatRefused(DocumentFault.TOO_LARGE, "", parameters={"limit": MAX_BYTES})
    tree, repeated = _parse(body)
    if repeated or _may_break_limits(body):
        _walk(tree)
    try:
        report = decoder.decode(body)
    except msgspec.ValidationError as error:
        _walk(tree)  # an exceeded limit is a better explanation than a wrong type
        _refuse_typed(str(error))
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise FormatRefused(DocumentFault.MALFORMED) from error
    _check_meaning(report, by_desk=by_desk)
    return report


def canonical_bytes(report: Report) -> bytes:
    """Serialise a report with sorted keys: equal reports give equal bytes."""
    return _encoder.encode(report)


def read_lines(stream: BinaryIO) -> Iterator[Line]:
    """Yield every non-blank line of a JSON-lines file, parsed; one line is in memory at a time.

    Such files are exchanged between desks: associated accounts (ASSOCIATED persons) are accepted. A line that
    is refused is yielded with its refusal.
    """
    number = 0
    while body := stream.readline(MAX_BYTES + 2):
        number += 1
        if len(body) > MAX_BYTES and not body.endswith(b"\n"):
            _skip_line(stream)
        if number == 1:
            body = body.removeprefix(b"\xef\xbb\xbf")
        body = body.rstrip(b"\r\n")
        if body.strip(b" \t"):
            yield _read_line(number, body)


def _read_line(number: int, body: bytes) -> Line:
    try:
        report = read_report(body, written_by_a_desk=True)
        return Line(number=number, body=body, report=report)
    except FormatRefused as refusal:
        return Line(number=number, body=body, refusal=refusal)


def _skip_line(stream: BinaryIO) -> None:
    while rest := stream.readline(1 << 16):
        if rest.endswith(b"\n"):
            return


def _parse(body: bytes) -> tuple[object, bool]:
    """Return the parsed JSON tree, and whether any object in it has a repeated key.

    Such an object is a `_Duplicate` in the tree.

    Raises:
        FormatRefused: the bytes are not strict JSON.
    """
    try:
        text = body.decode("utf-8", "strict")
    except UnicodeDecodeError as error:
        raise FormatRefused(
            DocumentFault.BAD_ENCODING, "", parameters={"offset": error.start}
        ) from error
    repeated = False

    def entries_of(pairs: list[tuple[str, object]]) -> object:
        nonlocal repeated
        entries = dict(pairs)
        if len(entries) == len(pairs):
            return entries
        repeated = True
        return _Duplicate(_first_repeated(pairs))

    try:
        tree: object = json.loads(text, object_pairs_hook=entries_of, parse_constant=_constant)
    except RecursionError as error:
        raise FormatRefused(DocumentFault.TOO_DEEP, "", parameters={"limit": MAX_DEPTH}) from error
    except json.JSONDecodeError as error:
        raise FormatRefused(
            DocumentFault.MALFORMED, "", parameters={"offset": error.pos}
        ) from error
    except ValueError as error:  # an integer of thousands of digits
        raise FormatRefused(DocumentFault.NUMBER_TOO_LARGE) from error
    return tree, repeated


def _first_repeated(pairs: list[tuple[str, object]]) -> str:
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            return key
        seen.add(key)
    return ""


def _constant(name: str) -> NoReturn:
    raise FormatRefused(DocumentFault.MALFORMED, "", parameters={"value": name})


def _may_break_limits(body: bytes) -> bool:
    """Return whether a value of the report could exceed a limit, by a cheap look at its bytes.

    If not, the traversal by `_walk` is unnecessary; the record types bound the nesting depth.
    """
    return (
        len(body) > MAX_TEXT_BYTES
        or body.count(b",") + body.count(b"[") + body.count(b"{") >= MAX_VALUES
        or _ESCAPED_TROUBLE.search(body) is not None
    )


def _walk(tree: object) -> None:
    """Check every value of a parsed report against the limits, in document order.

    Raises:
        FormatRefused: the first value over a limit, repeated key or forbidden character, with its path.
    """
    waiting: list[tuple[object, str, int]] = [(tree, "", 0)]
    count = 0
    while waiting:
        value, path, depth = waiting.pop()
        count += 1
        if count > MAX_VALUES:
            raise FormatRefused(DocumentFault.TOO_MANY_VALUES, "", parameters={"limit": MAX_VALUES})
        if depth > MAX_DEPTH:
            raise FormatRefused(
                DocumentFault.TOO_DEEP, _shortened(path), parameters={"limit": MAX_DEPTH}
            )
        if isinstance(value, dict):
            for key in value:
                _check_text(key, path=path)
            inner = [(item, _joined(path, key), depth + 1) for key, item in value.items()]
            waiting.extend(reversed(inner))
        elif isinstance(value, list):
            inner = [(item, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
            waiting.extend(reversed(inner))
        else:
            _check_scalar(value, path=path)


def _check_scalar(value: object, *, path: str) -> None:
    if isinstance(value, str):
        _check_text(value, path=path)
    elif isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise FormatRefused(DocumentFault.NUMBER_TOO_LARGE, path)
    elif isinstance(value, _Duplicate):
        raise FormatRefused(DocumentFault.DUPLICATE_FIELD, _joined(path, value.key))


def _check_text(text: str, *, path: str) -> None:
    if "\0" in text:
        raise FormatRefused(
            DocumentFault.FORBIDDEN_CHARACTER, path, parameters={"character": "U+0000"}
        )
    surrogate = _SURROGATE.search(text)
    if surrogate is not None:
        character = f"U+{ord(surrogate.group()):04X}"
        raise FormatRefused(
            DocumentFault.FORBIDDEN_CHARACTER, path, parameters={"character": character}
        )
    if len(text) > MAX_TEXT_BYTES // 4 and len(text.encode()) > MAX_TEXT_BYTES:
        raise FormatRefused(DocumentFault.TEXT_TOO_LONG, path, parameters={"limit": MAX_TEXT_BYTES})


def _joined(path: str, key: str) -> str:
    return _shortened(f"{path}.{key}" if path else key)


def _shortened(path: str) -> str:
    return path if len(path) <= 400 else f"{path[:400]}…"


def _refuse_typed(message: str) -> NoReturn:
    """Convert an error message of msgspec to a refusal with code, path and parameters.

    Raises:
        FormatRefused: always.
    """
    at = _AT_PATH.search(message)
    path = _shortened(at.group(1)) if at else ""
    if (unknown := _UNKNOWN.match(message)) is not None:
        raise FormatRefused(DocumentFault.UNKNOWN_FIELD, _joined(path, unknown.group(1)))
    if (missing := _MISSING.match(message)) is not None:
        raise FormatRefused(DocumentFault.MISSING_FIELD, _joined(path, missing.group(1)))
    if message.startswith("Invalid enum value"):
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, path)
    expected = _EXPECTED.match(message)
    parameters = {"expected": expected.group(1), "got": expected.group(2)} if expected else {}
    raise FormatRefused(DocumentFault.WRONG_TYPE, path, parameters=parameters)


def _check_meaning(report: Report, *, by_desk: bool) -> None:
    reference = report.reference
    if (
        not 1 <= len(reference) <= MAX_REFERENCE
        or not reference.isprintable()
        or reference != reference.strip()
    ):
        raise FormatRefused(
            DocumentFault.BAD_REFERENCE, "reference", parameters={"limit": MAX_REFERENCE}
        )
    if report.language is not None and len(report.language) > MAX_LANGUAGE:
        raise FormatRefused(
            DocumentFault.TEXT_TOO_LONG, "language", parameters={"limit": MAX_LANGUAGE}
        )
    for index, person in enumerate(report.persons):
        _check_person(person, path=f"persons[{index}]", by_desk=by_desk)
    for index, payment in enumerate(report.payments):
        _check_payment(payment, path=f"payments[{index}]")
    for index, place in enumerate(report.places):
        if place.at is not None and place.role is not PlaceRole.MEETING:
            raise FormatRefused(DocumentFault.UNKNOWN_FIELD, f"places[{index}].at")


def _check_payment(payment: Payment, *, path: str) -> None:
    for name in ("reference", "sender_person", "beneficiary_person"):  # exist on output only
        if getattr(payment, name) is not None:
            raise FormatRefused(DocumentFault.UNKNOWN_FIELD, f"{path}.{name}")


def _check_person(person: Person, *, path: str, by_desk: bool) -> None:
    is_associated = person.role is PersonRole.ASSOCIATED
    if is_associated and not by_desk:
        raise FormatRefused(DocumentFault.UNKNOWN_CODE, f"{path}.role")
    if person.type is not None and not is_associated:
        raise FormatRefused(DocumentFault.UNKNOWN_FIELD, f"{path}.type")
    if abs(person.age or 0) > MAX_INTEGER:
        raise FormatRefused(DocumentFault.NUMBER_TOO_LARGE, f"{path}.age")
    for index, seen in enumerate(person.ips):
        if abs(seen.port or 0) > MAX_INTEGER:
            raise FormatRefused(DocumentFault.NUMBER_TOO_LARGE, f"{path}.ips[{index}].port")
