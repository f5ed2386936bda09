"""Indicators of hashes: valid STIX 2.1, read back, and what is no hash passed over."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats.refusal import FormatRefused
from fanal.formats.taxii.indicators import (
    Indicator,
    item_ids,
    read_envelope,
    stix_id,
    write_envelope,
    write_indicator,
)
from fanal.formats.taxii.resources import read_timestamp, timestamp
from fanal.kernel.ids import new_id

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HASHES = (("PDQ", "ab" * 32), ("MD5", "0" * 32), ("SHA1", "1" * 40), ("SHA256", "2" * 64))


def indicator(**more):
    said = {"id": stix_id(new_id(AT)), "created": AT, "modified": AT, "hashes": HASHES} | more
    return Indicator(**said)


def envelope(**said):
    base = write_indicator(indicator()) | said
    return json.dumps({"more": False, "objects": [base]}).encode()


def test_what_is_written_is_valid_in_the_strict_sense() -> None:
    validator = pytest.importorskip("stix2validator")
    options = validator.ValidationOptions(strict=True, version="2.1")
    for written in (
        indicator(classification="A1", confidence=80, owner="Harbour Test Line"),
        indicator(hashes=(), revoked=True, modified=AT + timedelta(days=1)),
        indicator(hashes=HASHES[:1], confidence=0),
    ):
        found = validator.validate_instance(write_indicator(written), options)
        assert found.is_valid, found.errors


def test_what_is_written_is_read_back() -> None:
    written = [
        indicator(classification="A1", confidence=80),
        indicator(hashes=(), revoked=True),
        indicator(hashes=HASHES[2:]),
    ]
    body = write_envelope(map(write_indicator, written), more=True, following="7.9")
    found = read_envelope(body)
    assert (list(found.indicators), found.more, found.next) == (written, True, "7.9")


def test_a_withdrawn_hash_is_told_to_nobody() -> None:
    said = write_indicator(indicator(revoked=True, hashes=()))
    assert not any(value in json.dumps(said) for _, value in HASHES)


@pytest.mark.parametrize(
    ("pattern", "hashes"),
    [
        ("[file:hashes.'SHA-1' = '" + "A" * 40 + "']", (("SHA1", "a" * 40),)),
        ("[ file:hashes.MD5='" + "0" * 32 + "' ]", (("MD5", "0" * 32),)),
        ("[file:hashes.MD5 = '" + "0" * 32 + "'] OR [file:hashes.MD5 = '" + "1" * 32 + "']",
         (("MD5", "0" * 32), ("MD5", "1" * 32))),
        ("[file:hashes.SSDEEP = 'abcdef' OR file:hashes.MD5 = '" + "0" * 32 + "']", ()),
        ("[url:value = 'https://a.test/' OR file:hashes.MD5 = '" + "0" * 32 + "']",
         (("MD5", "0" * 32),)),
        ("[url:value = 'https://a.test/']", ()),
        ("[file:hashes.MD5 = '" + "0" * 32 + "' AND file:size = 3]", ()),
        ("[file:hashes.MD5 = '" + "0" * 32 + "' AND file:hashes.MD5 = '" + "1" * 32 + "']", ()),
        ("[file:hashes.MD5 IN ('a')]", ()),
        ("", ()),
    ],
)  # fmt: skip
def test_patterns(pattern: str, hashes: tuple[tuple[str, str], ...]) -> None:
    [found] = read_envelope(envelope(pattern=pattern)).indicators
    assert found.hashes == hashes


def test_other_objects_are_passed_over() -> None:
    body = json.dumps({"objects": [{"type": "identity", "id": 1 and "identity--x", "labels": []}]})
    assert read_envelope(body.encode()).indicators == ()
    assert read_envelope(b"{}").indicators == ()


GARBAGE = [
        b"", b"[]", b"null", b"<html>", b"\xff\xfe", b'{"objects": {}}', b'{"objects": [1]}', b'{"more": "yes"}',
        b"[" * 100_000, envelope(id="malware--x"), envelope(id="indicator--" + "x" * 100),
        envelope(created=None), envelope(modified="yesterday"), envelope(created="2026-03-02T10:00:00"),
        envelope(labels=[1]), envelope(labels=["a\0"]), envelope(confidence="high"), envelope(revoked=1),
        envelope(pattern="[file:hashes.MD5 = 'abc']"),
        json.dumps({"objects": [{"type": "indicator"}]}).encode(),
]  # fmt: skip


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused(body: bytes) -> None:
    with pytest.raises(FormatRefused):
        read_envelope(body)


@settings(max_examples=80, deadline=None)
@given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
def test_any_bytes_are_an_envelope_or_refused(body: bytes) -> None:
    with contextlib.suppress(FormatRefused):
        assert read_envelope(body).indicators == ()


def test_ids_go_both_ways() -> None:
    for item_id in (new_id(AT), uuid5(new_id(AT), "1")):
        written = stix_id(item_id)
        assert UUID(written.removeprefix("indicator--")).version == 4
        assert item_id in item_ids(written)
    for odd in (
        "",
        "x",
        f"malware--{uuid4()}",
        f"indicator--{new_id(AT)}",
        "indicator--" + "A" * 32,
    ):
        assert item_ids(odd) == []


def test_timestamps() -> None:
    exact = AT + timedelta(microseconds=1)
    assert read_timestamp(timestamp(exact)) == exact
    assert read_timestamp("2026-03-02T12:00:00.000001+02:00") == exact
    for odd in ("", "2026-03-02T10:00:00", "9999-12-31T23:59:59-14:00", "x"):
        with pytest.raises(ValueError, match=r".*"):
            read_timestamp(odd)
