"""`fanal rules facts` and `fanal rules retriage`: try new priority rules on all reports, here or on Spark.

The first exports the inputs of the rules as Parquet, numbers without names, and the rules in force as TOML.
The second needs no database: it runs next to these files, with the same rules
(`analyse.priority.domain.scoring.retriage`). Both need the extra `spark`.
"""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import datetime
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from fanal.analyse.priority.domain.rules import PriorityRules, read_rules
from fanal.analyse.priority.domain.scoring import Tally
from fanal.cli.actors import supervisor
from fanal.cli.boot import with_django
from fanal.cli.failures import CommandRefused, words
from fanal.cli.output import make_private
from fanal.kernel import clock
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    import pyarrow as pa

_BATCH = 2_000
_BATCHES_A_FILE = 100
_RULES_FILE = "rules-in-force.toml"
_NOTE_FILE = "facts.json"
_PARTS = "part-*.parquet"
_OUT = click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder for the Parquet files.",
)
_Rules = tuple[PriorityRules, PriorityRules]


@click.command("facts")
@_OUT
@click.option("--as", "login", required=True, help="Login of the supervisor who asks.")
@with_django(DatabaseRole.WORKER)
def facts(out: Path, login: str) -> None:
    """Write the inputs of the priority rules (facts) of each analysed report to OUT as Parquet.

    The rules in force are written too, as TOML.
    """
    from fanal.analyse import queries
    from fanal.analyse.priority.queries import list_rulesets

    _require("pyarrow")
    actor, now = supervisor(login), clock.now()
    _make_folder(out)
    stored = next(found for found in list_rulesets() if found.state == "ACTIVE")
    written = 0

    def batches() -> Iterator["pa.RecordBatch"]:
        nonlocal written
        with click.progressbar(length=queries.count_analysed(), file=sys.stderr) as bar:
            for batch in _facts(actor, now):
                written += len(batch)
                bar.update(len(batch))
                yield batch

    write_parts(out, batches())
    (out / _RULES_FILE).write_text(stored.body, "utf-8")
    note = {"written_at": now.isoformat(), "rules": stored.version, "reports": written}
    (out / _NOTE_FILE).write_text(json.dumps(note) + "\n", "utf-8")
    click.echo(json.dumps(note))


@click.command("retriage")
@click.argument("candidate", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option(
    "--facts", "source", required=True, help="Folder that `fanal rules facts` wrote.",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
)  # fmt: skip
@_OUT
@click.option(
    "--engine",
    type=click.Choice(["local", "spark"]),
    default="local",
    show_default=True,
    help="Engine that computes the ranking.",
)
@click.option("--master", default="local[*]", show_default=True, help="Address of Spark's master.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def retriage(
    candidate: Path, source: Path, out: Path, engine: str, master: str, as_json: bool
) -> None:
    """Rank all reports with the priority rules CANDIDATE (TOML) and with those in force.

    Needs no database. Both results of each report are written to OUT as Parquet: score and level before and
    after, and the rules whose points differ.
    """
    import msgspec

    _require("pyarrow")
    texts = read_text(source / _RULES_FILE), read_text(candidate)
    rules = read_ruleset(source / _RULES_FILE, texts[0]), read_ruleset(candidate, texts[1])
    if engine == "spark" and any(source.glob(_PARTS)):  # Spark cannot read a table without files
        _require("pyspark")
        from fanal.cli.retriage.spark import run_on_spark

        if out.exists():
            raise CommandRefused("FOLDER_NOT_EMPTY", folder=out)
        run_on_spark(source, out, texts=texts, master=master)
    else:
        _make_folder(out)
        _compare_here(source, out, rules)
    outcome = _tally(out).outcome(rules)
    if as_json:
        click.echo(msgspec.json.encode(outcome).decode())
        return
    click.echo(
        words(
            "DRY_RUN_OUTCOME",
            candidate=outcome.candidate,
            current=outcome.current,
            reports=outcome.reports,
            risen=outcome.risen,
            fallen=outcome.fallen,
            levels=outcome.level_changes,
        )
    )


def _facts(actor: Actor, now: datetime) -> Iterator["pa.RecordBatch"]:
    """Yield the facts (inputs of the priority rules) of the reports in the actor's reach, in batches.

    Only analysed reports have facts; the schema is `FACTS`. The export of each batch is recorded in the
    ledger before it is yielded.
    """
    from fanal.cli.retriage.tables import facts_table
    from fanal.ledger import operations as ledger
    from fanal.trials import facts_after

    after = UUID(int=0)
    while found := facts_after(actor=actor, after=after, limit=_BATCH, now=now):
        ledger.record_batch(
            actor=actor, action="report.export", at=now, kind="report",
            items=[(report_id, b"") for report_id, _ in found], detail={"format": "facts"},
        )  # fmt: skip
        yield facts_table(found)
        after = found[-1][0]


def _compare_here(source: Path, out: Path, rules: _Rules) -> None:
    from fanal.cli.retriage.tables import compared

    write_parts(out, (compared(batch, rules) for batch in _read_parts(source)))


def _tally(out: Path) -> Tally:
    from fanal.cli.retriage.tables import changes_of

    tally = Tally()
    for batch in _read_parts(out):
        for change in changes_of(batch):
            tally.add(change)
    return tally


def _read_parts(folder: Path) -> Iterator["pa.RecordBatch"]:
    from pyarrow import parquet

    for path in sorted(folder.glob(_PARTS)):
        with parquet.ParquetFile(path) as file:
            yield from file.iter_batches(batch_size=_BATCH)


def write_parts(folder: Path, batches: Iterable["pa.RecordBatch"]) -> None:
    """Write record batches to `folder` as Parquet files of at most 200 000 rows.

    Several files, so that Spark's executors can share them.
    """
    from pyarrow import parquet

    writer, number = None, 0
    try:
        for number, batch in enumerate(batches):
            if number % _BATCHES_A_FILE == 0:
                if writer:
                    writer.close()
                path = folder / f"part-{number // _BATCHES_A_FILE:05}.parquet"
                writer = parquet.ParquetWriter(path, batch.schema, compression="zstd")
            if writer:
                writer.write_batch(batch)
    finally:
        if writer:
            writer.close()


def _make_folder(folder: Path) -> None:
    if folder.exists() and any(folder.iterdir()):
        raise CommandRefused("FOLDER_NOT_EMPTY", folder=folder)
    make_private(folder)


def read_text(path: Path) -> str:
    """Return the text of a file with priority rules (TOML).

    Raises:
        CommandRefused: RULES_REFUSED: it cannot be read.
    """
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandRefused("RULES_REFUSED", path=path, detail=error) from None


def read_ruleset(path: Path, text: str) -> PriorityRules:
    """Parse the text of a file with priority rules; `path` is only for the message.

    Raises:
        CommandRefused: RULES_REFUSED: it is invalid; the message names rule and reason.
    """
    try:
        return read_rules(text)
    except Refusal as refused:
        rule, detail = (refused.parameters.get(name) for name in ("rule", "detail"))
        fault = ": ".join(str(part) for part in (rule, refused.code, detail) if part)
        raise CommandRefused("RULES_REFUSED", path=path, detail=fault) from None


def _require(name: str) -> None:
    try:
        import_module(name)
    except ImportError:
        raise CommandRefused("EXTRA_MISSING", name=name, extra="spark") from None
