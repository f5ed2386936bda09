"""The file `identity` of a vault is read only where it is a regular file."""

import os
from pathlib import Path

import pytest

from fanal.vault.mark import NAME, new_mark, read_mark


@pytest.mark.parametrize("kind", ["pipe", "link", "folder"])
def test_what_is_no_regular_file_is_no_mark(tmp_path: Path, kind: str) -> None:
    mark = new_mark()
    (tmp_path / "other").write_text(mark.text)
    if kind == "pipe":
        os.mkfifo(tmp_path / NAME)
    elif kind == "link":
        (tmp_path / NAME).symlink_to(tmp_path / "other")
    else:
        (tmp_path / NAME).mkdir()
    with pytest.raises(OSError, match=NAME):
        read_mark(tmp_path)
