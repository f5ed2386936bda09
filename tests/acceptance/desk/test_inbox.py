"""The inbox of referrals in a real browser: what to send first, what awaits an answer, what is closed."""

import os
from collections.abc import Callable
from uuid import UUID

import pytest
from django.db import connection
from playwright.sync_api import Page, expect

from fanal.orient.domain.records import Choice, Track
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db(transaction=True)
OLDER = 120
JUDICIAL = Choice(tracks=(Track.JUDICIAL,), bases=("CP 227-22-1",), reason="read twice")
_FILL = """
INSERT INTO casework_act (id, kind, desk_id, subject_id, report_ids, decision_id, state, addressee, basis,
    level, author_id, created_at)
SELECT (lpad(to_hex(extract(epoch FROM at)::bigint * 1000), 12, '0') || '7000' || '8'
        || substr(md5(n::text), 1, 15))::uuid,
    'referral', 1, gen_random_uuid(), '{}', gen_random_uuid(), 'DRAFT', 'OFMIN', '[]', 'HIGH', %s, at
FROM (SELECT n, %s::timestamptz - interval '2 days' + n * interval '1 minute' AS at
      FROM generate_series(1, %s) AS n) AS given
"""
WORDS = {
    "fr": {
        "danger": "Enfant en danger",
        "tabs": ["À envoyer", "Envoyées, réponse attendue", "Closes"],
        "draft": "Brouillon\N{NO-BREAK SPACE}: personne ne l’a encore envoyé",
        "sent": "aucune réponse",
        "match": "1 correspond aux filtres",
    },
    "en": {
        "danger": "Child in danger",
        "tabs": ["To send", "Sent, answer awaited", "Closed"],
        "draft": "Draft: nobody has sent it yet",
        "sent": "no answer",
        "match": "1 matches the filters",
    },
}


@pytest.fixture
def older(desk: Desk) -> Desk:
    """A hundred and twenty drafts lie there, older than the one that is urgent."""
    with connection.cursor() as cursor:
        cursor.execute(_FILL, [str(desk.actor("ana").person_id), desk.now, OLDER])
    return desk


def shown(page: Page, name: str) -> None:
    """Keep a picture of the page where a folder for it is given."""
    if folder := os.environ.get("SHOTS"):
        for scheme, width in (("light", 1440), ("dark", 1440), ("light", 390)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size({"width": width, "height": 900})
            page.screenshot(path=f"{folder}/{name}-{scheme}-{width}.png")


def urgent(desk: Desk) -> UUID:
    """A report of a child in danger is decided: its referral is a draft."""
    return decided(desk, "danger", choice=JUDICIAL)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_child_in_danger_leads(
    open_as: Callable[..., Page], axe: Axe, older: Desk, lang: str
) -> None:
    urgent(older)
    words = WORDS[lang]
    page = open_as("driss", f"/{lang}/desk/referrals/", lang=lang)
    tabs = page.locator("nav.fd-tabs a")
    for tab, (title, count) in enumerate(zip(words["tabs"], [OLDER + 1, 0, 0], strict=True)):
        expect(tabs.nth(tab)).to_contain_text(title)
        expect(tabs.nth(tab).locator(".fd-count")).to_have_text(str(count))
    rows = page.locator("table tbody tr")
    expect(rows).to_have_count(50)
    expect(rows.first).to_contain_text(words["danger"])
    expect(rows.nth(1)).not_to_contain_text(words["danger"])
    expect(rows.nth(1).locator(".fn-clock-late")).to_have_count(1)
    check(page, axe, lang)
    shown(page, f"inbox-{lang}")
    page.set_viewport_size({"width": 1440, "height": 900})
    go(page, "a[rel=next]")
    go(page, "a[rel=next]")
    expect(rows).to_have_count(21)
    page.goto(page.url.partition("?")[0])
    page.select_option("#filter-basis", "CP 227-22-1")
    go(page, "[data-filters] button")
    expect(page.locator(".fd-head-text")).to_contain_text(words["match"])
    page.goto(page.url.partition("?")[0])
    page.check("input[name=mine]")
    go(page, "[data-filters] button")
    expect(page.locator(".fn-empty")).to_be_visible()
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_what_was_sent_awaits_its_answer_and_the_analyst_reads_what_became_of_it(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    report_id = urgent(desk)
    words = WORDS[lang]
    report = f"/{lang}/desk/reports/{report_id}/"
    page = open_as("ana", report, lang=lang)
    expect(page.locator(".fd-drafts")).to_contain_text(words["draft"])
    expect(page.locator(".fd-drafts a[href*='/referrals/']")).to_have_count(0)
    check(page, axe, lang)
    page = open_as("driss", f"/{lang}/desk/referrals/", lang=lang)
    go(page, "table tbody th a")
    page.fill("#summary", "Read and compared.")
    page.click("section[aria-labelledby=amend] button")
    for step in ("prepare", "send"):
        page.select_option("#move", step)
        page.fill("#proof", "Bordereau 12")
        page.click("section[aria-labelledby=record] button.btn-primary")
    go(page, ".fd-crumb a")
    expect(page.locator(".fn-empty")).to_be_visible()
    go(page, "nav.fd-tabs li:nth-child(2) a")
    expect(page.locator("table tbody tr")).to_have_count(1)
    check(page, axe, lang)
    shown(page, f"awaited-{lang}")
    page = open_as("ana", report, lang=lang)
    expect(page.locator(".fd-drafts")).to_contain_text(words["sent"])
    shown(page, f"became-{lang}")
