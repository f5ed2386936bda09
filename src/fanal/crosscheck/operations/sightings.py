"""Where the values of a batch were seen: one bounded look-up for all of them, and measured counts."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from msgspec import Struct

from fanal.crosscheck.domain.linking import Holder, Shared
from fanal.crosscheck.domain.periods import recent_from
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, SelectorKind, SelectorRole
from fanal.harmonise.domain.sightings import Sighting, Sightings, selector_key
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
    keys: dict[UUID, tuple[SelectorKind, str]] = {
        selector_key(selector.kind, selector.value): (selector.kind, selector.value)
        for report in reports
        for selector in report.selectors
    }
    found = harmonised.get_shared_sightings(actor=actor, keys=list(keys), limit=NEWEST)
    bounded = [key for key, sightings in found.items() if sightings.bounded]
    counts = harmonised.count_sightings(actor=actor, keys=bounded, most=COUNTED)
    recent = lowest_id(recent_from(now))
    shared: list[Shared] = []
    desks: dict[UUID, int] = {}
    for key, sightings in found.items():
        first = sightings.newest[0].report_id
        if any(s.report_id != first for s in sightings.newest):
            desks.update((s.report_id, s.desk_id) for s in sightings.newest)
            kind, value = keys[key]
            shared.append(_shared(kind, value, (sightings, counts.get(key), recent)))
    return Seen(shared=tuple(shared), desks=desks)


def _shared(kind: SelectorKind, value: str, measured: tuple[Sightings, int | None, UUID]) -> Shared:
    sightings, count, recent = measured
    newest = sightings.newest
    scale = max(1.0, (count or 0) / len(newest))
    fresh = [s for s in newest if s.report_id >= recent]
    # Where even the oldest of the newest is recent, older ones may be too: all are taken for recent.
    recent_scale = scale if len(fresh) == len(newest) else 1.0
    return Shared(
        kind=kind,
        value=value,
        holders=tuple(
            Holder(report_id=s.report_id, role=s.role, weak=s.weak, at=_instant(s.at))
            for s in newest
        ),
        recent=_by_role(fresh, recent_scale),
        total=_by_role(newest, scale),
    )


def _by_role(sightings: Sequence[Sighting], scale: float) -> Mapping[SelectorRole, float]:
    return {role: n * scale for role, n in Counter(s.role for s in sightings).items()}


def _instant(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)
