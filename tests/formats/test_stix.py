"""STIX 2.1: valid for the strict validator, read back the same, the same bytes twice, hostile bytes refused."""

import io
import json

import pytest
import stix2

from fanal.formats.indicators import Indicator
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix import read
from fanal.formats.stix.patterns import KINDS, TLP, read_pattern, write_pattern
from fanal.formats.stix.read import BundleReading, read_bundle
from fanal.formats.stix.write import OutBundle, writable, write_bundle
from tests.formats.indicator_items import AT, ITEMS, shown
from tests.formats.ncmec_documents import NOW

OUT = OutBundle(desk="A desk", subject="known", confidence=80)
SELECTORS = [
    Indicator(values={kind: value})
    for kind, value in (
        ("IP", "192.0.2.7"),
        ("IP", "2001:db8::7"),
        ("EMAIL", "someone@mail.example"),
        ("HANDLE", "pixel_fox@blocks"),
        ("ONION", "a" * 56 + ".onion"),
    )
]


def written(items: list[Indicator], out: OutBundle = OUT) -> bytes:
    return "".join(write_bundle(items, out)).encode()


def read_all(body: bytes, reading: BundleReading | None = None) -> list[Indicator]:
    return list(read_bundle(io.BytesIO(body), reading or BundleReading(), now=NOW))


def bundle(*objects: object) -> bytes:
    return json.dumps({"type": "bundle", "id": "bundle--x", "objects": objects}).encode()


def indicator(
    pattern: str = f"[file:hashes.MD5 = '{'1' * 32}']", **more: object
) -> dict[str, object]:
    return {"type": "indicator", "pattern_type": "stix", "pattern": pattern, **more}


@pytest.mark.parametrize(
    ("until", "over"),
    [
        ("2026-11-24T12:00:00Z", True),
        ("2021-01-01T00:00:00.000Z", True),
        ("2026-11-24T12:00:00.001Z", False),
        ("2021-01-01T00:00:00", False),
        ("never", False),
        ("9999-12-31T23:59:59-14:00", False),
        (None, False),
        (7, False),
    ],
)
def test_what_is_valid_no_longer_is_withdrawn(until: object, over: bool) -> None:
    [item] = read_all(bundle(indicator(valid_until=until)))
    assert item.withdrawn is over
    assert (item.until is not None) is (until == "2026-11-24T12:00:00.001Z")


@pytest.mark.parametrize("colour", TLP)
def test_a_bundle_is_valid_for_the_strict_validator(colour: str) -> None:
    lane = "the lane of the newer Python does without the validator"
    validator = pytest.importorskip("stix2validator", reason=lane)
    strict = validator.ValidationOptions(version="2.1", strict=True, enforce_refs=True)
    out = OutBundle(desk="A desk", subject="7KM-3QP", tlp=colour, grouped=True)
    body = written([*ITEMS, *SELECTORS], out)
    found = validator.validate_string(body.decode(), strict)
    assert found.is_valid, [str(e) for e in found.errors]
    assert not found.warnings
    marking = getattr(stix2, f"TLP_{colour.upper()}")
    assert json.loads(marking.serialize()) in json.loads(body)["objects"]
    assert (
        len(stix2.parse(body.decode(), allow_custom=False).objects)
        == len(ITEMS) + len(SELECTORS) + 5
    )


def test_what_is_written_is_read_the_same_and_twice_is_the_same_bytes() -> None:
    body, reading = written(ITEMS), BundleReading()
    assert body == written(ITEMS)
    assert shown(read_all(body, reading)) == shown(ITEMS)
    assert dict(reading.ignored) == {
        ("marking-definition", "MARKING"): 1,
        ("identity", "SOURCE"): 2,
        ("extension-definition", "DEFINITION"): 1,
    }
    assert reading.markings == {"amber"}


def test_a_withdrawal_is_a_revocation_of_the_same_object() -> None:
    [before] = [o for o in json.loads(written([ITEMS[0]]))["objects"] if o["type"] == "indicator"]
    gone = Indicator(values=ITEMS[0].values, added_at=AT, changed_at=AT, withdrawn=True)
    [after] = [o for o in json.loads(written([gone]))["objects"] if o["type"] == "indicator"]
    assert before["id"] == after["id"]
    assert (before["revoked"], after["revoked"]) == (False, True)


def test_kinds_without_an_observable_are_not_writable() -> None:
    assert not any(
        writable(Indicator(values={kind: "x"})) for kind in ("PHONE", "DEVICE", "ACCOUNT", "GAME")
    )
    assert not writable(Indicator(values={}))


def test_every_property_and_object_of_the_standard_is_read_or_ignored_with_a_reason() -> None:
    known = set(stix2.v21.Indicator._properties)
    assert {*read.READ, *read.IGNORED} == known
    assert not read.READ & set(read.IGNORED)
    registry = stix2.registry.STIX2_OBJ_MAPS["2.1"]
    objects = {*registry["objects"], *registry["observables"]} - {"bundle", "indicator"}
    assert objects == {*read.OBJECTS, *read._PERSONS}


@pytest.mark.parametrize(
    ("pattern", "values"),
    [
        (f"[file:hashes.'MD5' = '{'A' * 32}']", [{"MD5": "A" * 32}]),
        (f"[file:hashes.md5='{'a' * 32}'] OR [file:hashes.'SHA-1' = '{'b' * 40}']", [{"MD5": "a" * 32, "SHA1": "b" * 40}]),
        ("[(file:hashes.MD5 = 'x' OR file:hashes.MD5 = 'y')]", [{"MD5": "x"}, {"MD5": "y"}]),
        ("[ url:value = 'http://a.test/it\\'s\\\\x' ]", [{"URL": "http://a.test/it's\\x"}]),
        ("[domain-name:value = 'a.test']", [{"DOMAIN": "a.test"}]),
        ("[url:value = 'http://a.test/ OR ]']", [{"URL": "http://a.test/ OR ]"}]),
        ("[ipv4-addr:value = '192.0.2.1']", [{"IP": "192.0.2.1"}]),
        ("[file:hashes.MD5 != 'x']", None),
        ("[file:hashes.MD5 MATCHES 'x']", None),
        ("[file:name = 'x']", None),
        ("[file:hashes.MD5 = 'x' AND file:name = 'y']", None),
        ("[file:hashes.MD5 = 'x' AND file:hashes.MD5 = 'y']", None),
        ("[file:hashes.MD5 = 'x'] FOLLOWEDBY [file:hashes.MD5 = 'y']", None),
        ("[file:hashes.MD5 = 'x'] REPEATS 5 TIMES", None),
        ("[file:hashes.'SSDEEP' = 'x']", None),
        ("[file:size = 5]", None),
        ("nothing", None),
        ("[" * 2_000, None),
        ("[file:hashes.MD5 = '" + "x" * 6_000 + "']", None),
        ("", None),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_a_pattern_is_values_or_nothing(pattern: str, values: object) -> None:
    assert read_pattern(pattern) == values


@pytest.mark.parametrize("kind", sorted(KINDS - {"HOST", "ONION"}))
def test_a_pattern_of_ours_is_read_as_its_value(kind: str) -> None:
    value = "192.0.2.1" if kind == "IP" else "a'b\\c]x"
    assert read_pattern(write_pattern({kind: value})) == [{kind: value}]


def test_what_is_no_value_of_a_list_is_named() -> None:
    reading = BundleReading()
    body = bundle(
        indicator("[file:name = 'x']"),
        indicator("[ipv4-addr:value = '192.0.2.1']"),
        indicator("rule", pattern_type="yara"),
        indicator(x_more=1, revoked=True, labels=["A1"], object_marking_refs=[TLP["red"], 7]),
        {"type": "report", "object_refs": []},
        {"type": "x-own"},
    )
    [item] = read_all(body, reading)
    assert (item.withdrawn, item.classification) == (True, "A1")
    assert reading.markings == {"red", "other"}
    assert dict(reading.ignored) == {
        ("indicator/pattern", "OTHER_PATTERN"): 2,
        ("indicator/pattern", "NO_LIST_VALUE"): 1,
        ("indicator/x_more", "UNKNOWN"): 1,
        ("report", "REPORT"): 1,
        ("x-own", "UNKNOWN"): 1,
    }


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", DocumentFault.MALFORMED),
        (b"[]", DocumentFault.WRONG_ROOT),
        (b'{"objects":[]}', DocumentFault.WRONG_ROOT),
        (b'{"type":"bundle"}', DocumentFault.WRONG_ROOT),
        (bundle(7), DocumentFault.MISSING_FIELD),
        (bundle({}), DocumentFault.MISSING_FIELD),
        (bundle({"type": "a\0"}), DocumentFault.FORBIDDEN_CHARACTER),
        (bundle({"type": "threat-actor", "name": "x"}), DocumentFault.PERSON),
        (bundle({"type": "identity", "identity_class": "individual"}), DocumentFault.PERSON),
        (bundle(indicator("[file:hashes.MD5 = 'xyz']")), DocumentFault.WRONG_TYPE),
        (bundle(indicator("[url:value = ' ']")), DocumentFault.WRONG_TYPE),
        (bundle(indicator("[url:value = 'a\0']")), DocumentFault.FORBIDDEN_CHARACTER),
        (bundle(indicator(labels=["x" * 101])), DocumentFault.TEXT_TOO_LONG),
        (bundle(indicator(labels=[True])), DocumentFault.WRONG_TYPE),
        (b'{"type":"bundle","objects":[{"type":"a","type":"b"}]}', DocumentFault.DUPLICATE_FIELD),
        (b'{"type":"bundle","objects":[' + b"[" * 90 + b"]" * 90 + b"]}", DocumentFault.TOO_DEEP),
        (b'{"type":"bundle","objects":[{"type":', DocumentFault.MALFORMED),
    ],
    ids=lambda value: value[:50].decode("latin-1") if isinstance(value, bytes) else str(value),
)
def test_hostile_bytes_are_refused(body: bytes, code: DocumentFault) -> None:
    with pytest.raises(FormatRefused) as refused:
        read_all(body)
    assert refused.value.code is code
