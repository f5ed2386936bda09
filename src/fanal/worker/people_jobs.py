"""Jobs that concern people of desks: lapsed assignments, mails, test messages, replays, outages."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from procrastinate.contrib.django import app

from fanal.accounts.domain.duty import recipients
from fanal.accounts.domain.policy import Refused
from fanal.accounts.operations.mail_tests import (
    MAIL_TEST,
    MAIL_TEST_QUEUE,
    MailTestTarget,
    record_mail_answer,
)
from fanal.accounts.queries.duty import shifts_by_desk
from fanal.accounts.queries.people import actor_of_person, own_addresses
from fanal.connectors import mail
from fanal.connectors.mail_trial import TrialOutcome, TrialResult, try_mail
from fanal.intake.operations.queue import REPLAY_CODE, replay_failed
from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.kernel.ids import instant_of
from fanal.orient.alarms.queries import calls_reach
from fanal.orient.assignment import operations as assignments
from fanal.orient.notifications import operations as notifications
from fanal.orient.notifications.domain import MailChoice
from fanal.statistics import annotations
from fanal.statistics.annotations import Part

_STALE: Final = timedelta(minutes=10)
"""A test message that has waited longer than this for a worker is not sent: nobody expects it any more."""


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="lapse_assignments", lock="lapse_assignments")
def lapse_assignments(timestamp: int) -> None:
    """Return to the queue the reports assigned to people whose role at their desk has ended.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    while assignments.lapse_assignments(actor=system_actor("assignments"), now=clock.now()):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="note_alive", lock="note_alive")
def note_alive(timestamp: int) -> None:
    """Record for the statistics that the worker works, and the alarm calls if they reach somebody.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    parts = [Part.WORKER, *([Part.CALLS] if calls_reach() else [])]
    annotations.note_alive(actor=system_actor("statistics"), parts=parts, now=clock.now())


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="mail_notifications", lock="mail_notifications")
def mail_notifications(timestamp: int) -> None:
    """Queue mails about new notifications, for people who chose to get them at once.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor = system_actor("notifications")
    notifications.queue_mails(actor=actor, choice=MailChoice.AT_ONCE, now=clock.now())


@app.periodic(cron="0 6 * * *")
@app.task(queueing_lock="mail_daily", lock="mail_daily")
def mail_daily(timestamp: int) -> None:
    """Queue one mail for each person who chose a daily mail about notifications; delete old notifications.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor, now = system_actor("notifications"), clock.now()
    notifications.queue_mails(actor=actor, choice=MailChoice.DAILY, now=now)
    notifications.forget_old_notifications(actor=actor, now=now)


@app.task(queue=MAIL_TEST_QUEUE, name=MAIL_TEST)
def send_mail_test(*, test_id: str, person_id: str, target: str, desk_id: int = 0) -> None:
    """Send one test message to a person's own address or to the people on duty, and record the outcome.

    `test_id` is the id of the ledger entry of the request, `target` a `MailTestTarget`, `desk_id` the number
    of the desk for a test call. A failed message is not sent again.
    """
    mailer, test, now = mail.current(), UUID(test_id), clock.now()
    if now - instant_of(test) > _STALE:
        outcome = TrialOutcome(result=TrialResult.STALE)
    else:
        to: Sequence[str] = mailer.duty
        if target == MailTestTarget.OWN:
            to = own_addresses(person_id=UUID(person_id))
        elif target == MailTestTarget.ROSTER:
            found = shifts_by_desk(since=now, until=now + timedelta(minutes=1), now=now)
            on_duty = found.get(desk_id, [])
            to, _ = recipients(on_duty, at=now, fallback=mailer.duty, escalated=False)
        outcome = try_mail(mailer, to=to, message_id=f"{test_id}.trial", now=clock.now())
    record_mail_answer(
        actor=system_actor("mail test"),
        test_id=test,
        result=outcome.result,
        reply=outcome.reply,
        status=outcome.status,
        now=clock.now(),
    )


@app.task(name=REPLAY_CODE)
def replay_code(*, person_id: str, error: str, until: str) -> None:
    """Queue the reports quarantined by `until` (ISO 8601) with the failure code `error` for all stages again.

    They are those of the desks where the person may replay now. In portions, each an entry of the ledger.
    """
    actor = actor_of_person(person_id=UUID(person_id), now=clock.now())
    last = datetime.fromisoformat(until)
    try:
        while actor and replay_failed(actor=actor, error=error, until=last, now=clock.now()):
            continue
    except Refused:
        return  # the person's role has ended meanwhile
