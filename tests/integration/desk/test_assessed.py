"""A picture that the desk has assessed is recognised when nearly the same one comes, with the reason."""

from collections.abc import Callable
from datetime import timedelta
from uuid import uuid4

import pytest
from django.db import connection
from django.test import Client

from fanal.analyse.material.domain.lists import MatchScope
from fanal.analyse.material.operations.lists import load_list
from fanal.kernel.actors import system_actor
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations import decisions
from fanal.orient.queue.operations import claim_case
from fanal.web.desk.report import content
from tests.integration.desk.story import Desk, hashed, suspect
from tests.integration.desk.test_providers import send
from tests.unit.orient.sameness import picture

pytestmark = pytest.mark.django_db
SYSTEM = system_actor("test")
NEAR = "Nearly the same picture already assessed"


def received(desk: Desk, name: str, turned: int) -> str:
    """Receive a report of a picture some bits away from the first; return its page."""
    file = {"name": name, **hashed(name), "pdq": picture("A", turned).pdq}
    send(desk, uuid4(), name, {"kind": "OTHER", "files": [file], "persons": [suspect(name)]})
    return f"/en/desk/reports/{desk.reports[name]}/"


def decide(desk: Desk, name: str) -> None:
    report_id, ana = desk.reports[name], desk.actor("ana")
    token = claim_case(actor=ana, report_id=report_id, now=desk.now).token
    nothing = Choice(tracks=(Track.NONE,), bases=(), reason="a lawful picture")
    decisions.decide(
        actor=ana, report_id=report_id, choice=nothing, claim_token=token, now=desk.now
    )


def test_a_near_picture_shows_who_assessed_it_and_how_near_it_is(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    received(desk, "first", 0)
    near, far = received(desk, "near", 12), received(desk, "far", 40)
    bruno = sign_in("bruno")
    assert NEAR not in bruno.get(near).content.decode()  # nobody has decided yet
    decide(desk, "first")
    page = bruno.get(near).content.decode()
    assert NEAR in page
    assert "12 of 256 bits differ, limit 31" in page
    assert f"/en/desk/reports/{desk.reports['first']}/" in page
    assert "Assessed by Ana" in page
    assert NEAR not in bruno.get(far).content.decode()
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM orient_assessed")
        assert cursor.fetchone() == (1,)


def test_a_file_that_was_assessed_is_told_however_many_reports_of_it_came_since(
    desk: Desk, sign_in: Callable[[str], Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(content, "_SEEN", 2)
    body = {"kind": "OTHER", "files": [{"name": "a", **hashed("a")}]}
    for name in ("first", "second", "third", "fourth"):
        send(desk, uuid4(), name, body | {"persons": [suspect(name)]})
    decide(desk, "first")
    page = sign_in("bruno").get(f"/en/desk/reports/{desk.reports['fourth']}/").content.decode()
    assert "Assessed by Ana" in page
    assert f"/en/desk/reports/{desk.reports['first']}/" in page


def test_another_desks_assessment_is_not_shown(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    page = received(desk, "ours", 3)
    file = {"name": "theirs", **hashed("theirs"), "pdq": picture("A").pdq}
    send(desk, uuid4(), "theirs", {"kind": "OTHER", "files": [file]}, desk_id=2)
    yann, report_id = desk.actor("yann"), desk.reports["theirs"]
    token = claim_case(actor=yann, report_id=report_id, now=desk.now).token
    nothing = Choice(tracks=(Track.NONE,), bases=(), reason="a lawful picture")
    decisions.decide(
        actor=yann, report_id=report_id, choice=nothing, claim_token=token, now=desk.now
    )
    assert NEAR not in sign_in("ana").get(page).content.decode()


def test_a_known_false_alarm_stands_as_a_finding_of_its_own(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    name = "cleared"
    load_list(
        actor=SYSTEM, name="false alarms", lines=["md5", hashed(name)["md5"]],
        now=desk.now - timedelta(hours=2), scope=MatchScope.CLEAR,
    )  # fmt: skip
    page = sign_in("ana").get(received(desk, name, 0)).content.decode()
    assert "Known false alarm" in page
    assert "It adds no point." in page
    assert "On no list of the desk" not in page
