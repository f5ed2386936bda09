"""`fanal bench desk`: how long the desk's queue takes to open over many waiting reports.

The rows are made by the server itself: envelopes and cases over thirteen months, with the spread of
priorities, kinds and channels of a busy desk. Pages are asked for through all middleware, signed in as a
demo analyst, and each writes its read to the ledger as in service.
"""

import json
import time
from statistics import quantiles
from typing import TYPE_CHECKING
from uuid import uuid4

import click
import psycopg

from fanal.cli.bench.place import bench_home
from fanal.kernel import clock
from fanal.kernel.actors import Role, system_actor
from fanal.postgres import DatabaseRole

if TYPE_CHECKING:
    from django.test import Client

_BYTES_PER_REPORT = 1_500
_PAGES = (
    "/en/desk/",
    "/en/desk/?view=DANGER",
    "/en/desk/?view=LATE",
    "/en/desk/?kind=GROOMING",
    "/en/desk/?channel=SOCIAL&level=HIGH",
)

_ROWS = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, received_at, (
    lpad(to_hex((extract(epoch FROM received_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id
FROM (
    SELECT n, %(now)s::timestamptz - make_interval(secs => n * 34128000.0 / %(size)s) AS received_at
    FROM generate_series(1, %(size)s) AS n
) numbered;
INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state, received_at,
    changed_at, object_id, size)
SELECT id, %(desk)s, %(sender)s, 'IMPORT', 'ncmec-xml', 'bench-' || n, 'FINISHED', received_at,
    received_at, id, 3900 FROM made;
INSERT INTO orient_case (report_id, desk_id, rank, level, kind, channel, platform, country,
    received_at, links, sender_id, due_at, proposal_revision)
SELECT id, %(desk)s, 100 - (n * 7919 %% 100),
    CASE WHEN n %% 200 = 0 THEN 'DANGER' WHEN n %% 10 = 0 THEN 'HIGH' WHEN n %% 10 < 6 THEN 'NORMAL'
        ELSE 'LOW' END,
    (ARRAY['ABUSE_MATERIAL', 'ABUSE_MATERIAL', 'GROOMING', 'SEXTORTION', 'OTHER'])[1 + n %% 5],
    (ARRAY['SOCIAL', 'MESSAGING', 'GAME', 'WEB'])[1 + n %% 4], 'Service ' || n %% 40,
    (ARRAY['FR', 'BE', ''])[1 + n %% 3], received_at, n %% 12, %(sender)s,
    received_at + interval '90 days', 1 FROM made;
"""


@click.command()
@click.option("--reports", type=click.IntRange(min=1), default=200_000, show_default=True)
@click.option("--views", type=click.IntRange(min=20), default=200, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def desk(reports: int, views: int, as_json: bool) -> None:
    """Open the desk's queue VIEWS times over REPORTS waiting reports."""
    with bench_home(need_bytes=400_000_000 + reports * _BYTES_PER_REPORT) as databases:
        analyst, desk_id = _analyst()
        _fill(databases.url(DatabaseRole.OWNER), reports, desk_id)
        cpu = time.process_time()
        times = _open(analyst, views)
        cpu = time.process_time() - cpu
    cuts = quantiles(times, n=100, method="inclusive")
    result = {
        "bench": "desk",
        "reports": reports,
        "views": views,
        "p50_ms": round(cuts[49], 1),
        "p95_ms": round(cuts[94], 1),
        "slowest_ms": round(max(times), 1),
        "python_cpu_ms": round(cpu * 1000 / (views + len(_PAGES)), 1),
    }
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def _analyst() -> tuple["Client", int]:
    """Return a browser signed in as a demo analyst, and the desk the analyst works at."""
    from django.test import Client

    from fanal.accounts import operations, queries

    now = clock.now()
    accounts = operations.ensure_demo_accounts(actor=system_actor("bench"), now=now)
    name = next(account.username for account in accounts if account.role is Role.ANALYST)
    user = queries.find_user(username=name)
    if user is None:
        raise click.ClickException("the demo has no analyst")
    client = Client(SERVER_NAME="127.0.0.1")
    client.force_login(user, backend="allauth.account.auth_backends.AuthenticationBackend")
    return client, min(queries.actor_for(user=user, now=now).desk_ids)


def _fill(address: str, reports: int, desk_id: int) -> None:
    values = {"size": reports, "now": clock.now(), "desk": desk_id, "sender": uuid4()}
    with psycopg.connect(address, cursor_factory=psycopg.ClientCursor) as owner:
        owner.execute(_ROWS, values)
    with psycopg.connect(address, autocommit=True) as owner:
        owner.execute("VACUUM (ANALYZE) orient_case, intake_report")


def _open(analyst: "Client", views: int) -> list[float]:
    """Return the milliseconds of each view, the pages by turns; the first round warms up unmeasured."""
    times = []
    for number in range(views + len(_PAGES)):
        started = time.perf_counter()
        answer = analyst.get(_PAGES[number % len(_PAGES)])
        elapsed = (time.perf_counter() - started) * 1000
        if answer.status_code != 200:
            raise click.ClickException(f"the queue answered {answer.status_code}")
        if number >= len(_PAGES):
            times.append(elapsed)
    return times
