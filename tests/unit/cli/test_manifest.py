"""A backup's list of files that is none is refused in words, before anything is written."""

from pathlib import Path

import pytest

from fanal.cli.backup import MANIFEST, _take
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
