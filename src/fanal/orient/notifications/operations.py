"""Write operations on notifications: create, mark as seen, mail, delete.

The ledger does not record that a notification was seen: it holds no content, and the reading of the report
itself is recorded.
"""

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Final
from uuid import UUID

from django.db import transaction
from procrastinate.contrib.django import app

from fanal.accounts.domain.policy import require, require_somewhere
from fanal.accounts.queries.people import list_colleagues
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.orient.models import StoredMailChoice, StoredNotification
from fanal.orient.notifications.domain import KEPT, MailChoice, NotificationKind
from fanal.orient.notifications.queries import own_notifications

NOTIFICATION_MAIL: Final = "tell_notifications"
"""Name of the worker's job that sends the mail about a person's new notifications."""
NOTIFICATION_QUEUE: Final = "notifications"
"""Queue of these mails: slots of its own, so that no other notice waits for them."""


def notify(
    *,
    kind: NotificationKind,
    people: Iterable[UUID],
    desk_id: int,
    report_id: UUID,
    now: datetime,
    by_id: UUID | None = None,
    dossier_id: UUID | None = None,
) -> None:
    """Store a notification on a report for each of `people`, except `by_id`, the author of the act.

    No permission is checked here: the caller has checked that of the act, and `own_notifications` limits who
    can read the notification. `dossier_id`: the dossier of a note, if it is about one.
    """
    StoredNotification.objects.bulk_create(
        StoredNotification(
            id=new_id(now),
            desk_id=desk_id,
            person_id=person_id,
            kind=kind,
            report_id=report_id,
            dossier_id=dossier_id,
            by_id=by_id,
            came_at=now,
        )
        for person_id in dict.fromkeys(people)
        if person_id != by_id
    )


def see_notifications(
    *,
    actor: Actor,
    now: datetime,
    ids: Collection[UUID] | None = None,
    report_id: UUID | None = None,
) -> int:
    """Mark the actor's unseen notifications as seen; return how many were marked.

    `ids` limits this to the notifications with these ids, `report_id` to those on that report; with both,
    to the common ones; with neither, all are marked.

    Raises:
        Refused: the actor may not list reports at any desk.
    """
    require_somewhere(actor, "report.list")
    rows = own_notifications(actor).filter(seen_at=None)
    if ids is not None:
        rows = rows.filter(id__in=ids)
    if report_id is not None:
        rows = rows.filter(report_id=report_id)
    return rows.update(seen_at=now)


def choose_mail(*, actor: Actor, choice: str) -> None:
    """Store whether the actor gets mails about new notifications. `choice`: a value of `MailChoice`.

    Raises:
        Refused: the actor may not list reports at any desk.
        Refusal: UNKNOWN_CHOICE (`choice` is no `MailChoice`).
    """
    require_somewhere(actor, "report.list")
    if choice not in set(MailChoice):
        raise Refusal("notification", "UNKNOWN_CHOICE")
    StoredMailChoice.objects.update_or_create(
        person_id=actor.person_id, defaults={"choice": choice}
    )


_TO_MAIL = """
UPDATE orient_notification n SET mailed_at = %(now)s
WHERE n.seen_at IS NULL AND n.mailed_at IS NULL
    AND coalesce((SELECT m.choice FROM orient_mail_choice m WHERE m.person_id = n.person_id), 'AT_ONCE')
        = %(choice)s
RETURNING n.person_id
"""


def queue_mails(*, actor: Actor, choice: MailChoice, now: datetime) -> int:
    """Queue one mail for each person with new notifications who chose `choice`; return the number of people.

    A notification is mailed once: the mails are queued in the transaction that marks them.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        people = {row[0] for row in sql.rows(_TO_MAIL, {"now": now, "choice": choice})}
        for person_id in sorted(people):
            app.configure_task(NOTIFICATION_MAIL, queue=NOTIFICATION_QUEUE).defer(
                person_id=str(person_id), mail_id=str(new_id(now))
            )
    return len(people)


def count_mailed(*, actor: Actor, person_id: UUID, now: datetime) -> int:
    """Return how many unseen notifications a person has, for the e-mail that states this number.

    Only those at desks where the person may list reports now are counted.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    rows = StoredNotification.objects.filter(person_id=person_id, seen_at=None)
    counts: dict[int, int] = {}
    for desk_id in rows.values_list("desk_id", flat=True):
        counts[desk_id] = counts.get(desk_id, 0) + 1
    here = list_colleagues(action="report.list", desk_ids=counts, now=now)
    return sum(number for desk_id, number in counts.items() if person_id in here[desk_id])


def forget_notifications(*, actor: Actor, report_ids: Collection[UUID]) -> None:
    """Delete the notifications on erased reports.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    StoredNotification.objects.filter(report_id__in=report_ids).delete()


def forget_people_notified(*, actor: Actor, person_ids: Collection[UUID]) -> None:
    """Delete the notifications and e-mail choices of people who have left the desk.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    StoredNotification.objects.filter(person_id__in=person_ids).delete()
    StoredMailChoice.objects.filter(person_id__in=person_ids).delete()


def forget_old_notifications(*, actor: Actor, now: datetime) -> int:
    """Delete the notifications older than `KEPT`; return their number.

    Raises:
        Refused: the actor may not run the processing stages.
    """
    require(actor, "pipeline.run")
    deleted, _ = StoredNotification.objects.filter(came_at__lt=now - KEPT).delete()
    return int(deleted)
