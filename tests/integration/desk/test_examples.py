"""Judged passages on a report's page: what each reader sees of them, and what is refused there in words."""

import html
import re
from collections.abc import Callable

import pytest
from django.test import Client

from fanal.analyse.signals import queries
from fanal.analyse.signals.domain.examples import Example
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided, listed

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
STAFF = ("ana", "claire", "driss", "elise")
NEUTRAL = "Un adulte propose à un enfant de le raccompagner sans que la famille le sache."
_ACT = re.compile(r'action="([^"]*/(?:judge|rewrite|check)/)"')


def place(web: Client, page: str) -> str:
    """The place of the first passage that a report's page offers."""
    found = re.search(
        r'<option value="(\w+#\d+-\d+)"', html.unescape(web.get(page).content.decode())
    )
    assert found
    return found[1]


def judged(desk: Desk, web: Client, name: str = "pressure", *, verdict: str = "MISSED") -> str:
    """Judge a signal in the first passage of a report, by default as missed; return the address of its page."""
    page = f"/fr/desk/reports/{desk.reports[name]}/"
    form = {"source": place(web, page), "code": "GROOMING_MEETING", "verdict": verdict}
    assert web.post(f"{page}judge/", form).status_code == 302
    return page


def held(desk: Desk, name: str = "pressure") -> Example:
    """The example of a report."""
    (example,) = queries.examples_of(actor=desk.actor("ana"), report_id=desk.reports[name])
    return example


def acts(web: Client, page: str) -> set[str]:
    """The acts on examples that a page offers, by their last word."""
    return {act.rstrip("/").split("/")[-1] for act in _ACT.findall(web.get(page).content.decode())}


def rewritten(
    desk: Desk, web: Client, page: str, words: str = NEUTRAL, *, name: str = "pressure"
) -> str:
    """Write a neutral sentence for the example of a report; return what its page then says."""
    address = f"{page}examples/{held(desk, name).id}/rewrite/"
    return web.post(address, {"words": words}, follow=True).content.decode()


@pytest.mark.parametrize("name", STAFF)
def test_a_report_with_every_kind_of_work_on_it_opens_for_all_its_readers(
    desk: Desk, sign_in: SignIn, name: str
) -> None:
    ana = sign_in("ana")
    listed(desk, "material")
    decided(desk, "material")
    page = judged(desk, ana, "material")
    rewritten(desk, ana, page, name="material")
    for form, said in (("note", {"words": "Vu."}), ("feedback", {"verdict": "USEFUL"})):
        assert ana.post(f"{page}{form}/", said).status_code == 302
    assert sign_in(name).get(page).status_code == 200


def test_whoever_reads_a_report_reads_its_examples(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    page = judged(desk, ana)
    rewritten(desk, ana, page)
    for name in STAFF:
        answer = sign_in(name).get(page)
        assert answer.status_code == 200, name
        assert NEUTRAL in answer.content.decode()
    assert acts(ana, page) == {"judge", "rewrite"}
    assert acts(sign_in("bruno"), page) == {"judge", "rewrite", "check"}
    assert acts(sign_in("driss"), page) == acts(sign_in("elise"), page) == set()


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("Un adulte\0 écrit", "sans signe invisible"),
        ("\u200b\u200b", "sans signe invisible"),
        ("Un \u202eadulte", "sans signe invisible"),
        ("...", "sans signe invisible"),
        ("é" * 301, "600 octets au plus"),
        ("a" * 601, "600 octets au plus"),
    ],
    ids=["nul", "zero-width", "direction", "dots", "accents", "long"],
)
def test_a_sentence_that_cannot_be_kept_or_read_is_refused_when_it_is_written(
    desk: Desk, sign_in: SignIn, words: str, refusal: str
) -> None:
    ana = sign_in("ana")
    page = judged(desk, ana)
    assert refusal in rewritten(desk, ana, page, words)
    assert held(desk).rewritten_object is None


def test_only_an_opinion_that_was_given_is_taken_back(desk: Desk, sign_in: SignIn) -> None:
    ana = sign_in("ana")
    page = f"/fr/desk/reports/{desk.reports['pressure']}/"
    source = place(ana, page)
    form = {"source": source, "code": "GROOMING_MEETING", "verdict": "TAKEN_BACK"}
    nothing = "Vous n’avez pas d’avis à retirer"
    assert nothing in ana.post(f"{page}judge/", form, follow=True).content.decode()
    assert queries.examples_of(actor=desk.actor("ana"), report_id=desk.reports["pressure"]) == []
    judged(desk, ana)
    bruno = sign_in("bruno").post(f"{page}judge/", form, follow=True).content.decode()
    assert nothing in bruno
    assert "L’avis est retiré" in ana.post(f"{page}judge/", form, follow=True).content.decode()
    assert nothing in ana.post(f"{page}judge/", form, follow=True).content.decode()


def test_whoever_may_check_finds_the_sentences_that_wait(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = sign_in("ana")
    for name in ("pressure", "material"):
        rewritten(desk, ana, judged(desk, ana, name), name=name)
    for name in ("bruno", "claire"):
        body = sign_in(name).get("/fr/desk/examples/").content.decode()
        assert "REF-pressure" in body
        assert "REF-material" in body
        assert "écrite par vous" not in body
        assert "/fr/desk/examples/" in sign_in(name).get("/fr/desk/").content.decode(), (
            "in the menu"
        )
    assert ana.get("/fr/desk/examples/").content.decode().count("écrite par vous") == 2
    assert "REF-" not in sign_in("yann").get("/fr/desk/examples/").content.decode()
    assert sign_in("driss").get("/fr/desk/examples/").status_code == 403
    monkeypatch.setattr("fanal.web.desk.rules.examples._SHOWN", 1)
    body = sign_in("bruno").get("/fr/desk/examples/").content.decode()
    assert body.count("REF-") == 1
    assert "D’autres phrases attendent" in body


def test_an_example_is_found_under_its_own_report_alone(desk: Desk, sign_in: SignIn) -> None:
    ana, bruno = sign_in("ana"), sign_in("bruno")
    page = judged(desk, ana)
    rewritten(desk, ana, page)
    example = held(desk)
    other = f"/fr/desk/reports/{desk.reports['game']}/examples/{example.id}/"
    assert bruno.post(f"{other}rewrite/", {"words": "Autre."}).status_code == 404
    form = {"object": str(example.rewritten_object)}
    assert bruno.post(f"{other}check/", form).status_code == 404
    assert bruno.post(f"{page}examples/{example.id}/check/", form).status_code == 302
    assert held(desk).neutral == NEUTRAL


def test_what_waits_and_what_people_said_by_signal_is_shown_to_who_checks(
    desk: Desk, sign_in: SignIn
) -> None:
    """An analyst finds the sentence to check; a "wrong" says that one more person must agree."""
    ana, bruno = sign_in("ana"), sign_in("bruno")
    page = judged(desk, ana, verdict="WRONG")
    assert "une autre personne doit être du même avis" in ana.get(page).content.decode()
    rewritten(desk, ana, page)
    body = bruno.get("/fr/desk/examples/?code=GROOMING_MEETING").content.decode()
    waiting, by_signal = body.split('id="signals"')
    assert f"{desk.reports['pressure']}/#examples" in waiting
    assert "<blockquote>" in by_signal
    assert "Faux, une autre personne doit être du même avis" in by_signal
    for name, status in (("claire", 200), ("driss", 403), ("elise", 403)):
        assert sign_in(name).get("/fr/desk/examples/").status_code == status


def test_a_supervisor_withdraws_a_checked_sentence(desk: Desk, sign_in: SignIn) -> None:
    ana, bruno, claire = sign_in("ana"), sign_in("bruno"), sign_in("claire")
    page = judged(desk, ana)
    rewritten(desk, ana, page)
    found = held(desk)
    bruno.post(f"{page}examples/{found.id}/check/", {"object": str(found.rewritten_object)})
    address = f"/fr/desk/examples/{found.id}/withdraw/"
    for web, offered in ((bruno, False), (claire, True)):
        body = web.get("/fr/desk/examples/").content.decode()
        assert NEUTRAL in body
        assert (address in body) is offered
    assert bruno.post(address).status_code == 403
    answer = claire.post(address, follow=True).content.decode()
    assert "Retirée." in answer
    assert NEUTRAL not in answer
    assert held(desk).state == "OPEN"
