"""XARF reports to drafts: every key has its line, nothing is dropped, words of evidence are read."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

import fanal.formats.xarf
from fanal.formats.report.records import Channel, PersonRole, ReportKind
from fanal.formats.xarf import EXPLOITATIONS, TYPES
from fanal.harmonise.domain.harmonise import harmonise_one
from fanal.harmonise.domain.records import SelectorKind, Source
from fanal.harmonise.domain.redaction.reporter import withhold
from fanal.harmonise.domain.sources.building import Draft
from fanal.harmonise.domain.sources.read import read_source
from fanal.harmonise.domain.sources.xarf import TABLE
from fanal.harmonise.domain.vocabulary import is_known
from tests.formats.ncmec_documents import NOW
from tests.unit.harmonise.sources.test_ncmec_json import scalars

ID = UUID("01993000-0000-7000-8000-000000000001")
SAMPLES = Path(fanal.formats.xarf.__path__[0]) / "samples"
CSAM: dict[str, Any] = json.loads((SAMPLES / "csam.json").read_text())
CSEM: dict[str, Any] = json.loads((SAMPLES / "csem.json").read_text())


def read(tree: object) -> Draft:
    body = json.dumps(tree).encode()
    return read_source(Source(report_id=ID, format="xarf", body=body), received_at=NOW)


def test_the_table_lists_every_key_and_nothing_else() -> None:
    assert set(TABLE) == {m.key for kind in TYPES.values() for m in kind.elements.values()}


@pytest.mark.parametrize("tree", [CSAM, CSEM], ids=["csam", "csem"])
def test_every_value_of_a_maximal_report_is_kept(tree: dict[str, Any]) -> None:
    found = read(tree)
    kept = repr(found)
    payloads = {item["payload"] for item in tree["evidence"]}
    values = [v.lower() if v in {"True", "False"} else v for v in scalars(tree)]
    assert [v for v in values if v not in kept and v not in payloads] == []


def test_material_lands_in_its_fields() -> None:
    found = read(CSAM)
    assert (found.reference, found.kind) == (CSAM["report_id"], ReportKind.ABUSE_MATERIAL)
    assert (found.occurred_at, found.urls) == (CSAM["timestamp"], (CSAM["url"],))
    assert found.conversation[0].text == "a neutral line of a log\n"
    [file] = found.files
    assert (file.md5, file.sha1, file.sha256) == ("1" * 32, "2" * 40, "3" * 64)
    assert file.classification is not None
    assert (file.classification.scheme, file.classification.code) == ("NCMEC", "A1")
    assert [(s.kind, s.value, s.port) for s in found.loose] == [
        (SelectorKind.IP, "198.51.100.42", 40122)
    ]
    assert [p.emails for p in found.persons] == [
        ("safety@polygon.example",),
        ("desk@square.example",),
    ]
    baseline = read(CSAM | {"classification": "baseline"}).files[0].classification
    assert baseline is not None
    assert is_known(baseline.scheme, baseline.code)


def test_exploitation_lands_in_its_fields() -> None:
    found = read(CSEM)
    assert (found.kind, found.channel) == (ReportKind.GROOMING, Channel.MESSAGING)
    [suspect] = [p for p in found.persons if p.role is PersonRole.SUSPECT]
    assert [h.value for h in suspect.handles] == ["square_sam"]
    assert [seen.value for seen in suspect.ips] == ["203.0.113.55", "203.0.113.56"]
    assert "squares" in (found.conversation[0].text or "")
    assert "Asks for shapes" in (found.description or "")


@pytest.mark.parametrize("kind", sorted(EXPLOITATIONS))
def test_every_exploitation_has_a_kind_and_a_class(kind: str) -> None:
    found = read(CSEM | {"exploitation_type": kind})
    assert found.kind is not ReportKind.OTHER
    assert all(is_known(hint.scheme, hint.code) for hint in found.hints)


def test_who_reports_is_withheld() -> None:
    clear, identity = withhold(harmonise_one(ID, read(CSAM)))
    assert "safety@polygon.example" not in repr(clear)
    assert "safety@polygon.example" in repr(identity)
