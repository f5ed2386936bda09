"""What `fanal import` and `fanal export` make of paths and names that others chose."""

from datetime import UTC, datetime
from pathlib import Path

from fanal.cli.import_files import FoundReport, Unreadable, find_files, find_sources
from fanal.cli.output import place_of
from fanal.cli.sources import passed_over, read_sources
from fanal.formats.ncmec.synthesis import synthetic_reports

NOW = datetime(2026, 11, 24, tzinfo=UTC)
[(REPORT, _)] = synthetic_reports(seed=7, count=1)


def test_a_file_that_cannot_be_opened_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"reference":"a","kind":"OTHER"}\n{broken\n')
    (tmp_path / "z.jsonl").write_text('{"reference":"z","kind":"OTHER"}\n')
    paths = [tmp_path / "a.jsonl", tmp_path / "gone.jsonl", tmp_path / "z.jsonl"]
    items = list(read_sources("jsonl", paths, now=NOW))
    assert [i.reference for i in items if isinstance(i, FoundReport)] == ["a", "z"]
    places = [i.place for i in items if isinstance(i, Unreadable)]
    assert places == [f"{tmp_path / 'a.jsonl'}:2", f"{tmp_path / 'gone.jsonl'}"]


def test_an_oversized_document_beside_a_report_refuses_that_report_only(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.xml").write_bytes(REPORT)
    with (tmp_path / "a" / "file-1.xml").open("wb") as stream:
        stream.truncate(60_000_000)
    items = list(read_sources("ncmec-xml", [tmp_path], now=NOW))
    assert [type(item) for item in items] == [Unreadable, FoundReport]


def _written(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(REPORT)
    return path


def test_folders_of_one_name_are_told_apart_by_the_way_to_them(tmp_path: Path) -> None:
    for way in ("2025/0001", "2026/0001", "2026/0002"):
        _written(tmp_path / way / "report.xml")
    items = list(read_sources("ncmec-xml", [tmp_path], now=NOW))
    assert [i.reference for i in items if isinstance(i, FoundReport)] == [
        "2025/0001",
        "2026/0001",
        "0002",
    ]


def test_no_file_is_passed_over_in_silence(tmp_path: Path) -> None:
    _written(tmp_path / "file-17.xml")  # no report.xml beside it: a report of its own
    _written(tmp_path / "UPPER.XML")
    _written(tmp_path / "set" / "report.xml")
    (tmp_path / "set" / "file-1.xml").write_bytes(b"<fileDetails/>")
    (tmp_path / "notes.txt").write_text("not a report")
    items = list(read_sources("ncmec-xml", [tmp_path], now=NOW))
    found = [i for i in items if isinstance(i, FoundReport)]
    assert {i.reference for i in found} == {"file-17", "UPPER", "set"}
    assert [len(i.details) for i in found if i.reference == "set"] == [1]
    assert list(passed_over("ncmec-xml", [tmp_path])) == [tmp_path / "notes.txt"]


def test_files_come_in_the_order_of_their_whole_way(tmp_path: Path) -> None:
    for way in ("b.xml", "a/z.xml", "a.xml", "a/b/c.xml", "a-1/d.xml", "c/report.xml", "C/e.xml"):
        _written(tmp_path / way)
    (tmp_path / "c" / "file-1.xml").write_bytes(b"<fileDetails/>")
    (tmp_path / "round").symlink_to(tmp_path)
    (tmp_path / "other.xml").symlink_to(tmp_path / "b.xml")
    found = [source.path for source in find_sources([tmp_path], (".xml",))]
    ours = (p for p in tmp_path.rglob("*.xml") if p.is_file() and p.name != "file-1.xml")
    assert found == sorted(ours)
    assert found == list(find_files([tmp_path], (".xml",)))


def test_a_folder_that_holds_nothing_yields_nothing(tmp_path: Path) -> None:
    assert list(find_sources([tmp_path], (".xml",))) == []


def test_a_reference_names_a_folder_inside_and_no_others() -> None:
    taken: dict[str, str] = {}
    assert place_of("cube-1", taken) == "cube-1"
    assert place_of("..", taken) == "_.."
    assert place_of("a/b", taken) != place_of("a_b", taken)
    assert "/" not in place_of("../../etc", taken)


def test_a_file_that_the_disk_does_not_give_is_told_in_the_users_language(tmp_path: Path) -> None:
    for name in ("a.xml", "b.jsonl"):
        (tmp_path / name).symlink_to(
            "/proc/self/mem"
        )  # reading its first octet is an error of the disk
    found = [*read_sources("ncmec-xml", [tmp_path / "a.xml"], now=NOW),
             *read_sources("jsonl", [tmp_path / "b.jsonl"], now=NOW)]  # fmt: skip
    reasons = [item.reason for item in found if isinstance(item, Unreadable)]
    assert reasons == ["erreur de lecture ou d’écriture du disque"] * 2
