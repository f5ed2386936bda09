"""The administrator's page on the installation: each part fails when what it tells of does, and tells no content."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client

from fanal.accounts.operations.changes import close_account
from fanal.connectors import mail
from fanal.db import sql
from fanal.intake.models import Work
from fanal.kernel.actors import Role, system_actor
from fanal.ledger import operations as ledger
from fanal.vault import queries as vault
from fanal.web.account.installation import InstallationPart, PartState
from tests.integration.accounts.people import make_user
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/account/installation/"
SET_UP = mail.Mailer(
    url="smtp://127.0.0.1:25", sender="a@desk.fr", duty=("b@desk.fr",), folder=Path("/nowhere")
)


@pytest.fixture
def admin(desk: Desk, sign_in: SignIn) -> Client:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    return sign_in("ines")


@pytest.fixture(autouse=True)
def mailer() -> Iterator[None]:
    """Mail is set up, and put back after."""
    before = mail.current()
    mail.install(SET_UP)
    yield
    mail.install(before)


def parts(admin: Client) -> Mapping[str, InstallationPart]:
    return {part.words: part for part in admin.get(PAGE).context["parts"]}


def test_what_fails_comes_first_and_says_what_to_do(admin: Client) -> None:
    answer = admin.get(PAGE)
    found = answer.context["parts"]
    states = [part.state for part in found]
    order = [PartState.FAULT, PartState.LOOK, PartState.FINE]
    assert states == sorted(states, key=order.index)
    assert {PartState.FAULT, PartState.FINE} <= set(states)
    assert all(bool(part.remedy) is (part.state is not PartState.FINE) for part in found)
    assert f"{states.count(PartState.FAULT)} parts need an act now." in answer.content.decode()


def test_processes_that_run_are_told(admin: Client) -> None:
    before = parts(admin)
    assert before["Workers"].state is PartState.FAULT
    assert before["Process that calls the people on duty"].state is PartState.FAULT
    with as_worker():
        sql.run("INSERT INTO procrastinate_workers (last_heartbeat) VALUES (now())")
        sql.run("INSERT INTO orient_caller (holder, seen_at, reaches) VALUES (7, now(), true)")
    after = parts(admin)
    assert after["Workers"].found == "1 runs"
    assert after["Process that calls the people on duty"].state is PartState.FINE
    with as_worker():
        sql.run("UPDATE orient_caller SET reaches = false")
    assert (
        parts(admin)["Process that calls the people on duty"].found == "It runs, and reaches nobody"
    )


def test_a_report_that_waits_too_long_and_one_put_aside(admin: Client, desk: Desk) -> None:
    first, second = list(desk.reports.values())[:2]
    assert parts(admin)["Reports in the stages"].state is PartState.FINE
    Work.objects.create(
        report_id=first, stage="ANALYSE", not_before=desk.now - timedelta(minutes=11)
    )
    Work.objects.create(
        report_id=second, stage="ANALYSE", not_before=desk.now, quarantined_at=desk.now, error="1"
    )
    found = parts(admin)
    assert found["Reports in the stages"].state is PartState.FAULT
    assert (
        found["Reports in the stages"].found
        == "1 waits, the oldest for 11\N{NARROW NO-BREAK SPACE}min"
    )
    assert found["Reports in quarantine"].found == "1"


def test_a_call_that_reached_nobody_at_any_desk(admin: Client) -> None:
    """An administrator has no desk: row security would hide it."""
    calls = "Calls for a child in danger"
    with as_worker():
        sql.run("UPDATE orient_call SET outcome = 'SENT', ended_at = now()")
        assert parts(admin)[calls].state is PartState.FINE
        sql.run("UPDATE orient_call SET outcome = 'PARTLY', ended_at = now()")
        assert "refused some" in parts(admin)[calls].found
        sql.run("UPDATE orient_call SET outcome = 'GIVEN_UP', ended_at = now()")
    assert parts(admin)[calls].found == "1 given up"


def test_mail_that_reaches_nobody(admin: Client) -> None:
    words = "Mail to the people on duty"
    assert parts(admin)[words].found == "Set up, for 1 on duty"
    mail.install(replace(SET_UP, url="", duty=()))
    assert parts(admin)[words].state is PartState.FAULT
    assert "FANAL_SMTP_URL" in parts(admin)[words].found
    assert "FANAL_DUTY" in parts(admin)[words].found
    mail.install(replace(SET_UP, url="", demo=True))
    assert parts(admin)[words].state is PartState.FINE


def test_backups_and_space(admin: Client, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    assert parts(admin)["Newest backup"].found == "None in four days"
    for hours, state in ((50, PartState.FAULT), (40, PartState.FINE)):
        made = desk.now - timedelta(hours=hours)
        ledger.record(actor=system_actor("backup"), action="backup.make", at=made)
        assert parts(admin)["Newest backup"].state is state
    for free, state in ((2**31, PartState.FINE), (2**30, PartState.FAULT)):
        monkeypatch.setattr(vault, "free_bytes", lambda free=free: free)
        assert parts(admin)["Space for files"].state is state


def test_a_role_that_nobody_holds(admin: Client, desk: Desk) -> None:
    """Claire is the desk's only supervisor: two are needed."""
    found = parts(admin)["Roles that a desk needs"]
    assert found.state is PartState.FAULT
    assert "(1 of 2)" in found.found
    helene = make_user("helene", Role.SUPERVISOR).person_id
    assert "(1 of 2)" not in parts(admin)["Roles that a desk needs"].found
    close_account(actor=desk.actor("ines"), person_id=helene, now=desk.now)
    assert "(1 of 2)" in parts(admin)["Roles that a desk needs"].found


def test_it_names_nobody_and_no_report(admin: Client, desk: Desk) -> None:
    board = admin.get(PAGE, headers={"HX-Request": "true"}).content.decode()
    assert board.startswith('<div class="fd-stack"')
    for word in ("shadow", "Lyon", "12 ans", "ana", *map(str, desk.reports.values())):
        assert f">{word}" not in board
    assert "b@desk.fr" not in board


@pytest.mark.parametrize("name", ["ana", "claire", "gabrielle", "hugo"])
def test_for_administrators_alone(desk: Desk, sign_in: SignIn, name: str) -> None:
    assert sign_in(name).get(PAGE).status_code == 403


def test_names_that_wait_for_the_controllers_machine_are_shown(admin: Client) -> None:
    assert "Blocking list" not in parts(admin)  # none is published
    insert = (
        "INSERT INTO measures_blocklist_gate (witnesses, names, since, code, detail)"
        " VALUES ('witness.test', %s, %s, %s, '')"
    )
    with as_worker():
        sql.run(insert, [0, None, ""])
    part = parts(admin)["Blocking list"]
    assert (part.found, part.state) == ("Cosigned by witness.test", PartState.FINE)
    for minutes, state in ((5, PartState.FINE), (11, PartState.FAULT)):
        with as_worker():
            sql.run(
                "UPDATE measures_blocklist_gate SET names = 2, code = 'SILENT',"
                " since = now() - make_interval(mins => %s)",
                [minutes],
            )
        part = parts(admin)["Blocking list"]
        assert part.found == "2 names wait for a cosignature: a witness did not cosign"
        assert part.state is state
    lists = admin.get("/en/account/lists/").content.decode()
    assert "State of the lists" in lists
