"""The file `identity` of a vault: where it is read, and what it proves of the vault's past."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from fanal.vault.mark import NAME, VaultMark, new_mark, read_mark, restored_mark


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


def test_a_mark_proves_only_what_the_same_vault_bore() -> None:
    first, at = new_mark(), datetime(2026, 12, 3, tzinfo=UTC)
    adopted = restored_mark(backup="1" * 64, before=first, kept_until=at)
    again = restored_mark(backup="2" * 64, before=adopted, kept_until=at)
    digests = {mark.digest.hex() for mark in (first, adopted, again)}
    assert again.line == digests

    copied = restored_mark(backup="3" * 64, before=again, kept_until=None)
    assert copied.line == {copied.digest.hex()}, "a practice restore is another vault"
    assert copied.kept_until == at
    earlier = VaultMark(f"{copied.text}\nwas {first.digest.hex()}")
    assert earlier.line == {earlier.digest.hex()}, "earlier versions wrote that into copies too"
