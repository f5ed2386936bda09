"""Statistics: cases, decisions, waiting cases, delays; daily counts by sender, country, service, finding."""

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

# Daily counts of oriented reports by sender, country, service and finding.

_PUBLIC = UUID(int=0)
_SEVERAL = 3
"""Public reports in a day from which a name counts as a service, rather than words that identify somebody."""
_CASES = (
    "SELECT (received_at AT TIME ZONE 'Europe/Paris')::date, {what}, count(*) FROM orient_case"
    " WHERE report_id >= %s AND report_id < %s AND received_at >= %s AND received_at < %s"
    " AND state <> 'WITHDRAWN' AND NOT is_test GROUP BY 1, 2, 3"
)


def count_senders(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented reports by day of receipt and sender id (zero for the public).

    Tests and withdrawn reports are left out. Rows: (day, sender id, "", number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return _count("sender_id::text, ''", actor=actor, since=since, until=until)


def count_countries(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented reports by day of receipt and country of the facts.

    Tests and withdrawn reports are left out. Rows: (day, country, "", number).

    Raises:
        Refused: the actor may not read statistics.
    """
    return _count("country, ''", actor=actor, since=since, until=until)


def count_platforms(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count oriented reports by day and service (its usual name), without tests and withdrawn ones.

    These counts are never erased, and the public's field is free text. So a name written only by the public
    counts under that name only if the service is listed or three reports of the day name it; else under "".
    Rows: (day, service, "", number).

    Raises:
        Refused: the actor may not read statistics.
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
    """Count reports by day of receipt and finding code, without tests.

    Rows: (day, code, "", number). The days run from that of `since` to before that of `until`.

    Raises:
        Refused: the actor may not read statistics.
    """
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
    """Count oriented reports by day of receipt, kind and channel, without tests and withdrawn ones.

    Rows: (day, kind, channel, number).

    Raises:
        Refused: the actor may not read statistics.
    """
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
    """Count decisions by day and tracks (`JUDICIAL+MEASURES`), without tests and superseded decisions.

    Rows: (day, tracks, "", number).

    Raises:
        Refused: the actor may not read statistics.
    """
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
    """Count reports in each state that waits for the desk, without tests.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    rows = models.Case.objects.filter(state__in=WAITING, is_test=False)
    found = dict(rows.values("state").annotate(n=Count("report_id")).values_list("state", "n"))
    return {state: found.get(state.value, 0) for state in CaseState if state in WAITING}


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return the delays of reports received in a period, without tests.

    Keys: `ORIENT` (receipt to first proposal), `DECIDE` (first proposal to first decision).

    Raises:
        Refused: the actor may not read statistics.
    """
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
