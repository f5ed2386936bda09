"""The queue with 200 000 reports: in order, counted, and its keys and pages work; `fanal bench desk` times it."""

import re
from collections.abc import Callable
from itertools import product
from uuid import UUID

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from playwright.sync_api import Page, expect

from fanal.kernel.actors import system_actor
from fanal.orient.domain.records import QueueFilter, QueuePosition, QueueView
from fanal.orient.queue.operations import mark_late
from fanal.orient.queue.queries import COUNT_CAP, count_views, list_queue
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]
ROWS = 200_000
FILTERS: list[dict[str, str]] = [
    {},
    {"kind": "GROOMING"},
    {"kind": "TRAFFICKING"},
    {"channel": "SOCIAL"},
    {"level": "NORMAL"},
    {"level": "DANGER"},
    {"country": "FR"},
    {"country": "BE"},
    {"kind": "LIVESTREAM", "level": "HIGH"},
    {"channel": "WEB", "country": "FR"},
]
_FILL = """
INSERT INTO orient_case (report_id, desk_id, rank, level, kind, channel, platform, country, received_at,
    sender_id, due_at, proposal_revision)
SELECT (lpad(to_hex(extract(epoch FROM now())::bigint * 1000 - n * 60000::bigint), 12, '0')
        || '7' || lpad(to_hex(n %% 4096), 3, '0') || '8' || substr(md5(n::text), 1, 15))::uuid,
    1, 20 + n %% 80, CASE WHEN n %% 80 < 15 THEN 'HIGH' ELSE 'NORMAL' END,
    (ARRAY['GROOMING', 'ABUSE_MATERIAL', 'SEXTORTION', 'LIVESTREAM', 'OTHER'])[1 + n %% 5],
    'WEB', '', 'FR', now() - n * interval '1 minute', gen_random_uuid(),
    now() + (n - 1000) * interval '1 minute', 1
FROM generate_series(1, %s) AS n
"""
_ANSWER = """
INSERT INTO orient_answer (message_id, report_id, desk_id, came_at)
SELECT gen_random_uuid(), report_id, desk_id, received_at FROM orient_case
ORDER BY received_at DESC LIMIT %s
"""
ANSWERS = 7000  # more than a view shows


@pytest.fixture
def many(desk: Desk) -> Desk:
    """Fill the queue on the server's side, and tell the planner as PostgreSQL would after a minute."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [ROWS])
    with as_worker(), connection.cursor() as cursor:
        cursor.execute(_ANSWER, [ANSWERS])
        cursor.execute("RESET ROLE")  # the owner
        cursor.execute("ANALYZE orient_case, orient_answer")
    return desk


def test_two_hundred_thousand_reports(open_as: Callable[..., Page], many: Desk) -> None:
    page = open_as("ana", "/fr/desk/")
    expect(page.locator("[data-row]")).to_have_count(50)
    expect(page.locator("[data-row]").first).to_contain_text("REF-danger")
    expect(page.locator(".fd-views a").first).to_contain_text("1000+")
    first = page.locator("[data-open]").last.get_attribute("href")
    page.click("a[rel=next]")
    expect(page.locator("[data-row]")).to_have_count(50)
    assert page.locator("[data-open]").first.get_attribute("href") != first
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.closest('[data-row]') !== null")
    while mark_late(actor=system_actor("test"), now=many.now):
        continue
    actor = many.actor("ana")
    for view, chosen in product(QueueView, FILTERS):
        for after in (None, QueuePosition(score=20, report_id=UUID(int=0))):
            asked = {
                "actor": actor,
                "view": view,
                "filters": QueueFilter(**chosen),
                "now": many.now,
            }
            with CaptureQueriesContext(connection) as caught:
                list_queue(**asked, after=after)
            read_little(caught, f"{view} {chosen} {after}")
    with CaptureQueriesContext(connection) as caught:
        count_views(actor=actor, now=many.now)
    assert read_little(caught, "counts") > COUNT_CAP


def read_little(caught: CaptureQueriesContext, what: str) -> float:
    """No plan reads the table as a whole, nor many rows to drop or sort them; return how many the dearest reads."""
    most = 0.0
    for query in caught.captured_queries:
        statement = query["sql"].rpartition("; ")[2]  # after the rows that the session may see
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN (ANALYZE, TIMING OFF) {statement}")
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "Seq Scan on orient_case" not in plan, f"{what}\n{plan}"
        dropped = [int(n) for n in re.findall(r"Rows Removed by Filter: (\d+)", plan)]
        assert max(dropped, default=0) < 100, f"{what}\n{plan}"
        read = re.findall(r"Scan using orient_case_.*actual rows=([\d.]+) loops=(\d+)", plan)
        most = max(most, sum(float(n) * int(loops) for n, loops in read))
        assert most < 15_000, f"{what}\n{plan}"
    return most
