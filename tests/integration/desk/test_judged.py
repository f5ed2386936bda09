"""What the desk has already decided stands on the reports of the same person, and on their dossier."""

import re
from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from tests.integration.desk.story import Desk, add_reports, suspect
from tests.integration.desk.work import decided, referred

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
NOTHING = Choice(tracks=(Track.NONE,), bases=(), reason="read twice")


def test_a_decision_stands_on_related_reports_and_on_the_dossier(
    desk: Desk, sign_in: SignIn
) -> None:
    web, actor = sign_in("ana"), desk.actor("ana")
    dossier = dossier_of(actor=actor, report_id=desk.reports["danger"])
    report, pages = f"/fr/desk/reports/{desk.reports['danger']}/", f"/fr/desk/dossiers/{dossier}/"
    for page in (report, pages):
        assert "Déjà décidé" not in web.get(page).content.decode()
    done = decided(desk, "again", choice=NOTHING)
    for page in (report, pages):
        body = web.get(page).content.decode()
        assert "Déjà décidé" in body
        assert f'href="/fr/desk/reports/{done}/"' in body
        assert "Sans suite" in body
    assert "Already decided" in web.get(report.replace("/fr/", "/en/")).content.decode()
    reopen_case(actor=actor, report_id=done, now=desk.now)
    for page in (report, pages):
        assert "Déjà décidé" not in web.get(page).content.decode(), "no decision is in force"


def test_a_suspect_reported_after_a_referral_is_a_repeat_offender_on_both_pages(
    desk: Desk, sign_in: SignIn
) -> None:
    """The third report tells, two hours from now, of an hour before."""
    later = f"{desk.now + timedelta(hours=1):%Y-%m-%dT%H:%M:%SZ}"
    someone = suspect("corbeau_5")
    add_reports(
        desk,
        (
            ("first", 600, {"kind": "GROOMING", "persons": [someone], "occurred_at": "2026-11-03"}),
            (
                "second",
                590,
                {"kind": "GROOMING", "persons": [someone], "occurred_at": "2026-11-09"},
            ),
            ("third", -120, {"kind": "GROOMING", "persons": [someone], "occurred_at": later}),
        ),
    )
    web, actor = sign_in("ana"), desk.actor("ana")
    dossier = dossier_of(actor=actor, report_id=desk.reports["third"])
    pages = [f"desk/reports/{desk.reports['third']}/", f"desk/dossiers/{dossier}/"]
    for page in pages:
        body = web.get(f"/fr/{page}").content.decode()
        assert "Série" in body
        assert "De nouveau mis en cause" not in body
        assert "dans 3 signalements" in body
    assert "Série" not in web.get(f"/fr/desk/reports/{desk.reports['danger']}/").content.decode()
    first = referred(desk, "first")
    for page in pages:
        body = web.get(f"/fr/{page}").content.decode()
        assert "De nouveau mis en cause" in body
        assert re.search(
            rf'href="/fr/desk/reports/{first}/">R-\d{{4}}-\d+ · REF-first</a> \(', body
        )
        assert "Repeat offender" in web.get(f"/en/{page}").content.decode()
    reopen_case(actor=actor, report_id=first, now=desk.now)
    for page in pages:
        assert "De nouveau mis en cause" in web.get(f"/fr/{page}").content.decode(), "it was sent"


def test_who_was_never_referred_is_no_repeat_offender(desk: Desk, sign_in: SignIn) -> None:
    tomorrow = (desk.now + timedelta(days=1)).date().isoformat()
    someone = suspect("corbeau_5")
    bodies = [
        {"kind": "GROOMING", "persons": [someone], "occurred_at": day}
        for day in ("2026-11-03", tomorrow)
    ]
    add_reports(desk, (("first", 600, bodies[0]), ("second", 590, bodies[1])))
    page = f"/fr/desk/reports/{desk.reports['second']}/"
    referred(desk, "first", to="withdraw")
    body = sign_in("ana").get(page).content.decode()
    assert "De nouveau mis en cause" not in body
    assert "Série" in body


def test_another_desk_s_reports_are_in_no_series(desk: Desk, sign_in: SignIn) -> None:
    someone = suspect("corbeau_5")
    bodies = [
        {"kind": "GROOMING", "persons": [someone], "occurred_at": f"2026-11-0{day}"}
        for day in (3, 5)
    ]
    add_reports(desk, (("ours", 600, bodies[0]),))
    add_reports(desk, (("theirs", 590, bodies[1]),), desk_id=2)
    page = sign_in("ana").get(f"/fr/desk/reports/{desk.reports['ours']}/").content.decode()
    assert "Série" not in page
    assert str(desk.reports["theirs"]) not in page
