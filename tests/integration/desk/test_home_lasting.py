"""The home page counts lasting acts: those to approve, to put on the list, in doubt, to restore; appeals."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from fanal.kernel.actors import Role
from fanal.kernel.calendar import paris_day
from fanal.measures.appeal.kind import Filer
from fanal.measures.removal.kind import REMOVAL
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.integration.desk.test_addressees_page import typed
from tests.integration.measures import blockings, mirrors
from tests.integration.measures.appeals import filed
from tests.integration.measures.blockings import DAY, HOUR, ago, received
from tests.known import habilitated

pytestmark = pytest.mark.django_db(transaction=True)
SignIn = Callable[[str], Client]
HOME = "/fr/home/"
STAGES = {
    "blockings/?state=LIST",
    "blockings/?state=DOUBT",
    "blockings/?state=RESTORE",
    "mirrors/?state=REVIEW",
    "appeals/?state=TERM",
}


@pytest.fixture
def waiting(desk: Desk, sign_in: SignIn) -> Desk:
    """A desk with a lasting act at each stage, an appeal, a mirror to approve and an address to confirm."""
    habilitated()
    ends = mirrors.in_days(90)
    ready = blockings.drafted(received(ago(2), "one.example"), ago(0.5), name="one.example")
    blockings.approved(ready, ago(0.4))
    doubted = blockings.listed(2, host="two.example")
    blockings.take(doubted, "doubt", ago(1), outcome="OTHER")
    lifted = blockings.listed(2, host="three.example")
    blockings.take(lifted, "lift", ago(0.5), outcome="GONE")
    freed = mirrors.listed(2, ends=ends, name="four.example")
    mirrors.take(freed, "free", ago(0.2), actor=blockings.ANALYST)
    second = mirrors.drafted(ago(1), ends=ends, name="five.example")
    mirrors.take(second, "enforce", ago(0.9), actor=mirrors.ANALYST, file=mirrors.COPY)
    mirrors.take(second, "compare", ago(0.9), actor=mirrors.ANALYST)
    mirrors.take(second, "submit", ago(0.9), actor=mirrors.ANALYST)
    filed(received(ago(1), "six.example"), ago(0.5), contested=REMOVAL, filer=Filer.PROVIDER)
    desk.users["marc"] = make_user("marc", Role.MEASURES_OFFICER, at=desk.now - 30 * DAY)
    day = str(paris_day(desk.now - HOUR))
    added = sign_in("marc").post("/en/desk/addressees/add/", typed(desk, source_date=day))
    assert added.status_code == 302
    return desk


def numbers(client: Client) -> dict[str, object]:
    """The numbers of the home page by what follows the desk's prefix in their address."""
    context = client.get(HOME).context
    return {
        one.href.partition("/desk/")[2]: one
        for section in [*context["busy"], *context["idle"]]
        for one in section.numbers
    }


def test_what_waits_is_counted_and_its_list_shows_as_many(waiting: Desk, sign_in: SignIn) -> None:
    elise = sign_in("elise")
    found = numbers(elise)
    assert set(found) >= STAGES
    tones = [one.shown_tone == "danger" for one in found.values()]
    assert tones == sorted(tones, reverse=True)
    assert any(tones)
    for name in STAGES:
        page = elise.get(f"/fr/desk/{name}")
        assert page.status_code == 200
        assert len(page.context["own"]) + len(page.context["opened"]) == found[name].number == 1
        assert page.context["ended"] == []
        assert page.context["staged"]
        first = [*page.context["own"], *page.context["opened"]][0]["view"]
        assert found[name].due_at == first.due_at
    second = elise.get("/fr/desk/second/").context
    assert len(second["mirrors"]) == 1
    assert found["second/"].number == sum(
        len(second[name])
        for name in ("others", "own", "rows", "blockings", "mirrors", "dereferencings")
    )
    assert found["addressees/?state=WAITING"].number == 1 == second["addresses"]
    listed = elise.get("/fr/desk/addressees/?state=WAITING").context
    assert listed["page"].paginator.count == 1
    assert "/fr/desk/addressees/?state=WAITING" in elise.get("/fr/desk/second/").content.decode()


def test_a_stage_is_shown_to_those_who_may_take_its_step(waiting: Desk, sign_in: SignIn) -> None:
    claire = numbers(sign_in("claire"))
    assert "mirrors/?state=REVIEW" in claire
    assert "appeals/?state=TERM" in claire
    assert "blockings/?state=LIST" not in claire
    assert "addressees/?state=WAITING" in claire
    assert not STAGES & set(numbers(sign_in("ana"))) - {"mirrors/?state=REVIEW"}


def test_an_unknown_stage_shows_the_whole_board(waiting: Desk, sign_in: SignIn) -> None:
    page = sign_in("elise").get("/fr/desk/blockings/?state=X%00")
    assert page.status_code == 200
    assert len(page.context["own"]) + len(page.context["opened"]) == 3


def test_statements_do_not_grow_with_the_acts(waiting: Desk, sign_in: SignIn) -> None:
    elise = sign_in("elise")

    def cost() -> int:
        elise.get(HOME)
        with CaptureQueriesContext(connection) as frame:
            elise.get("/fr/home/tour/")
        with CaptureQueriesContext(connection) as whole:
            elise.get(HOME)
        return len(whole) - len(frame)

    before = cost()
    assert before <= 28
    more = blockings.drafted(received(ago(2), "seven.example"), ago(0.5), name="seven.example")
    blockings.approved(more, ago(0.4))
    assert cost() == before
