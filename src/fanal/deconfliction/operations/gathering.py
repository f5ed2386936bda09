"""What of ours enters a set: within the limits, not withheld, telling."""

from datetime import datetime
from typing import Final
from uuid import UUID

from fanal.crosscheck import queries as crosschecked
from fanal.crosscheck.domain.periods import month_before, recent_from
from fanal.deconfliction import queries
from fanal.deconfliction.domain.curve import MOST
from fanal.deconfliction.domain.limits import MOST_HOLDERS, NEVER
from fanal.deconfliction.domain.records import Counterpart
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.sightings import KeySearch
from fanal.intake import queries as intake
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id

_LOOKED_AT: Final = 2 * MOST
"""Keys that are read: hubs among them leave room for others."""


def gather(*, actor: Actor, counterpart: Counterpart, now: datetime) -> list[UUID]:
    """Return the keys of what enters a set for a counterpart: the newest first, `MOST` at most.

    An identifier enters by a sighting that the limits open, in a field of its own, of a report that counts.
    It stays out where any report holds it on the side of a victim or a witness, where a withheld dossier
    holds it, and where so many reports hold it that it tells nothing.

    Raises:
        Refused: the actor runs no rounds.
    """
    limits = counterpart.limits
    month = month_before(now, limits.months)
    found = harmonised.search_keys(
        actor=actor,
        wanted=KeySearch(
            kinds=limits.kinds,
            roles=limits.roles,
            desk_ids=limits.desk_ids,
            since=lowest_id(now.replace(year=month.year, month=month.month, day=1)),
            recent=lowest_id(recent_from(now)),
            never=tuple(sorted(NEVER)),
            withheld=tuple(queries.withheld_reports(actor=actor, counterpart_id=counterpart.id)),
            aside=tuple(intake.list_aside(actor=actor)),
        ),
        limit=_LOOKED_AT,
    )
    tells = crosschecked.telling(held=found)
    return [
        held.key
        for held, kept in zip(found, tells, strict=True)
        if kept and sum(held.total.values()) <= MOST_HOLDERS
    ][:MOST]
