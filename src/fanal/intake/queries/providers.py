"""What providers sent, as figures: states, weeks, refusals. The rows are those of the reader's desks."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach, require
from fanal.db import sql
from fanal.intake.domain.records import ReportFacts
from fanal.intake.domain.states import ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.ids import id_bounds

# What a sender may know of all that it sent: envelopes and counts, never what the desk does with them.

_LAST = UUID(int=2**128 - 1)


def list_sent(
    *, actor: Actor, state: ReportState | None = None, before: UUID | None = None, limit: int = 50
) -> list[ReportFacts]:
    """Return a page of the actor's own reports, newest first, older than `before`, in one state if asked."""
    sender = reach(actor, "report.status").partner_id
    if sender is None:
        return []
    given = sql.rows(
        "SELECT id FROM intake_report WHERE sender_id = %s AND id < %s"
        " AND (%s = '' OR state = %s) ORDER BY id DESC LIMIT %s",
        [sender, before or _LAST, state or "", state or "", limit],
    )
    ids = [row[0] for row in given]
    found = get_reports(actor=actor, report_ids=ids)
    return [found[report_id] for report_id in ids if report_id in found]


def count_sent(*, actor: Actor) -> dict[ReportState, int]:
    """Return how many reports of the actor's own stand in each state, tests left out."""
    sender = reach(actor, "report.status").partner_id
    counts = dict.fromkeys(ReportState, 0)
    if sender is None:
        return counts
    found = sql.rows(
        "SELECT state, count(*) FROM intake_report WHERE sender_id = %s AND NOT is_test"
        " GROUP BY state",
        [sender],
    )
    return counts | {ReportState(state): n for state, n in found}


class RefusalCount(Struct, frozen=True, kw_only=True):
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
    found = sql.rows(
        "SELECT sender_id, count(*) FROM intake_report WHERE id >= %s AND id < %s AND received_at >= %s"
        " AND NOT is_test AND arrival <> 'FORM' GROUP BY sender_id",
        [*id_bounds(since, now), since],
    )
    return dict(found)


def count_states(
    *, actor: Actor, sender_id: UUID, since: datetime, now: datetime
) -> dict[ReportState, int]:
    """Return how many reports of a sender stand in each state, of those received since an instant.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    given = sql.rows(
        "SELECT state, count(*) FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s"
        " AND received_at >= %s AND NOT is_test GROUP BY state",
        [sender_id, *id_bounds(since, now), since],
    )
    found = {ReportState(state): count for state, count in given}
    return dict.fromkeys(ReportState, 0) | found


def count_weeks(*, actor: Actor, sender_id: UUID, since: datetime, now: datetime) -> list[Week]:
    """Return a sender's reports by week, the oldest first; weeks without any are left out.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    found = sql.rows(
        "SELECT date_trunc('week', received_at AT TIME ZONE 'Europe/Paris')::date, count(*)"
        " FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s AND received_at >= %s"
        " AND NOT is_test GROUP BY 1 ORDER BY 1",
        [sender_id, *id_bounds(since, now), since],
    )
    return [Week(monday=monday, count=count) for monday, count in found]


def list_refusals(*, actor: Actor, sender_id: UUID, since: datetime) -> list[RefusalCount]:
    """Return what was refused to a sender's programs since an instant, the most frequent first.

    Raises:
        Refused: the actor does not watch over providers.
    """
    require(actor, "provider.read")
    found = sql.rows(
        "SELECT step, code, sum(refused)::bigint, max(hour) FROM intake_refusal"
        " WHERE sender_id = %s AND hour >= %s GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2",
        [sender_id, since],
    )
    return [
        RefusalCount(step=step, code=code, count=int(count), last=last)
        for step, code, count, last in found
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
    found = sql.rows(
        "SELECT id FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s"
        " AND received_at >= %s AND state = 'FINISHED' AND NOT is_test AND erased_at IS NULL"
        " ORDER BY id DESC LIMIT %s",
        [sender_id, *id_bounds(since, now), since, limit],
    )
    return [row[0] for row in found]
