"""The duty roster in a real browser: a supervisor and an administrator see its gaps, fill them, and try it."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fanal.accounts.models import User
from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from fanal.worker import people_jobs
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Two people in the settings, and no server: messages stay in a folder."""
    before = mail.current()
    duty = ("a@desk.example", "b@desk.example")
    mail.install(replace(before, url="", duty=duty, folder=tmp_path))
    yield tmp_path
    mail.install(before)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_roster_is_filled_and_tried(
    open_as: OpenAs, axe: Axe, desk: Desk, folder: Path, lang: str
) -> None:
    User.objects.filter(username="claire").update(email="claire@desk.example")
    page = open_as("claire", f"/{lang}/account/duty/", width=360)
    assert page.url.endswith("/account/duty/1/"), "her only desk"
    assert "FANAL_DUTY" in page.inner_text("[aria-labelledby=lines]")
    check(page, axe, lang)
    # Every day but one, from the day before.
    day = paris_day(clock.now())
    page.fill("#weekly-from", (day - timedelta(days=2)).isoformat())
    page.select_option("#weekly-person", label="Claire")
    for number in range(7):
        page.set_checked(f"[name=weekdays][value='{number}']", number != (day.weekday() + 3) % 7)
    page.fill("#weekly-starts", "20:00")
    page.fill("#weekly-ends", "20:00")
    with page.expect_navigation():
        twice(page, "[aria-labelledby=weekly] button[type=submit]")
    assert page.locator("[aria-labelledby=lines] tbody tr").count() == 1, "sent twice, added once"
    gaps = page.locator(".fn-note-warn li").all_inner_texts()
    assert len(gaps) == 2
    assert all("20:00" in one for one in gaps), gaps
    assert page.locator(".fd-duty-hole").count() == 4, "of two days, before and after midnight"
    check(page, axe, lang)
    # A number that is no address is refused, and what was typed stays.
    page.fill("#dated-name", "Garde")
    page.fill("#dated-address", "garde@desk.example")
    page.check("[aria-labelledby=dated] [value=ON]")
    page.fill("#dated-from", (day + timedelta(days=20)).isoformat())
    page.fill("#dated-until", (day + timedelta(days=19)).isoformat())
    go(page, "[aria-labelledby=dated] button[type=submit]")
    assert page.locator("[role=alert]").count() == 1
    assert page.input_value("#dated-name") == "Garde"
    assert page.is_checked("[aria-labelledby=dated] [value=ON]")
    check(page, axe, lang)
    page.fill("#dated-from", (day - timedelta(days=1)).isoformat())  # at any hour
    page.fill("#dated-until", (day + timedelta(days=19)).isoformat())
    go(page, "[aria-labelledby=dated] button[type=submit]")
    assert page.locator("[aria-labelledby=lines] tbody tr").count() == 2
    assert page.locator(".fd-duty-hole").count() == 0
    check(page, axe, lang)
    # The test call goes to who is on duty.
    go(page, "#test button[type=submit]")
    [(args,)] = sql.rows(
        "SELECT args::text FROM procrastinate_jobs WHERE task_name = 'send_mail_test'"
    )
    people_jobs.send_mail_test(**json.loads(args))
    expect(page.locator("#test [role=status]")).to_contain_text("FANAL_SMTP_URL")
    (message,) = folder.glob("*.eml")
    assert "garde@desk.example" in message.read_text()
    assert "a@desk.example" not in message.read_text()
    check(page, axe, lang)
    _remove(page, 0)
    assert page.locator("[aria-labelledby=lines] tbody tr").count() == 1
    check(page, axe, lang)


def _remove(page: Page, row: int) -> None:
    page.locator("[aria-labelledby=lines] tbody summary").nth(row).click()
    with page.expect_navigation():
        page.locator("[aria-labelledby=lines] tbody tr").nth(row).locator("button").click()


@pytest.mark.parametrize("lang", LANGUAGES)
def test_the_administrator_sees_every_desk_and_an_analyst_reads_theirs(
    open_as: OpenAs, axe: Axe, desk: Desk, folder: Path, lang: str
) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/duty/", width=360)
    assert page.locator("tbody tr").count() == 2
    check(page, axe, lang)
    go(page, "tbody tr:last-child a")
    assert page.locator("form[action$='/add/']").count() == 2
    check(page, axe, lang)
    page = open_as("ana", f"/{lang}/account/duty/", width=1440)
    assert page.locator("main form[method=post]").count() == 0
    check(page, axe, lang)
