"""A failure of a file system is said with the file that is at fault."""

import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fanal.cli.failures import told

ROOM = 50_000


@pytest.fixture
def no_room() -> Iterator[None]:
    """Let files of this process grow to `ROOM` bytes, as on a disk that is full then."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_copy_without_room_names_the_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    """Python's error names the source first: a restore said that the backup cannot be used."""
    source, copy = tmp_path / "source", tmp_path / "copy"
    source.write_bytes(bytes(2 * ROOM))
    request.getfixturevalue("no_room")
    with pytest.raises(OSError, match="File too large") as raised:
        shutil.copyfile(source, copy)
    assert told(raised.value) == 1
    said = capsys.readouterr().err
    assert (str(source) in said, str(copy) in said) == (False, True), said
