"""Runs the probabilistic linkage model on DuckDB, or on Spark for data too large for one machine.

Both give the same results.
"""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import log2
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pyarrow as pa
from msgspec import Struct
from splink import Linker

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

Pair = tuple[int, int]
_QUIET = 40  # of logging
_PARTS = 8
_AT_ONCE = 10_000
_MEMORY = (
    "4g"  # memory of the session's own Java process, which does all the work with a local master
)
ENGINES = ("duckdb", "spark")
CODES = {
    "exact": "EXACT",
    "same name": "NAME",
    "same stem": "STEM",
    "one letter": "LETTER",
    "two letters": "LETTERS",
    "one digit": "DIGIT",
}


@contextmanager
def linker_on(
    engine: str, persons: pa.Table, model: Mapping[str, object], *, master: str = "local[*]"
) -> Iterator[Linker]:
    """Yield a Splink linker of the linkage `model` for a table of persons; close its engine afterwards.

    `engine` is `duckdb`, or `spark` for Spark at the address `master`. `model` are Splink settings.
    """
    if engine == "duckdb":
        from splink.backends.duckdb import DuckDBAPI  # noqa: PLC0415 - only the engine asked for

        yield Linker(DuckDBAPI().register(persons), dict(model), log_level=_QUIET)
        return
    from splink.backends.spark import SparkAPI  # noqa: PLC0415 - only the engine asked for

    with _spark(master) as session:
        api = SparkAPI(spark_session=session, register_udfs_automatically=False)  # type: ignore[no-untyped-call]
        # Materialised once: otherwise every step of Spark's optimiser would copy the rows of the plan.
        table = session.createDataFrame(persons.to_pandas()).repartition(_PARTS).checkpoint()
        yield Linker(api.register(table), dict(model), log_level=_QUIET)


class FoundPair(NamedTuple):
    """A pair of reports found by the linkage model: match probability, and the agreements that give it.

    `alike` maps the code of each agreement, such as `EMAIL_LETTER` (e-mail addresses that differ by a
    letter), to its match weight in bits.
    """

    probability: float
    alike: Mapping[str, float]


def predict(
    persons: pa.Table,
    model: Mapping[str, object],
    *,
    least: float,
    engine: str = "duckdb",
    master: str = "local[*]",
) -> dict[Pair, FoundPair]:
    """Return the pairs of reports with a match probability of at least `least`, and why they match.

    Keys are (later, earlier) report number. Persons of the same report form no pair; of several pairs of
    persons the most probable counts. `engine`: `duckdb`, or `spark` at the address `master`. `persons` are
    the suspects (`stored.SCHEMA`), `model` Splink settings.
    """
    levels = _levels(model)
    with linker_on(engine, persons, model, master=master) as linker:
        predicted = linker.inference.predict(threshold_match_probability=least)
        columns = ("report_l", "report_r", "match_probability", *(f"mw_{name}" for name in levels))
        table = predicted.as_pyarrow_table().select(columns)  # type: ignore[no-untyped-call]
    pairs: dict[Pair, FoundPair] = {}
    # Very many pairs have the same agreements, and share the description.
    said: dict[tuple[float, ...], Mapping[str, float]] = {}
    for batch in table.to_batches(max_chunksize=_AT_ONCE):
        for one, two, probability, *worth in zip(*batch.to_pydict().values(), strict=True):
            pair, known = (max(one, two), min(one, two)), tuple(worth)
            if one != two and (pair not in pairs or pairs[pair].probability < probability):
                if known not in said:
                    said[known] = _alike(levels, known)
                pairs[pair] = FoundPair(probability, said[known])
    return pairs


def _alike(
    levels: Mapping[str, list[tuple[str, float]]], worth: tuple[float, ...]
) -> Mapping[str, float]:
    """Return the agreements of a pair with their weights in bits.

    `levels` as `_levels` returns them; `worth`: the pair's weight for each comparison, in their order.
    """
    return dict(
        _nearest(of_one, bits)
        for of_one, bits in zip(levels.values(), worth, strict=True)
        if bits > 0
    )


class _Level(Struct, frozen=True):
    label_for_charts: str = ""
    m_probability: float | None = None
    u_probability: float | None = None

    def bits(self) -> float:
        """Return the Fellegi–Sunter weight of the level, log2(m/u); 0 if m or u is unknown or 0."""
        if not self.m_probability or not self.u_probability:
            return 0.0
        return log2(self.m_probability / self.u_probability)


class _Comparison(Struct, frozen=True):
    output_column_name: str
    comparison_levels: tuple[_Level, ...]


def _levels(model: Mapping[str, object]) -> dict[str, list[tuple[str, float]]]:
    """Return the agreement levels of a linkage model (Splink settings), by column, as (code, weight in bits).

    A code is such as `EMAIL_LETTER`; levels that are no agreement are left out.
    """
    return {
        comparison.output_column_name: [
            (f"{comparison.output_column_name.upper()}_{CODES[label]}", round(level.bits(), 2))
            for level in comparison.comparison_levels
            if (label := level.label_for_charts) in CODES
        ]
        for comparison in msgspec.convert(model["comparisons"], tuple[_Comparison, ...])
    }


def agreements(model: Mapping[str, object]) -> dict[str, float]:
    """Return the match weight in bits of each agreement that a linkage model compares, by its code.

    A code is such as `EMAIL_LETTER`: e-mail addresses that differ by a letter. `model` is its Splink
    settings.
    """
    return {code: bits for levels in _levels(model).values() for code, bits in levels}


def _nearest(levels: list[tuple[str, float]], bits: float) -> tuple[str, float]:
    """Return the agreement level (code, weight) whose weight is closest to `bits`.

    Splink returns the weight of a comparison and not its level.
    """
    return min(levels, key=lambda level: abs(level[1] - bits))


@contextmanager
def _spark(master: str) -> "Iterator[SparkSession]":
    from pyspark.sql import SparkSession  # noqa: PLC0415 - only the engine asked for

    # Local executors use this Python, whatever the PATH contains.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.appName("fanal crosscheck")
        .master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.shuffle.partitions", str(_PARTS))
        .config("spark.driver.memory", _MEMORY)
        .getOrCreate()
    )
    with TemporaryDirectory(prefix="fanal-linkage-") as folder:
        # With workers on other machines, Spark's own settings name a shared folder.
        if session.sparkContext.getCheckpointDir() is None:
            session.sparkContext.setCheckpointDir(folder)
        try:
            yield session
        finally:
            session.stop()
