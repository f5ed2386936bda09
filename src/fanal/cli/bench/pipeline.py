"""`fanal bench pipeline`: synthetic NCMEC XML through all stages, durable, against lxml → dict."""

import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import click
import psycopg
from lxml import etree

from fanal.cli.bench.place import bench_home
from fanal.cli.boot import process_environment
from fanal.config.databases import Databases
from fanal.config.migration import Mark
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

BATCH = 500
BYTES_PER_REPORT = 20_000
_PATIENCE = 1800.0
_ROUND, _ROUNDS = 1000, 15
Reports = Sequence[tuple[bytes, tuple[bytes, ...]]]


@click.command()
@click.option("--size", type=click.IntRange(min=1), default=20_000, show_default=True)
@click.option("--workers", type=click.IntRange(min=1), default=None, help="Default: one a core.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def pipeline(size: int, workers: int | None, as_json: bool) -> None:
    """Receive SIZE reports and carry them through every stage into PostgreSQL."""
    reports = list(synthetic_reports(seed=20261124, count=size))
    with bench_home(need_bytes=500_000_000 + size * BYTES_PER_REPORT) as databases:
        count = workers or len(os.sched_getaffinity(0))
        parsed = _parse_rounds(reports)
        empty = _stored(databases)
        seconds, stages = _carry(reports, databases, workers=count)
        full = _stored(databases)
        parsed += _parse_rounds(reports)
    parse_only = statistics.median(parsed)
    rate = size / seconds
    result = {
        "bench": "pipeline",
        "size": size,
        "workers": count,
        "bytes_per_report": sum(len(xml) for xml, _ in reports) // size,
        "reports_per_s": round(rate, 1),
        "parse_only_per_s": round(parse_only, 1),
        "parse_only_lowest": round(min(parsed), 1),
        "parse_only_highest": round(max(parsed), 1),
        "ratio": round(rate / parse_only, 4),
        "seconds": round(seconds, 2),
        "seconds_per_stage": stages,
        "bytes_stored_per_report": (full.database - empty.database) // size,
        "bytes_sealed_per_report": (full.sealed - empty.sealed) // size,
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def _carry(
    reports: Reports, databases: Databases, *, workers: int
) -> tuple[float, dict[str, float]]:
    """Return the seconds from the first deposit to the last orientation, and those of each stage."""
    home = Path(os.environ["FANAL_HOME"])
    environment = os.environ | process_environment(
        databases=databases, role=DatabaseRole.WORKER, home=home, mark=Mark.DEMO
    )
    outputs = [home / f"stages-{n}.json" for n in range(workers)]
    processes = [
        subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "fanal.cli.bench.stage_worker", str(output)], env=environment
        )
        for output in outputs
    ]
    try:
        _wait_for_workers(outputs)
        started = time.monotonic()
        intake_seconds = _deposit(reports)
        _wait_until_done(started)
        seconds = time.monotonic() - started
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=60)
    totals = Counter({"INTAKE": intake_seconds})
    for output in outputs:
        totals.update(json.loads(output.read_text()))
    return seconds, {stage: round(value, 2) for stage, value in totals.items()}


class _Stored(NamedTuple):
    """Bytes of the database with its indexes, and of the sealed files beside it."""

    database: int
    sealed: int


def _stored(databases: Databases) -> _Stored:
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        row = owner.execute("SELECT pg_database_size(current_database())").fetchone()
    vault = Path(os.environ["FANAL_HOME"]) / "vault"
    sealed = sum(path.stat().st_size for path in vault.rglob("*") if path.is_file())
    return _Stored(database=row[0] if row else 0, sealed=sealed)


def _deposit(reports: Reports) -> float:
    from fanal.accounts import operations as accounts
    from fanal.intake import operations as intake
    from fanal.intake.domain.records import Arrival, Format, Submission
    from fanal.kernel.actors import system_actor

    actor = system_actor("bench")
    sender = accounts.ensure_partner(actor=actor, name="bench", now=clock.now())
    started = time.monotonic()
    for first in range(0, len(reports), BATCH):
        submissions = [
            Submission(
                arrival=Arrival.IMPORT,
                format=Format.NCMEC_XML,
                body=xml,
                canonical=xml,
                sender_id=sender,
                reference=f"bench-{first + n}",
                details=details,
            )
            for n, (xml, details) in enumerate(reports[first : first + BATCH])
        ]
        intake.receive_reports(actor=actor, submissions=submissions, now=clock.now())
    return time.monotonic() - started


def _wait_for_workers(outputs: Sequence[Path]) -> None:
    deadline = time.monotonic() + 60
    while not all(output.exists() for output in outputs):
        if time.monotonic() > deadline:
            raise click.ClickException("the workers did not start")
        time.sleep(0.05)


def _wait_until_done(started: float) -> None:
    from fanal.intake import queries

    while work := queries.count_work():
        if set(work) == {"QUARANTINE"}:
            raise click.ClickException(f"reports were quarantined: {work}")
        if time.monotonic() - started > _PATIENCE:
            raise click.ClickException(f"unfinished after {_PATIENCE:.0f} s: {work}")
        # Counting reads the whole queue: often while it is short, seldom while it would cost the workers.
        time.sleep(0.05 if sum(work.values()) <= BATCH else 0.5)


def _parse_rounds(reports: Reports) -> list[float]:
    """Return how many reports (with their file documents) a second one core turns into dicts, by rounds.

    Rounds stand before and after the pipeline, which takes much longer: a machine whose speed wavers
    would else be measured at one moment for the peer and over many for us.
    """
    rates = []
    for first in range(0, len(reports), _ROUND)[:_ROUNDS]:
        sample = reports[first : first + _ROUND]
        started = time.process_time()
        for xml, details in sample:
            for document in (xml, *details):
                _as_dict(etree.fromstring(document))
        rates.append(len(sample) / (time.process_time() - started))
    return rates


def _as_dict(element: etree._Element) -> dict[str, object] | str | None:
    if not len(element) and not element.attrib:
        return element.text
    found: dict[str, object] = {str(name): value for name, value in element.attrib.items()}
    for child in element:
        value = _as_dict(child)
        if child.tag in found:
            earlier = found[child.tag]
            if isinstance(earlier, list):
                earlier.append(value)
            else:
                found[child.tag] = [earlier, value]
        else:
            found[child.tag] = value
    if element.text and element.text.strip():
        found["#text"] = element.text
    return found
