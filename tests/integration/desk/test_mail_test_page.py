"""A test message from the page of the installation: asked for, sent once by the worker, answered on the page."""

import json
import socket
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from aiosmtpd.controller import Controller
from django.test import Client

from fanal.accounts.domain.policy import Refused
from fanal.accounts.operations.mail_tests import MailTestTarget, ask_mail_test
from fanal.accounts.queries.mail_tests import list_mail_tests
from fanal.connectors import mail
from fanal.db import sql
from fanal.kernel.actors import Role
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger, queries
from fanal.ledger.queries import SoughtEntries
from fanal.worker import jobs, people_jobs
from tests.integration.accounts.people import SYSTEM, make_user
from tests.integration.cli.test_mail import Inbox
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db
SignIn = Callable[[str], Client]
PAGE = "/en/account/installation/"
FORM = f"{PAGE}mail/"


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Controller]:
    """Serve SMTP on a free port, and set it up as the installation's server."""
    before = mail.current()
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    controller = Controller(Inbox(), hostname="127.0.0.1", port=port)
    controller.start()
    mail.install(
        mail.Mailer(
            url=f"smtp://127.0.0.1:{port}",
            sender="fanal@desk.example",
            duty=("a@desk.example", "b@desk.example"),
            folder=tmp_path,
        )
    )
    yield controller
    mail.install(before)
    controller.stop()


@pytest.fixture
def admin(desk: Desk, sign_in: SignIn, inbox: Controller) -> Client:
    desk.users["ines"] = make_user("ines", Role.ADMINISTRATOR)
    desk.users["ines"].email = "ines@desk.example"
    desk.users["ines"].save()
    return sign_in("ines")


def queued() -> list[dict[str, str]]:
    rows = sql.rows("SELECT args::text FROM procrastinate_jobs WHERE task_name = 'send_mail_test'")
    return [json.loads(args) for (args,) in rows]


def work() -> None:
    """Do the queued jobs, as the worker does, and take them off."""
    for job in queued():
        with as_worker():
            people_jobs.send_mail_test(**job)
            sql.run("DELETE FROM procrastinate_jobs WHERE task_name = 'send_mail_test'")


def shown(admin: Client) -> list[str]:
    return [code for _test, _by, code in admin.get(FORM).context["tests"]]


@pytest.mark.parametrize(
    ("to", "addresses"),
    [("OWN", ["ines@desk.example"]), ("DUTY", ["a@desk.example", "b@desk.example"])],
)
def test_it_is_sent_once_and_answered_on_the_page(
    admin: Client, desk: Desk, inbox: Controller, to: str, addresses: list[str]
) -> None:
    assert admin.post(FORM, {"to": to}).headers["Location"] == f"{PAGE}#mail"
    assert shown(admin) == ["WAITING"]
    assert 'hx-trigger="every 2s"' in admin.get(PAGE).content.decode().partition('id="mail"')[2]
    work()
    (envelope,) = inbox.handler.taken
    assert envelope.rcpt_tos == addresses
    assert b"essai" in envelope.content
    assert shown(admin) == ["ACCEPTED"]
    part = admin.get(FORM, headers={"HX-Request": "true"}).content.decode()
    assert part.startswith('<section id="mail"')
    assert "hx-trigger" not in part
    assert "<html" in admin.get(FORM).content.decode(), "as a page of its own, in any language"
    (asked,) = queries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="mail.test"))
    assert (asked.actor_id, asked.detail) == (desk.users["ines"].person_id, {"to": to})
    (answer,) = queries.list_entries(actor=SYSTEM, sought=SoughtEntries(action="mail.answer"))
    assert answer.detail == {
        "test": str(asked.id),
        "result": "ACCEPTED",
        "reply": 0,
        "status": "",
    }


def test_a_refusal_by_the_server_is_told_with_its_code(
    admin: Client, desk: Desk, inbox: Controller
) -> None:
    desk.users["ines"].email = "left.ines@desk.example"
    desk.users["ines"].save()
    admin.post(FORM, {"to": "OWN"})
    work()
    body = admin.get(FORM).content.decode()
    assert "refuses the sender, the addresses or the message" in body
    assert ">550<" in body
    assert "no such person" not in body, "the text of a reply may hold addresses"


def test_one_at_a_time_and_six_an_hour(admin: Client, desk: Desk) -> None:
    for number in range(6):
        assert admin.post(FORM, {"to": "OWN"}).status_code == 302, number
        again = admin.post(FORM, {"to": "DUTY"})
        assert again.status_code == 422
        assert "wait a minute" in again.content.decode()
        assert len(queued()) == 1
        work()
    refused = admin.post(FORM, {"to": "OWN"})
    assert refused.status_code == 422
    assert "within the hour" in refused.content.decode()
    later = datetime.now(UTC) + timedelta(minutes=61)
    ask_mail_test(actor=desk.actor("ines"), target=MailTestTarget.OWN, now=later)


def test_another_test_waits_in_the_queue(admin: Client, desk: Desk) -> None:
    """Though its page says no more that it is under way: no worker runs."""
    now, ines = datetime.now(UTC), desk.actor("ines")
    ask_mail_test(actor=ines, target=MailTestTarget.OWN, now=now - timedelta(minutes=2))
    assert shown(admin) == ["NO_ANSWER"]
    with pytest.raises(Refusal, match="UNDER_WAY"):
        ask_mail_test(actor=ines, target=MailTestTarget.OWN, now=now)
    assert len(list_mail_tests(actor=ines, since=now - timedelta(hours=1))) == 1


def test_one_that_nobody_expects_any_more_is_not_sent(
    admin: Client, desk: Desk, inbox: Controller
) -> None:
    before = datetime.now(UTC) - timedelta(minutes=11)
    ask_mail_test(actor=desk.actor("ines"), target=MailTestTarget.DUTY, now=before)
    work()
    assert inbox.handler.taken == []
    assert shown(admin) == ["STALE"]


def test_a_person_without_an_address(admin: Client, desk: Desk) -> None:
    desk.users["ines"].email = ""
    desk.users["ines"].save()
    assert "my account has no mail address" in admin.get(PAGE).content.decode()
    for sent in ({"to": "OWN"}, {"to": "EVERYBODY"}, {}):
        assert admin.post(FORM, sent).status_code == 422
    assert queued() == []


def test_no_duty_address_is_shown(admin: Client) -> None:
    body = admin.get(PAGE).content.decode()
    assert "To the people on duty: 2 addresses" in body
    assert "a@desk.example" not in body


def test_it_has_a_slot_of_its_own_and_is_not_tried_again() -> None:
    task = people_jobs.send_mail_test
    assert jobs.SLOTS[task.queue] == 1
    assert {other.queue for other in jobs.SENDS if other is not task}.isdisjoint({task.queue})
    assert task.retry_strategy is None


@pytest.mark.parametrize("name", ["ana", "claire", "gabrielle", "hugo"])
def test_for_administrators_alone(desk: Desk, sign_in: SignIn, name: str) -> None:
    web = sign_in(name)
    assert web.get(FORM).status_code == 403
    assert web.post(FORM, {"to": "DUTY"}).status_code == 403
    actor, now = desk.actor(name), datetime.now(UTC)
    with pytest.raises(Refused):
        ask_mail_test(actor=actor, target=MailTestTarget.DUTY, now=now)
    with pytest.raises(Refused):
        list_mail_tests(actor=actor, since=now)
    with pytest.raises(Refused):
        queries.acts_since(actor=actor, actions=["mail.test"], since=now)


def test_another_entry_answers_nothing(admin: Client, desk: Desk) -> None:
    admin.post(FORM, {"to": "OWN"})
    with as_worker():
        ledger.record(
            actor=SYSTEM,
            action="mail.answer",
            at=datetime.now(UTC),
            detail={"test": str(UUID(int=7)), "result": "ACCEPTED", "reply": 0, "status": ""},
        )
    assert shown(admin) == ["WAITING"]
