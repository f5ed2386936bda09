"""Rows of the queue: what a report says, one clock and one age, and rows on one line for who wants them."""

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client
from lxml import html

from fanal.orient import queries as oriented
from fanal.orient.models import Case
from fanal.web.desk.queue.contents import NO_CONTENT, RowContent, contents_of
from tests.integration.desk.story import GAME, Desk, add_reports

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
QUEUE = "/fr/desk/?view=OPEN"


def having(node: html.HtmlElement, *names: str) -> list[html.HtmlElement]:
    """The elements of this class, in those of the classes before it."""
    path = "".join(f"//*[contains(concat(' ', @class, ' '), ' {name} ')]" for name in names)
    return node.xpath(f".{path}")


def rows(web: Client, address: str = QUEUE) -> dict[str, html.HtmlElement]:
    """The rows of a page of the queue, by the sender's reference, or by number without one."""
    page = html.fromstring(web.get(address).content.decode())
    return {
        having(row, "fd-row-reference")[0].text_content().rpartition(" · ")[2]: row
        for row in having(page, "fd-row")
    }


def words(row: html.HtmlElement) -> str:
    """The text of a row on one line."""
    return " ".join(row.text_content().split())


def content(desk: Desk, who: str, *names: str) -> dict[UUID, RowContent]:
    """What a person's rows would show of reports."""
    ids = [desk.reports[name] for name in names]
    cases = oriented.get_cases(actor=desk.actor("ana"), report_ids=ids)
    return contents_of([cases[one] for one in ids], actor=desk.actor(who))


def test_a_row_tells_age_strongest_passage_and_second_reason(desk: Desk, sign_in: SignIn) -> None:
    shown = rows(sign_in("ana"))
    danger = words(shown["REF-danger"])
    assert "victime de 12 ans" in danger
    (said,) = having(shown["REF-danger"], "fd-row-said")[0].xpath("q")
    assert any(said.text_content() in one["text"] for one in GAME["conversation"])
    assert said.get("dir") == "auto"
    assert "Deuxième motif" in danger
    second = having(shown["REF-danger"], "fd-row-second")[0].text_content()
    first = having(shown["REF-danger"], "fn-priority-reason")[0].text_content()
    assert second.strip() not in first
    (plain,) = having(shown["REF-empty"], "fd-row-said")[0].xpath("q")
    assert plain.text_content() == "Je ne sais pas si c’est important."
    assert "victime" not in words(shown["REF-empty"])


def test_the_passage_is_the_one_of_the_strongest_finding(desk: Desk) -> None:
    from fanal.analyse.queries import get_analyses

    report_id = desk.reports["danger"]
    analysis = get_analyses(actor=desk.actor("ana"), report_ids=[report_id])[report_id]
    cited = [one for one in analysis.findings if "#" in one.source and one.category != "NATURE"]
    strongest = max(cited, key=lambda one: one.score).value
    shown = content(desk, "ana", "danger")[report_id].passage
    assert shown in {one.value for one in cited}
    assert shown in strongest


def test_a_row_has_one_clock_and_a_lapsed_retention_is_no_alarm(
    desk: Desk, sign_in: SignIn
) -> None:
    ids = [desk.reports[name] for name in ("danger", "material", "stream")]
    for report_id, days in zip(ids, (-326, 12, 400), strict=True):
        left = timedelta(days=days, hours=1 if days > 0 else -1)
        Case.objects.filter(report_id=report_id).update(ask_before=desk.now + left)
    shown = rows(sign_in("ana"))
    over, soon, far = (shown[f"REF-{name}"] for name in ("danger", "material", "stream"))
    assert "conservation expirée depuis 326 j" in words(over)
    assert "conservées encore 12 j" in words(soon)
    assert "Données de connexion" not in words(far)
    for row in shown.values():
        assert len(having(row, "fn-clock")) == 1
        assert len(having(row, "fd-row-facts")[0].xpath(".//time")) == 1
    english = rows(sign_in("ana"), "/en/desk/?view=OPEN")
    assert "retention expired 326 days ago" in words(english["REF-danger"])


def test_a_very_long_report_costs_a_page_nothing(desk: Desk) -> None:
    """Its record is not read for the row; the passage of its strongest finding is shown all the same."""
    filler = [
        {"speaker": "lina", "text": f"Ligne {number}. " + "Il fait beau ici. " * 40}
        for number in range(1_000)
    ]
    said = {"conversation": [*GAME["conversation"], *filler]}
    add_reports(desk, [("long", 5, GAME | said)])
    shown = content(desk, "ana", "long")[desk.reports["long"]]
    assert shown.age is None
    assert shown.passage
    assert any(shown.passage in one["text"] for one in GAME["conversation"])


def test_nobody_reads_another_desks_reports_in_rows(desk: Desk) -> None:
    assert content(desk, "ana", "danger")[desk.reports["danger"]].age == 12
    assert content(desk, "yann", "danger")[desk.reports["danger"]] == NO_CONTENT


def test_density_is_kept_for_the_person(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    assert web.get(QUEUE).context["dense"] is False
    answer = web.post("/fr/desk/density/?view=LATE&kind=GROOMING", {"dense": "1"})
    assert answer["Location"] == "/fr/desk/?view=LATE&kind=GROOMING"
    assert sign_in("ana").get(QUEUE).context["dense"] is True
    assert sign_in("bruno").get(QUEUE).context["dense"] is False
    web.post("/fr/desk/density/")
    assert sign_in("ana").get(QUEUE).context["dense"] is False
    assert web.post("/fr/desk/density/?view=NONE", {"dense": "1"}).status_code == 404
