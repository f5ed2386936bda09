"""`fanal bench match`: our exact index of 256-bit hashes against faiss and threatexchange, in one run.

Checked in the same command as the speed: every pair within the radius that a full comparison finds is
found, on uniform bits and on real PDQ hashes of generated pictures with heavy near-duplicates.
"""

import json
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib import import_module
from pathlib import Path
from types import ModuleType

import click
import numpy as np
import pdqhash
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from fanal.analyse.domain.index import HashIndex, open_segment, write_segment

RADIUS = 31
QUERIES = 1000
PICTURES = 6000
ADDED = 1000
_ROUNDS = 5
_PAIRS = (
    2e8  # comparisons that a peer without an index is given to do: time, not memory, is the bound
)
Hashes = NDArray[np.uint8]
Found = set[tuple[int, int, int]]
"""Query, position and distance."""
Peer = Callable[[Hashes], object]


@click.command()
@click.option("--size", type=click.IntRange(min=1), default=1_000_000, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def match(size: int, as_json: bool) -> None:
    """Search SIZE hashes within 31 bits, beside the search of public libraries (CPU, one thread)."""
    faiss = _installed("faiss")
    faiss.omp_set_num_threads(1)
    uniform, uniform_queries = _uniform(size)
    result: dict[str, object] = {"bench": "match", "size": size}
    result |= _measure(uniform, uniform_queries, faiss)
    del uniform
    skewed, skewed_queries = _skewed(size)
    for name, value in _measure(skewed, skewed_queries, faiss).items():
        result[f"{name}_skewed"] = value
    if as_json:
        click.echo(json.dumps(result))
    else:
        for name, value in result.items():
            click.echo(f"{name}: {value}")


def _installed(name: str) -> ModuleType:
    try:
        return import_module(name)
    except ImportError as error:
        raise click.ClickException(
            f"this bench compares with {name}, which is not installed: pip install -r requirements/dev.txt"
        ) from error


def _measure(hashes: Hashes, queries: Hashes, faiss: ModuleType) -> dict[str, object]:
    labels = np.arange(2 * len(hashes), dtype=np.uint64).reshape(-1, 2).view(np.uint8)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "hashes")
        write_segment(path, hashes=hashes[:1], labels=labels[:1], upto=0)  # compiles
        HashIndex(open_segment(path)).search(queries[:1])
        build = _cpu(lambda: write_segment(path, hashes=hashes, labels=labels, upto=0))
        started = time.perf_counter()
        segment = open_segment(path)
        opened = time.perf_counter() - started
        index = HashIndex(segment)
        peers = dict(_peers(hashes, faiss))
        few = max(10, min(len(queries), int(_PAIRS / len(hashes))))
        ours, theirs = _interleaved(index, peers, queries, few)
        flat = faiss.IndexBinaryFlat(256)
        flat.add(hashes)
        recall = _recall(index, flat, queries[:: max(1, len(queries) // few)])
        more = np.random.default_rng(9).integers(0, 256, (ADDED, 32), dtype=np.uint8)
        add = _cpu(lambda: index.add(more, labels[:ADDED] | np.uint8(128)))
        best = min(theirs.values())
        return {
            "us_per_query": round(ours, 2),
            **{f"us_per_query_{name}": round(us, 1) for name, us in theirs.items()},
            "ratio_best_peer": round(best / ours, 1),
            "recall": recall,
            "bytes_per_hash": round(path.stat().st_size / len(hashes), 1),
            "build_s": round(build, 2),
            "open_ms": round(opened * 1e3, 2),
            "add_ms_per_1000": round(add * 1e3, 3),
        }


def _interleaved(
    index: HashIndex, peers: Mapping[str, Peer], queries: Hashes, few: int
) -> tuple[float, dict[str, float]]:
    """Return CPU microseconds a query, the best of several rounds in which all take turns."""
    sample = queries[:: max(1, len(queries) // few)]
    ours: list[float] = []
    theirs: dict[str, list[float]] = {name: [] for name in peers}
    for _ in range(_ROUNDS):
        ours.append(_cpu(lambda: index.search(queries, radius=RADIUS)) / len(queries))
        for name, search in peers.items():
            theirs[name].append(_cpu(partial(search, sample)) / len(sample))
    return min(ours) * 1e6, {name: min(times) * 1e6 for name, times in theirs.items()}


def _peers(hashes: Hashes, faiss: ModuleType) -> Iterator[tuple[str, Peer]]:
    flat = faiss.IndexBinaryFlat(256)
    flat.add(hashes)
    yield "faiss_flat", lambda queries: flat.range_search(queries, RADIUS + 1)
    multi = faiss.IndexBinaryMultiHash(256, 16, 16)
    multi.nflip = 1
    multi.add(hashes)
    yield "faiss_multihash", lambda queries: multi.range_search(queries, RADIUS + 1)
    pdq = _installed("threatexchange.signal_type.pdq.pdq_faiss_matcher")
    shared = pdq.PDQMultiHashIndex()
    texts = [bytes(row).hex() for row in hashes]
    shared.add(texts, range(len(texts)))
    yield (
        "threatexchange",
        lambda queries: shared.search([bytes(row).hex() for row in queries], RADIUS),
    )


def _recall(index: HashIndex, flat: object, queries: Hashes) -> float:
    """Return the share of all pairs of a full comparison that we find; a pair too many is an error."""
    limits, distances, positions = flat.range_search(queries, RADIUS + 1)  # type: ignore[attr-defined]
    owners = np.repeat(np.arange(len(queries)), np.diff(limits.astype(np.int64)))
    wanted: Found = set(
        zip(owners.tolist(), positions.tolist(), distances.astype(int).tolist(), strict=True)
    )
    hits = index.search(queries, radius=RADIUS)
    places = hits.labels.copy().view(np.uint64).reshape(-1, 2)[:, 0] // 2
    found: Found = set(
        zip(hits.queries.tolist(), places.tolist(), hits.distances.tolist(), strict=True)
    )
    if found - wanted:
        raise click.ClickException(f"{len(found - wanted)} pairs were found that are too far apart")
    return len(found) / len(wanted) if wanted else 1.0


def _uniform(size: int) -> tuple[Hashes, Hashes]:
    """Return random hashes; half the queries are 0 to 32 bits from one of them, half are strangers."""
    chance = np.random.default_rng(1)
    hashes = chance.integers(0, 256, (size, 32), dtype=np.uint8)
    queries = chance.integers(0, 256, (QUERIES, 32), dtype=np.uint8)
    half = QUERIES // 2
    queries[:half] = _turned(hashes[chance.integers(0, size, half)], np.arange(half) % 33, chance)
    return hashes, queries


def _skewed(size: int) -> tuple[Hashes, Hashes]:
    """Return real PDQ hashes, the popular ones many times with up to 11 bits turned.

    Queries: known pictures as they are met, one in three a stranger's.
    """
    chance = np.random.default_rng(2)
    originals = np.array([_picture_hash(number) for number in range(PICTURES)])
    weights = 1 / np.arange(1, PICTURES + 1) ** 0.8
    chosen = chance.choice(PICTURES, size, p=weights / weights.sum())
    hashes = _turned(originals[chosen], chance.integers(0, 12, size), chance)
    strangers = np.array([_picture_hash(PICTURES + number) for number in range(QUERIES // 3)])
    known = originals[chance.integers(0, PICTURES, QUERIES - len(strangers))]
    return hashes, np.concatenate(
        [_turned(known, chance.integers(0, 20, len(known)), chance), strangers]
    )


def _turned(hashes: Hashes, counts: NDArray[np.int64], chance: np.random.Generator) -> Hashes:
    """Return each hash with `counts` of its bits turned, each bit once."""
    turned = hashes.copy()
    for start in range(0, len(turned), 100_000):
        part = slice(start, start + 100_000)
        order = chance.random((len(turned[part]), 256)).argpartition(32, axis=1)[:, :32]
        for place in range(32):
            rows = np.flatnonzero(counts[part] > place)
            bits = order[rows, place]
            turned[part][rows, bits >> 3] ^= (1 << (bits & 7)).astype(np.uint8)
    return turned


def _picture_hash(number: int) -> Hashes:
    """Return the PDQ hash of a picture of rectangles and ellipses, drawn for this and kept nowhere."""
    chance = np.random.default_rng([3, number])
    picture = Image.new("RGB", (64, 64), tuple(chance.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(int(chance.integers(3, 12))):
        (x0, x1), (y0, y1) = np.sort(chance.integers(0, 64, (2, 2))).tolist()
        shape = pen.ellipse if chance.random() < 0.5 else pen.rectangle
        shape((x0, y0, x1 + 1, y1 + 1), fill=tuple(chance.integers(0, 256, 3).tolist()))
    bits, _ = pdqhash.compute(np.asarray(picture))
    return np.packbits(bits.astype(np.uint8))


def _cpu(act: Callable[[], object]) -> float:
    started = time.process_time()
    act()
    return time.process_time() - started
