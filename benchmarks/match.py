"""`fanal bench match`: our exact index of 256-bit hashes against faiss and threatexchange, in one run.

The same command checks completeness: every pair that a full comparison finds within each radius of 0 to 31
bits is found, on uniform bits and on PDQ hashes of generated pictures with many near-duplicates.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import numpy as np
from numpy.typing import NDArray

from benchmarks.hashes import Hashes, skewed, uniform
from benchmarks.match_rules import check_rules
from fanal.analyse.material.domain.hash_index import HashIndex, open_segment, write_segment

RADIUS = 31
ADDED = 1000
_ROUNDS = 5
_PAIRS = (
    2e8  # comparisons that a peer without an index is given to do: time, not memory, is the bound
)
_CHECKED = (
    66  # known queries checked against a full comparison: two at each distance of 0 to 32 bits
)
_PEER_ROOM = 6e9
_THREATEXCHANGE_BYTES = 800  # a hash, its texts while the index is made included
Peer = Callable[[Hashes], object]


@click.command()
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def match(size: int, as_json: bool) -> None:
    """Search SIZE hashes within 31 bits, and compare with public libraries (CPU, one thread)."""
    faiss = import_module("faiss")
    faiss.omp_set_num_threads(1)
    hashes, queries = uniform(size)
    result: dict[str, object] = {"bench": "match", "size": size}
    result |= _measure(hashes, queries, faiss)
    hashes, queries = skewed(size)
    for name, value in _measure(hashes, queries, faiss).items():
        result[f"{name}_skewed"] = value
    result |= check_rules(hashes, queries)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name}: {value}")


def _measure(hashes: Hashes, queries: Hashes, faiss: ModuleType) -> dict[str, object]:
    labels = np.zeros((len(hashes), 16), np.uint8)
    labels[:, :8] = np.arange(len(hashes), dtype=np.uint64)[:, None].view(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hashes")
        write_segment(path, hashes=hashes[:1], labels=labels[:1], upto=0)  # compiles
        HashIndex(open_segment(path)).search(queries[:1])
        build = _cpu(lambda: write_segment(path, hashes=hashes, labels=labels, upto=0))
        started = time.perf_counter()
        segment = open_segment(path)
        opened = time.perf_counter() - started
        index = HashIndex(segment)
        few = max(10, min(len(queries), int(_PAIRS / len(hashes))))
        sample = queries[:: max(1, len(queries) // few)]
        ours, theirs, ratios = _turns(index, hashes, queries, sample, faiss)
        recall, distances = _recall(index, hashes, queries, faiss)
        more = np.random.default_rng(9).integers(0, 256, (ADDED, 32), dtype=np.uint8)
        marks = np.full((ADDED, 16), 255, np.uint8)
        add = _cpu(lambda: index.add(more, marks))
        return {
            "us_per_query": round(ours, 2),
            **{f"us_per_query_{name}": us and round(us, 1) for name, us in theirs.items()},
            "ratio_best_peer": round(min(ratios), 1),
            "recall": recall,
            "distances_checked": distances,
            "bytes_per_hash": round(path.stat().st_size / len(hashes), 1),
            "build_s": round(build, 2),
            "open_ms": round(opened * 1e3, 2),
            "add_ms_per_1000": round(add * 1e3, 3),
        }


def _turns(
    index: HashIndex, hashes: Hashes, queries: Hashes, sample: Hashes, faiss: ModuleType
) -> tuple[float, dict[str, float | None], list[float]]:
    """Return CPU microseconds per query, ours and by peer, and each peer's time divided by ours.

    A peer without room in memory has None. Only one peer is in memory at a time, called alternately with
    ours; the best of several rounds counts. `index` is ours over `hashes`; `sample` are the queries put to
    the peers, `faiss` the module.
    """
    best, theirs, ratios = float("inf"), dict[str, float | None](), list[float]()
    for name, search in _peers(hashes, faiss):
        if search is None:
            theirs[name] = None  # no room
            continue
        own: list[float] = []
        other: list[float] = []
        for _ in range(_ROUNDS):
            own.append(_cpu(lambda: index.search(queries, radius=RADIUS)) / len(queries) * 1e6)
            other.append(_cpu(partial(search, sample)) / len(sample) * 1e6)
        theirs[name] = min(other)
        ratios.append(min(other) / min(own))
        best = min(best, *own)
    return best, theirs, ratios


def _peers(hashes: Hashes, faiss: ModuleType) -> Iterator[tuple[str, Peer | None]]:
    flat = faiss.IndexBinaryFlat(256)
    flat.add(hashes)
    yield "faiss_flat", lambda queries: flat.range_search(queries, RADIUS + 1)
    multi = faiss.IndexBinaryMultiHash(256, 16, 16)
    multi.nflip = 1
    multi.add(hashes)
    yield "faiss_multihash", lambda queries: multi.range_search(queries, RADIUS + 1)
    multi.reset()
    if _THREATEXCHANGE_BYTES * len(hashes) > _PEER_ROOM:
        yield "threatexchange", None
        return
    pdq = import_module("threatexchange.signal_type.pdq.pdq_faiss_matcher")
    shared = pdq.PDQMultiHashIndex()
    texts = [bytes(row).hex() for row in hashes]
    shared.add(texts, range(len(texts)))
    del texts
    yield (
        "threatexchange",
        lambda queries: shared.search([bytes(row).hex() for row in queries], RADIUS),
    )


def _recall(
    index: HashIndex, hashes: Hashes, queries: Hashes, faiss: ModuleType
) -> tuple[float, int]:
    """Return our least recall over the radii of 0 to 31 bits, compared with a full comparison by faiss.

    The second value is the number of distinct distances that occur. `index` is ours over `hashes`; some of
    the `queries` are searched.

    Raises:
        click.ClickException: a wrong pair was found, or a pair twice.
    """
    flat = faiss.IndexBinaryFlat(256)
    flat.add(hashes)
    asked = np.concatenate([queries[:_CHECKED], queries[-_CHECKED:]])
    limits, distances, positions = flat.range_search(asked, RADIUS + 1)
    owners = np.repeat(np.arange(len(asked)), np.diff(limits.astype(np.int64)))
    near = distances.astype(np.int64)
    wanted = _coded(owners, positions, near, len(hashes))
    worst = 1.0
    for radius in range(RADIUS + 1):
        hits = index.search(asked, radius=radius)
        places = np.ascontiguousarray(hits.labels[:, :8]).view(np.uint64)[:, 0]
        found = _coded(hits.queries, places, hits.distances, len(hashes))
        expected = wanted[near <= radius]
        if len(np.setdiff1d(found, expected)) or len(np.unique(found)) != len(found):
            raise click.ClickException(f"radius {radius}: pairs were found that are none, or twice")
        if len(expected):
            worst = min(worst, len(found) / len(expected))
    return worst, len(np.unique(near))


def _coded(
    owners: NDArray[np.int64],
    positions: NDArray[np.int64] | NDArray[np.uint64],
    distances: NDArray[np.int64],
    size: int,
) -> NDArray[np.int64]:
    """Return each (query, position, distance) encoded as one number; `size` is the number of hashes."""
    return (owners * size + positions.astype(np.int64)) * 64 + distances


def _cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started
