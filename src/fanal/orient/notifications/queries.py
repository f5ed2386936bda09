"""Read operations of notifications: a person's own, within the desks where they may list reports."""

from django.db.models import QuerySet

from fanal.accounts.domain.policy import reach
from fanal.kernel.actors import Actor
from fanal.orient.models import StoredMailChoice, StoredNotification
from fanal.orient.notifications.domain import (
    DEFAULT_MAIL,
    MailChoice,
    Notification,
    NotificationKind,
)

MOST = 200
"""Most notifications on the page; the number of unseen ones stops there too."""


def own_notifications(actor: Actor) -> QuerySet[StoredNotification]:
    """Return the actor's notifications at the desks where they may list reports now."""
    rows = StoredNotification.objects.filter(person_id=actor.person_id)
    desks = reach(actor, "report.list").desks
    return rows if desks is None else rows.filter(desk_id__in=desks)


def list_notifications(*, actor: Actor) -> list[Notification]:
    """Return the actor's notifications, unseen ones first, each group newest first; at most `MOST`."""
    rows = own_notifications(actor)
    unseen = list(rows.filter(seen_at=None).order_by("-came_at", "id")[:MOST])
    seen = rows.exclude(seen_at=None).order_by("-came_at", "id")[: MOST - len(unseen)]
    return [
        Notification(
            id=row.id,
            kind=NotificationKind(row.kind),
            report_id=row.report_id,
            dossier_id=row.dossier_id,
            by_id=row.by_id,
            came_at=row.came_at,
            seen_at=row.seen_at,
        )
        for row in [*unseen, *seen]
    ]


def count_unseen(*, actor: Actor) -> int:
    """Return how many of the actor's notifications are unseen, up to `MOST`."""
    return own_notifications(actor).filter(seen_at=None)[:MOST].count()


def mail_choice(*, actor: Actor) -> MailChoice:
    """Return whether the actor gets mails about new notifications (at once, unless they chose otherwise)."""
    found = StoredMailChoice.objects.filter(person_id=actor.person_id).first()
    return MailChoice(found.choice) if found else DEFAULT_MAIL
