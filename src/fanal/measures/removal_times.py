"""Durations of removal requests: of each step, and from the sending until the addresses were removed."""

from collections import Counter
from datetime import datetime

from fanal.accounts.domain.policy import require
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted, Delay, delay_of
from fanal.kernel.ids import id_bounds
from fanal.measures.addressees.views import countries_of
from fanal.reference.departements import FRENCH_TERRITORIES

_STEPS = {
    "SECOND": "approved_at - created_at",
    "SEND": "sent_at - approved_at",
    "RECEIPT": "received_at - sent_at",
    "EXECUTE": "executed_at - received_at",
    "REMOVE": "executed_at - sent_at",
}
_DELAYS = f"""
SELECT step, count(took), percentile_cont(ARRAY[0.5, 0.9]) WITHIN GROUP (ORDER BY took), avg(took)
FROM measures_request CROSS JOIN LATERAL (VALUES
    {", ".join(f"('{step}', extract(epoch FROM {took})::float8)" for step, took in _STEPS.items())}
) AS each (step, took)
WHERE act_id >= %s AND act_id < %s AND created_at >= %s AND created_at < %s GROUP BY step
"""  # noqa: S608 - statements of this module
_REMOVALS = """
SELECT (r.sent_at AT TIME ZONE 'Europe/Paris')::date, r.host,
    CASE WHEN r.executed_at IS NULL THEN 'STILL_UP'
        WHEN r.executed_at <= r.sent_at + interval '48 hours' THEN 'DAYS_2'
        WHEN r.executed_at <= r.sent_at + interval '168 hours' THEN 'DAYS_7'
        WHEN r.executed_at <= r.sent_at + interval '672 hours' THEN 'DAYS_28'
        ELSE 'LATER' END, count(*)
FROM measures_request r JOIN casework_act a ON a.id = r.act_id
    JOIN measures_target t ON (t.measure_id, t.revision) = (a.id, a.revision)
WHERE r.sent_at >= %s AND r.sent_at < %s
    AND (r.executed_at IS NOT NULL OR a.state IN ('SENT', 'RECEIVED', 'SUSPENDED', 'EXPIRED'))
GROUP BY 1, 2, 3
"""


def delays(*, actor: Actor, since: datetime, until: datetime) -> dict[str, Delay]:
    """Return the distribution of the durations of the steps of removal requests, in seconds, by step.

    For requests proposed from `since` to before `until`. Keys: SECOND (from proposal to approval), SEND (to
    sending), RECEIPT (to receipt), EXECUTE (to removal), each from the step before; REMOVE (from sending to
    removal). Only steps made count.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    rows = sql.rows(_DELAYS, [*id_bounds(since, until), since, until])
    found = {step: delay_of(*measured) for step, *measured in rows}
    return {step: found.get(step, Delay(count=0)) for step in _STEPS}


def count_removal_times(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count addresses whose removal was requested, by country of the host and time from sending to removal.

    Each address of the requests sent from `since` to before `until` counts. The rows are (day of sending in
    Paris, country, time, number). Country: INLAND, ABROAD, or UNKNOWN if the directory of addressees names
    nobody responsible for the host. Time: DAYS_2 (at most 48 hours), DAYS_7, DAYS_28, LATER, or STILL_UP if
    no removal is recorded; these are the classes of the yearly return of the German federal police, but not
    cumulative. Requests withdrawn or annulled before the removal, and those erased since, do not count.

    Raises:
        Refused: the actor may not read statistics.
    """
    require(actor, "statistics.read")
    rows = sql.rows(_REMOVALS, [since, until])
    countries = countries_of(hosts={host for _, host, *_ in rows})
    found: Counter[tuple[object, str, str]] = Counter()
    for day, host, time, number in rows:
        found[day, _place(countries.get(host)), time] += number
    return [(day, place, time, n) for (day, place, time), n in found.items()]  # type: ignore[misc]


def _place(country: str | None) -> str:
    if country is None:
        return "UNKNOWN"
    return "INLAND" if country in FRENCH_TERRITORIES else "ABROAD"
