"""A batch beside its kin: who else holds its values, their cards, and the standing of each value."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple
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
from fanal.crosscheck.domain.meeting import ValueStanding
from fanal.crosscheck.domain.rarity import ValueState, kept_by, step_of
from fanal.crosscheck.domain.sheet import CardSheet, Flags, Keys, sheet_of, sorted_rows
from fanal.crosscheck.domain.standing import companions_of, moved, parted, unpack_companions
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.db import sql
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector
from fanal.harmonise.queries import SharedRow
from fanal.kernel.actors import Actor
from fanal.kernel.arrays import plain_array

# Of a person's value that more hold than are read at once: the neighbours of each report of a batch.
#
# The newest holders are read. A report that was received long before them, and is linked only now, has its
# neighbours elsewhere: they are looked for around it.

READ = 500
"""Rows on each side of a report; more where many of them are of reports that are not linked yet."""
_MORE, _MOST = 8, 20_000
_LINKED = (
    "SELECT uuid_send(wanted.id) FROM unnest(%s::uuid[]) AS wanted (id)"
    " CROSS JOIN LATERAL (SELECT FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)


class Crowd(NamedTuple):
    """Holders with their desks, by octets of their ids; all there are up to `sure`, if that is known."""

    desks: dict[bytes, int]
    sure: bytes | None


class _Window(NamedTuple):
    """Holders beside one another, ascending; whether none comes before them, or after."""

    desks: dict[bytes, int]
    ordered: list[bytes]
    first: bool
    last: bool

    def covers(self, report: bytes, most: int) -> bool:
        """Return whether `most` holders before and after a report are here, or all there are."""
        at = bisect_left(self.ordered, report)
        if at == len(self.ordered) or self.ordered[at] != report:
            return False
        return (self.first or at >= most) and (self.last or len(self.ordered) - at > most)

    def begins(self, sure: bytes | None) -> bool:
        """Return whether none is missing before these, where all up to `sure` are known."""
        return self.first or (sure is not None and self.ordered[0] <= sure)


def crowd_of(
    value: bytes, newest: Sequence[SharedRow], batch: Iterable[bytes], *, actor: Actor, most: int
) -> Crowd:
    """Return those who hold a value (its whole key) and are linked or of the batch, as far as they matter.

    `newest` are the newest rows of the value, `batch` those of the batch who hold it.
    """
    reports = sorted(batch)
    own = frozenset(reports)
    top = _window(newest, own, first=False, last=True)
    desks, window = dict(top.desks), top
    sure: bytes | None = None
    for report in reports:
        if top.covers(report, most) or window.covers(report, most):
            continue
        window = _around(value, report, own, actor=actor, most=most)
        desks |= window.desks
        if window.begins(sure):
            sure = window.ordered[-1]
    return Crowd(desks, top.ordered[-1] if top.ordered and top.begins(sure) else sure)


def _around(
    value: bytes, report: bytes, own: frozenset[bytes], *, actor: Actor, most: int
) -> _Window:
    """Return who holds a value around a report: enough on both sides, or all there are."""
    limit = READ
    while True:
        rows = harmonised.get_rows_around(actor=actor, key=value, report=report, limit=limit)
        before = sum(row[1] < report for row in rows)
        first, last = before < limit, len(rows) - before < limit
        window = _window(rows, own, first=first, last=last)
        if window.covers(report, most) or limit >= _MOST:
            return window
        limit = min(limit * _MORE, _MOST)


def _window(
    rows: Sequence[SharedRow], own: frozenset[bytes], *, first: bool, last: bool
) -> _Window:
    desks = {report: desk for _, report, desk in rows}
    linked = own | _linked(desks.keys() - own)
    ordered = sorted(desks.keys() & linked)
    return _Window({report: desks[report] for report in ordered}, ordered, first, last)


def _linked(reports: Iterable[bytes]) -> frozenset[bytes]:
    """Return which of these reports were linked before."""
    return frozenset(
        bytes(report)
        for (report,) in sql.rows(
            _LINKED, [plain_array(sorted(report.hex() for report in reports))]
        )
    )


# Who holds the values of a batch: of a value that very many hold, as many as its links depend on.

KEY = 0xFFFFFFFFFFFFFFFF
MOST_READ = 1000
"""Rows of one value read at once: far above `most_holders`, since some are of reports not linked yet."""


class HeldByOthers(Struct, frozen=True, kw_only=True):
    """A value of the batch that others hold: its mark, how many reports hold it, some of them.

    `read` are ids, ascending. Up to `sure` they are all there are, so that their places among the holders
    are known; what comes after stands behind more than `most_holders`.
    """

    selector: Selector
    mark: Mark
    holders: int
    read: tuple[UUID, ...]
    sure: UUID | None


def holders_of(
    cards: Mapping[UUID, Card], evidence: Mapping[int, Evidence], weights: Weights, *, actor: Actor
) -> tuple[dict[int, HeldByOthers], dict[UUID, int]]:
    """Return who holds each value, by key as cards name it; and the desks of all of them.

    `cards` are those of the batch, `evidence` all its values.
    """
    # As their index has them: the server walks from one to the next by pages that it has just read.
    wanted = sorted(evidence.values(), key=attrgetter("whole"))
    keys = [one.whole for one in wanted]
    found = {rows[0][0]: rows for rows in harmonised.get_shared_rows(
        actor=actor, keys=keys, limit=weights.most_holders)}  # fmt: skip
    many = [place for place, rows in found.items() if len(rows) > weights.most_holders]
    settled = _settled([wanted[place] for place in many], weights)
    more = [place for place in many if wanted[place].key not in settled]
    again = harmonised.get_shared_rows(actor=actor, keys=[keys[p] for p in more], limit=MOST_READ)
    found |= {more[rows[0][0]]: rows for rows in again}
    cut = {place for place in more if len(found[place]) > MOST_READ}
    crowds = _crowds(cards, {p: (wanted[p], found[p]) for p in cut}, weights, actor=actor)
    desks: dict[UUID, int] = {}
    held: dict[int, HeldByOthers] = {}
    octets = {row[1] for place in found.keys() - crowds.keys() for row in found[place]}
    ids = {each: UUID(bytes=each) for each in octets.union(*(c.desks for c in crowds.values()))}
    for place, rows in found.items():
        one, crowd = wanted[place], crowds.get(place)
        if one.key in settled:
            enough = weights.most_holders + 1
            held[one.key] = HeldByOthers(
                selector=one.selector, mark=one.mark, holders=enough, read=(), sure=None
            )
            continue
        told = crowd.desks.items() if crowd else ((report, desk) for _, report, desk in rows)
        theirs = {ids[report]: desk for report, desk in told}
        if len(theirs) < 2:
            continue
        desks |= theirs
        read = tuple(sorted(theirs))
        # Of a value that more hold than were read it is enough to know that it is so.
        beyond = weights.most_holders if place in cut else 0
        held[one.key] = HeldByOthers(
            selector=one.selector,
            mark=one.mark,
            holders=len(read) + beyond,
            read=read,
            sure=read[-1] if not beyond else ids[crowd.sure] if crowd and crowd.sure else None,
        )
    return held, desks


def _crowds(
    cards: Mapping[UUID, Card],
    cut: Mapping[int, tuple[Evidence, Sequence[SharedRow]]],
    weights: Weights,
    *,
    actor: Actor,
) -> dict[int, Crowd]:
    """Return the crowds behind persons' values that were not read whole, by the places of the values."""
    persons = {one.key: place for place, (one, _) in cut.items() if weights.mark[one.mark].person}
    batch: dict[int, list[bytes]] = {}
    for report_id, card in cards.items() if persons else ():
        for value in card.values:
            if value.key in persons:
                batch.setdefault(persons[value.key], []).append(report_id.bytes)
    return {
        place: crowd_of(
            cut[place][0].whole, cut[place][1], reports, actor=actor, most=weights.most_holders
        )
        for place, reports in batch.items()
    }


def _settled(many: Sequence[Evidence], weights: Weights) -> set[int]:
    """Return the keys of those values that very many hold by which nobody meets any more.

    A person's value brings its neighbours together whoever holds it; another joins nobody, and once that is
    remembered there is nothing more to know of it: its holders are not read, nor their cards.
    """
    asked = [one for one in many if not weights.mark[one.mark].person]
    if not asked:
        return set()
    found = sql.rows(
        "SELECT key, step FROM crosscheck_value WHERE key = ANY(%s::bigint[])",
        [[signed(one.key) for one in asked]],
    )
    steps = {key & KEY: step for key, step in found}
    return {one.key for one in asked if steps.get(one.key, 0) > len(weights.mark[one.mark].steps)}


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
    sheet: CardSheet
    standing: ValueStanding
    cards: Mapping[UUID, bytes]
    desks: Mapping[UUID, int]
    held: Mapping[int, HeldByOthers]
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
    ids: set[UUID], keys: Mapping[int, HeldByOthers]
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
    values: tuple[Mapping[int, HeldByOthers], Mapping[int, ValueState]],
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
    sheet: CardSheet,
    ids: Sequence[UUID],
    values: tuple[Mapping[int, HeldByOthers], Mapping[int, ValueState]],
    weights: Weights,
) -> tuple[CardSheet, ValueStanding]:
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
    return sheet._replace(rows=rows.take(kept)), ValueStanding(
        holders[kept], place[kept], hub[kept]
    )


def _parted(
    sheet: CardSheet,
    standing: ValueStanding,
    reports: tuple[Sequence[UUID], Flags],
    held: Mapping[int, HeldByOthers],
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
