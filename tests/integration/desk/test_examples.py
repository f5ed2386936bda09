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


def judged(desk: Desk, web: Client, name: str = "pressure") -> str:
    """Say that a signal was missed in the first passage of a report; return the address of its page."""
    page = f"/fr/desk/reports/{desk.reports[name]}/"
    body = html.unescape(web.get(page).content.decode())
    source = re.search(r'<option value="(\w+#\d+-\d+)"', body)
    assert source
    form = {"source": source[1], "code": "GROOMING_MEETING", "verdict": "MISSED"}
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
