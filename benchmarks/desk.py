"""`fanal bench desk`: response times of the desk's pages over many waiting reports.

A sample goes through every stage. SQL makes the other reports: envelopes, cases, words, two values each with
their sightings, over thirteen months, distributed as at a busy desk. Each has the record, findings and
priority of a report of the sample, so that the queue's rows show what real ones do. A tenth of the other
reports hold the values that many reports of the sample hold, so that pages show values with a million
sightings. Pages are requested through all middleware as a demo analyst (the home page as a supervisor too),
and each request writes its reading to the ledger.
"""

import json
import shutil
import tempfile
import time
from urllib.parse import urlencode
from uuid import uuid4

import click
import psycopg

from benchmarks.carrying import carry
from benchmarks.place import bench_home
from benchmarks.views import FILTERS, QUEUE, keep_views, sign_in, time_pages
from fanal.formats.ncmec.synthesis import synthetic_reports
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.postgres import DatabaseRole

SAMPLE = 300
_HOME = "/en/home/"
_BYTES_PER_REPORT = 7_000
_SPARE = 6_000_000_000  # the log of the writes, and indexes while they are built
_PORTION = 500_000
_INDEXES = (
    "DROP INDEX harmonise_selector_prefix; DROP INDEX harmonise_text_words",
    (
        "CREATE INDEX harmonise_selector_prefix ON harmonise_selector"
        " (harmonise_skeleton(value) text_pattern_ops)"
        " WHERE kind NOT IN ('SHA256', 'SHA1', 'MD5', 'PDQ')"
    ),
    "CREATE INDEX harmonise_text_words ON harmonise_text USING gin (words)",
)
_ROWS = """
CREATE TEMP TABLE made ON COMMIT DROP AS
SELECT n, received_at, (
    lpad(to_hex((extract(epoch FROM received_at) * 1000)::bigint), 12, '0')
    || '7' || substr(md5(n::text), 1, 3) || '8' || substr(md5(n::text), 4, 15))::uuid AS id,
    'user' || n || '@service' || n %% 40 AS handle, 'place' || n %% 50000 || '.example' AS host
FROM (
    SELECT n, %(now)s::timestamptz - make_interval(secs => 60 + n * 34128000.0 / %(size)s) AS received_at
    FROM generate_series(%(first)s, %(last)s) AS n
) numbered ORDER BY 3;
INSERT INTO intake_report (id, desk_id, sender_id, arrival, format, reference, state, received_at,
    changed_at, object_id, size)
SELECT id, %(desk)s, %(sender)s, 'IMPORT', 'ncmec-xml', 'bench-' || n, 'FINISHED', received_at,
    received_at, id, 3900 FROM made;
INSERT INTO orient_case (report_id, desk_id, state, rank, level, kind, channel, platform, country,
    received_at, links, sender_id, due_at, late, decided_at, proposal_revision, language, age, departement,
    conversation)
SELECT id, %(desk)s, CASE WHEN chance < 20 THEN 'DECIDED' WHEN chance < 30 THEN 'HANDED_OVER'
        WHEN chance < 32 THEN 'TO_SECOND' ELSE 'TO_ASSESS' END,
    100 - (n %% 100 * 79 %% 100),
    CASE WHEN n %% 200 = 0 THEN 'DANGER' WHEN n %% 10 = 0 THEN 'HIGH' WHEN n %% 10 < 6 THEN 'NORMAL'
        ELSE 'LOW' END,
    CASE WHEN n %% 333333 = 7 THEN 'TRAFFICKING' ELSE
        (ARRAY['ABUSE_MATERIAL', 'ABUSE_MATERIAL', 'GROOMING', 'SEXTORTION', 'OTHER'])[1 + n %% 5] END,
    CASE WHEN n %% 250000 = 11 THEN 'METAVERSE' ELSE
        (ARRAY['SOCIAL', 'MESSAGING', 'GAME', 'WEB'])[1 + n %% 4] END, 'Service ' || n %% 40,
    (ARRAY['FR', 'BE', ''])[1 + n %% 3], received_at, n %% 12, md5((n %% 60)::text)::uuid, due_at,
    due_at <= %(now)s, CASE WHEN chance < 32 THEN received_at END, 1,
    CASE WHEN n %% 50000 = 13 THEN 'TH' ELSE (ARRAY['FR', 'FR', 'EN', ''])[1 + n %% 4] END,
    CASE WHEN n %% 3 = 0 THEN n %% 20 END,
    CASE WHEN n %% 4 = 0 THEN lpad((n %% 95 + 1)::text, 2, '0') ELSE '' END, n %% 5 = 0
FROM (SELECT made.*, abs(hashint8(n)) %% 1000 AS chance,
    received_at + interval '90 days' AS due_at FROM made) spread;
INSERT INTO harmonise_text (report_id, desk_id, words)
SELECT id, %(desk)s, to_tsvector('harmonise_words', 'someone writes from a place about lantern' || n %% 1000
    || ' rareword' || n) FROM made;
INSERT INTO harmonise_selector (key, kind, value)
SELECT substr(encode(sha256(convert_to(kind || '|' || value, 'UTF8')), 'hex'), 1, 32)::uuid, kind, value
FROM (SELECT 'HANDLE' AS kind, handle AS value FROM made UNION SELECT 'HOST', host FROM made) v
ON CONFLICT DO NOTHING;
INSERT INTO harmonise_sighting (key, report_id, desk_id, role, weak, at)
SELECT key, id, %(desk)s, role, false, received_at FROM (
    SELECT substr(encode(sha256(convert_to('HANDLE|' || handle, 'UTF8')), 'hex'), 1, 32)::uuid AS key,
        id, 1 AS role, received_at FROM made
    UNION ALL
    SELECT substr(encode(sha256(convert_to('HOST|' || host, 'UTF8')), 'hex'), 1, 32)::uuid, id, 6, received_at
        FROM made
    UNION ALL
    SELECT h.key, m.id, 6, m.received_at FROM made m JOIN hub h ON h.place = m.n %% 10
) seen ORDER BY key, id;
INSERT INTO harmonise_record (report_id, written_at, desk_id, revision, emergency, kind, record)
SELECT id, received_at, %(desk)s, 1, false, 'OTHER', record FROM made JOIN content ON place = n %% of_all;
INSERT INTO analyse_result (report_id, written_at, revision, rule_version, findings)
SELECT id, received_at, 1, rule_version, findings FROM made JOIN content ON place = n %% of_all;
INSERT INTO analyse_priority (report_id, written_at, revision, score, level, rule_version, parts)
SELECT id, received_at, 1, 50, 'NORMAL', rule_version, parts FROM made JOIN content ON place = n %% of_all;
"""
_HUBS = """
CREATE TEMP TABLE content AS
SELECT row_number() OVER (ORDER BY r.report_id) - 1 AS place, count(*) OVER () AS of_all, r.record,
    a.findings, a.rule_version, p.parts
FROM harmonise_record r JOIN analyse_result a USING (report_id, revision)
JOIN analyse_priority p USING (report_id, revision) WHERE revision = 1;
CREATE TEMP TABLE hub AS
SELECT key, row_number() OVER (ORDER BY count(*) DESC, key) - 1 AS place
FROM harmonise_sighting GROUP BY key HAVING count(DISTINCT report_id) > %(often)s
ORDER BY count(*) DESC, key LIMIT 10
"""


@click.command()
@click.option(
    "--reports",
    type=click.IntRange(min=1),
    default=200_000,
    show_default=True,
    help="Number of reports (REPORTS).",
)
@click.option(
    "--views",
    type=click.IntRange(min=20),
    default=200,
    show_default=True,
    help="Number of page views (VIEWS).",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def desk(reports: int, views: int, as_json: bool) -> None:
    """Open the desk's queue, reports, searches and home VIEWS times each, with REPORTS waiting reports.

    If the disk is too small, fewer reports are created, and the result says so.
    """
    asked, reports = reports, _fitting(reports)
    with bench_home(need_bytes=_SPARE + reports * _BYTES_PER_REPORT) as databases:
        analyst, desk_id = sign_in()
        sample = list(synthetic_reports(seed=20261125, count=SAMPLE))
        carry(sample, databases, workers=1, prefix="sample")
        started = time.monotonic()
        address = databases.url(DatabaseRole.OWNER)
        pages = _fill(address, reports, desk_id)
        keep_views(analyst)
        filled = time.monotonic() - started
        result: dict[str, object] = {
            "bench": "desk",
            "reports": reports + SAMPLE,
            "reports_asked": asked,
            "views": views,
            "fill_s": round(filled, 1),
            "database_bytes": _size(address),
        }
        supervisor, _desk = sign_in(Role.SUPERVISOR)
        measured = (
            time_pages(analyst, pages | {"analyst_home": [_HOME]}, views),
            time_pages(supervisor, {"supervisor_home": [_HOME]}, views),
        )
        result |= measured[0] | measured[1]
        result["p95_ms"] = max(float(one["p95_ms"]) for one in measured)
    if as_json:
        click.echo(json.dumps(result))
    else:
        for key, value in result.items():
            click.echo(f"{key}: {value}")


def _fitting(reports: int) -> int:
    """Return the number of reports for which the disk has room, at most `reports`."""
    free = shutil.disk_usage(tempfile.gettempdir()).free
    return max(1, min(reports, (free - 2 * _SPARE) // _BYTES_PER_REPORT))


def _fill(address: str, reports: int, desk_id: int) -> dict[str, list[str]]:
    """Insert the rows of `reports` reports; return the paths of the pages to open, by kind of page.

    `address` is the database URL of the owner.
    """
    values = {"size": reports, "now": clock.now(), "desk": desk_id, "sender": uuid4()}
    with psycopg.connect(
        address, cursor_factory=psycopg.ClientCursor, autocommit=True, options="-c work_mem=256MB"
    ) as owner:
        owner.execute("SET maintenance_work_mem = '1GB'; SET synchronous_commit = off")
        sample = [row[0] for row in owner.execute("SELECT report_id FROM orient_case").fetchall()]
        owner.execute(_HUBS, {"often": SAMPLE // 20})
        hub = owner.execute(
            "SELECT v.kind, v.value FROM hub h JOIN harmonise_selector v USING (key) ORDER BY place LIMIT 1"
        ).fetchone()
        owner.execute(_INDEXES[0])
        for first in range(1, reports + 1, _PORTION):
            last = min(reports, first + _PORTION - 1)
            with owner.transaction():
                owner.execute(_ROWS, values | {"first": first, "last": last})
        for index in _INDEXES[1:]:
            owner.execute(index)
        owner.execute("VACUUM (ANALYZE)")
    middle = reports // 2 + 1
    searches = [
        {"q": f"user{middle}"},
        {"q": "lantern7"},
        {"q": "someone writes"},
        {"q": f"rareword{middle}"},
        {"kind": "HANDLE", "value": f"user{middle}@service{middle % 40}"},
        {"kind": "HOST", "value": f"place{middle % 50000}.example"},
    ]
    if hub is not None:
        searches.append({"kind": hub[0], "value": hub[1]})
    return {
        "queue": list(QUEUE),
        "filters": list(FILTERS),
        "report": [f"/en/desk/reports/{report_id}/" for report_id in sample[:40]],
        "search": [f"/en/desk/search/?{urlencode(search)}" for search in searches],
    }


def _size(address: str) -> int:
    with psycopg.connect(address, autocommit=True) as owner:
        row = owner.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
