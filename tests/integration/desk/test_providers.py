"""Providers at the desk: figures, quality explained, feedback given on the report's page or by a decision."""

import csv
from collections.abc import Callable
from datetime import date, datetime, timedelta
from io import StringIO
from itertools import pairwise
from uuid import UUID

import msgspec
import pytest
from django.test import Client
from lxml import html

from fanal.accounts.operations.partners import add_partner
from fanal.accounts.queries.people import find_partner
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import count_refusal, receive_reports
from fanal.intake.queries.providers import newest_of
from fanal.kernel.actors import system_actor
from fanal.orient.feedback.queries import feedback_of
from tests.integration.desk.story import GAME, HOST, MATERIAL, Desk, hashed, run_stages
from tests.integration.desk.work import decided

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
SYSTEM = system_actor("test")

_FILES, _PERSONS = MATERIAL["files"], MATERIAL["persons"]
assert isinstance(_FILES, list)
assert isinstance(_PERSONS, list)
RICH = MATERIAL | {
    "urls": [f"https://{HOST}/album/14"],
    "files": [{**file, **hashed(file["name"])} for file in _FILES],
    "persons": [{**_PERSONS[0], "emails": ["other@mail.example"]}],
}
"""As full as the desk's own report, about something else: the two are not one job."""


def send(
    desk: Desk,
    sender: UUID,
    name: str,
    body: dict[str, object],
    *,
    desk_id: int = 1,
    at: datetime | None = None,
) -> None:
    """Receive a provider's report an hour ago, or `at`, and run the stages."""
    at = at or desk.now - timedelta(hours=1)
    content = msgspec.json.encode({"reference": f"REF-{name}", **body})
    submission = Submission(
        arrival=Arrival.API, format=Format.REPORT, body=content, canonical=content,
        sender_id=sender, desk_id=desk_id, reference=f"REF-{name}",
    )  # fmt: skip
    (answer,) = receive_reports(actor=SYSTEM, submissions=[submission], now=at)
    assert answer.report_id is not None
    desk.reports[name] = answer.report_id
    run_stages(at + timedelta(seconds=2))


@pytest.fixture
def provider(desk: Desk) -> UUID:
    """Chatoria, which sent two reports here and one to another desk, and was refused three times."""
    add_partner(actor=SYSTEM, name="Chatoria", now=desk.now, quota=60)
    found = find_partner(name="Chatoria")
    assert found is not None
    send(desk, found, "rich", RICH)
    send(desk, found, "poor", {"kind": "GROOMING"})
    send(desk, found, "elsewhere", GAME, desk_id=2)
    for _ in range(3):
        count_refusal(sender_id=found, step="submit", code="4110", now=desk.now)
    return found


def test_an_officer_answers_a_suggestion_on_a_providers_report(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    """Officers judge links, and give no feedback: the page of one report has both forms."""
    phone = {"kind": "GROOMING", "persons": [{"role": "SUSPECT", "phones": ["+33139981111"]}]}
    for name in ("number-1", "number-2"):
        send(desk, provider, name, phone)
    page = html.fromstring(
        sign_in("driss").get(f"/en/desk/reports/{desk.reports['number-2']}/").content
    )
    assert page.xpath("//section[@aria-labelledby='quality']")
    assert page.xpath("//button[@name='answer']")
    assert not page.xpath("//select[@name='verdict']")


def test_a_providers_page_tells_its_figures_for_the_readers_desks(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    page = sign_in("claire").get("/en/desk/providers/").content.decode()
    assert f"/en/desk/providers/{provider}/" in page
    body = sign_in("ana").get(f"/en/desk/providers/{provider}/").content.decode()
    for words in (
        "Chatoria", "4110", "Report submitted<br>", "Malformed XML<br>", "<td class=\"fd-number\">3</td>", "median 2.0 s",
        "Suspect’s IP address", "none is sent", "over the newest 2",
    ):  # fmt: skip
        assert words in body, words
    away = sign_in("yann").get(f"/fr/desk/providers/{provider}/").content.decode()
    assert "au nombre de 1" in away
    assert "REF-" not in body


def test_every_figure_is_of_the_time_that_the_page_names(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    long_ago = desk.now - timedelta(days=120)
    for number in range(3):
        send(desk, provider, f"old-{number}", {"kind": "OTHER"}, at=long_ago)
    body = sign_in("ana").get(f"/en/desk/providers/{provider}/").content.decode()
    assert "over the newest 2<" in body
    assert "(0 of the newest 2)" in body
    assert "of the newest 5" not in body
    since = desk.now - timedelta(days=121)
    of_all_desks = newest_of(
        actor=desk.actor("ana"), sender_id=provider, since=since, now=desk.now, limit=9
    )
    assert len(of_all_desks) == 6


def test_a_week_without_reports_is_told_as_well(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    send(desk, provider, "early", {"kind": "OTHER"}, at=desk.now - timedelta(days=40))
    page = html.fromstring(
        sign_in("claire").get(f"/en/desk/providers/{provider}/").content.decode()
    )
    rows = page.xpath("//section[@aria-labelledby='weeks']//tbody/tr")
    days = [date.fromisoformat(row.xpath(".//time/@datetime")[0]) for row in rows]
    assert {day.weekday() for day in days} == {0}
    assert {two - one for one, two in pairwise(days)} == {timedelta(weeks=1)}
    # Thirteen weeks back from the middle of one touch fourteen. Late on a Sunday of winter they do not: in
    # summer time the same instant is Monday.
    assert len(days) in {13, 14}
    told = [row.xpath("string(td[1])") for row in rows]
    assert (sum(map(int, told)), told.count("0")) == (3, len(days) - 2)


def test_the_files_of_trends_say_who_a_sender_is(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    web = sign_in("hugo")
    page = "/en/desk/statistics/trends/{}/"
    lines = list(csv.DictReader(StringIO(web.get(page.format("SENDERS/csv")).content.decode())))
    told = {line["sender"]: line["name"] for line in lines}
    assert told[str(provider)] == "Chatoria"
    whole = web.get(page.format("SENDERS/json")).json()
    assert {row["sender"] for row in whole["rows"]} == set(told)
    assert {code: name for code, name in whole["names"].items() if code in told} == {
        code: name for code, name in told.items() if name
    }
    others = web.get(page.format("KINDS/csv")).content.decode().splitlines()[0]
    assert others.endswith(",change_of_level")
    assert "names" not in web.get(page.format("KINDS/json")).json()


def test_who_may_see_it(desk: Desk, provider: UUID, sign_in: SignIn) -> None:
    for name in ("gabrielle", "hugo", "driss"):
        assert sign_in(name).get(f"/fr/desk/providers/{provider}/").status_code == 403
    nobody = UUID(int=7)
    assert sign_in("ana").get(f"/fr/desk/providers/{nobody}/").status_code == 404


def test_a_report_shows_its_quality_and_takes_feedback(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    report, web = desk.reports["poor"], sign_in("ana")
    body = web.get(f"/fr/desk/reports/{report}/").content.decode()
    assert "sur 100" in body
    assert "Compte, courriel, téléphone" in body
    where = f"/fr/desk/reports/{report}/feedback/"
    for bad in ({}, {"verdict": "X"}, {"verdict": "LACKS_DATA"},
                {"verdict": "LACKS_DATA", "lacks": "X"}):  # fmt: skip
        assert web.post(where, bad).status_code == 302
    assert feedback_of(actor=desk.actor("ana"), report_ids=[report]) == {}
    web.post(where, {"verdict": "LACKS_DATA", "lacks": ["SUSPECT_ADDRESS", "WHERE"]})
    (given,) = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert (given.verdict, given.lacks) == ("LACKS_DATA", ("SUSPECT_ADDRESS", "WHERE"))
    assert "Données manquantes" in web.get(f"/fr/desk/reports/{report}/").content.decode()
    assert sign_in("yann").post(where, {"verdict": "USEFUL"}).status_code in {403, 404}
    assert feedback_of(actor=desk.actor("yann"), report_ids=[report]) == {}


def test_a_decision_says_useful_and_never_over_a_persons_word(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    report = desk.reports["rich"]
    decided(desk, "rich")
    (given,) = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert (given.verdict, given.origin) == ("USEFUL", "DECISION")
    sign_in("ana").post(f"/fr/desk/reports/{report}/feedback/", {"verdict": "DUPLICATE"})
    found = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert [f.verdict for f in found] == ["USEFUL", "DUPLICATE"]


def test_a_persons_word_comes_before_the_decision(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    report = desk.reports["rich"]
    sign_in("bruno").post(f"/fr/desk/reports/{report}/feedback/", {"verdict": "DUPLICATE"})
    decided(desk, "rich")
    found = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert [f.verdict for f in found] == ["DUPLICATE"]


def test_a_reopened_report_takes_the_word_of_its_decision_back(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    report = desk.reports["rich"]
    decided(desk, "rich")
    sign_in("ana").post(f"/fr/desk/reports/{report}/reopen/")
    found = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert [(f.verdict, f.origin) for f in found] == [
        ("USEFUL", "DECISION"),
        ("WITHDRAWN", "DECISION"),
    ]
    decided(desk, "rich")
    found = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert sorted(f.verdict for f in found) == ["USEFUL", "USEFUL", "WITHDRAWN"]


def test_a_reopened_report_leaves_the_word_of_a_person(
    desk: Desk, provider: UUID, sign_in: SignIn
) -> None:
    report, web = desk.reports["rich"], sign_in("ana")
    decided(desk, "rich")
    web.post(f"/fr/desk/reports/{report}/feedback/", {"verdict": "DUPLICATE"})
    web.post(f"/fr/desk/reports/{report}/reopen/")
    found = feedback_of(actor=desk.actor("ana"), report_ids=[report])[report]
    assert [f.verdict for f in found] == ["USEFUL", "DUPLICATE"]
