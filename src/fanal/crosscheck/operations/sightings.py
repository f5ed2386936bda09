"""A batch beside its kin: who else holds its values, their cards, and the standing of each value."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from uuid import UUID

import numpy as np
from django.db import connection
from msgspec import Struct

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
from fanal.crosscheck.domain.moving import (
    ValueState,
    companions_of,
    kept_by,
    moved,
    step_of,
    unpack_companions,
)
from fanal.crosscheck.domain.sheet import Sheet, sheet_of, sorted_rows
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array

# One look into the index of one month for each. With `= ANY` the planner tries every id on every month, and
# reads months whole: for fourteen thousand ids three times the CPU.
_CARDS = (
    "SELECT c.report_id, c.card FROM unnest(%s::uuid[]) AS wanted (id) CROSS JOIN LATERAL"
    " (SELECT report_id, card FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)
_KEY = 0xFFFFFFFFFFFFFFFF
_COUNTED = 20_000
_MOST_READ = 1000


class Held(Struct, frozen=True, kw_only=True):
    """A value of the batch that others hold: its mark, how many reports hold it, the newest of them."""

    selector: Selector
    mark: Mark
    holders: int
    newest: tuple[UUID, ...]


class Gathered(Struct, frozen=True, kw_only=True):
    """A batch and its kin as the rule reads them.

    `states` are what is remembered now of values that changed, by key; `moved` those whose links are to
    be weighed anew, with the share that they keep.
    """

    ids: tuple[UUID, ...]
    sheet: Sheet
    standing: Standing
    cards: Mapping[UUID, bytes]
    desks: Mapping[UUID, int]
    held: Mapping[int, Held]
    states: Mapping[int, ValueState]
    moved: Mapping[int, float]


def gather(*, actor: Actor, reports: Sequence[HarmonisedReport], weights: Weights) -> Gathered:
    """Return `reports` with everybody who shares a value with them and was linked before."""
    cards: dict[UUID, Card] = {}
    evidence: dict[int, Evidence] = {}
    for report in reports:
        found = evidence_of(report.selectors)
        cards[report.report_id] = card_of(report, found)
        evidence |= {one.key: one for one in found}
    held, desks = _holders(actor, evidence, weights)
    packed = {report_id: pack_card(card) for report_id, card in cards.items()}
    met = {report_id for one in held.values() for report_id in one.newest} - packed.keys()
    stored, remembered = _stored(met, held)
    known = packed | stored
    ids = tuple(sorted(known))
    states, changed = _states(cards, known, (held, remembered), weights)
    sheet = sorted_rows(sheet_of([known[report_id] for report_id in ids]))
    sheet, standing = _standing(sheet, ids, held, states)
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
    )


def _holders(
    actor: Actor, evidence: Mapping[int, Evidence], weights: Weights
) -> tuple[dict[int, Held], dict[UUID, int]]:
    """Return who holds each value, newest first, by key as cards name it; and the desks of all of them."""
    # As their index has them: the server walks from one to the next by pages that it has just read.
    wanted = sorted(evidence.values(), key=attrgetter("whole"))
    keys = [one.whole for one in wanted]
    found = {rows[0][0]: rows for rows in harmonised.get_shared_rows(
        actor=actor, keys=keys, limit=weights.most_holders)}  # fmt: skip
    many = [place for place, rows in found.items() if len(rows) > weights.most_holders]
    settled = _settled([wanted[place] for place in many], weights)
    more = [place for place in many if wanted[place].key not in settled]
    again = harmonised.get_shared_rows(
        actor=actor, keys=[keys[place] for place in more], limit=_MOST_READ
    )
    found |= {more[rows[0][0]]: rows for rows in again}
    fading = [place for place in more if weights.mark[wanted[place].mark].steps]
    counts = harmonised.count_sightings(
        actor=actor, keys=[UUID(bytes=keys[place]) for place in fading], most=_COUNTED
    )
    desks: dict[UUID, int] = {}
    held: dict[int, Held] = {}
    octets = {row[1] for rows in found.values() for row in rows}
    ids = {each: UUID(bytes=each) for each in octets}
    for place, rows in found.items():
        one = wanted[place]
        if one.key in settled:
            held[one.key] = Held(
                selector=one.selector, mark=one.mark, holders=settled[one.key], newest=()
            )
            continue
        theirs = {ids[report]: desk for _, report, desk in rows}
        if len(theirs) < 2:
            continue
        desks |= theirs
        # Of a value that more hold than were read it is enough to know that it is so.
        least = len(theirs) + (weights.most_holders if len(rows) > _MOST_READ else 0)
        held[one.key] = Held(
            selector=one.selector,
            mark=one.mark,
            holders=max(least, counts.get(UUID(bytes=one.whole), 0)),
            newest=tuple(theirs),
        )
    return held, desks


def _settled(many: Sequence[Evidence], weights: Weights) -> dict[int, int]:
    """Return the keys of those values that very many hold by which nobody meets any more, and how many do.

    A person's value brings its neighbours together whoever holds it; another joins nobody, and once it has
    passed its last step there is nothing more to know of it: its holders are not read, nor their cards.
    """
    asked = [one for one in many if not weights.mark[one.mark].person]
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT key, step FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
            [[signed(one.key) for one in asked]],
        )
        steps = {key & _KEY: step for key, step in cursor.fetchall()}
    passed = {one.key: weights.mark[one.mark].steps for one in asked}
    return {
        key: max([weights.most_holders + 1, *(bound for bound, _ in own)])
        for key, own in passed.items()
        if steps.get(key, 0) >= len(own)
    }


def _stored(
    ids: set[UUID], keys: Mapping[int, Held]
) -> tuple[dict[UUID, bytes], dict[int, ValueState]]:
    """Return the cards of reports, and what is remembered of values."""
    with together(), connection.cursor() as cards, connection.cursor() as values:
        cards.execute(_CARDS, [plain_array(sorted(report_id.hex for report_id in ids))])
        values.execute(
            "SELECT key, step, hub, companions FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
            [[signed(key) for key in keys]],
        )
        return {report_id: bytes(card) for report_id, card in cards.fetchall()}, {
            key & _KEY: ValueState(step, hub, unpack_companions(companions))
            for key, step, hub, companions in values.fetchall()
        }


def _states(  # noqa: PLR0917
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
            ids = [i for i in one.newest if i in (cards if key in stored else known)]
            beside = companions_of(
                key, [cards[i] if i in cards else read_card(known[i]) for i in ids], weights
            )
        states[key] = moved(before, step_of(one.mark, one.holders, weights), beside, weights)
        if states[key] != before:
            changed[key] = before, states[key]
    return states, changed


def _standing(  # noqa: PLR0917
    sheet: Sheet, ids: Sequence[UUID], held: Mapping[int, Held], states: Mapping[int, ValueState]
) -> tuple[Sheet, Standing]:
    """Return the rows that hold values of the batch, and their standing among all there is."""
    rows = sheet.rows
    size = len(rows.key)
    holders, place = np.zeros(size, np.int64), np.zeros(size, np.int64)
    hub, kept = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    new = np.append(True, rows.key[1:] != rows.key[:-1]) if size else np.zeros(0, np.bool_)
    starts = np.flatnonzero(new)
    for start, end in pairwise([*starts.tolist(), size]):
        one = held.get(int(rows.key[start]))
        if one is None:
            continue  # shared by others of the sheet only
        span = slice(start, end)
        # Of a value that very many hold the newest alone were read; who came by another value is left out.
        read = set(one.newest) if one.holders > len(one.newest) else None
        mine = [read is None or ids[r] in read for r in rows.report[span].tolist()]
        kept[span] = mine
        holders[span] = one.holders
        place[span] = np.cumsum(mine) - 1 + max(0, one.holders - len(one.newest))
        hub[span] = states[int(rows.key[start])].hub
    return sheet._replace(rows=rows.take(kept)), Standing(holders[kept], place[kept], hub[kept])
