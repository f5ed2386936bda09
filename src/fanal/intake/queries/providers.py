"""What providers sent, as figures: states, weeks, refusals. The rows are those of the reader's desks."""

from datetime import date, datetime
from uuid import UUID

from django.db import connection
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.intake.domain.states import ReportState
from fanal.kernel.actors import Actor
from fanal.kernel.ids import id_bounds


class Refused(Struct, frozen=True, kw_only=True):
    """Refusals of one kind to a provider's programs: at which step, with which code, how many, when last."""

    step: str
    code: str
    count: int
    last: datetime


class Week(Struct, frozen=True, kw_only=True):
    """Reports of one week (its Monday, in Paris)."""

    monday: date
    count: int


def count_by_sender(*, actor: Actor, since: datetime, now: datetime) -> dict[UUID, int]:
    """Return how many reports each sender handed in since an instant, tests and forms left out.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sender_id, count(*) FROM intake_report WHERE id >= %s AND id < %s AND received_at >= %s"
            " AND NOT is_test AND arrival <> 'FORM' GROUP BY sender_id",
            [*id_bounds(since, now), since],
        )
        return dict(cursor.fetchall())


def count_states(
    *, actor: Actor, sender_id: UUID, since: datetime, now: datetime
) -> dict[ReportState, int]:
    """Return how many reports of a sender stand in each state, of those received since an instant.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT state, count(*) FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s"
            " AND received_at >= %s AND NOT is_test GROUP BY state",
            [sender_id, *id_bounds(since, now), since],
        )
        found = {ReportState(state): count for state, count in cursor.fetchall()}
    return dict.fromkeys(ReportState, 0) | found


def count_weeks(*, actor: Actor, sender_id: UUID, since: datetime, now: datetime) -> list[Week]:
    """Return a sender's reports by week, the oldest first; weeks without any are left out.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT date_trunc('week', received_at AT TIME ZONE 'Europe/Paris')::date, count(*)"
            " FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s AND received_at >= %s"
            " AND NOT is_test GROUP BY 1 ORDER BY 1",
            [sender_id, *id_bounds(since, now), since],
        )
        return [Week(monday=monday, count=count) for monday, count in cursor.fetchall()]


def list_refusals(*, actor: Actor, sender_id: UUID, since: datetime) -> list[Refused]:
    """Return what was refused to a sender's programs since an instant, the most frequent first.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT step, code, sum(refused)::bigint, max(hour) FROM intake_refusal"
            " WHERE sender_id = %s AND hour >= %s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
            [sender_id, since],
        )
        return [
            Refused(step=step, code=code, count=int(count), last=last)
            for step, code, count, last in cursor.fetchall()
        ]


def newest_of(
    *, actor: Actor, sender_id: UUID, since: datetime, now: datetime, limit: int
) -> list[UUID]:
    """Return the newest finished reports of a sender, of those received since an instant, tests left out.

    They are among those that `count_states` counts: figures drawn from them stand beside its total.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s"
            " AND received_at >= %s AND state = 'FINISHED' AND NOT is_test AND erased_at IS NULL"
            " ORDER BY id DESC LIMIT %s",
            [sender_id, *id_bounds(since, now), since, limit],
        )
        return [row[0] for row in cursor.fetchall()]
