"""A mail tells whoever holds a report that its reporter has answered: once, and nothing of the answer."""

import email
import json
from email import policy
from pathlib import Path

import pytest
from django.db import connection

from fanal import pipeline
from fanal.accounts.models import User
from fanal.intake.domain.number import desk_number
from fanal.kernel import clock
from fanal.orient.answers.operations import read_answers
from fanal.orient.answers.queries import unread_on
from fanal.orient.queue.operations import claim_case
from fanal.worker import sends
from tests.acceptance.desk.test_answers import TEXT, answer
from tests.integration.accounts.test_factor_changes import mail_folder
from tests.integration.desk.story import Desk
from tests.server import as_worker

pytestmark = pytest.mark.django_db
__all__ = ["mail_folder"]


def jobs() -> list[dict[str, str]]:
    """Have the worker take up the answers, and return the mails that wait."""
    with as_worker(), connection.cursor() as cursor:
        while pipeline.weigh_answers(now=clock.now()):
            continue
        cursor.execute(
            "SELECT args::text FROM procrastinate_jobs WHERE task_name = 'tell_answer' ORDER BY id"
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def hold(desk: Desk, name: str = "game", *, address: str = "ana@desk.example") -> None:
    claim_case(actor=desk.actor("ana"), report_id=desk.reports[name], now=clock.now())
    User.objects.filter(pk=desk.users["ana"].pk).update(email=address)


def test_the_holder_gets_one_mail_without_the_answer(desk: Desk, mail_folder: Path) -> None:
    hold(desk)
    User.objects.filter(pk=desk.users["claire"].pk).update(email="claire@desk.example")
    answer(desk)
    [job] = jobs()
    assert jobs() == [job]  # once for an answer
    sends.tell_answer(**job)
    (letter,) = mail_folder.iterdir()
    message = email.message_from_bytes(letter.read_bytes(), policy=policy.default)
    assert message["To"] == "ana@desk.example"
    said = message.get_content()
    assert said.count(desk_number(desk.reports["game"])) == 2  # in both languages
    for secret in (TEXT, "REF-game", "Arcadia", "renard"):
        assert secret not in letter.read_text()


def test_nobody_is_told_who_holds_nothing_or_has_read_it(desk: Desk) -> None:
    hold(desk)
    answer(desk, "material")  # nobody holds it
    answer(desk)
    ids = unread_on(actor=desk.actor("ana"), report_id=desk.reports["game"])
    asked = {"report_id": desk.reports["game"], "message_ids": ids, "now": clock.now()}
    assert read_answers(actor=desk.actor("ana"), **asked) == len(ids) == 1
    assert jobs() == []


def test_without_an_address_no_mail_is_sent_to_others(desk: Desk, mail_folder: Path) -> None:
    hold(desk, address="")
    answer(desk)
    [job] = jobs()
    sends.tell_answer(**job)
    assert list(mail_folder.iterdir()) == []
