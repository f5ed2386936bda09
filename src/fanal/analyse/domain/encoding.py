"""Findings and parts as bytes, and back: zlib over JSON; the rule version is a column of its own."""

import zlib
from collections.abc import Sequence

import msgspec
from msgspec import structs

from fanal.analyse.domain.records import Finding, PriorityPart

_ENCODER = msgspec.json.Encoder()
_FINDINGS = msgspec.json.Decoder(tuple[Finding, ...])
_PARTS = msgspec.json.Decoder(tuple[PriorityPart, ...])


def pack_findings(findings: Sequence[Finding]) -> bytes:
    """Return findings compressed, without their common rule version."""
    bare = [structs.replace(finding, rule_version="") for finding in findings]
    return zlib.compress(_ENCODER.encode(bare), 6)


def unpack_findings(content: bytes | memoryview, *, rule_version: str) -> tuple[Finding, ...]:
    """Return the findings that `pack_findings` compressed.

    Raises:
        zlib.error, msgspec.ValidationError: the content is damaged.
    """
    bare = _FINDINGS.decode(zlib.decompress(bytes(content)))
    return tuple(structs.replace(finding, rule_version=rule_version) for finding in bare)


def pack_parts(parts: Sequence[PriorityPart]) -> bytes:
    """Return the parts of a priority compressed."""
    return zlib.compress(_ENCODER.encode(parts), 6)


def unpack_parts(content: bytes | memoryview) -> tuple[PriorityPart, ...]:
    """Return the parts that `pack_parts` compressed.

    Raises:
        zlib.error, msgspec.ValidationError: the content is damaged.
    """
    return _PARTS.decode(zlib.decompress(bytes(content)))
