"""Acts on several reports of the queue: shown before they are done, each report with its own entry."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import msgspec
import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.casework.operations import deciding
from fanal.crosscheck.domain.records import JudgementAct
from fanal.crosscheck.dossiers.queries import dossier_of, members_of
from fanal.crosscheck.operations.judge import judge
from fanal.intake.domain.number import desk_number
from fanal.intake.domain.records import Arrival, Format, KeyKind, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.intake.queries.envelopes import numbers_of
from fanal.kernel.refusal import Refusal
from fanal.ledger.models import LedgerEntry, LedgerObject
from fanal.orient import queries as oriented
from fanal.orient.domain.records import Case, QueueFilter, QueueView, Track
from fanal.orient.domain.selection import MOST_CLAIMED
from fanal.orient.domain.states import CaseState
from fanal.orient.feedback.queries import feedback_of
from fanal.orient.folding.operations import folding
from fanal.orient.folding.operations.unfolding import unfold
from fanal.orient.queue.operations import claim_case, release_case
from fanal.orient.queue.queries import list_queue
from fanal.web.desk.queue import portions
from tests.acceptance.desk.test_answers import answer
from tests.integration.desk.folds import add_folded, with_address
from tests.integration.desk.story import MATERIAL, WORKER, Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
VIEW = "?view=OPEN&kind=ABUSE_MATERIAL"


@pytest.fixture
def pages(desk: Desk) -> list[UUID]:
    """Six reports of pages that share nothing, in the order of the queue."""
    bodies = [
        (
            f"page-{n}",
            60 + n,
            MATERIAL
            | {
                "urls": [f"https://pages-{n}.example/album/{n}"],
                "files": [],
                "persons": [],
                "description": f"Une page de cartes postales, numéro {n}.",
            },
        )
        for n in range(6)
    ]
    add_reports(desk, bodies)
    page = list_queue(
        actor=desk.actor("ana"),
        view=QueueView.OPEN,
        filters=QueueFilter(kind="ABUSE_MATERIAL"),
        now=desk.now,
    )
    names = {desk.reports[name] for name, *_ in bodies}
    return [case.report_id for case in page.cases if case.report_id in names]


def case(desk: Desk, report_id: UUID) -> Case:
    found = oriented.get_case(actor=desk.actor("ana"), report_id=report_id)
    assert found is not None
    return found


def send(web: Client, act: str, ids: list[UUID], **more: object) -> HttpResponse:
    form = {"reports": " ".join(map(str, ids))} | more
    return web.post(f"/en/desk/selection/{act}{VIEW}", form, follow=True)


def entries(action: str, ids: list[UUID]) -> list[UUID]:
    """The reports that the ledger's entries of an action name, one an entry."""
    rows = [
        LedgerObject.objects.filter(entry_id=entry.id, kind="report")
        for entry in LedgerEntry.objects.filter(action=action)
    ]
    assert all(len(row) == 1 for row in rows)
    return [row[0].object_id for row in rows if row[0].object_id in ids]


def test_the_selection_is_shown_with_what_each_act_would_change(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    claim_case(actor=desk.actor("bruno"), report_id=pages[0], now=desk.now)
    answer = web.post(f"/en/desk/selection/{VIEW}", {"report": [*pages, "no-id", uuid4()]})
    body = answer.content.decode()
    assert answer.status_code == 200
    assert "6 selected reports" in body
    assert "Applies to 5 reports." in body
    assert "1 left out: claimed by somebody else" in body.replace("\n", " ")
    assert "1 left out: not found, or outside your desk" in body
    assert [case(desk, one).state for one in pages[1:]] == [CaseState.TO_ASSESS] * 5


def test_free_reports_are_claimed_each_with_its_entry(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    claim_case(actor=desk.actor("bruno"), report_id=pages[2], now=desk.now)
    answer = send(sign_in("ana"), "claim/", pages)
    ana, bruno = (desk.actor(name).person_id for name in ("ana", "bruno"))
    assert [case(desk, one).claimed_by for one in pages] == [ana, ana, bruno, ana, ana, ana]
    assert sorted(entries("case.claim", pages)) == sorted(pages)  # bruno’s with them
    body = answer.content.decode()
    assert answer.redirect_chain[-1][0].endswith(VIEW)
    assert "5 reports claimed." in body
    assert "1 report was left out: claimed by somebody else (1)." in body
    send(sign_in("ana"), "release/", pages)
    assert [case(desk, one).claimed_by for one in pages] == [None, None, bruno, None, None, None]


def test_reports_are_closed_with_one_reason_and_feedback(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    answer = send(sign_in("ana"), "close/", pages[:4], reason=" Read. ", duplicate="1")
    assert "4 reports closed without action." in answer.content.decode()
    decisions = oriented.decisions_of(actor=desk.actor("ana"), report_ids=pages)
    assert sorted(decisions) == sorted(pages[:4])
    for made in decisions.values():
        assert [(one.tracks, one.reason) for one in made] == [((Track.NONE,), "Read.")]
    assert sorted(entries("decision.take", pages)) == sorted(pages[:4])
    given = feedback_of(actor=desk.actor("ana"), report_ids=pages)
    sent_by_provider = [one for one in pages[:4] if case(desk, one).sender_id.int]
    assert sorted(given) == sorted(sent_by_provider)
    again = send(sign_in("ana"), "close/", pages[:4], reason="Read.")
    assert "4 reports were left out: already decided, or out of the queue (4)." in (
        again.content.decode()
    )


def test_a_child_in_danger_is_never_closed_with_others(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    danger = next(one for one in desk.reports.values() if case(desk, one).level == "DANGER")
    answer = send(sign_in("ana"), "close/", [danger, pages[0]], reason="Read.")
    assert "a child in danger (to be decided one by one) (1)" in answer.content.decode()
    assert case(desk, danger).state == CaseState.TO_ASSESS
    assert case(desk, pages[0]).state == CaseState.DECIDED


@pytest.mark.parametrize("of", ["first", "second"])
@pytest.mark.parametrize("danger", [True, False])
def test_what_comes_while_reports_are_closed_is_left_to_a_person(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch, of: str, danger: bool
) -> None:
    """A portion is looked at once, then closed for seconds: here the closing waits, and a child writes."""
    add_folded(desk)
    head, written = desk.reports["first"], desk.reports[of]

    def hold_folding() -> None:
        if danger:
            with as_worker(), connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE orient_case SET level = 'DANGER', rank = 1,"
                    """ own = own || '{"level": "DANGER", "rank": 1}' WHERE report_id = %s""",
                    [written],
                )
        else:
            answer(desk, of)
        folding.hold_folding()

    web = sign_in("ana")
    form = {"reason": "Read.", "folded": folds_of(send(web, "", [head]))}
    monkeypatch.setattr(deciding, "hold_folding", hold_folding)
    shown = send(web, "close/", [head], **form).content.decode()
    assert case(desk, head).state == CaseState.TO_ASSESS
    assert not oriented.decisions_of(actor=desk.actor("ana"), report_ids=[head, written])
    assert "left out: " + ("a child in danger" if danger else "the reporter’s answer") in shown


@pytest.mark.parametrize("reason", ["", "  ", "x" * 20_001, "a\0b"])
def test_a_reason_is_asked_for_before_anything_changes(
    desk: Desk, sign_in: SignIn, pages: list[UUID], reason: str
) -> None:
    answer = send(sign_in("ana"), "close/", pages, reason=reason)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert {case(desk, one).state for one in pages} == {CaseState.TO_ASSESS}


def test_a_long_selection_goes_on_in_portions(
    desk: Desk, sign_in: SignIn, pages: list[UUID], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each page acts on some and holds the rest; a person who leaves it loses nothing that is done."""
    monkeypatch.setattr(portions, "_PORTION", 2)
    web = sign_in("ana")
    answer = web.post(
        f"/en/desk/selection/close/{VIEW}",
        {"reports": " ".join(map(str, pages)), "reason": "Read.", "duplicate": "1"},
    )
    body = answer.content.decode()
    assert "Gone through: 2 of 6" in body
    assert [case(desk, one).state for one in pages[1:3]] == [CaseState.DECIDED, CaseState.TO_ASSESS]
    hidden = dict(answer.context["kept"]) | {
        "reports": answer.context["rest"],
        "tally": answer.context["tally"],
    }
    assert hidden["reason"] == "Read."
    second = web.post(f"/en/desk/selection/close/{VIEW}", hidden)
    hidden |= {"reports": second.context["rest"], "tally": second.context["tally"]}
    last = web.post(f"/en/desk/selection/close/{VIEW}", hidden, follow=True)
    assert "6 reports closed without action." in last.content.decode()
    assert {case(desk, one).state for one in pages} == {CaseState.DECIDED}


def test_no_more_are_claimed_than_a_person_can_read(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    answer = send(sign_in("ana"), "claim/", pages, tally=f"DONE:{MOST_CLAIMED - 1} HELD:x OTHER:3")
    body = answer.content.decode()
    assert f"{MOST_CLAIMED} reports claimed." in body
    assert "5 reports were left out: beyond fifty claims at once (5)." in body
    assert sum(case(desk, one).claimed_by is not None for one in pages) == 1


def test_the_whole_view_is_taken_with_its_filters(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    answer = sign_in("ana").post(f"/en/desk/selection/{VIEW}", {"whole": "1"})
    ids = answer.context["selection"].ids
    assert set(pages) <= set(ids)
    assert {case(desk, one).kind for one in ids} == {"ABUSE_MATERIAL"}


def test_nothing_selected_shows_the_queue(desk: Desk, sign_in: SignIn) -> None:
    answer = sign_in("ana").post(f"/en/desk/selection/{VIEW}", {"report": ["x"]}, follow=True)
    assert "Select reports first." in answer.content.decode()


def test_feedback_reaches_the_reports_of_providers_alone(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    ids = list(desk.reports.values())
    assert send(web, "feedback/", ids, verdict="LACKS_DATA").status_code == 404
    send(web, "feedback/", ids, verdict="USEFUL")
    given = feedback_of(actor=desk.actor("ana"), report_ids=ids)
    assert set(given) == {one for one in ids if case(desk, one).sender_id.int}


def test_reports_are_attached_to_the_dossier_of_a_named_one(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    """One judgement, undone as one; the ledger names each report. Those of another dossier are left out."""
    ana, web = desk.actor("ana"), sign_in("ana")
    held = [one for one in desk.reports.values() if dossier_of(actor=ana, report_id=one)]
    form = {"anchor": desk_number(pages[0]), "reason": "The same cards."}
    answer = send(web, "attach/", [*pages[:4], held[0]], **form)
    body = answer.content.decode()
    assert "3 reports attached to this dossier." in body
    assert "1 report was left out: in a dossier already" in body
    joined = dossier_of(actor=ana, report_id=pages[0])
    assert answer.redirect_chain[-1][0] == f"/en/desk/dossiers/{joined}/"
    assert sorted(members_of(actor=ana, dossier_id=joined)) == sorted(pages[:4])
    (entry,) = LedgerEntry.objects.filter(action="dossier.merge")
    named = LedgerObject.objects.filter(entry_id=entry.id, kind="report")
    assert {one.object_id for one in named} == set(pages[:4])
    send(web, "attach/", [pages[4]], **form)  # a dossier that is there grows
    assert dossier_of(actor=ana, report_id=pages[4]) == dossier_of(actor=ana, report_id=pages[0])
    assert dossier_of(actor=ana, report_id=held[0]) not in {None, joined}
    late = {"left": [pages[5]], "right": [pages[1]], "reason": "Pressed twice.", "apart": True}
    with pytest.raises(
        Refusal, match="IN_DOSSIER"
    ):  # what got into a dossier since the page looked
        judge(actor=ana, act=JudgementAct.MERGE, now=desk.now, **late)


def test_an_attach_does_not_overturn_a_split_made_meanwhile(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    """The page was made before a colleague split the dossier; of it a person may see some members alone."""
    ana = desk.actor("ana")
    form = {"anchor": desk_number(pages[0]), "reason": "The same cards."}
    send(sign_in("ana"), "attach/", pages[:4], **form)
    asked = {"actor": ana, "reason": "Read.", "now": desk.now}
    judge(act=JudgementAct.SPLIT, left=pages[:1], right=pages[1:4], **asked)
    merge = asked | {"act": JudgementAct.MERGE, "right": [pages[4]], "apart": True}
    with pytest.raises(Refusal, match="SPLIT_MEANWHILE"):
        judge(left=pages[:4], **merge)
    assert dossier_of(actor=ana, report_id=pages[0]) is None
    judge(left=pages[1:3], **merge)
    joined = dossier_of(actor=ana, report_id=pages[4])
    assert sorted(members_of(actor=ana, dossier_id=joined)) == sorted(pages[1:5])


@pytest.mark.parametrize(
    ("anchor", "reason", "said"),
    [
        ("", "Why.", "Type the number or the reference"),
        ("AAA-AAA-AAA", "Why.", "No report of your desk"),
        (None, "Why.", "None of the selected reports"),
        (None, " ", "reason"),
    ],
)
def test_what_cannot_be_attached_changes_nothing(
    desk: Desk, sign_in: SignIn, pages: list[UUID], anchor: str | None, reason: str, said: str
) -> None:
    chosen = pages[:2] if reason == " " else pages[:1]
    typed = {"anchor": desk_number(pages[0]) if anchor is None else anchor, "reason": reason}
    answer = send(sign_in("ana"), "attach/", chosen, **typed)
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert answer.context["refused_act"] == "ATTACH"
    assert not any(dossier_of(actor=desk.actor("ana"), report_id=one) for one in pages)


@pytest.mark.parametrize("reference", ["{number}", "{count}/{year}"])
def test_a_senders_reference_that_reads_as_a_number_hides_no_report(
    desk: Desk, sign_in: SignIn, pages: list[UUID], reference: str
) -> None:
    """The whole number of a report always names it; `42/2026`, both a number and a reference, is asked again."""
    number = numbers_of(report_ids=[pages[0]])[pages[0]]
    _r, year, count = number.split("-")
    typed = reference.format(number=number, year=year, count=count)
    body = msgspec.json.encode(MATERIAL | {"reference": typed})
    submission = Submission(
        arrival=Arrival.API, format=Format.REPORT, body=body, canonical=body, sender_id=uuid4(),
        desk_id=1, reference=typed, keys=((KeyKind.REFERENCE, typed),),
    )  # fmt: skip
    receive_reports(actor=WORKER, submissions=[submission], now=desk.now)
    if typed != number:
        answer = send(sign_in("ana"), "attach/", pages[:2], anchor=typed, reason="Why.")
        assert "use the number of one" in answer.content.decode()
    answer = send(sign_in("ana"), "attach/", pages[:2], anchor=number, reason="Why.")
    assert "1 report attached to this dossier." in answer.content.decode()
    assert dossier_of(actor=desk.actor("ana"), report_id=pages[0]) is not None


def test_another_desks_report_neither_leads_nor_joins(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    """To an analyst of another desk neither the selected reports nor the named one exist."""
    form = {"anchor": desk_number(pages[0]), "reason": "Why."}
    assert send(sign_in("yann"), "attach/", pages[:3], **form).status_code == 404


def form_of(page: str, act: str) -> dict[str, str]:
    """The hidden fields of an act's form on the page of a selection."""
    [form] = re.findall(rf"<form[^>]*selection/{act}/.*?</form>", page, re.S)
    found = dict(re.findall(r'type="hidden" name="(reports|left_out)" value="([^"]*)"', form))
    assert len(found) == 2
    return found


def test_what_the_page_left_out_is_not_attached_after_a_colleagues_split(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    ana, web = desk.actor("ana"), sign_in("ana")
    form = {"anchor": desk_number(pages[0]), "reason": "The same cards."}
    send(web, "attach/", pages[:4], **form)
    said = form_of(send(web, "", [pages[1], pages[4]]).content.decode(), "attach")
    split = {"left": [pages[1]], "right": [pages[0], *pages[2:4]], "reason": "Not the same."}
    judge(actor=desk.actor("bruno"), act=JudgementAct.SPLIT, now=desk.now, **split)
    send(web, "attach/", [], **form, **said)
    joined = dossier_of(actor=ana, report_id=pages[0])
    assert dossier_of(actor=ana, report_id=pages[4]) == joined
    assert dossier_of(actor=ana, report_id=pages[1]) != joined


@pytest.mark.parametrize("portion", [1, 50])
def test_what_the_page_left_out_is_not_closed_once_a_colleague_released_it(
    desk: Desk,
    sign_in: SignIn,
    pages: list[UUID],
    monkeypatch: pytest.MonkeyPatch,
    portion: int,
) -> None:
    monkeypatch.setattr(portions, "_PORTION", portion)
    web, bruno = sign_in("ana"), desk.actor("bruno")
    claim_case(actor=bruno, report_id=pages[1], now=desk.now)
    page = send(web, "", pages[:3]).content.decode()
    assert "1 left out: claimed by somebody else" in " ".join(page.split())
    said = form_of(page, "close") | {"reason": "Read."}
    token = case(desk, pages[1]).claim_token
    release_case(actor=bruno, report_id=pages[1], claim_token=token, now=desk.now)
    shown = send(web, "close/", [], **said)
    while 'name="tally"' in shown.content.decode():
        fields = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', shown.content.decode())
        shown = web.post(f"/en/desk/selection/close/{VIEW}", dict(fields), follow=True)
    assert "2 reports closed without action." in shown.content.decode()
    assert "1 report was left out: changed meanwhile" in shown.content.decode()
    assert case(desk, pages[1]).state == CaseState.TO_ASSESS


def test_a_refused_act_keeps_the_whole_selection(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")
    send(web, "attach/", pages[:2], anchor=desk_number(pages[0]), reason="The same cards.")
    said = form_of(send(web, "", pages).content.decode(), "attach")
    back = send(web, "attach/", [], **said, anchor="AAA-AAA-AAA", reason="x")
    assert back.status_code == 422
    assert form_of(back.content.decode(), "close")["reports"].split() == list(map(str, pages))


def folds_of(page: HttpResponse) -> str:
    """What the page of a selection says of the duplicates that it counted."""
    return page.context["selection"].acts["CLOSE"].folds


@pytest.mark.parametrize("change", ["", "grows", "another one", "dissolved"])
def test_the_duplicates_closed_are_those_that_the_page_counted(
    desk: Desk, sign_in: SignIn, change: str
) -> None:
    add_folded(desk)
    web, head = sign_in("ana"), desk.reports["first"]
    page = send(web, "", [head])
    assert "Also the 2 duplicates grouped with them" in page.content.decode()
    said = {"reason": "Read.", "folded": folds_of(page)}
    assert f'name="folded" value="{said["folded"]}"' in page.content.decode()
    taken_out = {"another one": ["second"], "dissolved": ["second", "third"]}.get(change, [])
    for name in taken_out:
        unfold(actor=desk.actor("bruno"), report_id=desk.reports[name], reason="x", now=desk.now)
    if change in {"grows", "another one"}:
        more = with_address("198.51.100.77", "2026-11-22T10:00:00Z")
        add_reports(desk, [("fourth", 1, more)])
    assert case(desk, head).folded == {"": 2, "grows": 3, "another one": 2, "dissolved": 0}[change]
    told = send(web, "close/", [head], **said).content.decode()
    assert ("1 report was left out: changed meanwhile (1)" in told) is bool(change)
    states = {case(desk, one).state for one in desk.reports.values()}
    if not change:
        assert {case(desk, desk.reports[name]).state for name in ("second", "third")} == {
            CaseState.DECIDED
        }
        return
    assert CaseState.DECIDED not in states
    again = send(web, "close/", [head], reason="Read.", folded=folds_of(send(web, "", [head])))
    assert "1 report closed without action" in again.content.decode()


def test_a_report_more_takes_few_statements_more(
    desk: Desk, sign_in: SignIn, pages: list[UUID]
) -> None:
    web = sign_in("ana")

    def statements(ids: list[UUID]) -> int:
        form = {"reports": " ".join(map(str, ids)), "reason": "Nothing to do."}
        with CaptureQueriesContext(connection) as seen:
            assert web.post(f"/en/desk/selection/close/{VIEW}", form).status_code == 302
        return len(seen)

    one, three = statements(pages[:1]), statements(pages[1:4])
    assert (three - one) / 2 <= 25
