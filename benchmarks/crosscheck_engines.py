"""The trained linkage model on Spark compared with DuckDB: same persons, same model, same pairs."""

import time

import numpy as np

from benchmarks.crosscheck_truth import harmonised
from benchmarks.truth.world import World
from fanal.crosscheck.linkage.engine import predict
from fanal.crosscheck.linkage.model import load, version
from fanal.crosscheck.linkage.stored import persons_table
from fanal.crosscheck.similar.domain.suggestions import LEAST

_CLOSE = 1e-6


def compare_engines(size: int, *, seed: int) -> dict[str, object]:
    """Return the number of pairs that each engine finds among about `size` reports, and their agreement.

    `apart` is the share of all pairs that only one engine finds; `furthest` the greatest difference between a
    pair's two probabilities, `differing` the number of pairs that differ by more than a millionth. Seconds
    are elapsed time; Spark's include its start.
    """
    table = persons_table(enumerate(harmonised(World(size, seed=seed).reports())))
    found, taken = {}, {}
    for engine in ("duckdb", "spark"):
        started = time.perf_counter()
        found[engine] = predict(table, load(), least=LEAST, engine=engine)
        taken[engine] = round(time.perf_counter() - started, 1)
    duckdb, spark = found["duckdb"], found["spark"]
    both = sorted(duckdb.keys() & spark.keys())
    differences = np.array([abs(duckdb[p].probability - spark[p].probability) for p in both])
    every = len(duckdb.keys() | spark.keys())
    return {
        "mode": "spark",
        "model": version(),
        "persons": table.num_rows,
        "pairs_duckdb": len(duckdb),
        "pairs_spark": len(spark),
        "apart": round(1 - len(both) / max(1, every), 6),
        "furthest": float(differences.max(initial=0.0)),
        "differing": int((differences > _CLOSE).sum()),
        "duckdb_s": taken["duckdb"],
        "spark_s": taken["spark"],
    }
