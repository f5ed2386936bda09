"""A batch beside its kin: who else holds its values, their cards, and the standing of each value."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from uuid import UUID

import numpy as np
from django.db import connection
from msgspec import Struct

from fanal.accounts import octets
from fanal.accounts.together import together
from fanal.crosscheck.domain.cards import (
    Card,
    Evidence,
    card_of,
    evidence_of,
    pack_card,
    read_card,
    signed,
)
from fanal.crosscheck.domain.meeting import Standing
from fanal.crosscheck.domain.moving import companions_of, moved, unpack_companions
from fanal.crosscheck.domain.parting import parted
from fanal.crosscheck.domain.rarity import ValueState, kept_by, step_of
from fanal.crosscheck.domain.sheet import Flags, Keys, Sheet, sheet_of, sorted_rows
from fanal.crosscheck.domain.weights import Weights
from fanal.crosscheck.operations.holders import KEY, Held, holders_of
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array

# One look into the index of one month for each. With `= ANY` the planner tries every id on every month, and
# reads months whole: for fourteen thousand ids three times the CPU.
_CARDS = (
    "SELECT c.report_id, c.card FROM unnest(%s::uuid[]) AS wanted (id) CROSS JOIN LATERAL"
    " (SELECT report_id, card FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)


class Parted(Struct, frozen=True, kw_only=True):
    """What joins two reports no longer: values by kind and value; and the marks that both suspects have."""

    values: frozenset[tuple[str, str]]
    has: int


class Gathered(Struct, frozen=True, kw_only=True):
    """A batch and its kin as the rule reads them.

    `states` are what is remembered now of values that changed, by key; `moved` those whose links are to
    be weighed anew, with the share that they keep (None: they join nobody any more); `parted` the pairs of
    earlier reports, the later first, that values join no longer.
    """

    ids: tuple[UUID, ...]
    sheet: Sheet
    standing: Standing
    cards: Mapping[UUID, bytes]
    desks: Mapping[UUID, int]
    held: Mapping[int, Held]
    states: Mapping[int, ValueState]
    moved: Mapping[int, float | None]
    parted: Mapping[tuple[UUID, UUID], Parted]


def gather(*, actor: Actor, reports: Sequence[HarmonisedReport], weights: Weights) -> Gathered:
    """Return `reports` with everybody who shares a value with them and was linked before."""
    cards: dict[UUID, Card] = {}
    evidence: dict[int, Evidence] = {}
    for report in reports:
        found = evidence_of(report.selectors)
        cards[report.report_id] = card_of(report, found)
        evidence |= {one.key: one for one in found}
    held, desks = holders_of(cards, evidence, weights, actor=actor)
    packed = {report_id: pack_card(card) for report_id, card in cards.items()}
    met = {report_id for one in held.values() for report_id in one.read} - packed.keys()
    stored, remembered = _stored(met, held)
    known = packed | stored
    ids = tuple(sorted(known))
    states, changed = _states(cards, known, (held, remembered), weights)
    sheet = sorted_rows(sheet_of([known[report_id] for report_id in ids]))
    sheet, standing = _standing(sheet, ids, (held, states), weights)
    fresh = np.fromiter((i in packed for i in ids), np.bool_, len(ids))
    return Gathered(
        ids=ids,
        sheet=sheet,
        standing=standing,
        cards=packed,
        desks=desks,
        held=held,
        states={key: states[key] for key in changed},
        moved={
            key: kept_by(held[key].mark, states[key], weights)
            for key, (before, _) in changed.items()
            if (before.step, before.hub) != (states[key].step, states[key].hub)
        },
        parted=_parted(sheet, standing, (ids, fresh), held, weights),
    )


def _stored(
    ids: set[UUID], keys: Mapping[int, Held]
) -> tuple[dict[UUID, bytes], dict[int, ValueState]]:
    """Return the cards of reports, and what is remembered of values."""
    with together(), octets.bound() as cards, connection.cursor() as values:
        cards.execute(_CARDS, [octets.uuids(sorted([report_id.bytes for report_id in ids]))])
        values.execute(
            "SELECT key, step, hub, companions FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
            [plain_array([str(signed(key)) for key in keys])],
        )
        return dict(cards.fetchall()), {
            key & KEY: ValueState(step, hub, unpack_companions(companions))
            for key, step, hub, companions in values.fetchall()
        }


def _states(
    cards: Mapping[UUID, Card],
    known: Mapping[UUID, bytes],
    values: tuple[Mapping[int, Held], Mapping[int, ValueState]],
    weights: Weights,
) -> tuple[dict[int, ValueState], dict[int, tuple[ValueState, ValueState]]]:
    """Return the state of each value, and those that change: before and after."""
    held, stored = values
    states: dict[int, ValueState] = {}
    changed: dict[int, tuple[ValueState, ValueState]] = {}
    for key, one in held.items():
        before = stored.get(key, ValueState())
        beside: frozenset[bytes] = frozenset()
        if weights.mark[one.mark].person and one.holders > weights.companions and not before.hub:
            # What is remembered covers all who came before; of a value not remembered yet, all are looked at.
            ids = [i for i in one.read if i in (cards if key in stored else known)]
            beside = companions_of(
                key, [cards[i] if i in cards else read_card(known[i]) for i in ids], weights
            )
        states[key] = moved(before, step_of(one.mark, one.holders, weights), beside, weights)
        if states[key] != before:
            changed[key] = before, states[key]
    return states, changed


def _standing(
    sheet: Sheet,
    ids: Sequence[UUID],
    values: tuple[Mapping[int, Held], Mapping[int, ValueState]],
    weights: Weights,
) -> tuple[Sheet, Standing]:
    """Return the rows that hold values of the batch, and their standing among all there is."""
    held, states = values
    rows = sheet.rows
    size = len(rows.key)
    holders, place = np.zeros(size, np.int64), np.zeros(size, np.int64)
    hub, kept = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for span in _spans(rows.key):
        one = held.get(int(rows.key[span.start]))
        if one is None:
            continue  # shared by others of the sheet only
        # Of a value that very many hold some alone were read; who came by another value is left out.
        read = set(one.read) if one.holders > len(one.read) else None
        theirs = [ids[r] for r in rows.report[span].tolist()]
        mine = [read is None or i in read for i in theirs]
        kept[span] = mine
        holders[span] = one.holders
        place[span] = np.cumsum(mine) - 1
        if read is not None:
            behind = [one.sure is None or i > one.sure for i in theirs]
            place[span] += np.where(behind, weights.most_holders, 0)
        hub[span] = states[int(rows.key[span.start])].hub
    return sheet._replace(rows=rows.take(kept)), Standing(holders[kept], place[kept], hub[kept])


def _parted(
    sheet: Sheet,
    standing: Standing,
    reports: tuple[Sequence[UUID], Flags],
    held: Mapping[int, Held],
    weights: Weights,
) -> dict[tuple[UUID, UUID], Parted]:
    """Return the pairs of earlier reports that a person's value joins no longer."""
    rows, (ids, fresh) = sheet.rows, reports
    if not (standing.place >= weights.most_holders).any():
        return {}
    found: dict[tuple[int, int], set[tuple[str, str]]] = {}
    for span in _spans(rows.key):
        if standing.place[span.stop - 1] < weights.most_holders:
            continue
        one, theirs = held[int(rows.key[span.start])], rows.report[span]
        if not weights.mark[one.mark].person:
            continue
        for later, earlier in parted(standing.place[span], fresh[theirs], weights):
            pair = int(theirs[later]), int(theirs[earlier])
            found.setdefault(pair, set()).add((one.selector.kind.value, one.selector.value))
    return {
        (ids[later], ids[earlier]): Parted(
            values=frozenset(values), has=int(sheet.has[later] & sheet.has[earlier])
        )
        for (later, earlier), values in found.items()
    }


def _spans(keys: Keys) -> list[slice]:
    """Return where each value stands in the rows of a sheet."""
    size = len(keys)
    new = np.append(True, keys[1:] != keys[:-1]) if size else np.zeros(0, np.bool_)
    return [slice(*ends) for ends in pairwise([*np.flatnonzero(new).tolist(), size])]
