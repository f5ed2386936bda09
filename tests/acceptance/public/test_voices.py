"""The form speaks to who fills it in: a child in few screens and simple words, a parent, a professional."""

import re

import pytest
from playwright.sync_api import Page

from fanal.web.public import report as report_view
from tests.acceptance.conftest import Visit
from tests.acceptance.steps import turn

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("installed_keys")]
FORMAL = re.compile(r"\b([Vv]ous|[Vv]otre|[Vv]os|(?![Cc]hez\b)\w+ez)\b")
"""Polite forms, of which the page has no word in capitals: a receipt code may end in EZ."""
TO_THE_DESK = "Oui, vous pouvez me joindre"
ANSWERS = {
    "danger": "input[name=danger][value=NO]",
    "what": "input[name=kind][value=SOLICITATION]",
    "you": "input[name=contact][value=ANONYMOUS]",
}
REVEALS = {"you": "input[name=contact][value=CONTACT]", "meeting": "input[name=meeting][value=YES]"}
"""The answers with which a page shows its other questions."""
FIRST = ".fp-choice, main input.form-control, main textarea"


@pytest.fixture(autouse=True)
def fresh_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test's sender is new, and nobody waits."""
    report_view.send_limits.cache_clear()
    monkeypatch.setattr(report_view, "WAIT_WITHOUT_PROOF", 0)


def begin(page: Page, whom: str) -> None:
    page.check(f"input[name=whom][value={whom}]")
    turn(page, "main button[value=next]")


def screens(page: Page) -> list[tuple[str, str]]:
    """Walk from the open page to the check page; return each screen's name and words."""
    seen = []
    while True:
        name = page.input_value("#report [name=step]")
        if name in REVEALS:
            page.check(REVEALS[name])
        seen.append((name, page.inner_text("main")))
        if name == "check":
            return seen
        first = page.locator(FIRST).first.bounding_box()
        assert first is not None
        assert first["y"] + first["height"] <= 640, name
        if name in ANSWERS:
            page.check(ANSWERS[name])
        turn(page, "main button[value=next]")


@pytest.mark.parametrize("script", [True, False])
def test_a_childs_path_is_ten_screens_in_a_childs_words(visit: Visit, script: bool) -> None:
    page = visit("/fr/report/", width=360, script=script)
    page.set_viewport_size({"width": 360, "height": 640})
    assert page.inner_text("h1") == "C’est pour toi, ou pour quelqu’un d’autre\u202f?"
    first = page.locator(".fp-choice").first.bounding_box()
    assert first is not None
    assert first["y"] + first["height"] <= 640
    begin(page, "CHILD")
    seen = screens(page)
    assert 1 + len(seen) <= 10
    for name, said in seen:
        assert FORMAL.findall(said.replace(TO_THE_DESK, "")) == [], name
    assert "Qui est l’enfant" not in "".join(said for _, said in seen)
    page.click("button[value=send]")
    page.wait_for_selector(".fp-code-text")
    assert FORMAL.findall(page.inner_text("main")) == []
    assert "Ce qui s’est passé n’est pas ta faute" in page.inner_text("main")


def test_errors_speak_to_a_child_too(visit: Visit) -> None:
    page = visit("/fr/report/")
    begin(page, "CHILD")
    turn(page, "main button[value=next]")
    assert "Choisis une réponse" in page.inner_text("#errors")
    assert FORMAL.findall(page.inner_text("main")) == []


@pytest.mark.parametrize(
    ("whom", "danger", "child"),
    [
        ("PARENT", "Votre enfant est‑il en danger", "Où est votre enfant"),
        ("WITNESS", "Un enfant est‑il en danger", "Qui est l’enfant"),
        ("PROFESSIONAL", "Un enfant est‑il en danger", "Qui est l’enfant"),
    ],
)
def test_others_are_asked_about_a_child(visit: Visit, whom: str, danger: str, child: str) -> None:
    page = visit("/fr/report/", script=False, width=360)
    begin(page, whom)
    told = dict(screens(page))
    assert danger in told["danger"]
    assert child in told["child"]
    assert ("Votre nom, votre fonction" in told["you"]) == (whom == "PROFESSIONAL")
    assert ("Un enfant que je connais" in told["child"]) == (whom != "PARENT")


def test_changing_for_whom_changes_the_words_and_keeps_the_answers(visit: Visit) -> None:
    page = visit("/fr/report/")
    begin(page, "CHILD")
    page.check("input[name=danger][value=NO]")
    turn(page, "main button[value=next]")
    assert page.inner_text("h1") == "Qu’est‑ce qui t’arrive\u202f?"
    page.check("input[name=kind][value=SOLICITATION]")
    for _ in range(2):
        turn(page, "main button[value=back]")
    begin(page, "PARENT")
    assert page.is_checked("input[name=danger][value=NO]")
    turn(page, "main button[value=next]")
    assert page.inner_text("h1") == "Que se passe‑t‑il\u202f?"
    assert page.is_checked("input[name=kind][value=SOLICITATION]")


def test_nobody_has_to_say_for_whom(visit: Visit) -> None:
    page = visit("/en/report/")
    turn(page, "main button[value=next]")
    assert page.inner_text("h1") == "Is a child in danger right now?"
