"""Pages of what goes between desks and partners: accessible in every look, and what a person does there."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pyrage
import pytest
from playwright.sync_api import Page

from fanal.accounts.domain.instructions import InstructionKind, NewInstruction
from fanal.accounts.operations.instructions import propose_instruction, second_instruction
from fanal.analyse.material.domain.lists import ListAttributes
from fanal.analyse.material.operations.list_imports import create_list
from fanal.distribution.operations import sending
from fanal.distribution.operations.recipients import add_recipient
from fanal.kernel.actors import Role, system_actor
from tests.acceptance.desk.test_look import LANGUAGES, Axe, check
from tests.acceptance.steps import go
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.integration.desk.test_providers import send

pytestmark = pytest.mark.django_db(transaction=True)
SYSTEM = system_actor("test")


def a_package(desk: Desk) -> str:
    """Send a report to another desk; return the package's id."""
    desk.users["helene"] = make_user("helene", Role.SUPERVISOR, at=desk.now - timedelta(days=2))
    key = str(pyrage.x25519.Identity.generate().to_public())
    add_recipient(
        actor=SYSTEM,
        code="DE-DESK",
        name="Desk of Germany",
        place=("DE", ""),
        key=key,
        now=desk.now,
    )
    made = propose_instruction(
        actor=desk.actor("claire"),
        instruction=NewInstruction(
            kind=InstructionKind.DISTRIBUTION,
            grounds="To other desks.",
            basis="CPP 695-9-31",
            valid_from=desk.now,
            expires_at=desk.now + timedelta(days=30),
        ),
        now=desk.now,
    )
    second_instruction(actor=desk.actor("helene"), instruction_id=made, now=desk.now)
    person = {"role": "SUSPECT", "country": "DE", "name": "Someone"}
    send(desk, uuid4(), "abroad", {"kind": "OTHER", "persons": [person]})
    [sent] = sending.send(
        actor=SYSTEM, sender="desk", deliver=lambda *_told: None, clock=lambda: desk.now
    )
    return str(sent.package)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_other_desks(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str) -> None:
    package = a_package(desk)
    page = open_as("claire", f"/{lang}/desk/distribution/")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("section[aria-labelledby=waiting] th a")
    page.wait_for_selector("#reports")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.goto(page.url.partition("/desk/")[0] + "/desk/distribution/")
    page.click(f"a[href$='/packages/{package}/']")
    page.wait_for_selector("#facts")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("section[aria-labelledby=reports] th a")
    page.wait_for_selector("#transfers")
    assert page.locator(f"a[href$='/packages/{package}/']").count() == 1
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_source_is_added_and_tested(
    open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str
) -> None:
    create_list(actor=SYSTEM, name="mirror", attributes=ListAttributes(), now=desk.now)
    page = open_as("claire", f"/{lang}/desk/exchange/")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    go(page, "a[href$='/sources/add/']")
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.fill("#name", "Quay")
    page.select_option("#kind", "HASHSHARING")
    page.fill("#url", "https://127.0.0.1/hashsharing")  # no public service: refused before any call
    page.select_option("#list", "mirror")
    page.fill("#secret", "canary secret")
    page.click("form .btn-primary")
    page.wait_for_selector("#checkpoint")
    assert "canary" not in page.content()
    check(page, axe, lang)
    page.set_viewport_size({"width": 1440, "height": 900})
    page.click("form[action$='/test/'] button")
    page.wait_for_selector(".fn-note-danger")
    check(page, axe, lang)


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("path", ["desk/statistics/trends/"])
def test_trends(open_as: Callable[..., Page], axe: Axe, desk: Desk, lang: str, path: str) -> None:
    check(open_as("claire", f"/{lang}/{path}"), axe, lang)
