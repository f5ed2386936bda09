"""The queue with 200 000 reports: in order, counted, and its keys and pages work; `fanal bench desk` times it."""

from collections.abc import Callable

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from tests.integration.desk.story import Desk

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.serial]
ROWS = 200_000
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


@pytest.fixture
def many(desk: Desk) -> Desk:
    """Fill the queue on the server's side; the statistics of the planner follow as they would at work."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [ROWS])
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
