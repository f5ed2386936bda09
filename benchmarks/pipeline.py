"""`fanal bench pipeline`: synthetic NCMEC XML through all stages into PostgreSQL, against lxml to dict."""

import json
import os
from collections import Counter
from contextlib import nullcontext

import click

from benchmarks.carrying import carry, costs, parse_rounds, stored
from benchmarks.place import bench_home
from benchmarks.waiting import watched
from fanal.formats.ncmec.synthesis import synthetic_reports

BYTES_PER_REPORT = 20_000


@click.command()
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=20_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Number of workers; default: one per core, plus one.",
)
@click.option(
    "--locks", is_flag=True, help="Print how long workers wait for the lock of cross-check."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def pipeline(size: int, workers: int | None, locks: bool, as_json: bool) -> None:
    """Submit SIZE reports and process them through every stage into PostgreSQL."""
    reports = list(synthetic_reports(seed=20261124, count=size))
    with bench_home(need_bytes=500_000_000 + size * BYTES_PER_REPORT) as databases:
        # One more than cores works while another waits for the disk.
        count = workers or len(os.sched_getaffinity(0)) + 1
        parsed = parse_rounds(reports)
        empty = stored(databases)
        with watched(databases) if locks else nullcontext(Counter[str]()) as waited:
            carried = carry(reports, databases, workers=count)
        full = stored(databases)
        parsed += parse_rounds(reports)
    result = {
        "bench": "pipeline",
        "size": size,
        "workers": count,
        "bytes_per_report": sum(len(xml) for xml, _ in reports) // size,
        **costs(carried, parsed, size=size),
        "bytes_stored_per_report": (full.database - empty.database) // size,
        "bytes_sealed_per_report": (full.sealed - empty.sealed) // size,
    }
    if locks:
        result["waited_for_lock_s"] = round(waited["LOCK"], 2)
        result["waited_for_lock_share"] = round(waited["LOCK"] / carried.seconds / count, 4)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")
