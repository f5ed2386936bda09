"""What the desk has already decided stands on the reports of the same person, and on their dossier."""

from collections.abc import Callable

import pytest
from django.test import Client

from fanal.crosscheck.dossiers.queries import dossier_of
from fanal.orient.domain.records import Choice, Track
from fanal.orient.operations.decisions import reopen_case
from tests.integration.desk.story import Desk
from tests.integration.desk.work import decided

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
