"""The index against brute force: every distance, uniform and real hashes, none, one and two, many threads."""

import errno
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pdqhash
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fanal.analyse.material.domain.hash_index import (
    HashIndex,
    SegmentDamaged,
    open_segment,
    pack_hashes,
    pack_labels,
    write_segment,
)

Bytes = NDArray[np.uint8]


def uniform(count: int, *, seed: int) -> Bytes:
    return np.random.default_rng(seed).integers(0, 256, (count, 32), dtype=np.uint8)


def labels(count: int, *, first: int = 0) -> Bytes:
    return pack_labels((first + n).to_bytes(16, "big") for n in range(count))


def at_distance(hashes: Bytes, distance: int, *, seed: int) -> Bytes:
    """Return each hash with exactly `distance` of its bits turned."""
    chance = np.random.default_rng(seed)
    turned = hashes.copy()
    for row in turned:
        for bit in chance.choice(256, distance, replace=False):
            row[bit >> 3] ^= np.uint8(1 << (bit & 7))
    return turned


def brute(queries: Bytes, hashes: Bytes, radius: int) -> set[tuple[int, int, int]]:
    apart = np.bitwise_count(queries[:, None, :] ^ hashes[None, :, :]).sum(2, dtype=np.int64)
    return {(q, i, apart[q, i].item()) for q, i in np.argwhere(apart <= radius).tolist()}


def found(index: HashIndex, queries: Bytes, radius: int) -> set[tuple[int, int, int]]:
    hits = index.search(queries, radius=radius)
    rows = [
        (q, int.from_bytes(bytes(label), "big"), d)
        for q, label, d in zip(
            hits.queries.tolist(), hits.labels, hits.distances.tolist(), strict=True
        )
    ]
    assert len(rows) == len(set(rows)), "a pair came twice"
    assert rows == sorted(rows, key=lambda row: (row[0], row[2]))
    return set(rows)


@pytest.fixture
def indexed(tmp_path: Path) -> Callable[[Bytes], HashIndex]:
    def build(hashes: Bytes) -> HashIndex:
        path = tmp_path / "hashes"
        write_segment(path, hashes=hashes, labels=labels(len(hashes)), upto=7)
        segment = open_segment(path)
        assert (len(segment), segment.header.upto) == (len(hashes), 7)
        return HashIndex(segment)

    return build


@pytest.fixture(scope="session")
def pictures() -> Bytes:
    """Real PDQ hashes of generated pictures, most of them many times over with a few bits turned."""
    chance = np.random.default_rng(5)
    made = []
    for _ in range(150):
        picture = Image.new("RGB", (64, 64), tuple(chance.integers(0, 256, 3).tolist()))
        pen = ImageDraw.Draw(picture)
        for _ in range(int(chance.integers(3, 12))):
            (x0, x1), (y0, y1) = np.sort(chance.integers(0, 64, (2, 2))).tolist()
            shape = pen.ellipse if chance.random() < 0.5 else pen.rectangle
            shape((x0, y0, x1 + 1, y1 + 1), fill=tuple(chance.integers(0, 256, 3).tolist()))
        bits, _ = pdqhash.compute(np.asarray(picture))
        made.append(np.packbits(bits.astype(np.uint8)))
    originals = np.array(made)
    crowd = originals[np.minimum(chance.geometric(0.03, 3000) - 1, 149)]
    near = np.concatenate([at_distance(crowd[n::12], n, seed=n) for n in range(12)])
    return np.concatenate([originals, near])


@pytest.mark.parametrize("distance", range(33))
@pytest.mark.long
def test_every_distance_is_found_and_none_past_the_radius(
    indexed: Callable[[Bytes], HashIndex], distance: int
) -> None:
    hashes = uniform(400, seed=1)
    index = indexed(hashes)
    queries = at_distance(hashes, distance, seed=distance)
    for radius in {31, distance, max(distance - 1, 0)} - {32}:
        expected = {(n, n, distance) for n in range(400)} if distance <= radius else set()
        assert found(index, queries, radius) == expected


@pytest.mark.parametrize("radius", [0, 1, 7, 15, 16, 24, 31])
def test_the_same_as_brute_force_on_real_hashes(
    indexed: Callable[[Bytes], HashIndex], pictures: Bytes, radius: int
) -> None:
    index = indexed(pictures)
    queries = np.concatenate(
        [pictures[:40], at_distance(pictures[:40], 9, seed=2), uniform(20, seed=3)]
    )
    assert found(index, queries, radius) == brute(queries, pictures, radius)


def test_one_value_thousands_of_times(indexed: Callable[[Bytes], HashIndex]) -> None:
    hashes = np.zeros((9000, 32), np.uint8)
    assert found(indexed(hashes), hashes[:1], 31) == {(0, n, 0) for n in range(9000)}


@pytest.mark.parametrize("waiting", [False, True])
def test_each_query_has_all_its_hits_wherever_the_room_for_them_ends(
    indexed: Callable[[Bytes], HashIndex], waiting: bool
) -> None:
    """Crowds of 4095, 4096, 4097 and 9000 in turns: in the segment, or beside it."""
    crowds, first, sizes = [], [], [4095, 4096, 4097, 1, 9000]
    for number, size in enumerate(sizes):
        first.append(sum(map(len, crowds)))
        crowds.append(np.repeat(uniform(1, seed=20 + number), size, axis=0))
    hashes = np.concatenate(crowds)
    index = HashIndex() if waiting else indexed(hashes)
    if waiting:
        index.add(hashes, labels(len(hashes)))
    for asked in ([1, 0, 2, 4, 3, 0, 4], [3, 2, 1], [0, 3], [4, 4]):
        queries = np.concatenate([crowds[number][:1] for number in asked])
        expected = {
            (q, first[number] + n, 0)
            for q, number in enumerate(asked)
            for n in range(sizes[number])
        }
        assert found(index, queries, 31) == expected


@pytest.mark.parametrize("count", [0, 1, 2])
def test_few_or_none(indexed: Callable[[Bytes], HashIndex], count: int) -> None:
    hashes = uniform(3, seed=4)
    index = indexed(hashes[:count])
    assert found(index, hashes, 31) == {(n, n, 0) for n in range(count)}
    assert found(index, hashes[:0], 31) == set()
    assert found(HashIndex(), hashes, 31) == set()


def test_additions_and_removals_count_at_once(
    indexed: Callable[[Bytes], HashIndex], pictures: Bytes
) -> None:
    early, late = pictures[:2000], pictures[2000:]
    index = indexed(early)
    index.add(late, labels(len(late), first=2000))
    index.remove(n.to_bytes(16, "big") for n in (3, 17, 2005, 3000))
    queries = pictures[::50]
    expected = {row for row in brute(queries, pictures, 31) if row[1] not in {3, 17, 2005, 3000}}
    assert found(index, queries, 31) == expected
    assert index.waiting == len(late) - 2 + 4


def test_many_threads_while_one_changes(
    indexed: Callable[[Bytes], HashIndex], pictures: Bytes
) -> None:
    index = indexed(pictures)
    queries = pictures[:60]
    expected = brute(queries, pictures, 31)
    with ThreadPoolExecutor(8) as pool:
        searches = [pool.submit(found, index, queries, 31) for _ in range(40)]
        for n in range(20):
            index.add(uniform(5, seed=100 + n), labels(5, first=10_000 + 5 * n))
        assert all(expected <= search.result() for search in searches)


@pytest.mark.parametrize(
    "damage", [b"", b"nothing of the kind", b"fanal-hashes-1\n\0" + bytes(5000)]
)
def test_what_is_no_segment_is_refused(tmp_path: Path, damage: bytes) -> None:
    path = tmp_path / "hashes"
    path.write_bytes(damage)
    with pytest.raises(SegmentDamaged):
        open_segment(path)


def test_a_segment_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    write_segment(path, hashes=uniform(10, seed=6), labels=labels(10), upto=1)
    os.truncate(path, path.stat().st_size - 1)
    with pytest.raises(SegmentDamaged):
        open_segment(path)


def test_a_file_that_is_replaced_while_it_is_opened_is_one_or_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, other = tmp_path / "hashes", tmp_path / "other"
    hashes, more = uniform(50, seed=11), uniform(90, seed=12)
    write_segment(path, hashes=hashes, labels=labels(50), upto=1)
    write_segment(other, hashes=more, labels=labels(90), upto=2)
    look = os.fstat

    def replacing(file: int) -> os.stat_result:
        seen = look(file)
        if other.exists():
            other.replace(path)
        return seen

    monkeypatch.setattr(os, "fstat", replacing)
    segment = open_segment(path)
    assert segment.file_number != path.stat().st_ino
    assert (len(segment), segment.header.upto, segment.is_whole()) == (50, 1, True)
    assert (segment.hashes == hashes).all()


@pytest.mark.parametrize("place", [0.0, 0.2, 0.38, 0.42, 0.6, 0.9, 1.0])
@pytest.mark.parametrize("byte", [b"\0", b"\xff"])
def test_a_damaged_file_is_known_and_ends_no_process(
    tmp_path: Path, place: float, byte: bytes
) -> None:
    path = tmp_path / "hashes"
    hashes = uniform(20_000, seed=13)
    write_segment(path, hashes=hashes, labels=labels(20_000), upto=1)
    assert open_segment(path).is_whole()
    with path.open("r+b") as file:
        file.seek(4096 + int(place * (path.stat().st_size - 4096 - 2000)))
        file.write(byte * 2000)
    try:
        segment = open_segment(path)
    except SegmentDamaged:
        return
    assert not segment.is_whole()
    assert len(HashIndex(segment).search(hashes, radius=31).queries) <= 20_000 + 2000


def test_a_full_disk_is_told_before_a_byte_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Room is taken first: where the disk is full, writing through a map is a signal and no error."""
    path = tmp_path / "hashes"
    hashes = uniform(50, seed=14)
    write_segment(path, hashes=hashes, labels=labels(50), upto=1)

    def full(_file: int, _start: int, length: int) -> None:
        assert length > 90 * 48
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        write_segment(path, hashes=uniform(90, seed=15), labels=labels(90), upto=2)
    assert [found.name for found in tmp_path.iterdir()] == ["hashes"]
    assert found(HashIndex(open_segment(path)), hashes, 0) == {(n, n, 0) for n in range(50)}


def test_a_writer_that_is_killed_leaves_the_earlier_segment(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    hashes = uniform(50, seed=8)
    write_segment(path, hashes=hashes, labels=labels(50), upto=1)
    code = (
        "import numpy as np, pathlib, sys\n"
        "from fanal.analyse.material.domain.hash_index import write_segment\n"
        "many = np.zeros((300_000, 32), np.uint8)\n"
        "print('begun', flush=True)\n"
        "while True:\n"
        "    write_segment(pathlib.Path(sys.argv[1]), hashes=many, labels=many[:, :16], upto=2)\n"
    )
    writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    assert writer.stdout.readline() == b"begun\n"
    time.sleep(0.05)
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    writer.stdout.close()
    segment = open_segment(path)
    whole = {1: {(0, 0, 0)}, 2: set()}[segment.header.upto]
    assert found(HashIndex(segment), hashes[:1], 0) == whole


def test_shapes_and_radius_are_checked(tmp_path: Path) -> None:
    index = HashIndex()
    with pytest.raises(ValueError, match="radius"):
        index.search(uniform(1, seed=1), radius=32)
    with pytest.raises(ValueError, match="queries"):
        index.search(np.zeros((1, 31), np.uint8))
    with pytest.raises(ValueError, match="labels"):
        index.add(uniform(2, seed=1), labels(1))
    with pytest.raises(ValueError, match="labels"):
        write_segment(tmp_path / "x", hashes=uniform(2, seed=1), labels=labels(1), upto=0)
    with pytest.raises(ValueError, match="digits"):
        pack_hashes(["0" * 63])
    assert pack_hashes(["0f" * 32, "00" * 32]).tolist() == [[15] * 32, [0] * 32]
