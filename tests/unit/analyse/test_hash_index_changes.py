"""The index through any course of additions, removals, merges and reopenings: always what brute force finds."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from numpy.typing import NDArray

from fanal.analyse.material.domain.hash_index import (
    FULL,
    HashIndex,
    is_due,
    open_segment,
    pack_labels,
    write_segment,
)

Bytes = NDArray[np.uint8]
CHANCE = np.random.default_rng(17)
# Few seeds and few bits turned: collisions, near-duplicates and full buckets come by themselves.
SEEDS = CHANCE.integers(0, 256, (4, 32), dtype=np.uint8)
SEEDS[3] = 0


def near(seed: int, bits: tuple[int, ...]) -> Bytes:
    made = SEEDS[seed].copy()
    for bit in bits:
        made[bit >> 3] ^= np.uint8(1 << (bit & 7))
    return made


HASHES = st.builds(
    near, st.integers(0, 3), st.lists(st.integers(0, 255), max_size=34, unique=True).map(tuple)
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(HASHES, max_size=6)),
        st.tuples(st.just("remove"), st.lists(st.integers(0, 30), max_size=4)),
        st.tuples(st.just("merge"), st.none()),
    ),
    max_size=8,
)


def label(number: int) -> bytes:
    return number.to_bytes(16, "big")


def pairs(index: HashIndex, queries: Bytes, radius: int) -> list[tuple[int, int, int]]:
    hits = index.search(queries, radius=radius)
    numbers = [int.from_bytes(bytes(row), "big") for row in hits.labels]
    return sorted(zip(hits.queries.tolist(), numbers, hits.distances.tolist(), strict=True))


def merged(index: HashIndex, path: Path) -> HashIndex:
    hashes, labels = index.held()
    write_segment(path, hashes=hashes, labels=labels, upto=1)
    return HashIndex(open_segment(path))


@settings(max_examples=30)
@given(steps=STEPS, asked=st.lists(HASHES, min_size=1, max_size=5), radius=st.integers(0, 31))
def test_any_course_of_changes(
    steps: list[tuple[str, list[Bytes] | list[int] | None]], asked: list[Bytes], radius: int
) -> None:
    held: dict[int, Bytes] = {}
    index, given_out = HashIndex(), 0
    with tempfile.TemporaryDirectory() as folder:
        for act, what in steps:
            if act == "add":
                numbers = range(given_out, given_out + len(what))
                given_out += len(what)
                index.add(
                    np.array(what, np.uint8).reshape(-1, 32), pack_labels(map(label, numbers))
                )
                held |= dict(zip(numbers, what, strict=True))
            elif act == "remove":
                index.remove(map(label, what))
                gone = set(what) | {n for n in held if n in what}
                held = {n: value for n, value in held.items() if n not in gone}
                given_out = max(given_out, *(n + 1 for n in what), 0)  # no label is used twice
            else:
                index = merged(index, Path(folder, "hashes"))
        queries = np.array(asked, np.uint8)
        expected = sorted(
            (q, n, distance)
            for q, query in enumerate(queries)
            for n, value in held.items()
            if (distance := int(np.bitwise_count(query ^ value).sum())) <= radius
        )
        assert pairs(index, queries, radius) == expected
        assert pairs(merged(index, Path(folder, "hashes")), queries, radius) == expected


def test_searches_beside_additions_and_merges(tmp_path: Path) -> None:
    """Many threads see at least what was there before, and at the end exactly what is there."""
    hashes = CHANCE.integers(0, 256, (6000, 32), dtype=np.uint8)
    queries = hashes[:40]
    holder = [HashIndex()]
    holder[0].add(hashes[:3000], pack_labels(map(label, range(3000))))
    before = pairs(holder[0], queries, 31)
    with ThreadPoolExecutor(8) as pool:
        searches = [pool.submit(lambda: pairs(holder[0], queries, 31)) for _ in range(60)]
        for start in range(3000, 6000, 500):
            numbers = range(start, start + 500)
            holder[0].add(hashes[start : start + 500], pack_labels(map(label, numbers)))
            holder[0].remove([label(start)])
            holder[0] = merged(holder[0], tmp_path / "hashes")
        assert all(set(before) <= set(search.result()) for search in searches)
    ends = pairs(holder[0], hashes, 0)
    gone = set(range(3000, 6000, 500))
    assert ends == [(n, n, 0) for n in range(6000) if n not in gone]


def test_a_merge_that_is_killed_loses_nothing_and_its_draft_goes(tmp_path: Path) -> None:
    path = tmp_path / "hashes"
    hashes = CHANCE.integers(0, 256, (60_000, 32), dtype=np.uint8)
    write_segment(path, hashes=hashes, labels=pack_labels(map(label, range(60_000))), upto=1)
    code = (
        "import pathlib, sys\n"
        "from fanal.analyse.material.domain.hash_index import HashIndex, open_segment, write_segment\n"
        "path = pathlib.Path(sys.argv[1])\n"
        "print('begun', flush=True)\n"
        "while True:\n"
        "    hashes, labels = HashIndex(open_segment(path)).held()\n"
        "    write_segment(path, hashes=hashes, labels=labels, upto=1)\n"
    )
    left = 0
    for wait in (0.05, 0.3, 0.6):
        writer = subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE)
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"begun\n"
        time.sleep(wait)
        os.kill(writer.pid, signal.SIGKILL)
        writer.wait()
        writer.stdout.close()
        left += len(list(tmp_path.glob(".hashes.*")))
        index = HashIndex(open_segment(path))
        assert len(index) == 60_000
        assert pairs(index, hashes[::600], 0) == [(n, 600 * n, 0) for n in range(100)]
    merged(index, path)
    assert [found.name for found in tmp_path.iterdir()] == ["hashes"], f"{left} drafts were left"


@pytest.mark.parametrize(
    ("changes", "count", "due"),
    [
        (FULL, 0, False),
        (FULL + 1, 0, True),
        (FULL + 1, 10_000_000, False),
        (10_001, 10_000_000, True),
    ],
)
def test_a_large_segment_is_not_written_for_little(changes: int, count: int, due: bool) -> None:
    assert is_due(changes, count) is due
