"""XARF v4: read strictly where it may harm, written so that the public package takes it."""

import base64
import contextlib
import copy
import importlib
import io
import json
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image

import fanal.formats.xarf
from fanal.formats.ncmec.read import Node
from fanal.formats.refusal import DocumentFault, FormatRefused
from fanal.formats.report.records import (
    Channel,
    Classification,
    File,
    Handle,
    IpSighting,
    Person,
    PersonRole,
    Report,
    ReportKind,
)
from fanal.formats.xarf import TYPES, XarfSent, read_xarf, write_xarf

SAMPLES = Path(fanal.formats.xarf.__path__[0]) / "samples"
CSAM: dict[str, Any] = json.loads((SAMPLES / "csam.json").read_text())
CSEM: dict[str, Any] = json.loads((SAMPLES / "csem.json").read_text())
ID = UUID("01993000-0000-7000-8000-000000000001")


def public_package() -> ModuleType:
    """Return the public package, which compiles grammars for seconds as it loads: with the first test that asks it."""
    return importlib.import_module("xarf")


def picture(kind: str) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (8, 8), (10, 20, 30)).save(made, kind)
    return made.getvalue()


def read(tree: object) -> Node:
    return read_xarf(json.dumps(tree).encode()).root


def refused(tree: object) -> DocumentFault:
    with pytest.raises(FormatRefused) as found:
        read(tree)
    return found.value.code


def keys_of(schema: dict[str, Any]) -> set[str]:
    """Return every key that a schema of the package names, at any depth, with that of its object."""
    found: set[str] = set()
    for name, inner in schema.get("properties", {}).items():
        found.add(name)
        found |= keys_of(inner) | keys_of(inner.get("items", {}))
    for part in (*schema.get("allOf", []), *schema.get("$defs", {}).values()):
        found |= keys_of(part)
    return found


def test_every_key_of_the_specification_is_known() -> None:
    ours = {element.name for kind in TYPES.values() for element in kind.elements.values()}
    names = ("xarf-core", "types/content-base", "types/content-csam", "types/content-csem")
    schemas = Path(public_package().__path__[0]) / "schemas"
    theirs: set[str] = set()
    for name in names:
        theirs |= keys_of(json.loads((schemas / f"{name}.json").read_text()))
    assert ours == theirs


@pytest.mark.parametrize("tree", [CSAM, CSEM], ids=["csam", "csem"])
def test_the_samples_are_valid_for_the_public_package(tree: dict[str, Any]) -> None:
    known = {key: value for key, value in tree.items() if key not in {"unheard", "_internal"}}
    assert public_package().parse(known).errors == []


class TestReading:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            ({"category": "messaging"}, DocumentFault.UNKNOWN_CODE),
            ({"type": "phishing"}, DocumentFault.UNKNOWN_CODE),
            ({"type": "csem"}, DocumentFault.MISSING_FIELD),
            ({"xarf_version": "3.0.0"}, DocumentFault.UNKNOWN_CODE),
            ({"classification": "Z9"}, DocumentFault.UNKNOWN_CODE),
            ({"detection_method": "guess"}, DocumentFault.UNKNOWN_CODE),
            ({"timestamp": "yesterday"}, DocumentFault.BAD_DATE),
            ({"url": "javascript:alert(1)"}, DocumentFault.NOT_OF_THE_WEB),
            ({"url": "data:text/html,x"}, DocumentFault.NOT_OF_THE_WEB),
            ({"url": "ftp://host.example/x"}, DocumentFault.NOT_OF_THE_WEB),
            ({"url": "https:///nothing"}, DocumentFault.NOT_OF_THE_WEB),
            ({"url": "http://[broken"}, DocumentFault.NOT_OF_THE_WEB),
            ({"screenshot_url": "file:///etc/passwd"}, DocumentFault.NOT_OF_THE_WEB),
            (
                {"evidence": [{"content_type": "text/plain", "payload": "!"}]},
                DocumentFault.WRONG_TYPE,
            ),
            ({"evidence": CSAM["evidence"] * 51}, DocumentFault.TOO_MANY_VALUES),
            ({"reporter": None}, DocumentFault.MISSING_FIELD),
        ],
        ids=range(16),
    )
    def test_what_is_no_report_or_may_harm_is_refused(
        self, change: dict[str, Any], code: DocumentFault
    ) -> None:
        assert refused(CSAM | change) is code

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP"])
    @pytest.mark.parametrize(
        "told",
        [
            "image/jpeg",
            "application/octet-stream",
            "text/plain",
            "message/rfc822",
            "application/pdf",
        ],
    )
    def test_no_medium_is_taken_as_evidence_whatever_it_is_called(
        self, kind: str, told: str
    ) -> None:
        coded = base64.b64encode(picture(kind)).decode()
        within = base64.b64encode(f"<img src='data:image/png;base64,{coded}'>".encode()).decode()
        for payload in (coded, within):
            item = {"content_type": told, "payload": payload}
            assert refused(CSAM | {"evidence": [item]}) is DocumentFault.MEDIA_IN_EVIDENCE

    def test_a_long_block_of_base64_in_words_is_taken_for_a_medium(self) -> None:
        block = base64.b64encode(bytes(range(256)) * 20)
        item = {"content_type": "text/plain", "payload": base64.b64encode(block).decode()}
        assert refused(CSAM | {"evidence": [item]}) is DocumentFault.MEDIA_IN_EVIDENCE

    def test_what_is_odd_and_harmless_is_kept_and_noted(self) -> None:
        odd = {"media_type": "hologram", "domain": "XN--BCHER-KVA.example", "more": [1, {"x": 2}]}
        document = read_xarf(json.dumps(CSEM | odd).encode())
        codes = {(c.path, c.code) for c in document.complaints}
        assert {("media_type", "INVALID_VALUE"), ("more", "UNKNOWN_ELEMENT")} <= codes
        assert ("_internal", "NEVER_TRANSMITTED") in codes
        assert document.text("domain") == "XN--BCHER-KVA.example"

    @settings(max_examples=150, deadline=None)
    @given(st.data())
    def test_hostile_trees_are_read_or_refused(self, data: st.DataObject) -> None:
        tree = copy.deepcopy(CSAM)
        strange = st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
            max_leaves=6,
        )
        for name in data.draw(st.lists(st.sampled_from(sorted(tree)), max_size=6)):
            tree[name] = data.draw(strange)
        with contextlib.suppress(FormatRefused):
            read(tree)

    @pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 10_000, b"{}" * 2])
    def test_hostile_bytes_are_refused(self, body: bytes) -> None:
        with pytest.raises(FormatRefused):
            read_xarf(body)
        with pytest.raises(FormatRefused):
            read_xarf(json.dumps(CSAM).encode() + b" " * 2_000_000)


def sent(**changes: Any) -> XarfSent:
    fields: dict[str, Any] = {
        "reference": "r",
        "kind": ReportKind.ABUSE_MATERIAL,
        "occurred_at": "2026-11-20T21:14:00+01:00",
        "description": "words that stay at home",
    }
    names = ("urls", "classes", "exploitation", "ncmec_report_id", "is_test")
    outer = {"urls": ("https://shapes.example/a",)}
    outer |= {name: changes.pop(name) for name in names if name in changes}
    report = Report(**(fields | changes))
    return XarfSent(
        report_id=ID, report=report, received_at="2026-11-24T12:00:00+00:00", org="Desk",
        email="desk@desk.example", **outer,
    )  # fmt: skip


def written(what: XarfSent) -> list[dict[str, Any]]:
    found = [json.loads(data) for data in write_xarf(what)]
    for tree, data in zip(found, write_xarf(what), strict=True):
        assert public_package().parse(tree, strict=False).errors == []
        assert read_xarf(data).complaints == ()
    return found


class TestWriting:
    def test_material_at_one_address_is_one_document_a_file(self) -> None:
        files = (
            File(md5="1" * 32, sha256="2" * 64, seen_by_provider=True),
            File(name="no class"),
            File(sha1="3" * 40),
        )
        first, second = written(sent(files=files, classes=("A1", "", "baseline")))
        assert (first["classification"], second["classification"]) == ("A1", "baseline")
        assert first["hash_values"] == {"md5": "1" * 32, "sha256": "2" * 64}
        assert (first["detection_method"], first["domain"]) == ("manual_review", "shapes.example")
        assert first["timestamp"] == "2026-11-20T20:14:00Z"
        assert first["report_id"] != second["report_id"]
        assert "words that stay" not in json.dumps([first, second])

    def test_material_at_several_addresses_has_the_gravest_class(self) -> None:
        urls = ("https://a.example/1", "https://b.example/2", "magnet:?x", "javascript:alert(1)")
        files = (
            File(classification=Classification(scheme="NCMEC", code="B2"), md5="1" * 32),
            File(),
        )
        found = written(sent(urls=urls, files=files, classes=("B2", "A2")))
        assert [(t["url"], t["classification"]) for t in found] == [
            ("https://a.example/1", "A2"),
            ("https://b.example/2", "A2"),
        ]
        assert all("hash_values" not in t for t in found)

    def test_exploitation_carries_the_suspect_alone(self) -> None:
        persons = (
            Person(
                role=PersonRole.SUSPECT,
                handles=(Handle(value="square_sam"),),
                ips=(IpSighting(value="203.0.113.7"), IpSighting(value="2001:db8::1")),
                emails=("sam@mail.example",),
            ),
            Person(role=PersonRole.VICTIM, name="Vic", handles=(Handle(value="vic"),)),
            Person(role=PersonRole.REPORTER, name="Rita"),
        )
        [tree] = written(
            sent(
                kind=ReportKind.GROOMING,
                persons=persons,
                channel=Channel.GAME,
                exploitation="grooming",
            )
        )
        assert tree["perpetrator_indicators"] == {
            "account_id": "square_sam",
            "ip_addresses": ["203.0.113.7"],
        }
        assert tree["platform"] == "gaming_platform"
        assert all(word not in json.dumps(tree) for word in ("Vic", "vic", "Rita", "mail.example"))

    @pytest.mark.parametrize(
        ("url", "domain"),
        [
            ("https://xn--bcher-kva.example/x", None),
            ("https://EXAMPLE.test/|é", "example.test"),
            ("http://203.0.113.9/x", None),
            ("http://[2001:db8::1]/x", None),
            (f"http://{'a' * 56}.onion/", f"{'a' * 56}.onion"),
        ],
    )
    def test_a_domain_is_written_where_the_pattern_takes_it(
        self, url: str, domain: str | None
    ) -> None:
        [tree] = written(sent(urls=(url,), classes=("A1",), files=(File(),)))
        assert tree.get("domain") == domain

    def test_what_xarf_has_no_type_for_is_not_written(self) -> None:
        assert write_xarf(sent(kind=ReportKind.OTHER)) == []
        assert write_xarf(sent(urls=("magnet:?x",), exploitation="grooming")) == []

    def test_a_trial_is_marked_and_written_again_it_is_the_same(self) -> None:
        what = sent(exploitation="trafficking", is_test=True, urls=("https://a.example/é",))
        [tree] = written(what)
        assert tree["tags"] == ["lifecycle:test"]
        assert write_xarf(what) == write_xarf(what)
