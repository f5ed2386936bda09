"""Jobs for the people of desks: assignments of those who left, mails about notifications."""

from procrastinate.contrib.django import app

from fanal.kernel import clock
from fanal.kernel.actors import system_actor
from fanal.orient.assignment import operations as assignments
from fanal.orient.notifications import operations as notifications
from fanal.orient.notifications.domain import MailChoice


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="lapse_assignments", lock="lapse_assignments")
def lapse_assignments(timestamp: int) -> None:
    """Return to the queue the reports of people whose role at their desk has ended.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    while assignments.lapse_assignments(actor=system_actor("assignments"), now=clock.now()):
        continue


@app.periodic(cron="* * * * *")
@app.task(queueing_lock="mail_notifications", lock="mail_notifications")
def mail_notifications(timestamp: int) -> None:
    """Queue the mails of people who chose a mail at once for new notifications.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor = system_actor("notifications")
    notifications.queue_mails(actor=actor, choice=MailChoice.AT_ONCE, now=clock.now())


@app.periodic(cron="0 6 * * *")
@app.task(queueing_lock="mail_daily", lock="mail_daily")
def mail_daily(timestamp: int) -> None:
    """Queue the mails of people who chose one mail a day; delete old notifications.

    `timestamp`: the time for which the run was scheduled, in Unix seconds.
    """
    del timestamp
    actor, now = system_actor("notifications"), clock.now()
    notifications.queue_mails(actor=actor, choice=MailChoice.DAILY, now=now)
    notifications.forget_old_notifications(actor=actor, now=now)
