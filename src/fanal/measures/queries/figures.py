"""Counts and delays of measures, for statistics: no measure, no address, no person."""

from datetime import datetime

from django.db import connection
from django.db.models import Count

from fanal.accounts.domain.policy import require
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds
from fanal.measures.domain.states import MeasureState
from fanal.measures.models import StoredMeasure

_BEFORE_SENDING = (MeasureState.DRAFT, MeasureState.TO_SECOND, MeasureState.APPROVED)
_STEPS = ("SECOND", "SEND", "RECEIPT", "EXECUTE")
_DELAYS = """
    WITH way AS (
        SELECT extract(epoch FROM approved_at - created_at) AS a,
            extract(epoch FROM sent_at - approved_at) AS b,
            extract(epoch FROM received_at - sent_at) AS c,
            extract(epoch FROM executed_at - received_at) AS d
        FROM measures_measure WHERE id >= %s AND id < %s AND created_at >= %s AND created_at < %s)
    SELECT count(a), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY a),
        count(b), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY b),
        count(c), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY c),
        count(d), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY d)
    FROM way
"""


def count_measures(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return measures by day of proposal, kind and present state."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (created_at AT TIME ZONE 'Europe/Paris')::date, kind, state, count(*)"
            " FROM measures_measure WHERE id >= %s AND id < %s"
            " AND created_at >= %s AND created_at < %s GROUP BY 1, 2, 3",
            [*id_bounds(since, until), since, until],
        )
        return list(cursor.fetchall())


def count_sent(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return requests by day of sending and kind."""
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (sent_at AT TIME ZONE 'Europe/Paris')::date, kind, '', count(*)"
            " FROM measures_measure WHERE sent_at >= %s AND sent_at < %s GROUP BY 1, 2",
            [since, until],
        )
        return list(cursor.fetchall())


def count_waiting(*, actor: Actor) -> dict[MeasureState, int]:
    """Return how many measures wait for an act of the desk before they are sent."""
    require(actor, "statistics.read")
    rows = StoredMeasure.objects.filter(state__in=_BEFORE_SENDING)
    found = dict(rows.values("state").annotate(n=Count("id")).values_list("state", "n"))
    return {state: found.get(state.value, 0) for state in _BEFORE_SENDING}


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return what the steps of the measures proposed in a period took: SECOND, SEND, RECEIPT, EXECUTE.

    Each is counted over the measures that have reached it.
    """
    require(actor, "statistics.read")
    with connection.cursor() as cursor:
        cursor.execute(_DELAYS, [*id_bounds(since, until), since, until])
        row = cursor.fetchone()
    return {step: delay_of(row[2 * n], row[2 * n + 1]) for n, step in enumerate(_STEPS)}
