"""The transparency log as a folder of C2SP tlog-tiles: writing and verification. Needs no database.

    checkpoint                     signed note: origin, size, root (C2SP tlog-checkpoint)
    tile/entries/000[.p/W]         commitments of 32 bytes, each after its length in two bytes
    tile/L/000[.p/W]               hashes of 32 bytes: level 0 of the leaves, level L of 256 nodes of L - 1

A tile has 256 elements, a partial one W. Number 1234067 is written `x001/x234/067`.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from shutil import rmtree

from fanal.ledger.domain.checkpoint import Checkpoint, CheckpointRefused, NoteKey, open_note
from fanal.ledger.domain.merkle import (
    HASH_SIZE,
    WIDTH,
    CompactRange,
    hash_leaf,
    root_of,
    span_root,
)

CHECKPOINT = "checkpoint"
ENTRIES = "entries"
_LENGTH = HASH_SIZE.to_bytes(2, "big")
_STEP = len(_LENGTH) + HASH_SIZE


class LogRefused(Exception):
    """Error: the folder of a transparency log is not what its checkpoint states; the message says where."""


def tile_path(level: int | str, number: int, width: int = WIDTH) -> str:
    """Return the path of tile `number` (from 0) of a level, or of `entries`; it has `width` elements."""
    text = f"{number % 1000:03}"
    while number := number // 1000:
        text = f"x{number % 1000:03}/{text}"
    return f"tile/{level}/{text}" + (f".p/{width}" if width < WIDTH else "")


class Tiles:
    """The tiles of a folder whose log has `size` leaves."""

    def __init__(self, folder: Path, size: int) -> None:
        """Read nothing yet."""
        self._folder, self.size = folder, size

    def nodes(self, level: int, begin: int, end: int) -> list[bytes]:
        """Return the hashes of nodes [`begin`, `end`) of a level, all in one tile.

        Raises:
            LogRefused: the tile is missing or has another size.
        """
        tile = begin // WIDTH
        count = min(WIDTH, (self.size >> 8 * level) - tile * WIDTH)
        content = self._read(level, tile, count, HASH_SIZE)
        found = [content[i : i + HASH_SIZE] for i in range(0, len(content), HASH_SIZE)]
        return found[begin % WIDTH : begin % WIDTH + end - begin]

    def span(self, begin: int, end: int) -> bytes:
        """Return the root over leaves [`begin`, `end`), as proofs need it (`merkle.Span`).

        Raises:
            LogRefused: a tile is missing or has another size.
        """
        return span_root(begin, end, nodes=self.nodes)

    def entries(self, tile: int) -> list[bytes]:
        """Return the commitments (32 bytes) of a tile of entries.

        Raises:
            LogRefused: the tile is missing or malformed.
        """
        content = self._read(ENTRIES, tile, min(WIDTH, self.size - tile * WIDTH), _STEP)
        parts = [content[i : i + _STEP] for i in range(0, len(content), _STEP)]
        if any(part[:2] != _LENGTH for part in parts):
            raise LogRefused(f"{tile_path(ENTRIES, tile)}: an entry has not {HASH_SIZE} bytes")
        return [part[2:] for part in parts]

    def _read(self, level: int | str, tile: int, count: int, size: int) -> bytes:
        """Return `count` elements of a tile; a partial tile may have been replaced by the full one."""
        for path in (tile_path(level, tile, count), tile_path(level, tile)):
            with suppress(FileNotFoundError):
                content = (self._folder / path).read_bytes()
                if len(content) < count * size:
                    raise LogRefused(f"{path}: {len(content)} bytes where {count * size} are due")
                return content[: count * size]
        raise LogRefused(f"{tile_path(level, tile, count)}: not there")


def read_checkpoint(folder: Path, *, keys: Iterable[NoteKey]) -> Checkpoint | None:
    """Return the folder's checkpoint, signed by one of `keys`; None without one.

    Raises:
        LogRefused: it is malformed, or not signed by them.
    """
    try:
        return open_note((folder / CHECKPOINT).read_text(encoding="utf-8"), keys=keys)
    except FileNotFoundError:
        return None
    except (CheckpointRefused, UnicodeDecodeError) as error:
        raise LogRefused(f"{CHECKPOINT}: {error}") from None


def append(folder: Path, *, size: int, commitments: Sequence[bytes]) -> bytes:
    """Write the tiles of further commitments after the first `size`, and return the root of all.

    The checkpoint is not changed: a process that dies leaves tiles that no checkpoint counts, and they are
    written again.

    Raises:
        LogRefused: the last tiles of the folder are missing or malformed.
        OSError: a tile cannot be written.
    """
    before, after = Tiles(folder, size), size + len(commitments)
    first = size - size % WIDTH
    known = before.entries(first // WIDTH) if size > first else []
    every = [*known, *commitments]
    _write(folder, ENTRIES, first, every, lambda part: b"".join(_LENGTH + one for one in part))
    made = Tiles(folder, after)
    level, nodes = 0, [hash_leaf(one) for one in every]
    while nodes:
        _write(folder, level, first, nodes, b"".join)
        level, begin, end = level + 1, size >> 8 * (level + 1), after >> 8 * (level + 1)
        first = begin - begin % WIDTH
        nodes = [
            root_of(made.nodes(level - 1, i * WIDTH, (i + 1) * WIDTH)) for i in range(first, end)
        ]
    return _root(made)


def put_checkpoint(folder: Path, note: str) -> None:
    """Replace the folder's checkpoint in one step.

    Raises:
        OSError: it cannot be written.
    """
    _put(folder / CHECKPOINT, note.encode())


def verify_log(
    folder: Path, *, keys: Iterable[NoteKey], earlier: Iterable[str] = ()
) -> tuple[Checkpoint, list[bytes]]:
    """Verify the log in a folder from its tiles alone; return its checkpoint and commitments.

    Every tile must follow from the entries, and the root be that of the checkpoint. `earlier` are notes kept
    elsewhere: each must be a checkpoint of the same log, whose tree these entries begin with.

    Raises:
        LogRefused: the message names the file or checkpoint that is wrong.
    """
    trusted = tuple(keys)
    signed = read_checkpoint(folder, keys=trusted)
    if signed is None:
        raise LogRefused(f"{CHECKPOINT}: not there")
    points = _points(earlier, trusted, signed)
    tiles, tree, found = Tiles(folder, signed.size), CompactRange(), list[bytes]()
    for tile in range(-(-signed.size // WIDTH)):
        for one in tiles.entries(tile):
            found.append(one)
            tree.append(hash_leaf(one))
            if any(root != tree.root() for root in points.get(tree.size, ())):
                raise LogRefused(f"the log is not that of an earlier checkpoint of {tree.size}")
    if tree.root() != signed.root:
        raise LogRefused(f"{CHECKPOINT}: the entries have another root")
    _check_tiles(tiles, [hash_leaf(one) for one in found])
    return signed, found


def _check_tiles(tiles: Tiles, nodes: list[bytes]) -> None:
    """Check that the tiles of every level hold the hashes of the leaves, `nodes`, and those above them."""
    level = 0
    while nodes:
        for begin in range(0, len(nodes), WIDTH):
            part = nodes[begin : begin + WIDTH]
            if tiles.nodes(level, begin, begin + len(part)) != part:
                raise LogRefused(f"{tile_path(level, begin // WIDTH, len(part))}: other hashes")
        whole = range(0, len(nodes) - WIDTH + 1, WIDTH)
        level, nodes = level + 1, [root_of(nodes[i : i + WIDTH]) for i in whole]


def _points(
    earlier: Iterable[str], keys: tuple[NoteKey, ...], signed: Checkpoint
) -> dict[int, set[bytes]]:
    """Return the roots of earlier checkpoints by size."""
    points: dict[int, set[bytes]] = {}
    for note in earlier:
        try:
            point = open_note(note, keys=keys)
        except CheckpointRefused as error:
            raise LogRefused(f"an earlier checkpoint: {error}") from None
        if point.origin != signed.origin:
            raise LogRefused(f"an earlier checkpoint is of another log, {point.origin}")
        if point.size > signed.size:
            raise LogRefused(f"the log was cut: a checkpoint of {point.size} is known")
        if point.size:
            points.setdefault(point.size, set()).add(point.root)
    return points


def _root(tiles: Tiles) -> bytes:
    """Return the root of all leaves, from the perfect subtrees of which the tree is made."""
    parts, begin = list[bytes](), 0
    for bit in range(tiles.size.bit_length() - 1, -1, -1):
        if tiles.size >> bit & 1:
            parts.append(tiles.span(begin, begin + (1 << bit)))
            begin += 1 << bit
    return CompactRange(tiles.size, parts).root()


def _write(
    folder: Path,
    level: int | str,
    first: int,
    elements: Sequence[bytes],
    joined: Callable[[Sequence[bytes]], bytes],
) -> None:
    """Write the tiles of the elements from number `first`, the first of a tile."""
    for begin in range(0, len(elements), WIDTH):
        part = elements[begin : begin + WIDTH]
        tile = (first + begin) // WIDTH
        _put(folder / tile_path(level, tile, len(part)), joined(part))
        if len(part) == WIDTH:
            rmtree(folder / f"{tile_path(level, tile)}.p", ignore_errors=True)


def _put(path: Path, content: bytes) -> None:
    """Write a file that others read, whole and durably, in place of an earlier one."""
    path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    with open(partial, "wb", opener=_public) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _public(path: str, flags: int) -> int:
    """Open a file with mode 0644 if it is new: the log is public."""
    return os.open(path, flags, 0o644)
