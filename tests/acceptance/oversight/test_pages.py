"""Statistics and oversight in Chromium: what people see and do, accessible in every look."""

import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

import pytest
from allauth.mfa.models import Authenticator
from playwright.sync_api import Page

from fanal.accounts.domain.records import RevocationReason
from fanal.accounts.models import User
from fanal.accounts.operations.habilitations import revoke_habilitation
from fanal.accounts.queries.people import own_habilitations
from fanal.kernel import clock
from fanal.kernel.actors import Actor, Role
from fanal.ledger import operations as ledger
from fanal.ledger.models import LedgerEntry
from fanal.measures import queries as measures
from fanal.statistics import operations as statistics
from fanal.web.account import second_factor
from tests.acceptance.oversight.people import SYSTEM, grant_approving, signed_in, user_as
from tests.acceptance.oversight.stories import every_state, one_that_left, reports
from tests.acceptance.public.test_look import LOOKS
from tests.acceptance.steps import go
from tests.actors import desk_actor
from tests.integration.orient.people import person

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]

Axe = Callable[..., list[str]]


@pytest.fixture(autouse=True)
def password_is_enough():
    second_factor.install(required=False)
    yield
    second_factor.install(required=True)


@pytest.fixture
def now() -> datetime:
    return clock.now()


def check(page: Page, axe: Axe, name: str) -> None:
    """No violation and no overflow in any look, on one page load."""
    page.wait_for_load_state("networkidle")
    for width, scheme, rules in LOOKS[page.evaluate("document.documentElement.lang")]:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        assert axe(page, rules=rules) == [], f"{name} {width} {scheme}"
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} {width}: {wide} px too wide"
        if folder := os.environ.get("FANAL_SHOTS"):
            page.wait_for_timeout(400)
            page.screenshot(path=Path(folder) / f"{name}-{width}-{scheme}.png", full_page=True)


@pytest.mark.parametrize("path", ["account/second-factor/webauthn/", "desk/reference/"])
def test_nothing_scrolls_sideways_at_the_narrowest_width(visit, now: datetime, path: str) -> None:
    """320 CSS pixels: a desktop page at 400 %."""
    user = user_as(Role.SUPERVISOR, "Claire Martin", now=now)
    key = {"name": "Clé de la salle de permanence", "credential": {}}
    Authenticator.objects.create(user=user, type=Authenticator.Type.WEBAUTHN, data=key)
    page = signed_in(visit, user, f"/fr/{path}", width=320)
    assert "/reauthenticate/" not in page.url
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_statistics(visit, axe: Axe, now: datetime, lang: str) -> None:
    reports(now)
    every_state(now)
    user = user_as(Role.STATISTICIAN, "Sacha Statistics", now=now)
    page = signed_in(visit, user, f"/{lang}/desk/statistics/")
    assert page.locator("h1").count() == 1
    page.wait_for_selector("canvas[data-chart]")
    for meaning in page.locator(".fs-meaning summary").all():
        meaning.click()
    check(page, axe, f"statistics-{lang}")
    year = clock.paris_day(now).year
    page.goto(page.url + f"year/{year}/")
    check(page, axe, f"year-{lang}")
    page.goto(page.url.replace(f"year/{year}/", "trends/"))
    page.wait_for_selector("canvas[data-chart]")
    for meaning in page.locator(".fs-meaning summary").all():
        meaning.click()
    check(page, axe, f"trends-{lang}")


def test_figures_move_as_soon_as_a_report_comes_in(visit, now: datetime) -> None:
    user = user_as(Role.STATISTICIAN, "Sacha Statistics", now=now)
    page = signed_in(visit, user, "/en/desk/statistics/")
    first = page.locator(".fn-figure-value").first
    assert first.inner_text() == "0"
    reports(now, count=1)
    statistics.refresh_days(actor=SYSTEM, now=now)
    reports(now, count=0)
    from tests.integration.statistics.test_figures import receive

    receive(now, 2)
    page.reload()
    assert int(page.locator(".fn-figure-value").first.inner_text()) >= 2


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_public_figures_with_and_without_script(visit, axe: Axe, now: datetime, lang: str) -> None:
    reports(now)
    every_state(now)
    statistics.publish(actor=SYSTEM, now=now)
    page = visit(f"/{lang}/figures/")
    assert page.context.cookies() == []
    assert page.locator("canvas").count() >= 2
    check(page, axe, f"figures-{lang}")
    plain = visit(f"/{lang}/figures/", script=False)
    assert not plain.locator("canvas").first.is_visible()
    plain.locator("summary").first.click()
    assert plain.locator("table").first.is_visible()


@pytest.mark.role("worker")  # who numbers and seals the ledger
@pytest.mark.parametrize("lang", ["fr", "en"])
def test_an_overseer_reads_grounds_and_proofs_and_recommends(
    visit, axe: Axe, now: datetime, lang: str
) -> None:
    officer = user_as(Role.MEASURES_OFFICER, "Olive Officer", now=now)
    actor = desk_actor(
        person_id=officer.person_id, roles={Role.MEASURES_OFFICER},
        desks={1}, motive="test",
    )  # fmt: skip
    author = user_as(Role.ANALYST, "Ana Analyst", now=now)
    proposer = _as(author, Role.ANALYST)
    ids = every_state(now, officer=actor, author=proposer)
    ids.append(one_that_left(now, officer=actor, author=proposer))
    ledger.sequence_pending(now=now)
    ledger.sign_checkpoint(now=now)
    user = user_as(Role.OVERSEER, "Quinn Qualified", now=now)
    page = signed_in(visit, user, f"/{lang}/oversight/")
    assert page.locator("section[aria-labelledby=left] .fn-chip-danger").count() == 1
    check(page, axe, f"oversight-{lang}")
    page.goto(page.url + f"measures/{ids[-1]}/")
    for details in page.locator("main details").all():
        details.evaluate("node => { node.open = true }")
    check(page, axe, f"left-{lang}")
    page.goto(page.url.partition("measures/")[0] + "measures/")
    assert page.locator("tbody tr").count() == len(ids)
    check(page, axe, f"measures-{lang}")
    page.goto(page.url.removesuffix("measures/"))
    page.select_option("#size", "10")
    go(page, "form .btn-primary")
    check(page, axe, f"session-{lang}")
    session_taken_out(page, axe, lang)
    go(page, ".fd-head-actions a.btn-primary")
    assert (
        page.locator("pre").first.inner_text().startswith("Office anti" if lang == "fr" else "Anti")
    )
    assert page.locator(".fo-grounds li").count() >= 2
    assert page.locator(".fo-ledger .fn-chip-ok").count() >= 2  # proved under the checkpoint
    check(page, axe, f"measure-{lang}")
    page.set_viewport_size({"width": 1440, "height": 900})
    page.check("input[value=CORRECT]")
    page.fill("#words", "The second address is not the one of the decision.")
    go(page, "form:has(#words) .btn-primary")
    assert page.locator(".fo-recommendation").count() == 1
    measure_id = page.url.rstrip("/").split("/")[-1]
    page.click(".fo-bar form button")
    [made] = measures.list_recommendations(actor=_as(user, Role.OVERSEER))
    assert str(made.measure_id) == measure_id
    assert LedgerEntry.objects.filter(action="oversight.read", actor_id=user.person_id).exists()
    desk = signed_in(visit, officer, f"/{lang}/oversight/recommendations/")
    desk.check("input[value=FOLLOWED]")
    desk.fill("textarea", "The request was corrected.")
    check(desk, axe, f"recommendations-{lang}")
    go(desk, "form .btn-primary >> nth=-1")
    assert desk.locator("textarea").count() == 0
    assert desk.locator(".fo-recommendation").count() == 1


def session_taken_out(page: Page, axe: Axe, lang: str) -> None:
    """By keyboard: its PDF, then its page to print and copy, and back."""
    document = "section[aria-labelledby=document] button"
    page.focus(".fd-head-actions a[href='#document']")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    with page.expect_download() as download:
        page.keyboard.press("Enter")
    assert download.value.suggested_filename.endswith(f"-{lang}.pdf")
    assert download.value.path().read_bytes().startswith(b"%PDF-")
    page.focus(f"{document}[value=print]")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    check(page, axe, f"session-print-{lang}")
    assert {"fr": "CONFIDENTIEL", "en": "CONFIDENTIAL"}[lang] in page.inner_text("main")
    go(page, ".fd-acts a")


@pytest.mark.parametrize("lang", ["fr", "en"])
def test_an_overseer_sees_who_may_approve(visit, axe: Axe, now: datetime, lang: str) -> None:
    """Signed by two, waiting, opened by the console alone, ended; two accounts of one address."""
    claire = user_as(Role.SUPERVISOR, "Claire Chef", now=now)
    helene = user_as(Role.SUPERVISOR, "Hélène Duval-Beaumont", now=now)
    olive, zoe = (
        user_as(Role.ANALYST, name, now=now) for name in ("Olive Officer", "Zoé Officer-Legrand")
    )
    User.objects.filter(pk__in=[olive.pk, zoe.pk]).update(email="o@officer.example")
    grant_approving(claire, olive, second=helene, now=now)
    grant_approving(helene, zoe, second=None, now=now)
    revoke_habilitation(
        actor=_as(claire, Role.SUPERVISOR),
        habilitation_id=own_habilitations(actor=_as(helene, Role.SUPERVISOR))[0].id,
        reason=RevocationReason.LEFT,
        now=now,
    )
    user = user_as(Role.OVERSEER, "Quinn Qualified", now=now)
    page = signed_in(visit, user, f"/{lang}/oversight/")
    go(page, "section[aria-labelledby=grants] a")
    standing, ended = (
        page.locator(f"section[aria-labelledby={part}] tbody th").all_inner_texts()
        for part in ("standing", "ended")
    )
    names = {"Claire Chef", "Olive Officer", "Zoé Officer-Legrand"}
    assert names <= {text.split("\n")[0] for text in standing}
    assert ended == ["Hélène Duval-Beaumont"]
    assert page.locator(".fo-alike").count() == 2
    assert LedgerEntry.objects.filter(
        action="habilitation.oversee", actor_id=user.person_id
    ).exists()
    check(page, axe, f"habilitations-{lang}")


def test_an_overseer_moves_no_measure_and_sees_no_report(visit, now: datetime) -> None:
    ids = every_state(now)
    user = user_as(Role.OVERSEER, "Quinn Qualified", now=now)
    page = signed_in(visit, user, f"/en/oversight/measures/{ids[0]}/")
    assert page.locator("form").count() == 2  # sign out, recommend
    base = page.url.partition("/en/")[0]
    for path in ("desk/", "desk/search/", "desk/dossiers/"):
        answer = page.goto(f"{base}/en/{path}")
        assert answer is not None
        assert answer.status in {403, 404}, path


def _as(user: object, role: Role) -> Actor:
    return person(role, person_id=user.person_id)
