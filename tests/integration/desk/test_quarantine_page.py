"""Quarantine in the browser: by failure with what to do, one report or all of a failure again, rights, numbers."""

import json
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

import pytest
from django.test import Client

from fanal.db import sql
from fanal.formats.refusal import DocumentFault
from fanal.intake.domain.quarantine import QuarantineCause, cause_of
from fanal.intake.models import Work
from fanal.kernel import clock
from fanal.kernel.actors import Role
from fanal.ledger.models import LedgerEntry
from fanal.worker import people_jobs
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk, add_reports
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/desk/quarantine/"
NUMBERS = "/en/account/quarantine/"


def set_aside(desk: Desk, name: str, error: str, *, minutes: int = 5) -> UUID:
    report_id = desk.reports[name]
    at = desk.now - timedelta(minutes=minutes)
    Work.objects.create(
        report_id=report_id, stage="ANALYSE", not_before=at, quarantined_at=at, error=error
    )
    return report_id


def asked() -> list[dict[str, str]]:
    rows = sql.rows("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'replay_code'")
    return [json.loads(args) for (args,) in rows]


def waiting() -> set[UUID]:
    return set(
        Work.objects.filter(quarantined_at=None, stage="HARMONISE").values_list(
            "report_id", flat=True
        )
    )


def test_failures_are_grouped_in_words_with_what_to_do(desk: Desk, sign_in: SignIn) -> None:
    set_aside(desk, "game", "DEADLINE")
    set_aside(desk, "again", "DEADLINE")
    set_aside(desk, "stream", "ZeroDivisionError")
    set_aside(desk, "danger", "MALFORMED")
    answer = sign_in("claire").get(PAGE)
    groups = [(one.error, one.reports, one.urgent) for one in answer.context["groups"]]
    expected = [("MALFORMED", 1, 1), ("DEADLINE", 2, 0), ("ZeroDivisionError", 1, 0)]
    assert groups == expected, "those with an urgent report come first"
    page = answer.content.decode()
    for said in ("took too much computing time", "The program failed unexpectedly.", "correct it"):
        assert said in page


def test_all_of_a_failure_are_processed_again_by_a_job(desk: Desk, sign_in: SignIn) -> None:
    game, again = set_aside(desk, "game", "DEADLINE"), set_aside(desk, "again", "DEADLINE")
    set_aside(desk, "stream", "MALFORMED")
    claire = sign_in("claire")
    for _press in range(2):
        assert claire.post(f"{PAGE}replay/", {"error": "DEADLINE"}).status_code == 302
    [job] = asked()
    later = set_aside(desk, "material", "DEADLINE", minutes=-5)
    with as_worker():
        people_jobs.replay_code(**job)
    assert waiting() == {game, again}
    assert Work.objects.get(report_id=later).quarantined_at is not None, (
        "it failed after the asking"
    )
    entry = LedgerEntry.objects.get(action="report.replay")
    assert entry.actor_id == desk.users["claire"].person_id
    for odd in ("", "\0", "NOT_A_CODE", "MALFORMED' OR 1=1"):
        assert claire.post(f"{PAGE}replay/", {"error": odd}).status_code == 302
    assert len(asked()) == 1


def test_what_another_desk_asked_for_is_not_taken_for_what_ones_own_desk_asks(
    desk: Desk, sign_in: SignIn
) -> None:
    body = {"kind": "OTHER", "description": "x"}
    add_reports(desk, [("west", 5, body)], desk_id=2, stages=False)
    desk.users["werner"] = make_user("werner", Role.SUPERVISOR, desk=2)
    with as_worker():
        Work.objects.filter(report_id=desk.reports["west"]).delete()
        ids = {set_aside(desk, name, "DEADLINE") for name in ("game", "west")}
    for name in ("claire", "werner"):
        answer = sign_in(name).post(f"{PAGE}replay/", {"error": "DEADLINE"}, follow=True)
        assert "Asked for: the worker processes these reports again" in answer.content.decode()
    with as_worker():
        for job in asked():
            people_jobs.replay_code(**job)
        assert waiting() == ids


def test_the_job_does_nothing_for_somebody_whose_role_has_ended(
    desk: Desk, sign_in: SignIn
) -> None:
    set_aside(desk, "game", "DEADLINE")
    args = {"error": "DEADLINE", "until": clock.now().isoformat()}
    for name in ("ana", "yann", "hugo"):
        assert sign_in(name).post(f"{PAGE}replay/", {"error": "DEADLINE"}).status_code == 403
        with as_worker():
            people_jobs.replay_code(person_id=str(desk.users[name].person_id), **args)
    other = make_user("werner", Role.SUPERVISOR, desk=2)
    with as_worker():
        people_jobs.replay_code(person_id=str(other.person_id), **args)
    assert waiting() == set()


def test_an_administrator_sees_numbers_of_every_desk(desk: Desk, sign_in: SignIn) -> None:
    report_id = set_aside(desk, "game", "DEADLINE")
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    ines = sign_in("ines")
    page = ines.get(NUMBERS).content.decode()
    assert "took too much computing time" in page
    for word in (str(report_id), "Replay all", "renard"):
        assert word not in page
    assert ines.get(PAGE).status_code == 403
    desk.users["werner"] = make_user("werner", Role.SUPERVISOR, desk=2)
    assert sign_in("werner").get(PAGE).context["groups"] == []
    assert "Quarantine is empty." in sign_in("werner").get(PAGE).content.decode()


def test_every_code_has_a_cause() -> None:
    assert {cause_of(fault) for fault in DocumentFault} == {QuarantineCause.DOCUMENT}
    assert cause_of("WORKER_DIED") is QuarantineCause.TIME
    assert cause_of("BlobMissing") is QuarantineCause.VAULT
    assert cause_of("RuntimeError") is QuarantineCause.PROGRAM
