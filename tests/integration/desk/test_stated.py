"""What only the public form asks, from its own encoder to the analyst's page: no alarm, no name."""

from collections.abc import Callable
from uuid import UUID

import pytest
from django.test import Client

from fanal.analyse import queries as analysed
from fanal.harmonise import queries as harmonised
from fanal.intake.domain.records import Arrival, Format, Submission
from fanal.intake.operations.receive import receive_reports
from fanal.kernel.actors import public_actor
from fanal.kernel.calendar import PARIS
from fanal.orient.alarms.queries import alarms_of
from fanal.web.public.draft import encode_report, identity_of, report_of
from tests.integration.desk.story import WORKER, Desk, run_stages

pytestmark = pytest.mark.django_db
NAMES = {"child_name": "Xylobert", "your_email": "xylobert@mail.example"}


def received(answers: dict[str, str], desk: Desk) -> UUID:
    """Deposit the answers of a form; return the report."""
    made = report_of(
        {"danger": "NO", "kind": "GROOMING"} | answers, language="fr", today=desk.now.date()
    )
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=encode_report(made),
        canonical=encode_report(made), urgent=made.emergency, language="fr",
    )  # fmt: skip
    [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=desk.now)
    assert answer.report_id is not None
    return answer.report_id


def test_the_analyst_reads_where_and_when_and_finds_no_child_by_it(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    answers = {
        "child_where": "FRANCE",
        "child_town": "59000 Xanthopolis",
        "suspect_where": "ABROAD",
        "suspect_country": "Belgique",
        "meeting": "YES",
        "meeting_when": "TOMORROW",
        "meeting_time": "17h",
        "meeting_where": "FRANCE",
        "meeting_town": "Gare neuve",
    }
    report_id = received(answers, desk)
    run_stages(desk.now)

    priority = analysed.get_priorities(actor=WORKER, report_ids=[report_id])[report_id]
    assert (priority.floor, priority.level) == ("MEETING_SOON", "DANGER")
    assert alarms_of(actor=WORKER, report_id=report_id) == ()
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    assert record.selectors == ()
    analyst = sign_in("ana")
    for page in (f"/fr/desk/reports/{report_id}/", f"/fr/desk/preview/{report_id}/"):
        shown = analyst.get(page).content.decode()
        assert "Rencontre prévue" in shown
        assert "17:00" in shown
        assert "Gare neuve, France" in shown
        assert "59000 Xanthopolis, France" in shown
        assert "Belgique" in shown
    found = analyst.get("/fr/desk/search/", {"q": "Xanthopolis"}).content.decode()
    assert str(report_id) not in found
    found = analyst.get("/fr/desk/search/", {"q": "Gare neuve"}).content.decode()
    assert str(report_id) in found


def test_a_meeting_without_a_day_may_be_today_and_is_asked_for(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    report_id = received({"meeting": "YES", "meeting_when": "UNKNOWN", "meeting_time": "17h"}, desk)
    run_stages(desk.now)
    priority = analysed.get_priorities(actor=WORKER, report_ids=[report_id])[report_id]
    assert (priority.floor, priority.level) == ("MEETING_UNDATED", "DANGER")
    for page in (f"/fr/desk/reports/{report_id}/", f"/fr/desk/preview/{report_id}/"):
        assert "jour inconnu\u00a0: à demander" in sign_in("ana").get(page).content.decode()
    assert (
        "sans dire quel jour"
        in sign_in("ana").get(page.replace("preview", "reports")).content.decode()
    )


@pytest.mark.parametrize("hour", ["5", "minuit", "dans une heure", "8h", "14h", "entre 5h et 6h"])
def test_a_meeting_of_today_is_a_danger_whatever_its_hour(desk: Desk, hour: str) -> None:
    """The hour is read on a winter afternoon; the child's own words stay in the report."""
    asked_on = desk.now.astimezone(PARIS).replace(hour=16, minute=30, tzinfo=None)
    answers = {
        "meeting": "YES",
        "meeting_when": "TODAY",
        "meeting_time": hour,
        "meeting_asked_on": asked_on.isoformat(timespec="minutes"),
    }
    report_id = received(answers, desk)
    run_stages(desk.now)

    priority = analysed.get_priorities(actor=WORKER, report_ids=[report_id])[report_id]
    assert (priority.floor, priority.level) == ("MEETING_SOON", "DANGER")
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    assert record.description == hour


@pytest.mark.parametrize(
    "typed",
    [
        {"meeting_date": "demandé il y a 3 jours pour demain"},
        {"meeting_date": "02/12/2025"},
        {"meeting_date": "dit le 15 janvier"},
        {"meeting_time": "dans 1/2h"},
        {"meeting_time": "10/12 h"},
    ],
)
def test_a_time_of_a_meeting_that_is_not_understood_is_a_danger(
    desk: Desk, typed: dict[str, str]
) -> None:
    asked_on = desk.now.astimezone(PARIS).replace(hour=10, minute=12, tzinfo=None)
    asked = {"meeting": "YES", "meeting_asked_on": asked_on.isoformat(timespec="minutes")}
    report_id = received(asked | typed, desk)
    run_stages(desk.now)
    priority = analysed.get_priorities(actor=WORKER, report_ids=[report_id])[report_id]
    assert priority.level == "DANGER"
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    assert record.description == next(iter(typed.values()))


def test_the_analyst_knows_that_the_child_writes_and_not_who(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    answers = {
        "danger": "UNKNOWN",
        "kind": "GROOMING",
        "child": "ME",
        "contact": "CONTACT",
        **NAMES,
    }
    made = report_of(answers, language="fr", today=desk.now.date())
    identity = identity_of(answers, address=None)
    assert identity is not None
    assert b"Xylobert" in identity
    submission = Submission(
        arrival=Arrival.FORM, format=Format.FORM, body=encode_report(made),
        canonical=encode_report(made), urgent=made.emergency, identity=identity, language="fr",
    )  # fmt: skip
    [answer] = receive_reports(actor=public_actor(), submissions=[submission], now=desk.now)
    report_id = answer.report_id
    run_stages(desk.now)

    assert alarms_of(actor=WORKER, report_id=report_id) == ()
    priority = analysed.get_priorities(actor=WORKER, report_ids=[report_id])[report_id]
    codes = {part.code for part in priority.parts}
    assert {"DANGER_UNKNOWN", "REPORTER_IS_CHILD"} <= codes
    assert (priority.floor, priority.level) == (None, "HIGH")
    record = harmonised.get_records(actor=WORKER, report_ids=[report_id])[report_id]
    assert "xylobert" not in repr(record).lower()

    page = sign_in("ana").get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert "La personne qui signale dit être l’enfant" in page
    assert "ne sait pas si un enfant est en danger maintenant" in page
    assert "xylobert" not in page.lower()


def test_what_was_written_in_another_script_has_its_own_direction(
    desk: Desk, sign_in: Callable[[str], Client]
) -> None:
    arabic = "\u0645\u0631\u062d\u0628\u0627"
    report_id = received({"conversation": f"{arabic}: {arabic}", "description": arabic}, desk)
    run_stages(desk.now)
    shown = sign_in("ana").get(f"/fr/desk/reports/{report_id}/").content.decode()
    assert f"<bdi>{arabic}</bdi>" in shown
    assert f'<p class="fd-said-text" dir="auto">{arabic}</p>' in shown
    assert f'<div class="fd-text" dir="auto"><p>{arabic}</p>' in shown
