"""The facts behind warnings: what other reports and measures say of a request's addresses.

They are looked for at every desk, by indexed keys and up to a bound; what comes back holds of another desk
only that it exists (`domain.warnings`).
"""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import Resource, allows
from fanal.accounts.rows import across_desks
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor, system_actor
from fanal.kernel.arrays import uuid_array
from fanal.measures.domain.records import MeasureWarning
from fanal.measures.domain.states import MeasureState
from fanal.measures.domain.warnings import (
    Asked,
    Earlier,
    Lawful,
    is_whole_site,
    target_key,
    warn,
)
from fanal.orient import queries as oriented

_MACHINE = system_actor("warnings before a removal request")
_MOST_SIGHTINGS = 1000
"""Newest reports of one address that are looked at."""
_MOST_MEASURES = 100
"""Newest revisions of measures on one address that are looked at."""
EARLIER = """
SELECT t.key, m.id, m.desk_id, m.state, m.revision = ANY (t.revisions),
    (SELECT a.verdict FROM measures_approval a WHERE a.measure_id = m.id AND a.revision = ANY (t.revisions)
     ORDER BY a.revision DESC LIMIT 1) = 'REFUSED',
    (SELECT s.cause FROM measures_step s WHERE s.measure_id = m.id AND s.move = 'withdraw'
     ORDER BY s.db_at DESC LIMIT 1) = 'REPLACED',
    EXISTS (SELECT FROM measures_recommendation r WHERE r.measure_id = m.id AND r.kind = 'END')
FROM (
    SELECT wanted.key, found.measure_id, array_agg(found.revision) AS revisions
    FROM unnest(%s::uuid[]) AS wanted (key)
    CROSS JOIN LATERAL (
        SELECT measure_id, revision FROM measures_target
        WHERE key = wanted.key ORDER BY measure_id DESC, revision DESC LIMIT %s) found
    GROUP BY wanted.key, found.measure_id) t
JOIN measures_measure m ON m.id = t.measure_id
"""


def warnings_on(*, actor: Actor, asked: Sequence[Asked]) -> dict[UUID, tuple[MeasureWarning, ...]]:
    """Return the warnings that stand on each request now, by measure; none for one out of reach."""
    within = [
        one for one in asked if allows(actor, "measure.read", Resource(desk_id=one.desk_id)).allowed
    ]
    keys = sorted({target_key(address) for one in within for address in one.request.targets})
    with across_desks():  # no row is shown: codes, and ids of the measure's own desk
        lawful, earlier = _lawful(keys), _earlier(keys)
        pages = _pages(within)
    return {
        one.request.measure_id: warn(
            one, pages=pages.get(one.request.measure_id, ()), lawful=lawful, earlier=earlier
        )
        for one in within
    }


def _lawful(keys: Sequence[UUID]) -> list[Lawful]:
    seen = harmonised.get_sightings(actor=_MACHINE, keys=keys, limit=_MOST_SIGHTINGS)
    reports = {(one.key, one.report_id) for found in seen.values() for one in found.newest}
    decided = oriented.decided_without_action(
        actor=_MACHINE, report_ids=sorted({report_id for _, report_id in reports})
    )
    return [
        Lawful(key=key, report_id=report_id, desk_id=decided[report_id])
        for key, report_id in reports
        if report_id in decided
    ]


def _earlier(keys: Sequence[UUID]) -> list[Earlier]:
    with connection.cursor() as cursor:
        cursor.execute(EARLIER, [uuid_array(keys), _MOST_MEASURES])
        return [
            Earlier(
                key=key,
                measure_id=measure_id,
                desk_id=desk_id,
                state=MeasureState(state),
                asked=asked,
                refused=bool(refused),
                replaced=bool(replaced),
                ending=ending,
            )
            for key, measure_id, desk_id, state, asked, refused, replaced, ending in cursor
        ]


def _pages(asked: Sequence[Asked]) -> dict[UUID, tuple[str, ...]]:
    """Return what the reports behind requests for a whole site name at its host."""
    roots = [one for one in asked if any(map(is_whole_site, one.request.targets))]
    records = harmonised.get_records(actor=_MACHINE, report_ids=[one.report_id for one in roots])
    return {
        one.request.measure_id: tuple(
            url.canonical
            for url in records[one.report_id].urls
            if url.canonical and url.host == one.request.host
        )
        for one in roots
        if one.report_id in records
    }
