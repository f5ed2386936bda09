"""Tiles of the transparency log at sizes where levels begin, and folders that are wrong."""

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fanal.ledger.domain.checkpoint import NoteKey, sign
from fanal.ledger.domain.merkle import hash_leaf, root_of
from fanal.measures.transparency.tiles import (
    LogRefused,
    append,
    put_checkpoint,
    tile_path,
    verify_log,
)

KEY, NAME = Ed25519PrivateKey.generate(), "log.test/t"
KNOWN = (NoteKey(name=NAME, public=KEY.public_key()),)


def commitments(count: int, begin: int = 0) -> list[bytes]:
    """Return commitments, each the SHA-256 of its number."""
    return [hashlib.sha256(str(i).encode()).digest() for i in range(begin, begin + count)]


def extend(folder: Path, size: int, more: int) -> str:
    """Append `more` commitments and sign; return the note."""
    root = append(folder, size=size, commitments=commitments(more, size))
    assert root == root_of(map(hash_leaf, commitments(size + more)))
    note = sign(origin=NAME, size=size + more, root=root, name=NAME, key=KEY).note
    put_checkpoint(folder, note)
    return note


@pytest.mark.parametrize(
    "sizes", [(0,), (1, 2, 255, 256, 257, 512, 600), (700, 701), (65_530, 65_539)]
)
def test_a_log_grows_and_verifies_from_its_tiles(tmp_path: Path, sizes: tuple[int, ...]) -> None:
    notes, size = list[str](), 0
    for target in sizes:
        notes.append(extend(tmp_path, size, target - size))
        size = target
    signed, found = verify_log(tmp_path, keys=KNOWN, earlier=notes)
    assert (signed.size, found) == (size, commitments(size))


def test_tiles_that_no_checkpoint_counts_are_written_again(tmp_path: Path) -> None:
    """The process died after the tiles."""
    extend(tmp_path, 0, 300)
    append(tmp_path, size=300, commitments=commitments(400, 9000))
    assert verify_log(tmp_path, keys=KNOWN)[1] == commitments(300)
    extend(tmp_path, 300, 500)
    assert verify_log(tmp_path, keys=KNOWN)[1] == commitments(800)


def test_a_log_that_forgot_or_parted_is_refused(tmp_path: Path) -> None:
    longer = extend(tmp_path / "longer", 0, 9)
    parted = tmp_path / "parted"
    root = append(parted, size=0, commitments=commitments(12, 5))
    put_checkpoint(parted, sign(origin=NAME, size=12, root=root, name=NAME, key=KEY).note)
    with pytest.raises(LogRefused, match="not that of an earlier checkpoint of 9"):
        verify_log(parted, keys=KNOWN, earlier=[longer])
    extend(tmp_path / "short", 0, 8)
    with pytest.raises(LogRefused, match="cut"):
        verify_log(tmp_path / "short", keys=KNOWN, earlier=[longer])


@pytest.mark.parametrize("path", ["tile/0/000", "tile/1/000.p/2", "tile/entries/001", "checkpoint"])
def test_a_missing_or_changed_file_is_named(tmp_path: Path, path: str) -> None:
    extend(tmp_path, 0, 513)
    content = (tmp_path / path).read_bytes()
    (tmp_path / path).write_bytes(content[:-3] + bytes([content[-3] ^ 1]) + content[-2:])
    with pytest.raises(LogRefused, match=r"checkpoint|tile"):
        verify_log(tmp_path, keys=KNOWN)
    (tmp_path / path).unlink()
    with pytest.raises(LogRefused, match=path):
        verify_log(tmp_path, keys=KNOWN)


def test_paths_are_those_of_the_specification() -> None:
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path("entries", 5, 7) == "tile/entries/005.p/7"
