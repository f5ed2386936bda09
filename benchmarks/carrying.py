"""Common parts of the pipeline benchmarks: submission, workers, their cost, and the peer (lxml to dict).

CPU time is read from Linux's /proc; processes that have ended count through their parents. On a machine
shared with others it says more than elapsed time.
"""

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

from benchmarks.processes import stat_of
from fanal.cli.boot import process_environment
from fanal.config.databases import Databases
from fanal.config.migration import DatabaseMark
from fanal.kernel import clock
from fanal.postgres import DatabaseRole

BATCH = 500
_PATIENCE = 1800.0
_ROUND, _ROUNDS = 1000, 15
Reports = Sequence[tuple[bytes, tuple[bytes, ...]]]


class Carried(NamedTuple):
    """Cost of processing reports from submission to proposal: elapsed seconds, CPU seconds, memory."""

    seconds: float
    stages: dict[str, float]
    """Seconds of INTAKE (the deposit), and of each stage, over all workers."""
    cpu: dict[str, float]
    """Seconds of CPU: INTAKE (this process), WORKERS, POSTGRESQL."""
    worker_bytes: int
    """The most memory that a worker held."""


class Stored(NamedTuple):
    """Bytes of the `database` with its indexes, and of the encrypted files in the vault (`sealed`)."""

    database: int
    sealed: int


def carry(
    reports: Reports, databases: Databases, *, workers: int, prefix: str = "bench"
) -> Carried:
    """Submit `reports` as an import does, and run `workers` processes until all have passed every stage.

    A report is (XML, XML documents of its files). `prefix` begins their references.

    Raises:
        click.ClickException: a report was quarantined, the workers do not start, or reports are unfinished
            after half an hour.
    """
    home = Path(os.environ["FANAL_HOME"])
    environment = os.environ | process_environment(
        databases=databases, role=DatabaseRole.WORKER, home=home, mark=DatabaseMark.DEMO
    )
    outputs = [home / f"{prefix}-stages-{n}.json" for n in range(workers)]
    processes = [
        subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-m", "benchmarks.stage_worker", str(output)], env=environment
        )
        for output in outputs
    ]
    try:
        _wait_for_workers(outputs)
        server = _server_cpu(databases)
        cpu, started = time.process_time(), time.monotonic()
        intake_seconds = _deposit(reports, prefix)
        cpu = time.process_time() - cpu
        _wait_until_done(started)
        seconds = time.monotonic() - started
        server = _server_cpu(databases) - server
    finally:
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            process.wait(timeout=60)
    told = [json.loads(output.read_text()) for output in outputs]
    totals = Counter({"INTAKE": intake_seconds})
    for worker in told:
        totals.update(worker["seconds"])
    return Carried(
        seconds=seconds,
        stages={stage: round(value, 2) for stage, value in totals.items()},
        cpu={
            "INTAKE": cpu,
            "WORKERS": sum(worker["cpu"] for worker in told),
            "POSTGRESQL": server,
        },
        worker_bytes=max(worker["memory"] for worker in told),
    )


def costs(carried: Carried, parsed: Sequence[float], *, size: int) -> dict[str, object]:
    """Return the output figures of a pipeline benchmark for `size` reports, by name.

    `parsed` holds the peer's rates (reports per second and core), whose median, lowest and highest are
    `parse_only_…`. `ratio` is the product's rate over that of the peer; `ratio_by_cpu` uses CPU time instead
    of elapsed time: the ratio on a machine with no other load. Further keys: `reports_per_s`, `seconds`,
    `seconds_per_stage`, `cpu_ms_per_report`, `worker_memory_bytes`.
    """
    peer, cpu = statistics.median(parsed), sum(carried.cpu.values())
    cores = len(os.sched_getaffinity(0))
    return {
        "reports_per_s": round(size / carried.seconds, 1),
        "parse_only_per_s": round(peer, 1),
        "parse_only_lowest": round(min(parsed), 1),
        "parse_only_highest": round(max(parsed), 1),
        "ratio": round(size / carried.seconds / peer, 4),
        "ratio_by_cpu": round(size * cores / cpu / peer, 4),
        "seconds": round(carried.seconds, 2),
        "seconds_per_stage": carried.stages,
        "cpu_ms_per_report": {
            part: round(1000 * value / size, 3) for part, value in carried.cpu.items()
        },
        "worker_memory_bytes": carried.worker_bytes,
    }


def stored(databases: Databases) -> Stored:
    """Return the present size of the installation: database and vault."""
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        row = owner.execute("SELECT pg_database_size(current_database())").fetchone()
    vault = Path(os.environ["FANAL_HOME"]) / "vault"
    sealed = sum(path.stat().st_size for path in vault.rglob("*") if path.is_file())
    return Stored(database=row[0] if row else 0, sealed=sealed)


def _deposit(reports: Reports, prefix: str) -> float:
    from fanal.accounts.operations.partners import ensure_partner
    from fanal.intake.domain.records import Arrival, Format, Submission
    from fanal.intake.operations.receive import receive_reports
    from fanal.kernel.actors import system_actor

    actor = system_actor("bench")
    sender = ensure_partner(actor=actor, name="bench", now=clock.now())
    started = time.monotonic()
    for first in range(0, len(reports), BATCH):
        submissions = [
            Submission(
                arrival=Arrival.IMPORT,
                format=Format.NCMEC_XML,
                body=xml,
                canonical=xml,
                sender_id=sender,
                reference=f"{prefix}-{first + n}",
                details=details,
            )
            for n, (xml, details) in enumerate(reports[first : first + BATCH])
        ]
        receive_reports(actor=actor, submissions=submissions, now=clock.now())
    return time.monotonic() - started


def _server_cpu(databases: Databases) -> float:
    """Return the CPU seconds that PostgreSQL has used so far, its ended processes included."""
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        postmaster = int(stat_of(owner.info.backend_pid)[0][1])
    ticks = sum(
        sum(map(int, fields[11:15]))
        for pid in (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
        for fields in stat_of(pid)
        if postmaster in {pid, int(fields[1])}
    )
    return ticks / os.sysconf("SC_CLK_TCK")


def _wait_for_workers(outputs: Sequence[Path]) -> None:
    deadline = time.monotonic() + 60
    while not all(output.exists() for output in outputs):
        if time.monotonic() > deadline:
            raise click.ClickException("the workers did not start")
        time.sleep(0.05)


def _wait_until_done(started: float) -> None:
    from fanal.intake.queries.work import count_work

    while work := count_work():
        if set(work) == {"QUARANTINE"}:
            raise click.ClickException(f"reports were quarantined: {work}")
        if time.monotonic() - started > _PATIENCE:
            raise click.ClickException(f"unfinished after {_PATIENCE:.0f} s: {work}")
        # Counting reads the whole queue: often while it is short, seldom while it would cost the workers.
        time.sleep(0.05 if sum(work.values()) <= BATCH else 0.5)


def parse_rounds(reports: Reports) -> list[float]:
    """Return the rate at which lxml turns reports into dicts, for each of at most fifteen rounds.

    A round has a thousand reports with their file documents; the rate is reports per second on one core. Call
    it before and after the pipeline, which takes much longer: on a machine of varying speed, a single moment
    would be no fair comparison.
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
