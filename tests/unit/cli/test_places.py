"""Files that are there whole or not at all, and that lead nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from fanal.cli.output import make_folders, make_private, write_text, write_whole


def test_a_link_that_somebody_laid_is_replaced_and_not_followed(tmp_path: Path) -> None:
    elsewhere, target = tmp_path / "elsewhere", tmp_path / "package.jsonl"
    elsewhere.write_bytes(b"kept")
    target.symlink_to(elsewhere)
    (tmp_path / "package.jsonl.partial").symlink_to(elsewhere)
    write_whole(target, b"lines")
    assert elsewhere.read_bytes() == b"kept"
    assert (target.is_symlink(), target.read_bytes()) == (False, b"lines")
    assert target.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "package.jsonl"]


def test_what_a_crash_left_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "package.jsonl.partial").write_bytes(b"half of ")
    write_whole(tmp_path / "package.jsonl", b"lines")
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"lines"]


def test_a_text_is_read_by_its_writer_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "export.csv"
    for text in ("one", "two"):
        write_text(path, [text])
        assert (path.read_text(), path.stat().st_mode & 0o777) == (text, 0o600)
        path.chmod(0o644)
        (tmp_path / "new" / "export.csv.part").write_text("what a crash left")


def test_a_folder_that_was_open_to_others_is_closed(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    make_private(tmp_path)
    assert tmp_path.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("make", [make_private, make_folders])
def test_no_new_folder_on_the_way_is_open_to_others(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    tmp_path.chmod(0o755)
    make(tmp_path / "new" / "REF-1" / "files")
    made = [path for path in tmp_path.rglob("*") if path.is_dir()]
    assert [path.stat().st_mode & 0o777 for path in made] == [0o700] * 3
    assert tmp_path.stat().st_mode & 0o777 == 0o755
