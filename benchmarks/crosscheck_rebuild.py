"""Full rebuild of links, compared with the connected components of public libraries over the same edges.

*Ours* is the computation of `fanal crosscheck rebuild`, by the functions that it calls: from the stored cards
of all reports, whose values have their keys since arrival, to every pair that shares evidence, its points,
and the sets of reports joined by certain pairs. *The peers* start from the texts of the same values, one for
each report that holds it. They number the texts (dict, pandas.factorize, numpy.unique) and find the connected
components of reports and values (scipy.sparse.csgraph, igraph), without weights: a placeholder joins
thousands of strangers. The fastest numbering and the fastest components count; the positions of reports are
given to them.

`ratio` compares elapsed times, where ours may use every processor and the peers use one; `ratio_by_cpu`
compares CPU times. Stricter: `ratio_with_keys` (CPU) adds to ours the computation of each text's key, done on
arrival; `ratio_from_keys` (CPU) gives the peers our 64-bit keys. Not in `compute_s`: reading cards from
PostgreSQL, values of reasons, writing links and dossiers. `stored` is a whole rebuild on PostgreSQL of fewer
reports, in parts.
"""

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple, TypeVar

import msgspec
import numpy as np
from msgspec import Struct, structs
from numpy.typing import NDArray

from benchmarks.crosscheck_stored import measure_stored
from benchmarks.crosscheck_world import read_cards, read_edges, write_world
from benchmarks.processes import forget_most_resident, most_resident
from fanal.crosscheck.all_reports import Joined, whole_of
from fanal.crosscheck.domain.weights import Weights, load_weights
from fanal.crosscheck.engine.domain.rule import weigh
from fanal.crosscheck.engine.domain.sheet import sheet_of

_ROUNDS = 2
_STORED = 10_000
Measured = TypeVar("Measured")
Numbers = NDArray[np.int64]


class Took(NamedTuple):
    """The time of a computation: elapsed seconds (`s`) and CPU seconds (`cpu_s`)."""

    s: float
    cpu_s: float

    def __add__(self, other: tuple[object, ...]) -> "Took":
        """Return the sum of both computations' times, each rounded to 0.1 ms."""
        return Took(
            *(round(one + float(str(two)), 4) for one, two in zip(self, other, strict=True))
        )


def measure_rebuild(size: int, *, seed: int) -> dict[str, object]:
    """Return the times of a rebuild of about `size` reports, and those of its peers on the same edges.

    Keys: the fields of `Ours`, `peers` (those of `Peers`), the sum of the fastest peers (`best_peer_…`), and
    the ratios and parts that the module's docstring explains.
    """
    with tempfile.TemporaryDirectory(prefix="fanal-bench-") as place:
        folder = Path(place)
        told = write_world(folder, size, seed=seed)
        ours = _alone(partial(_ours, folder))
        peers = _alone(partial(_peers, folder))
    best = _fastest(peers.numbers) + _fastest(peers.components)
    from_keys = peers.from_keys + _fastest(peers.components)
    return {
        "reports": told.reports,
        "edges": told.edges,
        **msgspec.to_builtins(ours),
        "keys_cpu_s": round(told.keys_s, 2),
        "peers": msgspec.to_builtins(peers),
        "best_peer_s": best.s,
        "best_peer_cpu_s": best.cpu_s,
        "ratio": round(best.s / ours.compute_s, 2),
        "ratio_by_cpu": round(best.cpu_s / ours.compute_cpu_s, 2),
        "ratio_with_keys": round(best.cpu_s / (ours.compute_cpu_s + told.keys_s), 2),
        "ratio_from_keys": round(from_keys.cpu_s / ours.compute_cpu_s, 2),
        "stored": _alone(partial(measure_stored, min(size, _STORED), seed=seed)),
    }


def _alone(measure: Callable[[], Measured]) -> Measured:
    """Return the result of `measure`, called in a new process so that its memory is measured separately."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(measure).result()


class Ours(Struct, frozen=True, kw_only=True):
    """Times (seconds), results and memory of a rebuild's computation.

    `compute_s` is the elapsed and `compute_cpu_s` the CPU time of the whole; `columns` is the part until the
    reports' cards (stored values for comparison) are columns of arrays, `rule` the rest. `links`,
    `certain_links`, `dossiers` are numbers found, `largest_dossier` the reports in the largest one.
    `cards_mb` is the memory of the process before it, with all cards, `most_mb` the peak, both in megabytes.
    """

    compute_s: float
    compute_cpu_s: float
    columns_cpu_s: float
    rule_cpu_s: float
    links: int
    certain_links: int
    dossiers: int
    largest_dossier: int
    cards_mb: int = 0
    most_mb: int = 0


class Peers(Struct, frozen=True, kw_only=True):
    """Times of the peer libraries for the same task, by name of the library.

    `numbers`: numbering of the texts of values; `from_keys`: numbering of our 64-bit keys instead;
    `components`: connected components. `largest_component` is the number of reports in the largest one.
    """

    numbers: dict[str, Took]
    from_keys: Took
    components: dict[str, Took]
    largest_component: int


def _ours(folder: Path) -> Ours:
    weights = load_weights()
    cards = read_cards(folder)
    for _ in range(2):  # compiles
        rebuild_once(cards[:10_000], weights)
    before = forget_most_resident()
    rounds = [rebuild_once(cards, weights) for _ in range(_ROUNDS)]
    best = min(rounds, key=lambda one: one.compute_s)
    return structs.replace(best, cards_mb=before >> 20, most_mb=most_resident() >> 20)


def rebuild_once(cards: Sequence[bytes], weights: Weights) -> Ours:
    """Compute all pairs and dossiers of packed cards as `operations.rebuild` does; return its figures.

    A card holds the values of one report for comparison; `weights` are the points of shared values.
    """
    started, began = time.perf_counter(), time.process_time()
    whole = whole_of(cards, weights)
    ready = time.process_time()
    joined, links = Joined(len(cards)), 0
    for pairs in weigh(whole.sheet, whole.standing, weights, seated=whole.seated):
        joined.add(pairs, weights)
        links += len(pairs.later)
    heads = joined.heads()
    stopped, ended = time.perf_counter(), time.process_time()
    sizes = np.bincount(heads, minlength=len(heads))
    return Ours(
        compute_s=round(stopped - started, 4),
        compute_cpu_s=round(ended - began, 4),
        columns_cpu_s=round(ready - began, 4),
        rule_cpu_s=round(ended - ready, 4),
        links=links,
        certain_links=joined.certain,
        dossiers=int((sizes > 1).sum()),
        largest_dossier=int(sizes.max()),
    )


def _peers(folder: Path) -> Peers:
    texts, reports = read_edges(folder)
    keys = _keys_of(folder)
    pandas = import_module("pandas")
    values = _by_dict(texts) + reports[-1] + 1
    return Peers(
        numbers={
            "dict": _took(lambda: _by_dict(texts)),
            "pandas": _took(lambda: pandas.factorize(np.array(texts, object))),
            "numpy": _took(lambda: np.unique(np.array(texts, object), return_inverse=True)),
        },
        from_keys=_took(lambda: pandas.factorize(keys)),
        components={
            "scipy": _took(lambda: _scipy(reports, values)),
            "igraph": _took(lambda: _igraph(reports, values)),
        },
        largest_component=int(np.bincount(_scipy(reports, values)[: reports[-1] + 1]).max()),
    )


def _took(act: Callable[[], object]) -> Took:
    """Return the shortest elapsed time and the shortest CPU time of `_ROUNDS` calls of `act`."""
    rounds = []
    for _ in range(_ROUNDS):
        started, began = time.perf_counter(), time.process_time()
        act()
        rounds.append((time.perf_counter() - started, time.process_time() - began))
    return Took(*(round(min(column), 4) for column in zip(*rounds, strict=True)))


def _fastest(ways: Mapping[str, Took]) -> Took:
    return min(ways.values(), key=lambda took: took.cpu_s)


def _keys_of(folder: Path) -> NDArray[np.uint64]:
    """Return the key of each edge (value of a report) as the cards in `folder` hold it."""
    return sheet_of(read_cards(folder)).rows.key


def _by_dict(texts: Sequence[str]) -> Numbers:
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(text, len(numbers)) for text in texts])


def _scipy(reports: Numbers, values: Numbers) -> Numbers:
    sparse, graph = import_module("scipy.sparse"), import_module("scipy.sparse.csgraph")
    size = int(values.max()) + 1
    matrix = sparse.coo_matrix((np.ones(len(reports), np.int8), (reports, values)), (size, size))
    labels: Numbers = graph.connected_components(matrix, directed=False)[1]
    return labels


def _igraph(reports: Numbers, values: Numbers) -> object:
    edges = np.column_stack((reports, values))
    graph = import_module("igraph").Graph(int(values.max()) + 1, edges)
    return graph.connected_components().membership
