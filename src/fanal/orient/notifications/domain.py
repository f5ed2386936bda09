"""Records of notifications to the people of desks about their work."""

from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from msgspec import Struct

KEPT = timedelta(days=90)
"""How long a notification is kept; it goes earlier with its report."""


class NotificationKind(StrEnum):
    """What a person is notified of.

    ASSIGNED, HANDED_OVER: a report is now in their charge. ANSWER: the reporter of a report in their charge
    wrote. MENTION: a colleague named them in a note. TAKEN_BACK, PASSED_ON, TAKEN, ENDED: a report is no
    longer in their charge: taken back, given to another, claimed by another, out of the queue. RETURNED,
    LAPSED: a report that they gave is back in the queue: returned, or its person's role ended.
    """

    ASSIGNED = "ASSIGNED"
    HANDED_OVER = "HANDED_OVER"
    ANSWER = "ANSWER"
    MENTION = "MENTION"
    TAKEN_BACK = "TAKEN_BACK"
    PASSED_ON = "PASSED_ON"
    TAKEN = "TAKEN"
    ENDED = "ENDED"
    RETURNED = "RETURNED"
    LAPSED = "LAPSED"


class NotificationGroup(StrEnum):
    """Groups of the page of notifications, in its order.

    CHARGE: reports newly in the person's charge. ANSWERS: of reporters. MENTIONS: notes that name the person.
    MOVES: reports that left their charge, or that they assigned and that came back.
    """

    CHARGE = "CHARGE"
    ANSWERS = "ANSWERS"
    MENTIONS = "MENTIONS"
    MOVES = "MOVES"


_GROUPS = {
    NotificationKind.ASSIGNED: NotificationGroup.CHARGE,
    NotificationKind.HANDED_OVER: NotificationGroup.CHARGE,
    NotificationKind.ANSWER: NotificationGroup.ANSWERS,
    NotificationKind.MENTION: NotificationGroup.MENTIONS,
}


class MailChoice(StrEnum):
    """A person's choice of when e-mails state the number of their new notifications.

    NONE: never. AT_ONCE: soon after a notification. DAILY: once a day.
    """

    NONE = "NONE"
    AT_ONCE = "AT_ONCE"
    DAILY = "DAILY"


DEFAULT_MAIL = MailChoice.AT_ONCE


class Notification(Struct, frozen=True, kw_only=True):
    """A notification of a person about a report.

    `by_id`: the author of the act, None if it was nobody at the desk. `dossier_id`: the dossier whose note
    names the person, None for a note on the report. `came_at` is when it was made, `seen_at` when the person
    saw it, None before.
    """

    id: UUID
    kind: NotificationKind
    report_id: UUID
    dossier_id: UUID | None
    by_id: UUID | None
    came_at: datetime
    seen_at: datetime | None

    @property
    def group(self) -> NotificationGroup:
        """The group of the notifications' page that shows this notification."""
        return _GROUPS.get(self.kind, NotificationGroup.MOVES)
