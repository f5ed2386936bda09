"""Retention, failures of processing and the state of the lists, as an administrator and a supervisor use them."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from playwright.sync_api import Page

from fanal.db import sql
from fanal.exchange.domain.records import ListSource, Service
from fanal.exchange.operations.sources import add_source, note_failure
from fanal.intake.models import Work
from fanal.intake.operations.holds import place_hold
from fanal.kernel.actors import Role, system_actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.integration.exchange.sharing import make_list
from tests.server import as_worker

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]
SYSTEM = system_actor("test")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_retention_in_numbers(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/retention/", width=360)
    assert page.locator("#run ~ *, [aria-labelledby=run] .fn-note").count() >= 1, "no run so far"
    check(page, axe, lang)
    place_hold(
        actor=desk.actor("claire"),
        report_id=desk.reports["game"],
        motive="Procédure 2026/114.",
        now=desk.now,
    )
    with as_worker():
        ledger.record(
            actor=SYSTEM,
            action="expiry.run",
            at=desk.now - timedelta(hours=9),
            detail={"reports": 12, "identities": 1204, "failed": "entries"},
        )
        for days, name in ((-30, "danger"), (40, "material")):
            sql.run(
                "INSERT INTO intake_message (id, report_id, from_desk, created_at, object_id)"
                " VALUES (gen_random_uuid(), %s, false, %s, gen_random_uuid())",
                [desk.reports[name], desk.now - timedelta(days=730 - days)],
            )
    page.goto(page.url)
    assert page.locator("[aria-labelledby=holds] tbody tr").count() == 1
    assert "114" not in page.inner_text("main"), "the reason is the desk's"
    assert page.locator("[aria-labelledby=next] thead th").count() == 14
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_all_reports_of_a_failure_again(open_as: OpenAs, axe: Axe, desk: Desk, lang: str) -> None:
    page = open_as("claire", f"/{lang}/desk/quarantine/", width=360)
    check(page, axe, lang)
    failures = {
        "game": "DEADLINE",
        "again": "DEADLINE",
        "danger": "MALFORMED",
        "stream": "KeyError",
    }
    for name, error in failures.items():
        at = desk.now - timedelta(minutes=50)
        Work.objects.create(
            report_id=desk.reports[name],
            stage="ANALYSE",
            not_before=at,
            quarantined_at=at,
            error=error,
        )
    page.goto(page.url)
    assert page.locator("[aria-labelledby=groups] tbody tr").count() == 3
    assert page.locator("[aria-labelledby=reports] tbody tr").count() == 4
    check(page, axe, lang)
    with page.expect_navigation():
        twice(page, "[aria-labelledby=groups] tbody tr:nth-child(2) button")
    check(page, axe, lang)
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/quarantine/", width=360)
    assert page.locator("tbody tr").count() == 3
    assert page.locator("main form").count() == 0
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_source_fetched_from_the_state_of_the_lists(
    open_as: OpenAs, axe: Axe, desk: Desk, lang: str
) -> None:
    page = open_as("claire", f"/{lang}/account/lists/", width=360)
    check(page, axe, lang)
    with as_worker():
        for number, url in enumerate(("https://lists.example/hashsharing/", "http://127.0.0.1:9/")):
            source = ListSource(
                id=new_id(desk.now),
                name=f"Partenaire {number}",
                kind=Service.HASHSHARING,
                url=url,
                list_id=make_list(f"mirror {number}"),
                added_at=desk.now,
            )
            add_source(actor=SYSTEM, source=source, loopback=True, now=desk.now)
        note_failure(actor=SYSTEM, source=source, code="TLS", now=desk.now)
    page.goto(page.url)
    assert page.locator("[aria-labelledby=sources] tbody tr").count() == 2
    check(page, axe, lang)
    go(page, "[aria-labelledby=sources] tbody tr:first-child button")
    assert page.locator(".fn-note-ok, [role=status]").count() >= 1
    check(page, axe, lang)
