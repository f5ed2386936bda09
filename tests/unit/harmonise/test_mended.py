"""A form that no strict reader takes reaches a person all the same."""

import json
from datetime import UTC, datetime
from uuid import UUID

import pytest

from fanal.formats.refusal import FormatRefused
from fanal.formats.report.read import MAX_TEXT_BYTES, read_report
from fanal.formats.report.records import Stated
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import HarmonisedReport, Source
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.values.times import until_received

ID = UUID("0198a3c0-1234-7abc-8def-000000000001")
NOW = datetime(2026, 11, 24, 20, 14, tzinfo=UTC)


def harmonised(body: bytes) -> HarmonisedReport:
    source = Source(
        report_id=ID, desk_id=1, reference="", format="form/1", body=body, received_at=NOW
    )
    draft = read_source(source, received_at=NOW)
    return until_received(harmonise_one(ID, draft), NOW)


def codes(report: HarmonisedReport) -> list[tuple[str, str]]:
    return [(warning.path, warning.code) for warning in report.warnings]


def test_what_only_the_form_asks_is_read() -> None:
    every = {"kind": "OTHER", "stated": [one.value for one in Stated]}
    report = harmonised(json.dumps(every).encode())
    assert (report.stated, report.warnings) == (tuple(Stated), ())
    told = harmonised(json.dumps(every | {"description": "x" * (MAX_TEXT_BYTES + 1)}).encode())
    assert told.stated == tuple(Stated)
    assert codes(told) == [("description", "FORM_CUT")]
    with pytest.raises(FormatRefused):
        read_report(json.dumps(every | {"reference": "r"}).encode())


def test_a_text_over_the_limit_is_cut_between_two_characters() -> None:
    text = "\U00020000" * 60_000
    body = json.dumps({"kind": "GROOMING", "emergency": True, "description": text}).encode()
    report = harmonised(body)
    assert report.kind == "GROOMING"
    assert report.emergency
    assert report.description == "\U00020000" * (MAX_TEXT_BYTES // 4)
    assert ("description", "FORM_CUT") in codes(report)


def test_too_many_values_are_cut() -> None:
    lines = [{"speaker": "a", "text": "b", "at": "c"}] * 5_000
    report = harmonised(json.dumps({"kind": "OTHER", "conversation": lines}).encode())
    assert len(report.conversation) == 1_000
    assert ("conversation", "FORM_CUT") in codes(report)


def test_a_field_of_another_shape_is_kept_apart() -> None:
    report = harmonised(b'{"kind": "NO_SUCH", "description": "Words.", "unknown": {"a": 1}}')
    assert (report.kind, report.description) == ("OTHER", "Words.")
    assert codes(report) == [("kind", "FORM_UNREADABLE"), ("unknown", "FORM_UNREADABLE")]
    assert [(e.path, e.value) for e in report.extra] == [
        ("kind", "NO_SUCH"),
        ("unknown", '{"a": 1}'),
    ]


@pytest.mark.parametrize("body", [b"", b"\xff\x00{", b"[" * 100_000, b'"words"', b"{}"])
def test_no_bytes_are_too_strange(body: bytes) -> None:
    assert harmonised(body).reference == str(ID)


def test_today_ends_when_the_report_was_received() -> None:
    for said, latest in (
        ("2026-11-24", "2026-11-24T20:14:00Z"),
        ("2026-11-23", "2026-11-23T22:59:59Z"),
        ("2026-11-25", "2026-11-25T22:59:59Z"),
    ):
        body = json.dumps({"kind": "OTHER", "occurred_at": said}).encode()
        report = harmonised(body)
        assert report.occurred is not None
        assert report.occurred.latest == latest


def test_what_is_nested_without_end_is_kept_as_text() -> None:
    body = b'{"kind": "OTHER", "x": ' + b"[" * 20_000 + b"]" * 20_000 + b"}"
    report = harmonised(body)
    assert report.kind == "OTHER"
    assert codes(report) == [("form", "FORM_UNREADABLE")]
