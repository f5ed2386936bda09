"""`fanal bench acts`: response times of a person's acts while reports arrive and workers process them.

A simulated person in a separate process claims, decides and releases reports and judges links
(`benchmarks.person`), with the database role of the web process. Meanwhile workers process reports through
every stage. The similarity search and scheduled jobs do not run.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles

import click

from benchmarks.carrying import carry
from benchmarks.desk import SAMPLE
from benchmarks.pipeline import BYTES_PER_REPORT
from benchmarks.place import bench_home
from fanal.cli.boot import process_environment
from fanal.config.databases import Databases
from fanal.config.migration import DatabaseMark
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.postgres import DatabaseRole

_START_SECONDS, _END_SECONDS = 180.0, 60.0


@click.command()
@click.option(
    "--reports",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Number of reports (REPORTS).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Number of worker processes.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def acts(reports: int, workers: int, as_json: bool) -> None:
    """Measure the response times of the desk while REPORTS are submitted."""
    incoming = list(synthetic_reports(seed=20261129, count=reports))
    with bench_home(need_bytes=500_000_000 + reports * BYTES_PER_REPORT) as databases:
        # Loops are compiled, and a person finds reports, before the first of the others comes in.
        sample = list(synthetic_reports(seed=20261101, count=SAMPLE))
        carry(sample, databases, workers=1, prefix="sample")
        load = os.getloadavg()[0]
        with _person(databases) as took:
            carried = carry(incoming, databases, workers=workers)
    result: dict[str, object] = {
        "bench": "acts",
        "reports": reports,
        "workers": workers,
        "load_before": round(load, 1),
        "seconds": round(carried.seconds, 1),
        "acts_per_s": round(sum(map(len, took.values())) / carried.seconds, 1),
    }
    for act, times in sorted(took.items()):
        result |= _figures(act, times)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


@contextmanager
def _person(databases: Databases) -> Iterator[Mapping[str, Sequence[float]]]:
    """Run a simulated person in a process during the `with` block; yield the milliseconds of each act.

    The mapping (times by kind of act) is empty until the block has ended.

    Raises:
        click.ClickException: the process does not start, or an act was refused.
    """
    home = Path(os.environ["FANAL_HOME"])
    output = home / "bench-acts.json"
    environment = os.environ | process_environment(
        databases=databases, role=DatabaseRole.APP, home=home, mark=DatabaseMark.DEMO
    )
    process = subprocess.Popen(  # noqa: S603 - ourselves
        [sys.executable, "-m", "benchmarks.person", str(output)], env=environment
    )
    took: dict[str, Sequence[float]] = {}
    try:
        _wait_for(output, process)
        yield took
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(timeout=_END_SECONDS)
    if status != 0:
        raise click.ClickException("the person could not go on working; see above")
    took.update(json.loads(output.read_text()))


def _wait_for(output: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while not output.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise click.ClickException("the person did not begin")
        time.sleep(0.05)


def _figures(act: str, times: Sequence[float]) -> dict[str, float]:
    cuts = quantiles(times, n=100, method="inclusive") if len(times) > 1 else [*times] * 99
    return {
        f"{act}_acts": len(times),
        f"{act}_p50_ms": round(cuts[49], 1),
        f"{act}_p99_ms": round(cuts[98], 1),
        f"{act}_max_ms": round(max(times), 1),
    }
