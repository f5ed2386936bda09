"""Legal holds in the browser: by day of review, placed and kept and lifted for a reason, reasons by right."""

from collections.abc import Callable
from datetime import date, timedelta
from uuid import UUID

import pytest
from django.test import Client

from fanal.db import sql
from fanal.intake.operations.holds import place_hold
from fanal.intake.queries.holds import count_holds, holds_of
from fanal.kernel.actors import Role
from fanal.kernel.calendar import add_months, paris_day
from fanal.ledger.models import LedgerEntry
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/desk/holds/"


def page_of(report_id: UUID) -> str:
    return f"/en/desk/holds/{report_id}/"


def placed(
    desk: Desk, name: str, *, motive: str = "file 12", review_on: date | None = None
) -> UUID:
    return place_hold(
        actor=desk.actor("claire"),
        report_id=desk.reports[name],
        motive=motive,
        now=desk.now,
        review_on=review_on,
    )


def due_since(desk: Desk, name: str, *, days: int) -> None:
    """A hold that a supervisor of long standing placed, whose day of review has come."""
    before = desk.now - timedelta(days=200)
    if "olga" not in desk.users:
        desk.users["olga"] = make_user("olga", Role.SUPERVISOR, at=before)
    place_hold(
        actor=desk.actor("olga"),
        report_id=desk.reports[name],
        motive="file 9",
        now=before,
        review_on=paris_day(desk.now) - timedelta(days=days),
    )


def seen(desk: Desk, hold_id: UUID) -> str:
    """What a page opened now shows of the reviews of a hold on the report `game`."""
    found = holds_of(actor=desk.actor("claire"), report_id=desk.reports["game"])
    return next(hold.seen for hold in found if hold.id == hold_id)


def listed(client: Client, query: str = "") -> list[UUID]:
    return [line["hold"].report_id for line in client.get(PAGE + query).context["lines"]]


def test_a_supervisor_places_keeps_and_lifts_a_hold(desk: Desk, sign_in: SignIn) -> None:
    claire, report_id = sign_in("claire"), desk.reports["game"]
    today = paris_day(desk.now)
    page, late = page_of(report_id), (today + timedelta(days=900)).isoformat()
    day = (today + timedelta(days=100)).isoformat()
    number = claire.get(page).context["facts"].called
    assert claire.get(f"{PAGE}?report={number}").url == page
    bad = (
        ({"motive": " ", "review_on": day}, "Write the reason"),
        ({"motive": "file 12", "review_on": late}, "within two years"),
        ({"motive": "file 12", "review_on": today.isoformat()}, "within two years"),
        ({"motive": "file 12", "review_on": "soon"}, "within two years"),
    )
    for form, said in bad:
        refused = claire.post(page, {"seen": "0", **form})
        assert refused.status_code == 422
        assert said in refused.content.decode()
    assert ">file 12</textarea>" in refused.content.decode(), "what was typed stays"
    assert (
        claire.post(page, {"seen": "0", "motive": "file 12", "review_on": day}).status_code == 302
    )
    again = claire.post(page, {"seen": "0", "motive": "file 12", "review_on": day})
    assert again.status_code == 422, "the second press of one form"
    assert "have changed" in again.content.decode()
    [hold] = holds_of(actor=desk.actor("claire"), report_id=report_id)
    assert (hold.motive, hold.review_on) == ("file 12", date.fromisoformat(day))
    later = add_months(today, 18).isoformat()
    kept = {"hold": str(hold.id), "motive": "the case goes on", "review_on": later}
    assert claire.post(f"{page}keep/", {**kept, "seen": day}).status_code == 422
    assert claire.post(f"{page}keep/", {**kept, "seen": hold.seen}).status_code == 302
    [hold] = holds_of(actor=desk.actor("claire"), report_id=report_id)
    assert (hold.review_motive, hold.review_on) == ("the case goes on", date.fromisoformat(later))
    lifted = {"hold": str(hold.id), "seen": hold.seen, "motive": "judgement final"}
    assert claire.post(f"{page}lift/", lifted).status_code == 302
    twice = claire.post(f"{page}lift/", lifted)
    assert twice.status_code == 422
    assert "lifted already" in twice.content.decode()
    acts = LedgerEntry.objects.filter(action__startswith="hold.").order_by("id")
    assert [one.action for one in acts] == ["hold.place", "hold.review", "hold.lift"]


def test_keep_pressed_twice_with_the_proposed_day_is_one_review(
    desk: Desk, sign_in: SignIn
) -> None:
    claire, hold = sign_in("claire"), placed(desk, "game")
    page, day = page_of(desk.reports["game"]), add_months(paris_day(desk.now), 12).isoformat()
    for motive in ("still needed", "needed again"):
        form = {"hold": str(hold), "seen": seen(desk, hold), "motive": motive, "review_on": day}
        answers = [claire.post(f"{page}keep/", form).status_code for _ in range(2)]
        assert answers == [302, 422]
    assert LedgerEntry.objects.filter(action="hold.review").count() == 2


@pytest.mark.parametrize(
    ("language", "words"),
    [("en", "have changed since"), ("fr", "ont changé depuis")],
)
def test_what_a_colleague_did_since_the_page_is_not_overridden(
    desk: Desk, sign_in: SignIn, language: str, words: str
) -> None:
    desk.users["olga"] = make_user("olga", Role.SUPERVISOR, at=desk.now - timedelta(days=2))
    claire, hold, today = sign_in("claire"), placed(desk, "game"), paris_day(desk.now)
    page = page_of(desk.reports["game"])
    old = {"hold": str(hold), "seen": seen(desk, hold), "motive": "no longer needed"}
    soon = (today + timedelta(days=20)).isoformat()
    kept = {**old, "motive": "the judge asks for it", "review_on": soon}
    assert sign_in("olga").post(f"{page}keep/", kept).status_code == 302
    refused = claire.post(f"{page}lift/".replace("/en/", f"/{language}/"), old)
    assert refused.status_code == 422
    note = refused.content.decode().partition('id="refused"')[2].partition("<form")[0]
    assert words in note
    assert "the judge asks for it" in note
    assert "Olga" in note
    assert "no longer needed" in refused.content.decode(), "what was typed stays"
    fresh = {**old, "seen": seen(desk, hold)}
    assert claire.post(f"{page}lift/", fresh).status_code == 302
    late = sign_in("olga").post(f"{page}keep/", kept)
    assert late.status_code == 422
    note = late.content.decode().partition('role="alert"')[2].partition("<form")[0]
    assert "lifted already" in note
    assert "Lifted by Claire" in note


def test_a_reason_counts_a_line_break_once_and_a_refused_one_is_kept_whole(
    desk: Desk, sign_in: SignIn
) -> None:
    claire, page = sign_in("claire"), page_of(desk.reports["game"])
    day = add_months(paris_day(desk.now), 3).isoformat()
    typed = "\n".join(["x" * 99] * 19) + "\n" + "y" * 85 + " the last words"
    assert len(typed) == 2000
    for text, status in ((f"x{typed}", 422), (typed, 302)):
        form = {"seen": "0", "motive": text.replace("\n", "\r\n"), "review_on": day}
        answer = claire.post(page, form)
        assert answer.status_code == status
        assert status == 302 or "the last words" in answer.content.decode()
    [hold] = holds_of(actor=desk.actor("claire"), report_id=desk.reports["game"])
    assert hold.motive == typed


def test_of_two_holds_one_is_lifted(desk: Desk, sign_in: SignIn) -> None:
    report_id = desk.reports["game"]
    first, second = placed(desk, "game"), placed(desk, "game", motive="file 13")
    lift = {"hold": str(first), "seen": seen(desk, first), "motive": "closed"}
    sign_in("claire").post(f"{page_of(report_id)}lift/", lift)
    found = holds_of(actor=desk.actor("claire"), report_id=report_id)
    assert [one.id for one in found if one.lifted_at is None] == [second]


def test_those_due_are_counted_and_come_first(desk: Desk, sign_in: SignIn) -> None:
    today = paris_day(desk.now)
    placed(desk, "game")
    due_since(desk, "again", days=0)
    due_since(desk, "stream", days=12)
    claire = sign_in("claire")
    expected = [desk.reports[name] for name in ("stream", "again", "game")]
    assert listed(claire) == expected
    assert listed(claire, "?due=1") == expected[:2]
    assert claire.get(PAGE).content.decode().count("due <time") == 2
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    [counts] = count_holds(actor=desk.actor("ines"), today=today).values()
    assert (counts.in_force, counts.due) == (3, 2), "an administrator has no desk, and sees numbers"


def test_a_colleague_sees_that_there_is_a_reason_and_not_what_it_is(
    desk: Desk, sign_in: SignIn
) -> None:
    placed(desk, "game", motive="a canary in the reason")
    page = page_of(desk.reports["game"])
    assert "a canary" in sign_in("claire").get(PAGE).content.decode()
    for name in ("ana", "driss"):
        client = sign_in(name)
        for address in (PAGE, page):
            body = client.get(address).content.decode()
            assert "recorded" in body
            assert "a canary" not in body
        assert "Place a hold" not in client.get(page).content.decode()
        form = {"seen": "1", "motive": "x", "review_on": "2027-02-01"}
        assert client.post(page, form).status_code == 403
    assert sql.one("SELECT count(*) FROM intake_hold")[0] == 1
    assert listed(sign_in("yann")) == []
    assert sign_in("yann").get(page).status_code == 404


def test_empty_states_and_a_number_of_no_report(desk: Desk, sign_in: SignIn) -> None:
    claire = sign_in("claire")
    assert "No hold is in force at your desk." in claire.get(PAGE).content.decode()
    assert "No hold to review." in claire.get(f"{PAGE}?due=1").content.decode()
    for typed in ("R-2026-9999", "\0", "nothing of the kind"):
        answer = claire.get(PAGE, {"report": typed})
        assert answer.status_code == 422
        assert 'aria-invalid="true"' in answer.content.decode()


def test_the_reports_page_says_that_it_is_held(desk: Desk, sign_in: SignIn) -> None:
    address = f"/en/desk/reports/{desk.reports['game']}/"
    assert "this report does not expire" not in sign_in("ana").get(address).content.decode()
    placed(desk, "game")
    assert "this report does not expire" in sign_in("ana").get(address).content.decode()
