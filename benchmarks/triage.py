"""`fanal bench triage`: a day's volume at a desk with a history: linked, prioritised, against lxml to dict.

NCMEC XML with the hashes of its files goes through every stage, against a list of known hashes and many
earlier reports (`nation`). The peer turns the same bytes into dicts and stores nothing.
"""

import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from uuid import UUID

import click
import psycopg
from django.db import connections

from benchmarks import nation
from benchmarks.carrying import Reports, carry, costs, parse_rounds, stored
from benchmarks.place import bench_home
from fanal.config.databases import Databases
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import lowest_id
from fanal.postgres import DatabaseRole

SAMPLE = 500
_BYTES_PER_REPORT = 20_000
_BYTES_PER_KNOWN = 1_500
_SPARE = 10_000_000_000  # the log of the writes, and what is nobody's to fill
_PORTION = 100_000
_LISTED = 50
"""One report in so many has a file that the list holds."""
_HASH = re.compile(rb'hashType="PDQ">([0-9a-f]{64})')


@click.command()
@click.option(
    "--size",
    type=click.IntRange(min=1),
    default=50_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option(
    "--earlier",
    type=click.IntRange(min=0),
    default=1_000_000,
    show_default=True,
    help="Number of stored earlier reports (EARLIER).",
)
@click.option(
    "--known",
    type=click.IntRange(min=1),
    default=1_000_000,
    show_default=True,
    help="Number of known hashes (KNOWN).",
)
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=None,
    help="Number of workers; default: one per core, plus one.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def triage(size: int, earlier: int, known: int, workers: int | None, as_json: bool) -> None:
    """Process SIZE reports through every stage, with EARLIER reports and KNOWN hashes stored.

    If the disk is too small, fewer earlier reports are created, and the result says so.
    """
    asked, earlier = earlier, _fitting(earlier, size=size, known=known)
    reports = list(synthetic_reports(seed=20261125, count=size))
    # One more than cores works while another waits for the disk.
    count = workers or len(os.sched_getaffinity(0)) + 1
    with bench_home(need_bytes=_SPARE + size * _BYTES_PER_REPORT) as databases:
        address = databases.url(DatabaseRole.OWNER)
        sample = list(synthetic_reports(seed=20261101, count=SAMPLE))
        carry(sample, databases, workers=1, prefix="sample")
        earlier = nation.fill(address, earlier=earlier) if earlier else 0
        _start_again(databases)
        _list_known(reports, known)
        parsed = parse_rounds(reports)
        empty, started = stored(databases), clock.now()
        carried = carry(reports, databases, workers=count)
        full = stored(databases)
        parsed += parse_rounds(reports)
        outcome = _outcome(databases, first=lowest_id(started))
    result = {
        "bench": "triage",
        "size": size,
        "earlier": earlier + SAMPLE,
        "earlier_asked": asked,
        "known": known,
        "workers": count,
        "bytes_per_report": sum(len(xml) + sum(map(len, files)) for xml, files in reports) // size,
        **costs(carried, parsed, size=size),
        "bytes_stored_per_report": (full.database - empty.database) // size,
        "bytes_sealed_per_report": (full.sealed - empty.sealed) // size,
        "database_bytes": full.database,
        **outcome,
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def _start_again(databases: Databases) -> None:
    """Restart PostgreSQL, so that its settings fit the size of the data now stored."""
    connections.close_all()
    if databases.cluster is not None:
        databases.cluster.stop()
        databases.cluster.start()


def _fitting(earlier: int, *, size: int, known: int) -> int:
    """Return the number of earlier reports for which the disk has room, at most `earlier`.

    Room is reserved for `size` new reports and `known` list entries.
    """
    free = shutil.disk_usage(tempfile.gettempdir()).free
    room = free - _SPARE - size * _BYTES_PER_REPORT - known * _BYTES_PER_KNOWN
    return max(0, min(earlier, room // nation.BYTES_PER_EARLIER))


def _list_known(reports: Reports, known: int) -> None:
    """Load a list of `known` hashes, some of them of files in `reports`, and build its index."""
    from fanal.analyse.material.operations.index import renew_index
    from fanal.analyse.material.operations.lists import load_list

    actor, now = system_actor("bench"), clock.now()
    hashes = _known_hashes(reports, known)
    for _ in range(0, known, _PORTION):
        lines = ["pdq", *(value for value, _ in zip(hashes, range(_PORTION), strict=False))]
        load_list(actor=actor, name="bench", lines=lines, now=now)
    renew_index(actor=actor)


def _known_hashes(reports: Reports, known: int) -> Iterator[str]:
    listed = dict.fromkeys(
        found.decode()
        for _, details in reports[::_LISTED]
        for document in details
        for found in _HASH.findall(document)
    )
    yield from list(listed)[:known]
    for number in range(max(0, known - len(listed))):
        yield hashlib.sha256(b"bench %d" % number).hexdigest()


def _outcome(databases: Databases, *, first: UUID) -> dict[str, int]:
    """Return counts of the reports from id `first` on: linked reports, links, reports by priority level."""
    with psycopg.connect(databases.url(DatabaseRole.OWNER), autocommit=True) as owner:
        levels = owner.execute(
            "SELECT 'level_' || lower(level), count(*) FROM orient_case"
            " WHERE report_id >= %s GROUP BY 1 ORDER BY 1",
            [first],
        ).fetchall()
        linked = owner.execute(
            "SELECT count(*), coalesce(sum(links), 0) FROM crosscheck_kin"
            " WHERE links > 0 AND report_id >= %s",
            [first],
        ).fetchone() or (0, 0)
    return {"linked_reports": int(linked[0]), "links": int(linked[1])} | {
        str(level): int(number) for level, number in levels
    }
