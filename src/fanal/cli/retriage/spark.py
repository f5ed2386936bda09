"""The re-triage as a Spark job: each executor runs `tables.compared`, the code of the local engine.

Executors need this package and its extra `spark`; Java 17 or later must be on the machine.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from fanal.analyse.domain.rules import read_rules
from fanal.cli.retriage.tables import compared

_SCHEMA = (
    "report_id string, before short, after short,"
    " level_before string, level_after string, because string"
)


def run_on_spark(source: Path, out: Path, *, texts: tuple[str, str], master: str) -> None:
    """Compare the facts of `source` under both rule sets (TOML: in force, candidate) into `out`."""
    # Local executors are this Python, whatever the PATH says.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    session = (
        SparkSession.builder.appName("fanal retriage")
        .master(master)
        .config("spark.ui.enabled", "false")
        .config("spark.log.level", "ERROR")
        .getOrCreate()
    )
    try:
        facts = session.read.parquet(*map(str, sorted(source.glob("part-*.parquet"))))
        facts.mapInArrow(_SparkComparison(texts), _SCHEMA).write.parquet(str(out))
    finally:
        session.stop()


class _SparkComparison:
    """What each executor runs over its batches; rules travel as text and are read once an executor."""

    def __init__(self, texts: tuple[str, str]) -> None:
        self._texts = texts

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rules = read_rules(self._texts[0]), read_rules(self._texts[1])
        for batch in batches:
            yield compared(batch, rules)
