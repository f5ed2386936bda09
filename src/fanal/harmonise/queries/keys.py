"""Keys of selectors by what their sightings are: for sets that hold no value."""

from collections.abc import Sequence
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import reach, require
from fanal.harmonise.domain.records import SelectorKind
from fanal.harmonise.domain.sightings import ROLE_CODES, ROLE_OF_CODE, HeldKey, KeySearch
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import uuid_array

# One pass over the sightings of the kinds. Ids of reports sort as their instants do, as text too.
_KEYS = """
WITH held AS (
    SELECT s.key, k.kind, s.role, count(*) AS total,
        count(*) FILTER (WHERE s.report_id >= %(recent)s) AS recent,
        max(s.report_id::text) AS newest,
        bool_or(s.role = ANY(%(roles)s::smallint[]) AND NOT s.weak AND s.report_id >= %(since)s
            AND (%(desks)s::int[] IS NULL OR s.desk_id = ANY(%(desks)s::int[]))
            AND s.report_id <> ALL(%(aside)s::uuid[])) AS opens,
        bool_or(s.role = ANY(%(never)s::smallint[])
            OR s.report_id = ANY(%(withheld)s::uuid[])) AS bars
    FROM harmonise_selector k JOIN harmonise_sighting s ON s.key = k.key
    WHERE k.kind = ANY(%(kinds)s) GROUP BY s.key, k.kind, s.role
)
SELECT key, kind, array_agg(role), array_agg(recent), array_agg(total) FROM held
GROUP BY key, kind HAVING bool_or(opens) AND NOT bool_or(bars)
ORDER BY max(newest) DESC, key LIMIT %(limit)s
"""


def search_keys(*, actor: Actor, wanted: KeySearch, limit: int) -> list[HeldKey]:
    """Return the keys that `wanted` describes, the last seen first; no value is read.

    Raises:
        Refused: the actor is not the system; this reaches every desk.
    """
    require(actor, "pipeline.run")
    with connection.cursor() as cursor:
        cursor.execute(
            _KEYS,
            {
                "kinds": list(wanted.kinds),
                "roles": [ROLE_CODES[role] for role in wanted.roles],
                "never": [ROLE_CODES[role] for role in wanted.never],
                "desks": list(wanted.desk_ids) or None,
                "since": wanted.since,
                "recent": wanted.recent,
                "withheld": uuid_array(wanted.withheld),
                "aside": uuid_array(wanted.aside),
                "limit": limit,
            },
        )
        return [
            HeldKey(
                key=key,
                kind=SelectorKind(kind),
                recent={ROLE_OF_CODE[r]: n for r, n in zip(roles, recent, strict=True)},
                total={ROLE_OF_CODE[r]: n for r, n in zip(roles, total, strict=True)},
            )
            for key, kind, roles, recent, total in cursor.fetchall()
        ]


def get_selectors(*, actor: Actor, keys: Sequence[UUID]) -> dict[UUID, tuple[SelectorKind, str]]:
    """Return kind and value of the keys that a report of the actor's desks holds."""
    desks = reach(actor, "report.read").desks
    if not keys or desks == []:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT k.key, k.kind, k.value FROM harmonise_selector k WHERE k.key = ANY(%(keys)s::uuid[])"
            " AND EXISTS (SELECT FROM harmonise_sighting s WHERE s.key = k.key"
            " AND (%(desks)s::int[] IS NULL OR s.desk_id = ANY(%(desks)s::int[])))",
            {"keys": list(keys), "desks": desks},
        )
        return {key: (SelectorKind(kind), value) for key, kind, value in cursor.fetchall()}
