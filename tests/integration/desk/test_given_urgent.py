"""An assignment hides no child in danger for long, and a bulk act is on what its page showed of who is in charge."""

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID, uuid4

import pytest
from django.test import Client

from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.orient.assignment.domain import PROTECTED, version_of
from fanal.orient.assignment.operations import assign_report, take_back, undo_assignments
from fanal.orient.assignment.queries import list_loads
from fanal.orient.domain.states import CaseState
from fanal.orient.models import Case
from fanal.orient.queue.operations import claim_case, renew_claim
from fanal.web.desk.queue import place
from tests.integration.desk.story import GAME, Desk, add_reports
from tests.integration.desk.test_assignment import give, in_charge, shown, state, told
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
VIEW = "?view=OPEN"
MINUTE = timedelta(minutes=1)


def given(desk: Desk, name: str, by: str, to: str, ago: timedelta) -> UUID:
    report_id, person = desk.reports[name], desk.actor(to).person_id
    assign_report(actor=desk.actor(by), report_id=report_id, to=person, now=clock.now() - ago)
    return report_id


def next_of(web: Client, view: str) -> str:
    return web.post(f"/en/desk/next/{view}", {}, follow=True).redirect_chain[-1][0]


@pytest.mark.parametrize("late", [False, True])
def test_a_child_in_danger_is_kept_for_a_quarter_of_an_hour(
    desk: Desk, sign_in: SignIn, late: bool
) -> None:
    ago = PROTECTED + MINUTE if late else PROTECTED - MINUTE
    report_id = given(desk, "danger", "claire", "bruno", ago)
    assert (f"/reports/{report_id}/" in next_of(sign_in("ana"), "?view=DANGER")) is late
    if not late:
        return
    with as_worker():
        Case.objects.filter(report_id=report_id).update(state="TO_ASSESS", claimed_by=None)
    given(desk, "danger", "claire", "bruno", ago)
    sign_in("ana").post(f"/en/desk/selection/claim/{VIEW}", {"reports": str(report_id)})
    assert state(desk, report_id) == (CaseState.CLAIMED, desk.actor("ana").person_id)


def test_passed_on_it_is_not_kept_once_more(desk: Desk, sign_in: SignIn) -> None:
    given(desk, "danger", "claire", "bruno", PROTECTED - MINUTE)
    report_id = give(desk, "danger", "claire", "driss")
    assert f"/reports/{report_id}/" in next_of(sign_in("ana"), "?view=DANGER")


def test_what_is_free_is_found_behind_what_colleagues_have(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, "_PAGE", 1)
    monkeypatch.setattr(place, "_MOST_PAGES", 2)
    web = sign_in("ana")
    rows = list(Case.objects.filter(desk_id=1, state="TO_ASSESS").order_by("rank", "report_id"))
    *others, last = [row.report_id for row in rows]
    names = {report_id: name for name, report_id in desk.reports.items()}
    for report_id in others:
        given(desk, names[report_id], "claire", "bruno", MINUTE)
    assert f"/reports/{last}/" in next_of(web, VIEW)
    page = web.post(f"/en/desk/next/{VIEW}", {}, follow=True).content.decode()
    assert "No other report of this view is free." in page


def test_the_gravest_comes_first_in_any_order(desk: Desk, sign_in: SignIn) -> None:
    danger = desk.reports["danger"]
    assert f"/reports/{danger}/" in next_of(sign_in("ana"), f"{VIEW}&sort=OLDEST")


@pytest.mark.parametrize("order", ["", "&sort=NEWEST", "&sort=OLDEST"])
def test_a_free_child_in_danger_comes_before_what_follows(
    desk: Desk, sign_in: SignIn, order: str
) -> None:
    """The person has read on down the list when it comes, or had a list by time."""
    danger, web = desk.reports["danger"], sign_in("ana")
    rows = Case.objects.filter(desk_id=1, state="TO_ASSESS").order_by("rank", "report_id")
    *others, low, last = [row.report_id for row in rows if row.report_id != danger]
    claim = claim_case(actor=desk.actor("ana"), report_id=low, now=clock.now())
    said, came = {"after": str(low), "token": str(claim.token)}, []
    for _press in range(len(others) + 4):
        page = web.post(f"/en/desk/next/{VIEW}{order}", said)["Location"]
        came.append(UUID(page.split("/reports/")[1][:36]))
        token = Case.objects.get(report_id=came[-1]).claim_token
        said = {"after": str(came[-1]), "token": str(token)}
    assert came[:2] == [danger, last], "the list goes on where the person was"
    assert set(came) == {row.report_id for row in rows}, "and then it comes in its turn only"


@pytest.mark.parametrize("whose", ["a colleague, long ago", "her own"])
@pytest.mark.parametrize("view", [VIEW, f"{VIEW}&holder=NOBODY"])
def test_a_child_in_danger_that_somebody_has_for_long_comes_next(
    desk: Desk, sign_in: SignIn, whose: str, view: str
) -> None:
    to = "ana" if whose == "her own" else "bruno"
    if "holder" not in view:
        given(desk, "danger", "claire", to, 20 * MINUTE)
    low = Case.objects.filter(desk_id=1, state="TO_ASSESS").order_by("rank").last().report_id
    claim = claim_case(actor=desk.actor("ana"), report_id=low, now=clock.now())
    said = {"after": str(low), "token": str(claim.token)}
    page = sign_in("ana").post(f"/en/desk/next/{view}", said)["Location"]
    assert f"/reports/{desk.reports['danger']}/" in page


def test_a_free_child_in_danger_is_found_behind_those_that_colleagues_have(
    desk: Desk, sign_in: SignIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_reports(desk, [(f"danger-{n}", 5 + n, GAME | {"emergency": True}) for n in range(4)])
    monkeypatch.setattr(place, "_PAGE", 1)
    monkeypatch.setattr(place, "_MOST_PAGES", 3)
    rows = Case.objects.filter(desk_id=1, level="DANGER").order_by("rank", "report_id")
    *others, free = [row.report_id for row in rows]
    names = {report_id: name for name, report_id in desk.reports.items()}
    for report_id in others:
        given(desk, names[report_id], "claire", "bruno", MINUTE)
    low = Case.objects.filter(desk_id=1).exclude(level="DANGER").order_by("rank")[0].report_id
    claim = claim_case(actor=desk.actor("ana"), report_id=low, now=clock.now())
    said = {"after": str(low), "token": str(claim.token)}
    page = sign_in("ana").post(f"/en/desk/next/{VIEW}", said)["Location"]
    assert f"/reports/{free}/" in page


def test_the_whole_list_is_read_although_a_child_in_danger_comes_back(
    desk: Desk, sign_in: SignIn
) -> None:
    """Each quarter of an hour; the list would start again at the top after each time."""
    web, said, came = sign_in("ana"), {}, set()
    rows = set(
        Case.objects.filter(desk_id=1, state="TO_ASSESS").values_list("report_id", flat=True)
    )
    for press in range(2 * len(rows)):
        if press % 4 == 3:
            session = web.session
            old = (clock.now() - PROTECTED - MINUTE).isoformat()
            session["danger_passed"] = dict.fromkeys(session["danger_passed"], old)
            session.save()
        page = web.post(f"/en/desk/next/{VIEW}", said)["Location"]
        report_id = UUID(page.split("/reports/")[1][:36])
        came.add(report_id)
        token = Case.objects.get(report_id=report_id).claim_token
        said = {"after": str(report_id), "token": str(token)}
    assert came == rows


def test_children_in_danger_come_once_each_before_what_follows(desk: Desk, sign_in: SignIn) -> None:
    add_reports(desk, [(f"danger-{n}", 5 + n, GAME | {"emergency": True}) for n in range(3)])
    waiting = Case.objects.filter(desk_id=1, state="TO_ASSESS").order_by("rank", "report_id")
    rows = list(waiting.values_list("report_id", flat=True))
    claim = claim_case(actor=desk.actor("ana"), report_id=rows[0], now=clock.now())
    web, said, came = sign_in("ana"), {"after": str(rows[0]), "token": str(claim.token)}, [rows[0]]
    for _press in rows[1:]:
        page = web.post(f"/en/desk/next/{VIEW}", said)["Location"]
        came.append(UUID(page.split("/reports/")[1][:36]))
        token = Case.objects.get(report_id=came[-1]).claim_token
        said = {"after": str(came[-1]), "token": str(token)}
    assert came == rows


def test_each_child_in_danger_comes_although_the_first_ones_quarter_of_an_hour_ends(
    desk: Desk, sign_in: SignIn
) -> None:
    add_reports(desk, [(f"danger-{n}", 5 + n, GAME | {"emergency": True}) for n in range(5)])
    danger = set(Case.objects.filter(desk_id=1, level="DANGER").values_list("report_id", flat=True))
    web, said, came = sign_in("ana"), {}, set()
    for _press in range(len(danger) + 1):
        session = web.session
        passed = session.get("danger_passed", {})
        session["danger_passed"] = {
            one: (datetime.fromisoformat(at) - 4 * MINUTE).isoformat() for one, at in passed.items()
        }
        session.save()
        page = web.post(f"/en/desk/next/{VIEW}", said)["Location"]
        report_id = UUID(page.split("/reports/")[1][:36])
        came.add(report_id)
        token = Case.objects.get(report_id=report_id).claim_token
        said = {"after": str(report_id), "token": str(token)}
    assert danger <= came


def test_kept_for_an_hour_it_is_not_kept_again_by_an_undo(desk: Desk, sign_in: SignIn) -> None:
    given(desk, "danger", "claire", "bruno", 60 * MINUTE)
    act = uuid4()
    report_id = give(desk, "danger", "claire", "driss", act_id=act)
    assert undo_assignments(actor=desk.actor("claire"), act_id=act, now=clock.now())["DONE"] == 1
    assert in_charge(desk, report_id) == "bruno"
    assert f"/reports/{report_id}/" in next_of(sign_in("ana"), "?view=DANGER")


def test_a_second_giving_with_other_words_is_not_swallowed(desk: Desk, sign_in: SignIn) -> None:
    report_id, web = desk.reports["game"], sign_in("claire")
    page = f"/en/desk/reports/{report_id}/"
    said = {
        "to": str(desk.actor("ana").person_id),
        "words": "First note.",
        "shown": shown(desk, report_id),
    }
    for _press in range(2):
        assert web.post(f"{page}assign/", said).status_code == 302
    again = web.post(f"{page}assign/", said | {"words": "Call today."})
    assert again.status_code == 409
    assert "Call today." in again.content.decode()
    assert told(desk, "ana") == ["ASSIGNED"]


def test_a_claim_that_ran_out_as_its_person_wrote_is_handed_over(
    desk: Desk, sign_in: SignIn
) -> None:
    report_id, ana = desk.reports["game"], desk.actor("ana")
    before = clock.now() - timedelta(minutes=16)
    claim_case(actor=ana, report_id=report_id, now=before)
    running = version_of(Case.objects.get(report_id=report_id).record(), None, now=before)
    said = {
        "to": str(desk.actor("bruno").person_id),
        "words": "Ask for the name.",
        "shown": running,
    }
    page = f"/en/desk/reports/{report_id}/assign/"
    assert sign_in("ana").post(page, said).status_code == 302
    assert in_charge(desk, report_id) == "bruno"


def test_a_claim_that_runs_again_is_not_taken_from_a_page_that_showed_nobody(desk: Desk) -> None:
    report_id, ana = desk.reports["game"], desk.actor("ana")
    claim = claim_case(actor=ana, report_id=report_id, now=clock.now() - timedelta(minutes=16))
    nobody = shown(desk, report_id)
    assert renew_claim(actor=ana, report_id=report_id, claim_token=claim.token, now=clock.now())
    with pytest.raises(Refusal, match="CHANGED"):
        give(desk, "game", "claire", "bruno", shown=nobody)
    assert state(desk, report_id) == (CaseState.CLAIMED, ana.person_id)


def test_an_undo_gives_to_a_colleague_only_what_its_author_may_assign(desk: Desk) -> None:
    """Somebody who is no supervisor any more, with the id of an act of then."""
    act, supervisor = uuid4(), desk.actor("claire")
    report_id = give(desk, "game", "claire", "bruno")
    give(desk, "game", "claire", "driss", act_id=act)
    analyst = replace(desk.actor("ana"), person_id=supervisor.person_id)
    assert undo_assignments(actor=analyst, act_id=act, now=clock.now()) == {"CHANGED": 1}
    assert in_charge(desk, report_id) == "driss"


def test_a_claim_that_is_over_is_no_charge(desk: Desk) -> None:
    report_id = desk.reports["game"]
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=clock.now() - timedelta(hours=3))
    loads = dict(list_loads(actor=desk.actor("claire"), desk_id=1, now=clock.now()))
    assert loads["Ana"].held == 0
    give(desk, "game", "claire", "ana")
    assert in_charge(desk, report_id) == "ana"


def test_a_bulk_act_is_on_the_charge_that_its_page_showed(desk: Desk, sign_in: SignIn) -> None:
    web, ids = sign_in("claire"), [desk.reports["game"], desk.reports["stream"]]

    def form(act: str) -> dict[str, str]:
        page = web.post(f"/en/desk/selection/{VIEW}", {"report": list(map(str, ids))})
        [found] = re.findall(rf"<form[^>]*selection/{act}/.*?</form>", page.content.decode(), re.S)
        return dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', found))

    said = form("assign") | {"to": str(desk.actor("ana").person_id), "words": "x"}
    claim_case(actor=desk.actor("bruno"), report_id=ids[0], now=clock.now())
    give(desk, "game", "bruno", "driss", note="Le parent rappelle.")
    page = web.post(f"/en/desk/selection/assign/{VIEW}", said, follow=True).content.decode()
    assert "1 report assigned." in page
    assert "changed meanwhile" in page
    assert [in_charge(desk, one) for one in ids] == ["driss", "ana"]
    back = form("take-back")
    give(desk, "game", "driss", "bruno")
    page = web.post(f"/en/desk/selection/take-back/{VIEW}", back, follow=True).content.decode()
    assert "changed meanwhile" in page
    assert [in_charge(desk, one) for one in ids] == ["bruno", ""]
    web = sign_in("bruno")
    back = form("release")
    take_back(actor=desk.actor("claire"), report_id=ids[0], now=clock.now())
    give(desk, "game", "claire", "bruno", note="Le parent attend.")
    page = web.post(f"/en/desk/selection/release/{VIEW}", back, follow=True).content.decode()
    assert "changed meanwhile" in page
    assert in_charge(desk, ids[0]) == "bruno"


def test_a_claim_that_ran_out_since_the_page_leaves_no_report_out_of_a_bulk_act(
    desk: Desk, sign_in: SignIn
) -> None:
    report_id, web = desk.reports["game"], sign_in("claire")
    before = clock.now() - timedelta(minutes=16)
    claim_case(actor=desk.actor("ana"), report_id=report_id, now=before)
    running = version_of(Case.objects.get(report_id=report_id).record(), None, now=before)
    said = {
        "reports": str(report_id),
        "to": str(desk.actor("bruno").person_id),
        "shown": f"{report_id}:{sha256(running.encode()).hexdigest()[:16]}",
    }
    page = web.post(f"/en/desk/selection/assign/{VIEW}", said, follow=True).content.decode()
    assert "1 report assigned." in page
    assert in_charge(desk, report_id) == "bruno"


def test_who_has_a_report_in_charge_hears_that_it_is_withdrawn(desk: Desk) -> None:
    report_id = give(desk, "game", "claire", "bruno")
    with as_worker():
        Case.objects.filter(report_id=report_id).update(
            state="FOLDED", head_id=desk.reports["danger"]
        )
    assert told(desk, "bruno") == ["ASSIGNED", "ENDED"]


def test_a_long_act_is_undone_whole_or_not(desk: Desk) -> None:
    act, person = uuid4(), desk.actor("ana").person_id
    for name, ago in (("game", 3 * MINUTE), ("stream", MINUTE)):
        assign_report(
            actor=desk.actor("claire"), report_id=desk.reports[name], to=person, act_id=act,
            now=clock.now() - ago,
        )  # fmt: skip
    assert undo_assignments(actor=desk.actor("claire"), act_id=act, now=clock.now())["DONE"] == 2
    later = clock.now() + 3 * MINUTE
    assert not undo_assignments(actor=desk.actor("claire"), act_id=act, now=later)
