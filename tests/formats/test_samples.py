"""Every format folder has its README and samples, and each sample is read as expected."""

import io
import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import pytest

import fanal.formats
from fanal.formats.com209 import read_provider_report
from fanal.formats.csv_hashes import read_csv
from fanal.formats.dsa18 import read_notification
from fanal.formats.envelope import Part, leaves
from fanal.formats.hashsharing import read_page
from fanal.formats.indicators import Indicator
from fanal.formats.iso20022.read import read_transfers as read_iso
from fanal.formats.iso20022.stream import kind_of
from fanal.formats.misp import read_event
from fanal.formats.ncmec.read import Document, Node, read_file_details, read_report
from fanal.formats.ncmec_json import read_export
from fanal.formats.report.read import canonical_bytes, read_report as read_own
from fanal.formats.report.records import Report
from fanal.formats.stix.read import BundleReading, read_bundle
from fanal.formats.taxii import read_envelope
from fanal.formats.transfers import Damaged, read_transfers
from fanal.formats.vics.hashset import Selection, describe, read_hash_set
from fanal.formats.vics.read import read_case
from fanal.formats.xarf import read_xarf
from tests.formats.ncmec_documents import NOW

FOLDERS = sorted(
    p for p in Path(fanal.formats.__path__[0]).iterdir() if (p / "__init__.py").exists()
)
SAMPLES = sorted(p for f in FOLDERS for p in f.glob("samples/*") if ".expected" not in p.name)


def described(sample: Path) -> object:
    """Return what is read of a sample, in JSON's own types."""
    body = sample.read_bytes()
    name = sample.parent.parent.name
    if name in LISTS or "hashset" in sample.name:
        return LISTS.get(name, hash_set)(body)
    if name in REPORTS:
        return REPORTS[name](body)
    if b"<fileDetails>" in body:
        return told(read_file_details(body))
    return told(read_report(body, now=NOW))


def hash_set(body: bytes) -> object:
    """Return every entry of a hash set, whatever its category."""
    chosen = Selection(categories=frozenset("012345"))
    context = describe(io.BytesIO(body))
    return shown([*read_hash_set(io.BytesIO(body), context=context, selection=chosen)])


def exchanged(
    read: Callable[[io.BytesIO, BundleReading], Iterator[Indicator]], body: bytes
) -> object:
    reading = BundleReading()
    found = [*read(io.BytesIO(body), reading)]
    ignored = sorted([*said, count] for said, count in reading.ignored.items())
    return {"items": shown(found), "ignored": ignored, "markings": sorted(reading.markings)}


def shown(found: list[Indicator]) -> list[object]:
    return [[i.line, i.values, i.classification, i.scope, i.withdrawn] for i in found]


LISTS: dict[str, Callable[[bytes], object]] = {
    "stix": partial(exchanged, partial(read_bundle, now=NOW)),
    "misp": partial(exchanged, read_event),
    "hashsharing": lambda body: json.loads(msgspec.json.encode(read_page(body))),
    "taxii": lambda body: json.loads(msgspec.json.encode(read_envelope(body))),
    "csv_hashes": lambda body: shown([*read_csv(body.decode().splitlines(keepends=True))]),
}


def enveloped(found: tuple[Part, Report]) -> object:
    part, report = found
    return {"leaves": leaves(part), "report": json.loads(canonical_bytes(report))}


def paid(body: bytes) -> object:
    """Return the transfers of a message, or of an operator's file with its damaged rows."""
    kind = kind_of(body)
    found = read_iso(io.BytesIO(body), kind=kind) if kind else read_transfers(io.BytesIO(body))
    return [
        {"line": item.line, "refused": item.refusal.code}
        if isinstance(item, Damaged)
        else msgspec.to_builtins(item)
        for item in found
    ]


REPORTS: dict[str, Callable[[bytes], object]] = {
    "transfers": paid,
    "iso20022": paid,
    "report": lambda body: json.loads(canonical_bytes(read_own(body))),
    "vics": lambda body: told(read_case(body).document),
    "xarf": lambda body: told(read_xarf(body)),
    "ncmec_json": lambda body: told(read_export(body)),
    "dsa18": lambda body: enveloped(read_notification(body)),
    "com209": lambda body: enveloped(read_provider_report(body)),
}


def told(document: Document) -> object:
    return {
        "complaints": [[c.path, c.code, c.value] for c in document.complaints],
        "values": values(document.root),
    }


def values(node: Node) -> list[list[str]]:
    found = [[attribute.path, attribute.value] for attribute in node.attributes]
    if not node.children:
        found.append([node.path, node.text or ""])
    return found + [value for child in node.children for value in values(child)]


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_format_has_its_readme_and_samples(folder: Path) -> None:
    assert (folder / "README.md").exists()
    assert any(sample.parent.parent == folder for sample in SAMPLES)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_a_sample_is_read_as_expected(sample: Path) -> None:
    expected = sample.with_name(f"{sample.stem}.expected.json")
    assert json.loads(json.dumps(described(sample))) == json.loads(
        expected.read_text(encoding="utf-8")
    )
