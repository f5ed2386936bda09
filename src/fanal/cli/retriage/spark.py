"""The re-triage as a Spark job: each executor runs `tables.compared`, as the local engine does.

Executors need this package with its extra `spark`; the machine needs Java 17 or later.
"""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
from pyspark.sql import SparkSession

from fanal.analyse.priority.domain.rules import read_rules
from fanal.cli.retriage.tables import compared

_SCHEMA = (
    "report_id string, before short, after short,"
    " level_before string, level_after string, because string"
)


def run_on_spark(source: Path, out: Path, *, texts: tuple[str, str], master: str) -> None:
    """Score stored facts of reports under two priority rule sets on Spark, and write the changes to `out`.

    `source` is the folder of facts (Parquet). `texts`: the rule sets in force and proposed, as TOML.
    `master`: the address of Spark.
    """
    # Local executors use this Python, whatever the PATH contains.
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
    """A function for Spark to run on a partition of facts (rule inputs): scores under two rule sets.

    `texts` are the rule set in force and the proposed one as TOML, parsed once a partition; the result is the
    score changes (`tables.compared`).
    """

    def __init__(self, texts: tuple[str, str]) -> None:
        self._texts = texts

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        rules = read_rules(self._texts[0]), read_rules(self._texts[1])
        for batch in batches:
            yield compared(batch, rules)
