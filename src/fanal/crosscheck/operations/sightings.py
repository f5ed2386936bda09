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
from fanal.kernel.actors import Actor
from fanal.kernel.ids import lowest_id

NEWEST = 200
"""Holders of a value that are looked at; what more reports hold is rated by count, not one by one."""
COUNTED = 20_000


class Seen(Struct, frozen=True, kw_only=True):
    """The shared values of a batch, and the desk of every report that was met, by its id's octets."""

    shared: tuple[Shared, ...]
    desks: dict[bytes, int]


def look_up(*, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime) -> Seen:
    """Return the values that `reports` share with others, with their holders and counts by role."""
    wanted = {
        key_bytes(selector.kind, selector.value).hex(): selector
        for report in reports
        for selector in report.selectors
    }
    keys, values = list(wanted), list(wanted.values())
    found = harmonised.get_shared_rows(actor=actor, keys=keys, limit=NEWEST)
    bounded = [UUID(keys[rows[0][0]]) for rows in found if len(rows) > NEWEST]
    counts = harmonised.count_sightings(actor=actor, keys=bounded, most=COUNTED)
    recent = lowest_id(recent_from(now)).bytes
    shared: list[Shared] = []
    desks: dict[bytes, int] = {}
    for rows in found:
        # Rows come from the newest report on: the value is one report's alone where first and last agree.
        if rows[0][1] == rows[min(len(rows), NEWEST) - 1][1]:
            continue
        count = counts.get(UUID(keys[rows[0][0]]), 0) if len(rows) > NEWEST else 0
        _, ids, at_desks, roles, weak, at = zip(*rows[:NEWEST], strict=True)
        desks.update(zip(ids, at_desks, strict=True))
        holders = tuple(map(Holder, ids, map(ROLE_OF_CODE.__getitem__, roles), weak, at))
        shared.append(_shared(values[rows[0][0]], holders, (count, recent)))
    return Seen(shared=tuple(shared), desks=desks)


def _shared(selector: Selector, newest: tuple[Holder, ...], measured: tuple[int, bytes]) -> Shared:
    count, recent = measured
    total = _by_role(newest, max(1.0, count / len(newest)))
    # Where even the oldest of those read is recent, those that were not read may be too: all are taken so.
    all_recent = newest[-1].report_id >= recent
    return Shared(
        kind=selector.kind,
        value=selector.value,
        holders=newest,
        recent=total if all_recent else _by_role([h for h in newest if h.report_id >= recent], 1.0),
        total=total,
    )


def _by_role(holders: Sequence[Holder], scale: float) -> Mapping[SelectorRole, float]:
    counts = Counter([holder.role for holder in holders])
    return {role: n * scale for role, n in counts.items()}
