"""Figures of orient for statistics: cases, decisions, what waits, delays."""

from datetime import datetime

from django.db import connection
from django.db.models import Count

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds
from fanal.orient import models
from fanal.orient.domain.states import CaseState
from fanal.orient.queries.queue import WAITING


def count_cases(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day of receipt, kind and channel: no test, none withdrawn."""
    require(actor, "statistics.read")
    return _fetch(
        "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, kind, channel, count(*)"
        " FROM orient_case WHERE report_id >= %s AND report_id < %s"
        " AND received_at >= %s AND received_at < %s"
        " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3",
        since,
        until,
    )


def count_decisions(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return decisions by day and tracks (`JUDICIAL+MEASURES`): no test, none that was replaced."""
    require(actor, "statistics.read")
    return _fetch(
        "SELECT (d.decided_at AT TIME ZONE 'Europe/Paris')::date,"
        " array_to_string(ARRAY(SELECT unnest(d.tracks) ORDER BY 1), '+'), '', count(*)"
        " FROM orient_decision d JOIN orient_case c ON c.report_id = d.report_id"
        " WHERE d.id >= %s AND d.id < %s AND d.decided_at >= %s AND d.decided_at < %s"
        " AND NOT c.is_test AND d.id NOT IN"
        " (SELECT supersedes FROM orient_decision WHERE supersedes IS NOT NULL) GROUP BY 1, 2",
        since,
        until,
    )


def count_states(*, actor: Actor) -> dict[CaseState, int]:
    """Return how many reports stand in each state that waits for the desk, tests left out."""
    require(actor, "statistics.read")
    rows = models.Case.objects.filter(state__in=WAITING, is_test=False)
    found = dict(rows.values("state").annotate(n=Count("report_id")).values_list("state", "n"))
    return {state: found.get(state.value, 0) for state in CaseState if state in WAITING}


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return what reports received in a period took to be oriented, then decided for the first time."""
    require(actor, "statistics.read")
    row = _fetch(
        "WITH way AS (SELECT extract(epoch FROM p.created_at - c.received_at) AS oriented,"
        " extract(epoch FROM (SELECT min(decided_at) FROM orient_decision d"
        " WHERE d.report_id = c.report_id) - p.created_at) AS decided"
        " FROM orient_case c JOIN orient_proposal p ON p.report_id = c.report_id AND p.revision = 1"
        " WHERE c.report_id >= %s AND c.report_id < %s AND c.received_at >= %s"
        " AND c.received_at < %s AND NOT c.is_test)"
        " SELECT count(oriented), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY oriented),"
        " count(decided), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY decided) FROM way",
        since,
        until,
    )[0]
    return {"ORIENT": delay_of(row[0], row[1]), "DECIDE": delay_of(row[2], row[3])}


def _fetch(query: str, since: datetime, until: datetime) -> list:  # type: ignore[type-arg]
    with connection.cursor() as cursor:
        cursor.execute(query, [*id_bounds(since, until), since, until])
        return list(cursor.fetchall())
