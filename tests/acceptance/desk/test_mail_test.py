"""A test message asked for in a real browser, whose page shows the answer when it comes."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel.actors import Role
from fanal.worker import people_jobs
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go, twice
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db(transaction=True)
OpenAs = Callable[..., Page]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Two people on duty, and no server: messages stay in a folder."""
    before = mail.current()
    duty = ("a@desk.example", "b@desk.example")
    mail.install(replace(before, url="", duty=duty, folder=tmp_path))
    yield tmp_path
    mail.install(before)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_test_message_and_its_answer(
    open_as: OpenAs, axe: Axe, desk: Desk, folder: Path, lang: str
) -> None:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    page = open_as("ines", f"/{lang}/account/installation/", width=360)
    assert page.is_disabled("#mail [value=OWN]")
    assert page.is_checked("#mail [value=DUTY]")
    check(page, axe, lang)
    page.set_viewport_size({"width": 360, "height": 800})
    with page.expect_navigation():
        twice(page, "#mail button[type=submit]")
    check(page, axe, lang)
    rows = sql.rows("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'send_mail_test'")
    [(args,)] = rows
    people_jobs.send_mail_test(**json.loads(args))
    expect(page.locator("#mail [role=status]")).to_contain_text("FANAL_SMTP_URL")
    assert len(list(folder.glob("*.eml"))) == 1
    check(page, axe, lang)
    for _ in range(2):
        go(page, "#mail button[type=submit]")
    assert page.locator("#mail [role=alert]").count() == 1
    check(page, axe, lang)
    page.goto(page.url)
    assert page.locator("h1").count() == 1, (
        "its address is a page, after another language is chosen"
    )
