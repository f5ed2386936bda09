"""Correctness checks of the hash index apart from speed: few hashes, threads, a killed writer."""

import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np

from benchmarks.hashes import Hashes
from fanal.analyse.material.domain.hash_index import (
    HashIndex,
    open_segment,
    pack_labels,
    write_segment,
)

_THREADS = 8
_KILLS = 4
_MERGE = """
import pathlib, sys
from fanal.analyse.material.domain.hash_index import HashIndex, open_segment, write_segment
path = pathlib.Path(sys.argv[1])
print("begun", flush=True)
while True:
    hashes, labels = HashIndex(open_segment(path)).held()
    write_segment(path, hashes=hashes, labels=labels, upto=1)
"""


def check_rules(hashes: Hashes, queries: Hashes) -> dict[str, object]:
    """Check that the hash index finds every hash: with few hashes, with threads, after a killed writer.

    Returns the outcome by check. `hashes` fill the index, `queries` are searched for.

    Raises:
        ClickException: a check fails.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hashes")
        return {
            "few_hashes": _few(path, hashes),
            "threads": _threads(path, hashes, queries),
            "killed_merges": _killed(path, hashes, queries),
        }


def _few(path: Path, hashes: Hashes) -> bool:
    for count in range(3):
        index = _indexed(path, hashes[:count])
        hits = index.search(hashes[:2])
        _hold(len(hits) >= min(count, 2), f"{count} hashes")
        _hold(len(index.search(hashes[:0])) == 0, "no query")
    return True


def _threads(path: Path, hashes: Hashes, queries: Hashes) -> bool:
    """Check searches on many threads while hashes are added and merged into new segments; return True.

    `path` is the file of the segment.

    Raises:
        ClickException: a search misses hashes.
    """
    some, more = hashes[:50_000], hashes[50_000:60_000]
    index = _indexed(path, some)
    holder = [index]
    before = _pairs(index, queries)
    with ThreadPoolExecutor(_THREADS) as pool:
        searches = [pool.submit(lambda: _pairs(holder[0], queries)) for _ in range(5 * _THREADS)]
        for start in range(0, len(more), 500):
            part = more[start : start + 500]
            holder[0].add(part, _labels(len(part), len(some) + start))
            if start % 2000 == 0:
                kept, labels = holder[0].held()
                write_segment(path, hashes=kept, labels=labels, upto=1)
                holder[0] = HashIndex(open_segment(path))
        results = [search.result() for search in searches]
    _hold(all(before <= result for result in results), "searches beside changes")
    alone = _pairs(_indexed(path, np.concatenate([some, more])), queries)
    _hold(_pairs(holder[0], queries) == alone, "after merges")
    return True


def _killed(path: Path, hashes: Hashes, queries: Hashes) -> int:
    """Kill processes that rewrite the segment; check that it stays complete. Return the number of kills.

    `path` is the file of the segment, `queries` the hashes searched.

    Raises:
        ClickException: the index is damaged or incomplete after a kill.
    """
    index = _indexed(path, hashes[:50_000])
    before = _pairs(index, queries)
    for kill in range(_KILLS):
        writer = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-c", _MERGE, str(path)], stdout=subprocess.PIPE
        )
        if writer.stdout is not None:
            writer.stdout.readline()
            time.sleep(0.05 + 0.11 * kill)
            writer.send_signal(signal.SIGKILL)
            writer.stdout.close()
        writer.wait()
        _hold(_pairs(HashIndex(open_segment(path)), queries) == before, "after a kill")
    return _KILLS


def _indexed(path: Path, hashes: Hashes) -> HashIndex:
    write_segment(path, hashes=hashes, labels=_labels(len(hashes), 0), upto=0)
    return HashIndex(open_segment(path))


def _labels(count: int, first: int) -> Hashes:
    return pack_labels((first + n).to_bytes(16, "big") for n in range(count))


def _pairs(index: HashIndex, queries: Hashes) -> set[tuple[int, bytes]]:
    hits = index.search(queries[:100])
    return {(q, label.tobytes()) for q, label in zip(hits.queries, hits.labels, strict=True)}


def _hold(is_so: bool, rule: str) -> None:
    if not is_so:
        raise click.ClickException(f"the index breaks a rule: {rule}")
