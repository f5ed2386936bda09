"""Indicators of hashes: valid STIX 2.1, read back, and what is no hash passed over."""

import contextlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4, uuid5

import pytest
from hypothesis import given, settings, strategies as st

from fanal.formats.indicators import Indicator as Item, written_instant
from fanal.formats.refusal import FormatRefused
from fanal.formats.stix.patterns import indicator_id, item_ids
from fanal.formats.stix.write import Marks, OutBundle, write_bundle, write_indicator
from fanal.formats.taxii import (
    TaxiiIndicator,
    read_envelope,
    read_timestamp,
    timestamp,
    write_envelope,
)
from fanal.kernel.ids import new_id

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
HASHES = (("PDQ", "ab" * 32), ("MD5", "0" * 32), ("SHA1", "1" * 40), ("SHA256", "2" * 64))


def item(**more):
    said = {"id": new_id(AT), "values": dict(HASHES), "added_at": written_instant(AT)} | more
    return Item(**said)


def envelope(**said):
    base = write_indicator(item(), Marks()) | said
    return json.dumps({"more": False, "objects": [base]}).encode()


def test_what_is_written_is_valid_in_the_strict_sense() -> None:
    validator = pytest.importorskip("stix2validator")
    options = validator.ValidationOptions(strict=True, version="2.1")
    later = written_instant(AT + timedelta(days=1))
    for written, marks in (
        (item(classification="A1"), Marks(confidence=80, owner="Harbour Test Line")),
        (item(values={}, withdrawn=True, changed_at=later), Marks()),
        (item(values=dict(HASHES[:1])), Marks(confidence=0)),
    ):
        found = validator.validate_instance(write_indicator(written, marks), options)
        assert found.is_valid, found.errors


def test_what_is_written_is_read_back() -> None:
    marks = Marks(confidence=80)
    items = [
        item(classification="A1"),
        item(values={}, withdrawn=True),
        item(values=dict(HASHES[2:])),
    ]
    written = (write_indicator(one, marks) for one in items)
    found = read_envelope(write_envelope(written, more=True, following="7.9"))
    assert (found.more, found.next) == (True, "7.9")
    assert list(found.indicators) == [
        TaxiiIndicator(
            id=indicator_id(one),
            created=AT,
            modified=AT,
            hashes=tuple(one.values.items()),
            classification=one.classification,
            confidence=80,
            revoked=one.withdrawn,
        )
        for one in items
    ]


def test_a_withdrawn_hash_is_told_to_nobody() -> None:
    said = write_indicator(item(withdrawn=True, values={}), Marks())
    assert not any(value in json.dumps(said) for _, value in HASHES)


def test_a_bundle_and_the_server_tell_an_item_under_one_id() -> None:
    one = item()
    bundle = json.loads("".join(write_bundle([one], OutBundle(desk="d", subject="s"))))
    [told] = [said for said in bundle["objects"] if said["type"] == "indicator"]
    served = write_indicator(one, Marks())
    assert told["id"] == served["id"]
    assert {name for name in served if told[name] != served[name]} == set()
    nameless = Item(values=one.values)
    assert indicator_id(nameless) == indicator_id(Item(values=one.values)) != served["id"]


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
        written = indicator_id(Item(id=item_id, values={}))
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


@pytest.mark.parametrize(
    "instant", ["9999-12-31T23:59:59-14:00", "0001-01-01T00:00:00+14:00", "2026-01-01T00:00:00"]
)
@pytest.mark.parametrize("name", ["created", "modified"])
def test_an_instant_that_utc_does_not_hold_is_refused(name: str, instant: str) -> None:
    with pytest.raises(FormatRefused, match="BAD_DATE"):
        read_envelope(envelope(**{name: instant}))
