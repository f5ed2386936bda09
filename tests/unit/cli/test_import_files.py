"""Packages of law-enforcement reports that somebody unpacked: each listed file goes with its report."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.cli import import_files
from fanal.cli.import_files import FoundReport, Unreadable
from fanal.cli.sources import lying_beside, passed_over, read_sources
from tests.formats.zips import export, zipped

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ONE = {
    "7.json": export(7, {"filename": "a.bin"}, {"originalFilename": "C:\\\\up\\b.bin"}, {"filename": "gone.bin"}),
    "a.bin": b"a" * 600_000,
    "files/deeper/b.bin": b"b",
    "notes.txt": b"n",
}  # fmt: skip


def laid(folder: Path, files: dict[str, bytes]) -> Path:
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def read(*paths: Path) -> tuple[dict[str, dict[str, bytes] | None], list[str]]:
    """Return the files of each report by its reference, None where it is unreadable, and what is passed over."""
    beside = lying_beside("ncmec-json")
    found: dict[str, dict[str, bytes] | None] = {}
    for item in read_sources("ncmec-json", paths, beside=beside, now=NOW):
        if isinstance(item, Unreadable):
            found[Path(item.place).name] = None
        else:
            found[item.reference] = {f.name: b"".join(f.chunks()) for f in item.files}
    return found, [p.name for p in passed_over("ncmec-json", paths, beside=beside)]


def test_the_files_that_a_report_lists_come_with_it(tmp_path: Path) -> None:
    taken = {"a.bin": ONE["a.bin"], "files/deeper/b.bin": b"b"}
    assert read(laid(tmp_path, ONE)) == ({"7": taken}, ["notes.txt"])
    assert read(tmp_path, tmp_path)[0] == {"7": {}}  # they are given once in a walk
    assert read(tmp_path / "7.json") == ({"7": {}}, [])


def test_a_document_named_alone_says_how_many_of_its_files_lie_beside_it(tmp_path: Path) -> None:
    odd = [{"filename": name} for name in ("..", "x" * 300, "folder", "b.bin")]
    laid(tmp_path, {**ONE, "8.json": export(8, *odd), "folder/b.bin": b"b"})
    told = {
        found.reference: found.untaken
        for name in ("7.json", "8.json")
        for found in read_sources("ncmec-json", [tmp_path / name], now=NOW)
    }
    assert told == {"7": 1, "8": 0}
    assert {f.untaken for f in read_sources("ncmec-json", [tmp_path], now=NOW)} == {0}


def test_packed_and_unpacked_they_are_the_same(tmp_path: Path) -> None:
    listed = {name: body for name, body in ONE.items() if name != "notes.txt"}
    laid(tmp_path / "folder", listed)
    (tmp_path / "p.zip").write_bytes(zipped(listed))
    pair = [
        next(read_sources("ncmec-json", [path], now=NOW))
        for path in (tmp_path / "folder", tmp_path / "p.zip")
    ]
    one, other = (found for found in pair if isinstance(found, FoundReport))
    assert one.enclosed == other.enclosed != b""
    assert (one.body, one.reference) == (other.body, other.reference)


def test_each_report_has_its_own(tmp_path: Path) -> None:
    """Two in a folder, one below between them, all of which list one name; a broken one."""
    same = {"filename": "same.bin"}
    laid(
        tmp_path,
        {
            "1.json": export(1, same, {"filename": "first.bin"}),
            "below/2.json": export(2, same),
            "below/same.bin": b"two",
            "broken.json": b"{",
            "c.json": export(3, same, {"filename": "last.bin"}),
            "first.bin": b"first",
            "last.bin": b"last",
            "same.bin": b"one",
        },
    )
    assert read(tmp_path) == (
        {
            "1": {"first.bin": b"first", "same.bin": b"one"},
            "2": {"same.bin": b"two"},
            "3": {"last.bin": b"last"},
            "broken.json": None,
        },
        [],
    )


def test_nothing_from_elsewhere_is_taken(tmp_path: Path) -> None:
    (tmp_path / "secret.bin").write_bytes(b"secret")
    names = (
        "../secret.bin",
        "..",
        "link.bin",
        "/etc/passwd",
        "1.json",
        "there/secret.bin",
        "",
    )
    folder = laid(tmp_path / "in", {"1.json": export(1, *({"filename": n} for n in names))})
    (folder / "link.bin").symlink_to(tmp_path / "secret.bin")
    (folder / "there").symlink_to(tmp_path)
    assert read(folder) == ({"1": {}}, ["link.bin"])


def test_what_no_package_may_hold_refuses_the_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    laid(tmp_path, {"1.json": export(1, {"filename": "a.bin"}), "odd\nname/a.bin": b"a"})
    assert read(tmp_path)[0] == {"1.json": None}
    (tmp_path / "odd\nname").rename(tmp_path / "even")
    assert read(tmp_path)[0] == {"1": {"even/a.bin": b"a"}}
    monkeypatch.setattr(import_files, "MAX_MEMBER", 0)
    assert read(tmp_path)[0] == {"1.json": None}
