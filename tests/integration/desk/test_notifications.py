"""Notifications: answers, mentions and assignments reach whom they concern, once; a mail says only how many."""

import email
import json
from datetime import timedelta
from email import policy
from pathlib import Path

import pytest
from django.db import connection

from fanal import pipeline
from fanal.accounts.models import User
from fanal.intake.domain.number import desk_number
from fanal.intake.queries.envelopes import report_number
from fanal.kernel import clock
from fanal.kernel.refusal import Refusal
from fanal.orient.answers.operations import read_answers
from fanal.orient.answers.queries import held_with_answers, unread_on
from fanal.orient.assignment.operations import assign_report
from fanal.orient.notifications.domain import KEPT, MailChoice, NotificationKind
from fanal.orient.notifications.operations import (
    choose_mail,
    forget_old_notifications,
    forget_people_notified,
    queue_mails,
    see_notifications,
)
from fanal.orient.notifications.queries import count_unseen, list_notifications, mail_choice
from fanal.orient.operations.notes import note_report
from fanal.orient.queue.operations import claim_case
from fanal.worker import jobs as schedule, sends
from tests.acceptance.desk.test_answers import TEXT, answer
from tests.integration.accounts.test_factor_changes import mail_folder
from tests.integration.desk.story import WORKER, Desk
from tests.refusals import NO_RIGHT, database_refuses
from tests.server import as_worker

pytestmark = pytest.mark.django_db
__all__ = ["mail_folder"]


def told(desk: Desk, name: str) -> list[str]:
    """The kinds of a person's notifications, newest first."""
    return [str(one.kind) for one in list_notifications(actor=desk.actor(name))]


def weigh() -> None:
    """Have the worker take up the answers."""
    with as_worker():
        while pipeline.weigh_answers(now=clock.now()):
            continue


def mails(choice: MailChoice = MailChoice.AT_ONCE) -> list[dict[str, str]]:
    """Have the worker queue the mails of a choice, and return those that wait."""
    with as_worker(), connection.cursor() as cursor:
        queue_mails(actor=WORKER, choice=choice, now=clock.now())
        cursor.execute(
            "SELECT args::text FROM procrastinate_jobs WHERE task_name = 'tell_notifications'"
            " AND queue_name = 'notifications' ORDER BY id"
        )
        return [json.loads(row[0]) for row in cursor.fetchall()]


def hold(desk: Desk, name: str = "game", *, address: str = "ana@desk.example") -> None:
    claim_case(actor=desk.actor("ana"), report_id=desk.reports[name], now=clock.now())
    User.objects.filter(pk=desk.users["ana"].pk).update(email=address)


def give(desk: Desk, name: str, to: str) -> None:
    assign_report(
        actor=desk.actor("claire"),
        report_id=desk.reports[name],
        to=desk.actor(to).person_id,
        now=clock.now(),
    )


def note(desk: Desk, words: str, *, by: str = "bruno") -> None:
    note_report(
        actor=desk.actor(by), report_id=desk.reports["stream"], words=words, now=clock.now()
    )


def test_an_answer_reaches_who_holds_the_report_once(desk: Desk) -> None:
    hold(desk)
    give(desk, "material", "bruno")
    answer(desk)
    answer(desk, "material")
    answer(desk, "stream")  # in nobody's charge
    weigh()
    weigh()
    assert told(desk, "ana") == ["ANSWER"]
    assert told(desk, "bruno") == ["ANSWER", "ASSIGNED"]
    assert held_with_answers(actor=desk.actor("bruno")) == [desk.reports["material"]]
    assert told(desk, "claire") == []


def test_an_answer_that_its_holder_has_read_is_no_news(desk: Desk) -> None:
    hold(desk)
    answer(desk)
    ids = unread_on(actor=desk.actor("ana"), report_id=desk.reports["game"])
    asked = {"report_id": desk.reports["game"], "message_ids": ids, "now": clock.now()}
    assert read_answers(actor=desk.actor("ana"), **asked) == len(ids) == 1
    weigh()
    assert told(desk, "ana") == []


def test_one_mail_says_how_many_and_nothing_else(desk: Desk, mail_folder: Path) -> None:
    hold(desk)
    User.objects.filter(pk=desk.users["claire"].pk).update(email="claire@desk.example")
    answer(desk)
    weigh()
    give(desk, "stream", "ana")
    note(desk, "À toi, @ana.")
    [job] = mails()
    assert mails() == [job]  # each notification is mailed once
    with as_worker():
        sends.tell_notifications(**job)
    (letter,) = mail_folder.iterdir()
    message = email.message_from_bytes(letter.read_bytes(), policy=policy.default)
    assert message["To"] == "ana@desk.example"
    said = message.get_content()
    assert ": 3." in said
    assert "https://localhost/fr/desk/notifications/" in said
    assert "https://localhost/en/desk/notifications/" in said
    hidden = [TEXT, "REF-", "Arcadia", "renard", "Ana", "Bruno", "Claire", "À toi"]
    for report_id in desk.reports.values():
        hidden += [str(report_id), desk_number(report_id), report_number(report_id=report_id)]
    for secret in hidden:
        assert secret not in f"{message['Subject']} {said}"


def test_what_was_seen_meanwhile_is_not_mailed(desk: Desk, mail_folder: Path) -> None:
    hold(desk)
    give(desk, "stream", "ana")
    [job] = mails()
    see_notifications(actor=desk.actor("ana"), now=clock.now())
    with as_worker():
        sends.tell_notifications(**job)
    assert list(mail_folder.iterdir()) == []


def test_without_an_address_no_mail_is_sent_to_others(desk: Desk, mail_folder: Path) -> None:
    hold(desk, address="")
    give(desk, "stream", "ana")
    [job] = mails()
    with as_worker():
        sends.tell_notifications(**job)
    assert list(mail_folder.iterdir()) == []


def test_each_person_chooses(desk: Desk) -> None:
    ana = desk.actor("ana")
    assert mail_choice(actor=ana) is MailChoice.AT_ONCE
    for choice in ("NONE", "DAILY"):
        choose_mail(actor=ana, choice=choice)
    choose_mail(actor=desk.actor("bruno"), choice="NONE")
    with pytest.raises(Refusal, match="UNKNOWN_CHOICE"):
        choose_mail(actor=ana, choice="WEEKLY")
    assert mail_choice(actor=ana) is MailChoice.DAILY
    give(desk, "stream", "ana")
    give(desk, "game", "bruno")
    assert mails() == []
    [job] = mails(MailChoice.DAILY)
    assert job["person_id"] == str(ana.person_id)


def test_these_mails_have_slots_of_their_own() -> None:
    """A flood of them holds up no notice of an opened identity; calls have a process of their own."""
    assert sends.tell_notifications.queue not in {sends.tell_opening.queue, "default"}
    assert schedule.SLOTS[sends.tell_notifications.queue] == 1


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ("Vu avec @Ana hier.", ["ana"]),
        ("@ANA, @claire : même compte ?", ["ana", "claire"]),
        ("@Ana et encore @ana", ["ana"]),
        ("@Anatole n’est pas d’ici", []),
        ("ana@desk.example, Ana", []),
        ("@yann est d’un autre service, @hugo ne lit pas les signalements", []),
        ("@bruno à moi-même", []),
        ("@ nobody @", []),
    ],
)
def test_a_note_names_colleagues(desk: Desk, words: str, named: list[str]) -> None:
    note(desk, words)
    found = [name for name in desk.users if told(desk, name)]
    assert sorted(found) == sorted(named)
    for name in named:
        [one] = list_notifications(actor=desk.actor(name))
        assert (one.kind, one.by_id) == (NotificationKind.MENTION, desk.actor("bruno").person_id)


def test_they_are_the_persons_own(desk: Desk) -> None:
    """Seen by themselves alone, and within the desks where they list reports."""
    give(desk, "game", "ana")
    assert see_notifications(actor=desk.actor("bruno"), now=clock.now()) == 0
    [one] = list_notifications(actor=desk.actor("ana"))
    other = [desk.reports["stream"]]
    assert see_notifications(actor=desk.actor("ana"), now=clock.now(), ids=other) == 0
    assert count_unseen(actor=desk.actor("ana")) == 1
    assert see_notifications(actor=desk.actor("ana"), now=clock.now(), ids=[one.id]) == 1
    assert count_unseen(actor=desk.actor("ana")) == 0
    with database_refuses(NO_RIGHT), connection.cursor() as cursor:
        cursor.execute("UPDATE orient_notification SET person_id = gen_random_uuid()")
    with database_refuses(NO_RIGHT), connection.cursor() as cursor:
        cursor.execute("DELETE FROM orient_notification")


def test_they_go_after_ninety_days_and_with_their_person(desk: Desk) -> None:
    give(desk, "game", "ana")
    give(desk, "stream", "bruno")
    choose_mail(actor=desk.actor("bruno"), choice="NONE")
    with as_worker():
        assert (
            forget_old_notifications(actor=WORKER, now=clock.now() + KEPT - timedelta(minutes=1))
            == 0
        )
        forget_people_notified(actor=WORKER, person_ids=[desk.actor("bruno").person_id])
    assert (told(desk, "ana"), told(desk, "bruno")) == (["ASSIGNED"], [])
    assert mail_choice(actor=desk.actor("bruno")) is MailChoice.AT_ONCE
    later = clock.now() + KEPT + timedelta(minutes=1)
    with as_worker():
        assert forget_old_notifications(actor=WORKER, now=later) == 1
