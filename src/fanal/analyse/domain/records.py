"""Records published by analyse: findings, priorities with their terms, and related-report counts."""

import zlib
from collections.abc import Sequence
from uuid import UUID

import msgspec
from msgspec import Struct, field, structs

Parameters = dict[str, str | int | float | bool | list[str]]


class Because(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A reason shown to people: the code of a message, whose text in each language is in the label files.

    `parameters` are the values for the placeholders of that text.
    """

    code: str
    parameters: Parameters = field(default_factory=dict)


class Finding(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An explained result of the analysis of a report, such as a known file or a grooming signal.

    `code` is that of the rule, `category` its group (GROOMING, PAYMENT …), `score` 0 to 1. `value` is the
    evidence as text, such as a matched hash or address, the cited passage, an age, a name or a count; it may
    be empty. `source` is the place in the harmonised report, `because` the reason for people. `rule_version`
    is the version of rules and lists applied.
    """

    code: str
    score: float
    value: str
    because: Because
    rule_version: str
    source: str = ""  # path in the harmonised report, with the cited sentence's offsets if text
    category: str = ""


class KinFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Counts of the reports related to a report, from cross-check; an input of the priority.

    `links` counts its links to related reports, `strongest` is the highest score among them (0..1).
    `previously_reported_suspect` counts the earlier reports with the same suspect, `shared_files` the files
    in common with earlier reports. `dossier_id` is the dossier (group of linked reports) of the report,
    None without.
    """

    report_id: UUID
    links: int = 0
    strongest: float = 0.0
    previously_reported_suspect: int = 0
    shared_files: int = 0
    dossier_id: UUID | None = None


class PriorityPart(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A term of a priority score: the points of one rule.

    `code` is that of the rule, `points` may be negative, `because` is the reason for people.
    """

    code: str
    points: float
    because: Because


class Priority(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The priority of a report: a score from 0 to 100 with its explanation.

    `parts` are the terms whose points add up to the score, in the order of the rules. `level` is DANGER,
    HIGH, NORMAL or LOW. `floor` is the code of the rule that set a minimum score, None without any.
    `rule_version` is the version of the set of rules.
    """

    report_id: UUID
    score: int
    floor: str | None
    parts: tuple[PriorityPart, ...]
    level: str  # DANGER | HIGH | NORMAL | LOW
    rule_version: str


class Analysis(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All findings (known material, signals, payments) of a report, the strongest first.

    `rule_version` is the common version of the rules and lists applied.
    """

    report_id: UUID
    findings: tuple[Finding, ...]
    rule_version: str


# Binary encoding of findings and parts; the rule version is a column of its own.
#
# Findings are zlib over JSON: they quote texts. Parts are a version byte, then MessagePack lists without
# field names. Older rows hold zlib over JSON, recognised by its first byte; both are read.

_ENCODER = msgspec.json.Encoder()
_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])
_NO_FINDINGS = zlib.compress(b"[]", 6)
_VERSION = b"\x02"
_Value = str | int | float | bool | list[str]
# Code, points, the code of the reason if different, and its parameters: those of a rule (`_OF_RULES`)
# as a pair, others by name.
_Values = tuple[_Value, _Value] | Parameters
_Part = tuple[str, float, str | None, _Values]
_PARTS = msgspec.msgpack.Decoder(tuple[_Part, ...])
_PARTS_ENCODER = msgspec.msgpack.Encoder()
_FIRST_PARTS = msgspec.json.Decoder(tuple[PriorityPart, ...])
_OF_RULES = ["value", "unchecked"]


def pack_findings(findings: Sequence[Finding]) -> bytes:
    """Encode findings as zlib-compressed JSON, without `rule_version`, which has its own column."""
    if not findings:
        return _NO_FINDINGS
    bare = [structs.replace(finding, rule_version="") for finding in findings]
    return zlib.compress(_ENCODER.encode(bare), 6)


def unpack_findings(content: bytes | memoryview, *, rule_version: str) -> tuple[Finding, ...]:
    """Decode findings that `pack_findings` encoded, in the same order.

    `rule_version` is their common version, which is stored in its own column.

    Raises:
        zlib.error, msgspec.DecodeError: the content is damaged.
    """
    bare = _FINDINGS.decode(zlib.decompress(bytes(content)))
    return tuple(structs.replace(finding, rule_version=rule_version) for finding in bare)


def pack_parts(parts: Sequence[PriorityPart]) -> bytes:
    """Encode the terms of a priority score: a version byte and MessagePack; `unpack_parts` is the inverse."""
    return _VERSION + _PARTS_ENCODER.encode([_row(part) for part in parts])


def unpack_parts(content: bytes | memoryview) -> tuple[PriorityPart, ...]:
    """Decode the terms of a priority score that `pack_parts` encoded, in the same order.

    Raises:
        zlib.error, msgspec.MsgspecError: the content is damaged.
    """
    stored = bytes(content)
    if stored[:1] != _VERSION:
        return _FIRST_PARTS.decode(zlib.decompress(stored))
    return tuple(_part(*row) for row in _PARTS.decode(stored[1:]))


def _row(part: PriorityPart) -> _Part:
    because = part.because
    values = because.parameters
    return (
        part.code,
        part.points,
        None if because.code == part.code else because.code,
        tuple(values.values()) if list(values) == _OF_RULES else values,  # type: ignore[return-value]
    )


def _part(
    code: str,
    points: float,
    because: str | None,
    values: _Values,
) -> PriorityPart:
    parameters: Parameters = (
        dict(zip(_OF_RULES, values, strict=True)) if isinstance(values, tuple) else values
    )
    return PriorityPart(
        code=code,
        points=points,
        because=Because(code=code if because is None else because, parameters=parameters),
    )
