"""MISP: read by PyMISP as it is written, read back the same, people refused, hostile bytes refused."""

import io
import json
from pathlib import Path

import pymisp
import pytest
from pymisp import MISPEvent

from fanal.formats import misp
from fanal.formats.indicators import Indicator
from fanal.formats.misp import COLOURS, OutEvent, is_object, read_event, writable, write_event
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.stix.read import BundleReading
from tests.formats.indicator_items import ITEMS, LATER, shown

OUT = OutEvent(desk="A desk", subject="known", changed_at=LATER)
DATA = Path(pymisp.__path__[0]) / "data"
MD5 = "1" * 32


def written(items: list[Indicator], out: OutEvent = OUT) -> bytes:
    several = [item for item in items if is_object(item)]
    alone = [item for item in items if not is_object(item)]
    return "".join(write_event(out, attributes=alone, objects=several)).encode()


def read_all(body: bytes, reading: BundleReading | None = None) -> list[Indicator]:
    return list(read_event(io.BytesIO(body), reading or BundleReading()))


def event(**parts: object) -> bytes:
    return json.dumps({"Event": {"info": "x", **parts}}).encode()


def attribute(type_: str = "md5", value: object = MD5, **more: object) -> dict[str, object]:
    return {"type": type_, "value": value, **more}


def test_pymisp_reads_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "event.json"
    path.write_bytes(written(ITEMS))
    read = MISPEvent()
    read.load_file(path)
    assert (read.info, str(read.date), read.distribution) == ("known", LATER[:10], 1)
    assert [tag.name for tag in read.tags] == ["tlp:amber"]
    values = {a.value: a for a in read.attributes} | {
        a.value: a for o in read.objects for a in o.attributes
    }
    assert set(values) == {value for item in ITEMS for value in item.values.values()}
    assert values["2" * 64].type == "sha256"
    assert {t.name for t in values["2" * 64].tags} == {
        'fanal:class="COPINE:7"',
        "copine-scale:level-7",
    }
    gone = {value for value, a in values.items() if a.deleted}
    assert gone == {"example.test", "7" * 32, "7" * 40}
    pdq = values["f0" * 32]
    assert (pdq.object_relation, pdq.to_ids) == ("pdq", False)
    again = MISPEvent()
    again.from_json(read.to_json())
    assert shown(read_all(again.to_json().encode())) == shown(ITEMS)


@pytest.mark.parametrize("colour", COLOURS)
def test_what_is_written_is_read_the_same_and_twice_is_the_same_bytes(colour: str) -> None:
    out, reading = OutEvent(desk="A desk", subject="s", tlp=colour), BundleReading()
    body = written(ITEMS, out)
    assert body == written(ITEMS, out)
    assert shown(read_all(body, reading)) == shown(ITEMS)
    assert reading.markings == {colour}
    assert not reading.ignored
    assert read_all(written([])) == []


def test_every_way_to_wrap_an_event_is_read() -> None:
    inner = {"info": "x", "Attribute": [attribute()]}
    for whole in (
        {"Event": inner},
        inner,
        [{"Event": inner}],
        {"response": [{"Event": inner}]},
        {"response": {"Event": inner}},
    ):
        [item] = read_all(json.dumps(whole).encode())
        assert item.values == {"MD5": MD5}


def test_what_the_sender_does_not_want_looked_for_is_no_value_of_a_list() -> None:
    clear = [{"name": 'fanal:scope="CLEAR"'}]
    file = {"name": "file", "Attribute": [attribute(), attribute("sha1", "2" * 40, to_ids=False)]}
    body = event(
        Attribute=[
            attribute("domain", "host.example", to_ids=False),
            attribute("md5", "3" * 32, to_ids="0"),
            attribute("md5", "4" * 32, to_ids=True),
            attribute("md5", "5" * 32, to_ids=False, deleted=True),
            attribute("md5", "6" * 32, to_ids=False, Tag=clear),
        ],
        Object=[file],
    )
    reading = BundleReading()
    found = [(item.values, item.withdrawn, item.scope) for item in read_all(body, reading)]
    assert found == [
        ({"MD5": "4" * 32}, False, "MATCH"),
        ({"MD5": "5" * 32}, True, "MATCH"),
        ({"MD5": "6" * 32}, False, "CLEAR"),
        ({"MD5": MD5}, False, "MATCH"),
    ]
    assert reading.ignored == {
        ("domain", "OBSERVED"): 1,
        ("md5", "OBSERVED"): 1,
        ("sha1", "OBSERVED"): 1,
    }


def test_every_type_that_is_written_exists_in_misp() -> None:
    described = json.loads((DATA / "describeTypes.json").read_text())["result"]
    for type_, category in misp.WRITTEN.values():
        assert type_ in described["category_type_mappings"][category], type_
    read = {*misp.KINDS, *misp.COMPOSED, *misp.PERSON_TYPES}
    assert read <= set(described["types"])
    objects = {p.name for p in (DATA / "misp-objects/objects").iterdir()}
    assert misp.PERSON_OBJECTS - objects == {"passport", "victim"} - objects


def test_every_key_of_the_format_is_read_or_ignored_with_a_reason() -> None:
    known = json.loads((DATA / "schema.json").read_text())["defs"]
    for part, read, ignored in (
        ("event", misp.EVENT_READ, misp.EVENT_IGNORED),
        ("attribute", misp.ATTRIBUTE_READ, misp.ATTRIBUTE_IGNORED),
    ):
        assert set(known[part]["properties"]) <= {*read, *ignored}
        assert not read & set(ignored)
        assert all(len(reason) > 10 for reason in ignored.values())
    assert not misp.OBJECT_READ & set(misp.OBJECT_IGNORED)


def test_what_is_no_value_of_a_list_is_named() -> None:
    reading = BundleReading()
    body = event(
        Attribute=[
            attribute("ip-src", "192.0.2.1"),
            attribute("filename|md5", f"a.jpg|{MD5}", more=1),
            attribute("domain|ip", "a.test|192.0.2.1"),
            attribute("comment", "words"),
        ],
        Object=[
            {"name": "file", "Attribute": [attribute(), attribute("sha1", "2" * 40), attribute("filename", "x")]},
            {"name": "url", "Attribute": [attribute("url", "http://a.test/"), attribute("text", "x")]},
        ],
        Tag=[{"name": "tlp:red"}, {"name": "other"}],
        NewPart=1,
    )  # fmt: skip
    found = read_all(body, reading)
    assert [item.values for item in found] == [
        {"MD5": MD5},
        {"DOMAIN": "a.test"},
        {"MD5": MD5, "SHA1": "2" * 40},
        {"URL": "http://a.test/"},
    ]
    assert reading.markings == {"red"}
    assert dict(reading.ignored) == {
        ("ip-src", "NO_LIST_VALUE"): 1,
        ("filename", "NO_LIST_VALUE"): 2,
        ("Attribute/more", "UNKNOWN"): 1,
        ("ip", "NO_LIST_VALUE"): 1,
        ("comment", "NO_LIST_VALUE"): 1,
        ("text", "NO_LIST_VALUE"): 1,
        ("Event/NewPart", "UNKNOWN"): 1,
    }


def test_a_name_on_a_service_is_not_writable() -> None:
    assert not writable(Indicator(values={"HANDLE": "x"}))


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", DocumentFault.MALFORMED),
        (b"{}", DocumentFault.WRONG_ROOT),
        (b"[]", DocumentFault.WRONG_ROOT),
        (b'{"Event":7}', DocumentFault.WRONG_ROOT),
        (event(Attribute=[7]), DocumentFault.WRONG_TYPE),
        (event(Attribute=[{}]), DocumentFault.MISSING_FIELD),
        (event(Attribute=[attribute(value=7)]), DocumentFault.WRONG_TYPE),
        (event(Attribute=[attribute(value="zz")]), DocumentFault.WRONG_TYPE),
        (event(Attribute=[attribute("filename|md5", MD5)]), DocumentFault.WRONG_TYPE),
        (event(Attribute=[attribute("url", "\0")]), DocumentFault.FORBIDDEN_CHARACTER),
        (event(Attribute=[attribute("full-name", "x")]), DocumentFault.PERSON),
        (event(Object=[{"name": "person", "Attribute": []}]), DocumentFault.PERSON),
        (event(Object=[{"Attribute": []}]), DocumentFault.MISSING_FIELD),
        (event(Attribute=[attribute(Tag=[{"name": 'fanal:class="' + "x" * 101 + '"'}])]), DocumentFault.TEXT_TOO_LONG),
        (event(Attribute=[attribute(Tag=[{"name": "fanal:class=x"}])]), DocumentFault.MALFORMED),
        (b'{"Event":{"info":"x","info":"y"}}', DocumentFault.DUPLICATE_FIELD),
        (b'{"Event":{"Attribute":[{"a":"', DocumentFault.MALFORMED),
        (b'{"Event":' + b"[" * 90, DocumentFault.TOO_DEEP),
    ],
    ids=lambda value: value[:50].decode("latin-1") if isinstance(value, bytes) else str(value),
)  # fmt: skip
def test_hostile_bytes_are_refused(body: bytes, code: DocumentFault) -> None:
    with pytest.raises(FormatRefused) as refused:
        read_all(body)
    assert refused.value.code is code
