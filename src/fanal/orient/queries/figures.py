"""Figures for statistics: cases, decisions, what waits, delays, and what reports have in common by day."""

from collections import defaultdict
from datetime import date, datetime
from uuid import UUID

from django.db.models import Count

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.harmonise.domain.handles import PLATFORM_NAMES, read_platform
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds
from fanal.orient import models
from fanal.orient.domain.states import CaseState
from fanal.orient.queries.queue import WAITING

# Counts by day of what oriented reports have in common: sender, country, service, signals.

_PUBLIC = UUID(int=0)
_SEVERAL = 3
"""Reports of one day from which a name that only the public writes is a service's and not somebody's."""
_CASES = (
    "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, {what}, count(*) FROM orient_case"
    " WHERE report_id >= %s AND report_id < %s AND received_at >= %s AND received_at < %s"
    " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3"
)


def count_senders(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and sender (its id; zero for the public): no test, none withdrawn."""
    return _count("sender_id::text, ''", actor=actor, since=since, until=until)


def count_countries(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and country of the facts, as `count_senders`."""
    return _count("country, ''", actor=actor, since=since, until=until)


def count_platforms(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return oriented reports by day and service, by its usual name, as `count_senders`.

    These counts are kept for ever, and the public's field takes any words: a name that only the public
    writes counts under it when it is a listed service, or when three reports of the day say it.
    """
    rows = _count(
        f"lower(btrim(platform)), (sender_id = '{_PUBLIC}')::text",
        actor=actor,
        since=since,
        until=until,
    )
    counts: dict[tuple[date, str], list[int]] = defaultdict(lambda: [0, 0])
    for day, text, public, n in rows:
        counts[day, read_platform(text) or ""][public == "true"] += n
    found: dict[tuple[date, str], int] = defaultdict(int)
    for (day, name), (partners, public_ones) in counts.items():
        told = partners or name in _LISTED or public_ones >= _SEVERAL
        found[day, name if told else ""] += partners + public_ones
    return [(day, name, "", n) for (day, name), n in found.items()]


def count_signals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Return, by day of receipt and code, in how many reports something was found; no test."""
    require(actor, "statistics.read")
    found = sql.rows(
        "SELECT day, code, '', sum(n)::integer FROM orient_signal_count"
        " WHERE day >= %s AND day < %s GROUP BY 1, 2",
        [paris_day(since), paris_day(until)],
    )
    return list(found)


def _count(what: str, *, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    require(actor, "statistics.read")
    return list(sql.rows(_CASES.format(what=what), [*id_bounds(since, until), since, until]))


_LISTED = frozenset(PLATFORM_NAMES.values())


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
    return list(sql.rows(query, [*id_bounds(since, until), since, until]))
