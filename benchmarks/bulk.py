"""`fanal bench bulk`: a year of industry reports through the real commands, interrupted by `kill -9`.

Synthetic NCMEC reports are written to disk in deliveries, imported by `fanal import` and processed by the
workers of a `fanal run`. Importer, workers and PostgreSQL are killed meanwhile; the same command is then
simply run again. Measured: rate, memory of every process over time, response times of the desk's pages at the
end. The reports delivered are compared with those stored.
"""

import json
import sys
from urllib.parse import urlencode

import click
import psycopg

from benchmarks.bringing import Bringing, Plan
from benchmarks.place import bench_home
from benchmarks.service import Service
from benchmarks.views import QUEUE, sign_in, time_pages
from benchmarks.whole import check_evidence, check_ledger, compare, is_whole
from fanal.config.databases import Databases
from fanal.postgres import DatabaseRole

_BYTES_PER_REPORT = 28_000
_BYTES_DELIVERED = 14_000  # blocks of small files
_SPARE = 9_000_000_000  # the log of the writes


@click.command()
@click.option(
    "--size",
    type=click.IntRange(1, 9_999_999),
    default=1_000_000,
    show_default=True,
    help="Number of generated items (SIZE).",
)
@click.option(
    "--delivery", type=click.IntRange(min=1), default=50_000, show_default=True,
    help="Reports in one folder, imported by one command.",
)  # fmt: skip
@click.option(
    "--kills", type=click.IntRange(min=0), default=0, show_default=True,
    help="Number of times that importer, a worker and PostgreSQL are each killed.",
)  # fmt: skip
@click.option(
    "--workers",
    type=click.IntRange(min=1),
    default=2,
    show_default=True,
    help="Number of worker processes.",
)
@click.option(
    "--seed", type=int, default=20261126, show_default=True, help="Seed for reports and kills."
)
@click.option(
    "--minutes", type=click.IntRange(min=1), default=None,
    help="Start no further delivery after this time; the result gives the number of reports.",
)  # fmt: skip
@click.option(
    "--views",
    type=click.IntRange(min=20),
    default=100,
    show_default=True,
    help="Number of page views (VIEWS).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def bulk(  # noqa: PLR0913 - one parameter an option
    size: int,
    delivery: int,
    kills: int,
    workers: int,
    seed: int,
    minutes: int | None,
    views: int,
    as_json: bool,
) -> None:
    """Import SIZE reports with the real commands, kill processes meanwhile, and compare the stored result.

    Exit status 1 if a report is missing, duplicated or changed, or if evidence or ledger are incomplete.
    """
    need = _SPARE + size * _BYTES_PER_REPORT + min(size, delivery) * _BYTES_DELIVERED
    plan = Plan(size=size, delivery=delivery, kills=kills, seed=seed, minutes=minutes)
    with bench_home(need_bytes=need) as databases, Service(databases, workers=workers) as service:
        bringing = Bringing(service, plan, tell=_tell)
        result: dict[str, object] = {"bench": "bulk", "size_asked": size, "workers": workers}
        result |= bringing.run()
        result |= compare(databases, bringing.expected)
        result["evidence"] = check_evidence(service)
        result["ledger"] = check_ledger(service)
        result |= _open_desk(databases, views)
    whole = result["whole"] = is_whole(result)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")
    if not whole:
        sys.exit(1)


def _tell(sentence: str) -> None:
    click.echo(f"bulk: {sentence}", err=True)


def _open_desk(databases: Databases, views: int) -> dict[str, float | str]:
    """Return the response times of the queue, of report pages and of searches over the reports now stored.

    Each is requested about `views` times; the figures are those of `time_pages`.
    """
    from django.db import connections

    connections.close_all()  # those of before the kills lead nowhere
    analyst, _ = sign_in()
    with psycopg.connect(databases.url(DatabaseRole.OWNER)) as owner:
        reports = owner.execute(
            "(SELECT report_id FROM orient_case ORDER BY rank, report_id LIMIT 20)"
            " UNION ALL (SELECT report_id FROM orient_case ORDER BY report_id DESC LIMIT 20)"
        ).fetchall()
        values = owner.execute(
            "SELECT kind, value FROM harmonise_selector WHERE kind IN ('HOST', 'EMAIL', 'HANDLE')"
            " AND left(value, 100) >= 'p' LIMIT 3"
        ).fetchall()
    searches = [{"q": "Chatoria"}, {"q": "mobile network"}, {"q": "picture"}]
    searches += [{"kind": str(kind), "value": str(value)} for kind, value in values]
    pages = {
        "queue": list(QUEUE),
        "report": [f"/en/desk/reports/{row[0]}/" for row in reports],
        "search": [f"/en/desk/search/?{urlencode(search)}" for search in searches],
    }
    return time_pages(analyst, pages, views)
