"""Where the values of a batch were seen: one bounded look-up for all of them, and measured counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.linking import Holder, Shared
from fanal.crosscheck.domain.periods import recent_from
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector, SelectorRole
from fanal.harmonise.domain.sightings import ROLE_OF_CODE, key_bytes
from fanal.harmonise.queries import SightingRow
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id

NEWEST = 200
"""Holders of a value that are looked at; what more reports hold is rated by count, not one by one."""
COUNTED = 20_000


class Seen(Struct, frozen=True, kw_only=True):
    """The shared values of a batch, and the desk of every report that was met."""

    shared: tuple[Shared, ...]
    desks: dict[UUID, int]


def look_up(*, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime) -> Seen:
    """Return the values that `reports` share with others, with their holders and counts by role."""
    wanted = {
        key_bytes(selector.kind, selector.value).hex(): selector
        for report in reports
        for selector in report.selectors
    }
    keys, values = list(wanted), list(wanted.values())
    found = harmonised.get_shared_rows(actor=actor, keys=keys, limit=NEWEST)
    bounded = [UUID(keys[place]) for place, rows in found if len(rows) > NEWEST]
    counts = harmonised.count_sightings(actor=actor, keys=bounded, most=COUNTED)
    recent = lowest_id(recent_from(now))
    shared: list[Shared] = []
    desks: dict[UUID, int] = {}
    for place, rows in found:
        count = counts.get(UUID(keys[place]), 0) if len(rows) > NEWEST else 0
        newest = rows[:NEWEST]
        first = newest[0][0]
        if any(row[0] != first for row in newest):
            desks.update((row[0], row[1]) for row in newest)
            shared.append(_shared(values[place], newest, (count, recent)))
    return Seen(shared=tuple(shared), desks=desks)


def _shared(
    selector: Selector, newest: Sequence[SightingRow], measured: tuple[int, UUID]
) -> Shared:
    count, recent = measured
    total = _by_role(newest, max(1.0, count / len(newest)))
    # Rows come from the newest on. Where even the oldest of them is recent, those that were not read may be
    # too: all are taken for recent.
    all_recent = newest[-1][0] >= recent
    return Shared(
        kind=selector.kind,
        value=selector.value,
        holders=tuple(
            Holder(report_id, ROLE_OF_CODE[role], weak, at)
            for report_id, _, role, weak, at in newest
        ),
        recent=total if all_recent else _by_role([r for r in newest if r[0] >= recent], 1.0),
        total=total,
    )


def _by_role(rows: Sequence[SightingRow], scale: float) -> Mapping[SelectorRole, float]:
    return {ROLE_OF_CODE[role]: n * scale for role, n in Counter(row[2] for row in rows).items()}
