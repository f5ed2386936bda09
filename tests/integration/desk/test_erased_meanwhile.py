"""A page that is older than the erasure of its report: what would be written on it is refused in words."""

from collections.abc import Callable
from importlib import import_module
from uuid import UUID, uuid4

import pytest
from django.http import HttpResponse
from django.test import Client

from fanal.casework.operations.deciding import record_decisions, undo_decision
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.numbers import find_dossier_number
from fanal.crosscheck.dossiers.queries import dossier_of, dossier_view, members_of, numbers_of
from fanal.crosscheck.operations.judge import judge
from fanal.db import sql
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.number import desk_number
from fanal.intake.operations.lifecycle import forget_reports
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.orient.alarms.queries import alarms_of
from fanal.orient.domain.records import Choice, Track
from fanal.orient.models import Case
from fanal.orient.operations.decisions import decide
from fanal.orient.queue.operations import claim_case
from fanal.vault.operations import erase as vault
from fanal.worker.expiry import erase_reports
from tests.acceptance.desk.test_answers import answer
from tests.integration.desk.folds import add_folded
from tests.integration.desk.story import WORKER, Desk, add_reports
from tests.integration.desk.test_assignment import shown
from tests.integration.desk.test_judged import NOTHING
from tests.integration.desk.work import decided, judged
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
WORDS = "Her mother calls at six."


def erase(desk: Desk, name: str) -> None:
    with as_worker():
        erase_reports(actor=WORKER, report_ids=[desk.reports[name]], now=clock.now())


def written() -> list[tuple[object, ...]]:
    """The numbers of notes and reviews."""
    tables = ("orient_note", "intake_review", "intake_review_second")
    return [sql.one(f"SELECT count(*) FROM {table}") for table in tables]


@pytest.mark.parametrize(
    ("act", "said", "told"),
    [
        ("reports/{}/note/", {"words": WORDS}, "This report is erased: it takes no more notes."),
        ("reports/{}/assign/", {"words": WORDS}, "This report is erased: it takes no more notes."),
        ("reviews/{}/", {"verdict": "keep", "motive": "x"}, "This report is erased already."),
        ("reviews/{}/", {"verdict": "end", "motive": "x"}, "This report is erased already."),
    ],
)
def test_nothing_is_written_on_an_erased_report(
    desk: Desk, sign_in: SignIn, act: str, said: dict[str, str], told: str
) -> None:
    web, report_id = sign_in("claire"), desk.reports["travel"]
    giving = {"to": str(desk.actor("ana").person_id), "shown": shown(desk, report_id)}
    erase(desk, "travel")
    before = written()
    answer = web.post(f"/en/desk/{act.format(report_id)}", giving | said, follow=True)
    page = answer.content.decode()

    assert told in page
    assert "words" not in said or WORDS in page, "what was typed is there to copy"
    assert written() == before


def test_a_page_opened_while_its_conversation_is_erased_says_so(
    desk: Desk, sign_in: SignIn
) -> None:
    """The rows of the messages are still there: the page has read them, or a restore brought them back."""
    report_id = desk.reports["material"]
    answer(desk, "material")
    with as_worker():
        vault.erase(actor=WORKER, owner_ids=[report_id], now=clock.now(), kinds=["message"])
    page = sign_in("ana").get(f"/en/desk/reports/{report_id}/")
    assert page.status_code == 200
    assert "This message is erased." in page.content.decode()


def reasons() -> set[str]:
    """The written reasons of judgements and decisions that are left."""
    with as_worker():
        found = sql.rows(
            "SELECT reason FROM crosscheck_reason UNION SELECT words FROM orient_reason"
        )
    return {row[0] for row in found}


def paired(desk: Desk) -> tuple[UUID, UUID]:
    """Two reports of one phone number of a household: a suggestion."""
    one = {"kind": "GROOMING", "persons": [{"role": "SUSPECT", "phones": ["+33139981111"]}]}
    add_reports(desk, [("number-1", 60, dict(one)), ("number-2", 30, dict(one))])
    return desk.reports["number-2"], desk.reports["number-1"]


@pytest.mark.parametrize("erased", [["number-2"], ["number-1"], ["number-1", "number-2"]])
def test_a_suggestion_on_erased_reports_takes_no_answer(
    desk: Desk, sign_in: SignIn, erased: list[str]
) -> None:
    one, other = paired(desk)
    for name in erased:
        erase(desk, name)
    said = {"answer": "REJECT", "other": str(other), "motive": WORDS, "from": "report"}
    page = sign_in("ana").post(f"/en/desk/reports/{one}/suggestion/", said, follow=True)
    assert "One of these reports is erased: it takes no more judgements." in page.content.decode()
    assert WORDS not in reasons()


def test_nothing_is_attached_to_an_erased_report(desk: Desk, sign_in: SignIn) -> None:
    erase(desk, "empty")
    said = {
        "reports": str(desk.reports["stream"]),
        "anchor": desk_number(desk.reports["empty"]),
        "reason": WORDS,
    }
    page = sign_in("ana").post("/en/desk/selection/attach/?view=OPEN", said).content.decode()
    assert "One of these reports is erased: it takes no more judgements." in page
    assert WORDS not in reasons()


def test_an_erased_report_does_not_come_back_into_its_dossier(desk: Desk) -> None:
    """Later judgements are on the living ones, which stay together as people judged."""
    ana, now = desk.actor("ana"), clock.now()
    a, b, c, d = (desk.reports[name] for name in ("travel", "material", "stream", "empty"))
    judge(actor=ana, act=JudgementAct.MERGE, left=[a], right=[b], reason="First.", now=now)
    judge(actor=ana, act=JudgementAct.MERGE, left=[a], right=[c], reason="Second.", now=now)
    erase(desk, "travel")
    judge(actor=ana, act=JudgementAct.MERGE, left=[b], right=[d], reason="Third.", now=now)
    dossier = dossier_of(actor=ana, report_id=d)
    assert dossier is not None
    own = members_of(actor=ana, dossier_id=dossier)
    assert set(own) == {b, c, d}
    for act in (JudgementAct.OPEN, JudgementAct.CLOSE):
        judge(actor=ana, act=act, left=list(own), reason="Fourth.", now=now)


def test_a_dossier_whose_first_report_is_erased_keeps_number_and_address(desk: Desk) -> None:
    ana, now = desk.actor("ana"), clock.now()
    names = {desk.reports[name]: name for name in ("travel", "material", "stream", "empty")}
    old, a, b, _c = sorted(names)
    judge(actor=ana, act=JudgementAct.MERGE, left=[a], right=[b], reason="First.", now=now)
    first = dossier_of(actor=ana, report_id=b)
    assert first is not None
    number = numbers_of(dossier_ids=[first])[first]
    erase(desk, names[a])
    judge(actor=ana, act=JudgementAct.MERGE, left=[b], right=[old], reason="Second.", now=now)
    second = dossier_of(actor=ana, report_id=b)
    assert second is not None
    assert find_dossier_number(actor=ana, number=number) == second
    assert numbers_of(dossier_ids=[second])[second] == number


def test_the_reason_of_an_undone_judgement_ends_with_its_reports(
    desk: Desk, sign_in: SignIn
) -> None:
    web, ana = sign_in("ana"), desk.actor("ana")
    dossier_id = dossier_of(actor=ana, report_id=desk.reports["danger"])
    assert dossier_id is not None
    path = f"/en/desk/dossiers/{dossier_id}/"
    split = {"act": "SPLIT", "report": [str(desk.reports["game"])], "reason": "read twice"}
    judged(web, path, **split)
    for words in (WORDS, "undone again"):
        view = dossier_view(actor=ana, dossier_id=dossier_id)
        assert view is not None
        judged(web, path, act="UNDO", undoes=str(view.judgements[0].id), reason=words)
    assert reasons() >= {WORDS, "undone again"}
    erase(desk, "game")
    assert reasons().isdisjoint({WORDS, "undone again", "read twice"})


def test_an_erased_report_is_not_reopened(desk: Desk, sign_in: SignIn) -> None:
    report_id = decided(desk, "danger", choice=NOTHING)
    erase(desk, "danger")
    page = sign_in("ana").post(f"/en/desk/reports/{report_id}/reopen/", follow=True)
    assert "This report is erased: nothing is left to decide." in page.content.decode()
    assert Case.objects.get(report_id=report_id).state == "DECIDED"
    with pytest.raises(Refusal, match="ERASED"):
        undo_decision(actor=desk.actor("ana"), report_id=report_id, now=clock.now())


def test_a_decision_that_waited_for_the_erasure_is_refused(desk: Desk) -> None:
    """Its case is still claimed, and what it decides on was read before."""
    ana, report_id = desk.actor("ana"), desk.reports["game"]
    report = harmonised.get_records(actor=ana, report_ids=[report_id])[report_id]
    claim = claim_case(actor=ana, report_id=report_id, now=clock.now())
    with as_worker():
        forget_reports(actor=WORKER, report_ids=[report_id], now=clock.now())
    choice = Choice(tracks=(Track.NONE,), bases=(), reason=WORDS)
    said = {"choice": choice, "claim_token": claim.token, "now": clock.now()}
    with pytest.raises(Refusal, match="ERASED"):
        record_decisions(actor=ana, report=report, folded=[], **said)
    with pytest.raises(Refusal, match="ERASED"):
        decide(actor=ana, report_id=report_id, **said)
    assert WORDS not in reasons()


def test_migrations_sweep_what_was_written_on_erased_reports(desk: Desk) -> None:
    """What versions of before left: the reason of an undone judgement, and a case that was reopened."""
    ana, at = desk.actor("ana"), clock.now()
    decided(desk, "empty", choice=NOTHING)
    one, other = desk.reports["empty"], desk.reports["stream"]
    link = judge(actor=ana, act=JudgementAct.LINK, reason="seen", left=[one], right=[other], now=at)
    undone = judge(actor=ana, act=JudgementAct.UNDO, reason="seen", undoes=link, now=at)
    before = sql.rows("SELECT decision_id, salt, words FROM orient_reason")
    erase(desk, "empty")
    back = desk.reports["game"]
    with as_worker():
        forget_reports(actor=WORKER, report_ids=[back], now=at)
        sql.run("INSERT INTO crosscheck_reason VALUES (%s, %s)", [undone, WORDS])
        for row in before:
            sql.run("INSERT INTO orient_reason (decision_id, salt, words) VALUES (%s, %s, %s)", row)
    assert reasons() == {WORDS, "read twice"}
    with as_worker():
        for name in ("crosscheck.migrations.0011_reasons", "orient.migrations.0049_rows"):
            sql.run(import_module(f"fanal.{name}_of_erased").SWEEP)
    assert reasons() == set()
    assert Case.objects.get(report_id=back).state == "EXPIRED"


def decide_on(desk: Desk, web: Client, name: str, **said: object) -> HttpResponse:
    """Post the decision form of a page of before, on a report that `web` has claimed."""
    token = Case.objects.get(report_id=desk.reports[name]).claim_token
    posted = {"token": str(token), "way": "NONE", "reason": WORDS, "then": ""} | said
    return web.post(f"/en/desk/reports/{desk.reports[name]}/decide/?view=OPEN", posted)


@pytest.mark.parametrize("then", ["", "next"])
def test_a_decision_on_an_erased_report_is_refused_and_its_reason_is_there_to_copy(
    desk: Desk, sign_in: SignIn, then: str
) -> None:
    web = sign_in("ana")
    web.post(f"/en/desk/reports/{desk.reports['game']}/claim/?view=OPEN")
    erase(desk, "game")
    answer = decide_on(desk, web, "game", then=then)
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "This report is erased: nothing is left to decide." in page
    assert WORDS in page
    assert WORDS not in reasons()


def test_a_decision_that_extends_to_an_erased_duplicate_is_refused_and_kept_as_typed(
    desk: Desk, sign_in: SignIn
) -> None:
    add_folded(desk)
    web = sign_in("ana")
    web.post(f"/en/desk/reports/{desk.reports['first']}/claim/?view=OPEN")
    erase(desk, "second")
    answer = decide_on(desk, web, "first", folded=[str(desk.reports["second"])])
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "A duplicate that you ticked is erased" in page
    assert WORDS in page
    assert Case.objects.get(report_id=desk.reports["first"]).state == "CLAIMED"
    assert decide_on(desk, web, "first").status_code == 302


def test_a_decision_on_an_unknown_report_is_not_found(desk: Desk, sign_in: SignIn) -> None:
    web = sign_in("ana")
    web.post(f"/en/desk/reports/{desk.reports['game']}/claim/?view=OPEN")
    assert decide_on(desk, web, "game", folded=[str(uuid4())]).status_code == 404


@pytest.mark.parametrize("move", ["", "answer", "decline"])
def test_no_call_is_opened_on_an_erased_report(desk: Desk, sign_in: SignIn, move: str) -> None:
    web, report_id = sign_in("ana"), desk.reports["game"]
    erase(desk, "game")
    said = {"move": move, "steps": "0", "digest": "0-0", "proof": "Operator 12", "at": ""}
    answer = web.post(f"/en/desk/reports/{report_id}/call/", said if move else {})
    assert answer.status_code == 409
    assert "This report is erased: no call is opened." in answer.content.decode()
    assert sql.one("SELECT count(*) FROM casework_act WHERE subject_id = %s", [report_id]) == (0,)


def test_the_alarm_of_an_erased_report_is_taken_without_a_call(desk: Desk, sign_in: SignIn) -> None:
    """Else it would ring for ever."""
    report_id = desk.reports["danger"]
    erase(desk, "danger")
    [alarm] = alarms_of(actor=desk.actor("ana"), report_id=report_id)
    sign_in("ana").post(f"/en/desk/alarms/{alarm.id}/")
    [alarm] = alarms_of(actor=desk.actor("ana"), report_id=report_id)
    assert alarm.acknowledged_at is not None
    assert sql.one("SELECT count(*) FROM casework_act WHERE subject_id = %s", [report_id]) == (0,)


def test_an_erased_report_is_not_closed(desk: Desk, sign_in: SignIn) -> None:
    report_id = decided(desk, "danger", choice=NOTHING)
    erase(desk, "danger")
    page = sign_in("ana").post(f"/en/desk/reports/{report_id}/close/", follow=True)
    assert "This report is erased: nothing is left to decide." in page.content.decode()
    assert Case.objects.get(report_id=report_id).state == "DECIDED"
