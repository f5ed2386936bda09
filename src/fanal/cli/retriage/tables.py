"""Facts and changes of a re-triage as Arrow tables, the schemas of its Parquet files.

Facts: `report_id` (text), `facts` (map of name to number). Changes: `report_id`, `before`, `after` (0–100),
`level_before`, `level_after`, `because` (JSON: the rules whose points differ).
"""

from collections.abc import Iterable, Iterator, Mapping
from uuid import UUID

import msgspec
import pyarrow as pa

from fanal.analyse.domain.records import Because
from fanal.analyse.priority.domain.rules import PriorityRules
from fanal.analyse.priority.domain.scoring import ScoreChange, retriage

FACTS = pa.schema([("report_id", pa.string()), ("facts", pa.map_(pa.string(), pa.float64()))])
CHANGES = pa.schema(
    [
        ("report_id", pa.string()),
        ("before", pa.int16()),
        ("after", pa.int16()),
        ("level_before", pa.string()),
        ("level_after", pa.string()),
        ("because", pa.string()),
    ]
)
_BECAUSE = msgspec.json.Decoder(tuple[Because, ...])


def facts_table(rows: Iterable[tuple[UUID, Mapping[str, float]]]) -> pa.RecordBatch:
    """Return a record batch of schema `FACTS` from the facts that priority rules read.

    `rows`: pairs (report id, value by name of the fact).
    """
    pairs = list(rows)
    return pa.RecordBatch.from_arrays(
        [
            pa.array([str(report_id) for report_id, _ in pairs], FACTS.field(0).type),
            pa.array([list(facts.items()) for _, facts in pairs], FACTS.field(1).type),
        ],
        schema=FACTS,
    )


def compared(batch: pa.RecordBatch, rules: tuple[PriorityRules, PriorityRules]) -> pa.RecordBatch:
    """Return the score changes of reports under two sets of priority rules, in the schema `CHANGES`.

    `batch`: the reports' facts (inputs of the rules), in schema `FACTS`; `rules`: the set in force, then the
    proposed one.
    """
    rows = zip(batch["report_id"].to_pylist(), batch["facts"].to_pylist(), strict=True)
    changes = list(retriage(((UUID(name), dict(facts)) for name, facts in rows), rules))
    columns: list[list[object]] = [
        [str(change.report_id) for change in changes],
        [change.before for change in changes],
        [change.after for change in changes],
        [change.level_before for change in changes],
        [change.level_after for change in changes],
        [msgspec.json.encode(change.because).decode() for change in changes],
    ]
    arrays = [pa.array(values, kind) for values, kind in zip(columns, CHANGES.types, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=CHANGES)


def changes_of(batch: pa.RecordBatch) -> Iterator[ScoreChange]:
    """Yield the changes of priority scores in the rows of a record batch of schema `CHANGES`."""
    for row in batch.to_pylist():
        yield ScoreChange(
            report_id=UUID(row["report_id"]),
            before=row["before"],
            after=row["after"],
            level_before=row["level_before"],
            level_after=row["level_after"],
            because=_BECAUSE.decode(row["because"]),
        )
