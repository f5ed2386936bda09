"""What a backup takes, and what its list of files must be: refused in words, before anything is written."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.cli import backup
from fanal.cli.backup import MANIFEST, _take, copy_tree
from fanal.cli.failures import CommandRefused
from fanal.cli.restore import _read_manifest


@pytest.mark.parametrize(
    "content",
    ["", "[]", "null", '{"format": 2}', '{"format": 2, "files": []}', "[" * 100_000, "{"],
)
def test_a_manifest_that_is_none_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / MANIFEST).write_text(content)
    with pytest.raises(CommandRefused):
        _read_manifest(tmp_path)


def test_of_two_backups_that_begin_in_one_folder_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "new"
    part = _take(folder)
    with pytest.raises(CommandRefused):
        _take(folder)
    with monkeypatch.context() as moment:
        moment.setattr(Path, "iterdir", lambda _: iter(()))  # both looked before either wrote
        with pytest.raises(CommandRefused):
            _take(folder)
    with pytest.raises(CommandRefused):
        _read_manifest(folder)
    assert list(folder.iterdir()) == [part]


def test_a_file_that_an_erasure_removes_meanwhile_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "vault"
    source.mkdir()
    for name in ("a", "b", "c"):
        (source / name).write_text(name)
    listed = backup._files

    def erased_next(folder: Path) -> Iterator[Path]:
        paths = list(listed(folder))
        (source / "b").unlink()
        yield from paths

    monkeypatch.setattr(backup, "_files", erased_next)
    copy_tree(source, tmp_path / "copy", in_use=True)
    assert sorted(path.name for path in (tmp_path / "copy").iterdir()) == ["a", "c"]
    (source / "b").write_text("b")
    with pytest.raises(FileNotFoundError):
        copy_tree(source, tmp_path / "other")
