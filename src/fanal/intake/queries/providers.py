"""Reports sent by providers: a sender's own list, and figures by state, week and refusal."""

from datetime import date, datetime
from uuid import UUID

from msgspec import Struct

from fanal.accounts.domain.policy import reach, require
from fanal.db import sql
from fanal.intake.domain.records import PUBLIC_SENDER, ReportFacts, ReportState
from fanal.intake.queries.envelopes import get_reports
from fanal.kernel.actors import Actor
from fanal.kernel.ids import id_bounds

# Information for a sender on all its reports: envelopes and counts, never the acts of the desk.

_LAST = UUID(int=2**128 - 1)


def list_sent(
    *, actor: Actor, state: ReportState | None = None, before: UUID | None = None, limit: int = 50
) -> list[ReportFacts]:
    """Return a page of the actor's own reports, tests included, newest first, with ids below `before`.

    Without `before` it is the newest page; with `state`, only reports in that state are returned. [] if the
    actor is no partner.
    """
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
    """Count the actor's own reports by state, without tests; each state has a count, 0 if there is none."""
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
    """Refusals of one kind to a provider's programs: refused call (`step`), code, number, last hour.

    `last` is the hour (UTC) of the newest one.
    """

    step: str
    code: str
    count: int
    last: datetime


class Week(Struct, frozen=True, kw_only=True):
    """Number of reports in one week (identified by its Monday, Europe/Paris)."""

    monday: date
    count: int


def count_by_sender(*, actor: Actor, since: datetime, now: datetime) -> dict[UUID, int]:
    """Count the reports by sender id since an instant, without tests and reports of citizens.

    Senders without a report are absent. `now`, the present, only bounds the range of ids scanned.

    Raises:
        Refused: the actor may not read providers.
    """
    require(actor, "provider.read")
    found = sql.rows(
        "SELECT sender_id, count(*) FROM intake_report WHERE id >= %s AND id < %s AND received_at >= %s"
        " AND NOT is_test AND sender_id <> %s GROUP BY sender_id",
        [*id_bounds(since, now), since, PUBLIC_SENDER],
    )
    return dict(found)


def count_states(
    *, actor: Actor, sender_id: UUID, since: datetime, now: datetime
) -> dict[ReportState, int]:
    """Count a sender's reports received since an instant, by state, without tests.

    Every state has a count, 0 if there is none. `now`, the present, only bounds the range of ids scanned.

    Raises:
        Refused: the actor may not read providers.
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
    """Count a sender's reports by week, oldest first; weeks without reports are left out.

    A week starts on Monday, in Europe/Paris. Tests are left out; `now`, the present, only bounds the range of
    ids scanned.

    Raises:
        Refused: the actor may not read providers.
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
    """Return the refusals to a sender's programs since an instant, most frequent first.

    They are summed by refused call and reason code (`RefusalCount`), in whole hours that began at `since` or
    later.

    Raises:
        Refused: the actor may not read providers.
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
    """Return a sender's newest finished reports received since an instant, without tests, newest first.

    They are a subset of the reports counted by `count_states`, so that figures on them fit its total. At most
    `limit`; erased reports are left out. `now`, the present, only bounds the range of ids scanned.

    Raises:
        Refused: the actor may not read providers.
    """
    require(actor, "provider.read")
    found = sql.rows(
        "SELECT id FROM intake_report WHERE sender_id = %s AND id >= %s AND id < %s"
        " AND received_at >= %s AND state = 'FINISHED' AND NOT is_test AND erased_at IS NULL"
        " ORDER BY id DESC LIMIT %s",
        [sender_id, *id_bounds(since, now), since, limit],
    )
    return [row[0] for row in found]
