"""A package of each format that `fanal import` reads, synthetic, made as the tests run."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

import fanal.formats
from tests.formats.maximal import maximal
from tests.formats.zips import export, zipped


def _lines(folder: Path) -> None:
    reports = [{"reference": f"again-{n}", "kind": "OTHER"} for n in range(3)]
    (folder / "r.jsonl").write_text("".join(f"{json.dumps(r)}\n" for r in reports))


def _xml(folder: Path) -> None:
    whole, own = maximal(), folder / "again-xml"
    own.mkdir()
    (own / "report.xml").write_bytes(whole.report)
    for number, details in enumerate(whole.files, start=1):
        (own / f"file-{number}.xml").write_bytes(details)
    (folder / "alone.xml").write_bytes(whole.report)


def _json(folder: Path) -> None:
    (folder / "1.json").write_bytes(export(9001, {"filename": "stayed.bin"}))


def _sample(format_: str, name: str) -> Callable[[Path], None]:
    """Return who copies a sample of a format."""
    source = Path(fanal.formats.__path__[0]) / format_ / "samples" / name
    return lambda folder: (folder / name).write_bytes(source.read_bytes()) and None


def _zip(folder: Path) -> None:
    files = {"1.json": export(9002, {"filename": "a.bin"}), "a.bin": b"a" * 90_000, "n.txt": b"n"}
    (folder / "one.zip").write_bytes(zipped(files))
    two = {"x/2.json": export(9003), "y/3.json": export(9004), "y/b.bin": b"b"}
    (folder / "two.zip").write_bytes(zipped(two))


PACKAGES: Mapping[str, tuple[str, int, Callable[[Path], None]]] = {
    "lines": ("jsonl", 3, _lines),
    "xml": ("ncmec-xml", 2, _xml),
    "json": ("ncmec-json", 1, _json),
    "zip": ("ncmec-json", 3, _zip),
    "vics": ("vics", 1, _sample("vics", "case-2.0.json")),
    "xarf": ("xarf", 1, _sample("xarf", "csam.json")),
    "dsa": ("dsa-18", 1, _sample("dsa18", "notification.json")),
    "com": ("com-2022-209", 1, _sample("com209", "report.json")),
    "transfers": ("transfers", 2, _sample("transfers", "agency-en.csv")),
    "pacs": ("pacs008", 2, _sample("iso20022", "pacs008.xml")),
    "camt": ("camt053", 2, _sample("iso20022", "camt053.xml")),
}
"""Name of each kind of package: its format, how many reports it holds, and who writes it into a folder."""


def written(folder: Path) -> dict[str, tuple[str, int, Path]]:
    """Write every package into a folder of its own; return format, number of reports and folder."""
    found = {}
    for name, (format_, count, write) in PACKAGES.items():
        own = folder / name
        own.mkdir(parents=True)
        write(own)
        found[name] = (format_, count, own)
    return found
