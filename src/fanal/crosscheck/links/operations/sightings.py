"""Find all reports that share a value with a batch of reports, and read the data to link them."""

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import numpy as np
from django.db import connection
from msgspec import Struct

from fanal.accounts import binary_arrays
from fanal.accounts.row_scope import together
from fanal.crosscheck.domain.cards import (
    KEY,
    Card,
    Evidence,
    card_of,
    evidence_of,
    pack_card,
    read_card,
    signed,
)
from fanal.crosscheck.domain.weights import Mark, Weights
from fanal.crosscheck.engine.domain.sheet import (
    CardSheet,
    Flags,
    Keys,
    ValueStanding,
    sheet_of,
    sorted_rows,
)
from fanal.crosscheck.links.domain.document_frequency import (
    companions_of,
    least_holders,
    moved,
    parted,
    unpack_companions,
)
from fanal.crosscheck.links.domain.reasons import ValueState, kept_by, step_of
from fanal.db import sql
from fanal.db.sql import plain_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport, Selector
from fanal.harmonise.queries import SharedRow
from fanal.kernel.actors import Actor

# A person's value held by more reports than one query reads: the holders next to each report of the batch.
#
# The newest holders are read. A report received long before them and linked only now has its neighbours
# elsewhere: a further query reads the holders around it.

READ = 500
"""Rows read on each side of a report; more where many belong to reports that are not linked yet."""
_MORE, _MOST = 8, 20_000
_LINKED = (
    "SELECT uuid_send(wanted.id) FROM unnest(%s::uuid[]) AS wanted (id)"
    " CROSS JOIN LATERAL (SELECT FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)


class Crowd(NamedTuple):
    """The reports that hold a value, as far as they were read.

    `desks` maps report ids (16 bytes) to their desks. `sure` is the id up to which `desks` is complete; None
    if it may lack reports anywhere.
    """

    desks: dict[bytes, int]
    sure: bytes | None


class _Window(NamedTuple):
    """A contiguous run, by id, of the reports that hold a value.

    `desks` maps a report id (16 bytes) to its desk, `ordered` are the ids; `first`, `last`: whether no holder
    comes before or after the run.
    """

    desks: dict[bytes, int]
    ordered: list[bytes]
    first: bool
    last: bool

    def covers(self, report: bytes, most: int) -> bool:
        """Return whether `most` holders of the value, or all that exist, were read before and after
        `report` (16 bytes).

        False if the report itself is not among the holders read.
        """
        at = bisect_left(self.ordered, report)
        if at == len(self.ordered) or self.ordered[at] != report:
            return False
        return (self.first or at >= most) and (self.last or len(self.ordered) - at > most)

    def begins(self, sure: bytes | None) -> bool:
        """Return whether no holder is missing before this run of holders, given that all up to `sure` are
        known.

        `sure` is a report id (16 bytes), None if nothing is known.
        """
        return self.first or (sure is not None and self.ordered[0] <= sure)


def crowd_of(
    value: bytes, newest: Sequence[SharedRow], batch: Iterable[bytes], *, actor: Actor, most: int
) -> Crowd:
    """Return the holders of a value that can affect the batch's links: linked reports, and the batch's own.

    `value` is the whole key of the selector (identifier), `newest` its newest occurrences in reports, `batch`
    the ids of the batch's holders. Around each report of the batch that the newest rows do not cover, at
    least `most` holders (or all) are read on each side, in the order of report ids, which is the order of
    receipt. The actor is the system, else Refused is raised.
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
    """Return the holders of a value around a report by id: at least `most` on each side, or all of them.

    `value` is the whole key of the selector (identifier), `own` the batch's reports. The query limit grows
    step by step up to `_MOST`.
    """
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
    """Return the subset of `reports` (ids of 16 bytes) that cross-check has already processed."""
    return frozenset(
        bytes(report)
        for (report,) in sql.rows(
            _LINKED, [plain_array(sorted(report.hex() for report in reports))]
        )
    )


# Holders of the batch's values; for a very frequent value, only the holders on which links depend.

MOST_READ = 1000
"""Rows of one value read at once: far above `most_holders`, since some are of reports not linked yet."""


class HeldByOthers(Struct, frozen=True, kw_only=True):
    """A value of the batch that several reports hold.

    `selector` is the value, `mark` its weight class, `holders` the number of these reports. `read` are the
    ids of those that were read, ascending, complete up to `sure` (None: unknown). Reports after `sure` have
    more than `most_holders` others before them. If not all were read, `holders` is not exact, but exceeds
    `most_holders`.
    """

    selector: Selector
    mark: Mark
    holders: int
    read: tuple[UUID, ...]
    sure: UUID | None


def holders_of(
    cards: Mapping[UUID, Card], evidence: Mapping[int, Evidence], weights: Weights, *, actor: Actor
) -> tuple[dict[int, HeldByOthers], dict[UUID, int]]:
    """Return the reports that hold each value of a batch, and the desk of each of these reports.

    The first result maps the short key of a value (eight bytes) to its holders, the second a report to its
    desk. `cards` are the comparable data of the batch by report, `evidence` all its values by short key. A
    value with fewer than two holders is absent. A stop key (a value so frequent that it links nobody) gets
    `weights.most_holders` + 1 as its count, and no holders. The actor is the system, else Refused is raised.
    """
    # In index order, so that the server finds each key on index pages that it has just read.
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
        # Beyond the rows read, the exact number of holders does not matter: it exceeds `most_holders`.
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
    """Return the reports next to the batch's among the holders of each very frequent value of a person.

    `cut` maps a number to a value with more rows than one query reads, and the newest of these rows; the
    result has the same numbers as keys. `cards` are the comparable data of the batch. Values whose weight
    class names no person (by `weights`) are left out.
    """
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
    """Return the short keys (first 64 bits) of those frequent values that are stop keys: they link nobody.

    `many` are the values with more than `most_holders` holders. A person's value is never returned: it still
    links reports received just before and after each other. Any other value is returned when its stored
    frequency step lies past the last step of its weight class (`Mark`); its holders are then not read.
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


# One index look-up in one month's partition per id. With `= ANY` the planner tries every id on every
# partition and reads whole partitions: three times the CPU for fourteen thousand ids.
_CARDS = (
    "SELECT c.report_id, c.card FROM unnest(%s::uuid[]) AS wanted (id) CROSS JOIN LATERAL"
    " (SELECT report_id, card FROM crosscheck_card WHERE report_id = wanted.id LIMIT 1) c"
)


class Parted(Struct, frozen=True, kw_only=True):
    """Identifiers that became too frequent to link a given pair of reports.

    `values` are these identifiers as (kind, value). `has`: bit set of the weight classes (`Mark`) of which
    the suspects of both reports have a value.
    """

    values: frozenset[tuple[str, str]]
    has: int


class Gathered(Struct, frozen=True, kw_only=True):
    """Input of the linkage rule for a batch: its reports and all related reports, as columns.

    `ids` are all these reports, ascending, `sheet` their values as columns, `standing` the document frequency
    of its rows, `desks` the desk of each report. `cards` are the batch's reports as `pack_card` encodes them,
    by id; `held` its shared values with their holders, by short key. `states` are the new document-frequency
    states of the values whose state changed, by short key. `moved` maps the short key of each value with a
    new step or hub flag to the share of points that it keeps (None: it links nobody any more); links that
    rest on it must be reweighted. `parted` are removed links: pairs of earlier reports, later report first,
    that lose a shared value.
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
    """Return the batch `reports` with all already linked reports that share a value with them, as columns.

    `weights` are those of the linkage rule: they set the frequency steps, and how many holders of a value are
    read. The actor is the system, else Refused is raised.
    """
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
    """Return the stored cards (`pack_card`) by report, and the document-frequency states by short key.

    `ids` are the reports; the keys of `keys` are the short keys (first eight bytes of selector keys) of
    values. A report without a stored card, or a value without a state, is absent.
    """
    with together(), binary_arrays.bound() as cards, connection.cursor() as values:
        cards.execute(_CARDS, [binary_arrays.uuids(sorted([report_id.bytes for report_id in ids]))])
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
    """Return the new state of each value by short key, and the states that change as (before, after).

    `cards` are those of the batch, `known` all packed ones; `values` is (holders, stored states), both by
    short key. `weights` holds the frequency steps and the limit of a hub's co-occurring identities.
    """
    held, stored = values
    states: dict[int, ValueState] = {}
    changed: dict[int, tuple[ValueState, ValueState]] = {}
    for key, one in held.items():
        before = stored.get(key, ValueState())
        beside: frozenset[bytes] = frozenset()
        if weights.mark[one.mark].person and one.holders > weights.companions and not before.hub:
            # A stored state covers all earlier reports; for a value without one, all holders are examined.
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
    """Return the sheet with the rows of the batch's values only, and each row's document frequency.

    The sheet holds the values of reports as columns. `ids` are the sheet's reports in order; `values` is
    (holders, new states), both by short key.
    """
    held, states = values
    rows = sheet.rows
    size = len(rows.key)
    holders, place = np.zeros(size, np.int64), np.zeros(size, np.int64)
    hub, kept = np.zeros(size, np.bool_), np.zeros(size, np.bool_)
    for span in _spans(rows.key):
        one = held.get(int(rows.key[span.start]))
        if one is None:
            continue  # shared only by reports outside the batch
        # Only some holders of a very frequent value were read; reports read for another value are skipped.
        read = set(one.read) if one.holders > len(one.read) else None
        theirs = [ids[r] for r in rows.report[span].tolist()]
        mine = [read is None or i in read for i in theirs]
        kept[span] = mine
        state = states[int(rows.key[span.start])]
        holders[span] = max(one.holders, least_holders(one.mark, state.step, weights))
        place[span] = np.cumsum(mine) - 1
        if read is not None:
            behind = [one.sure is None or i > one.sure for i in theirs]
            place[span] += np.where(behind, weights.most_holders, 0)
        hub[span] = state.hub
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
    """Return the pairs of earlier reports that a person's value no longer links, with the lost values.

    `standing` is the document frequency of the rows (values of a report), `held` the batch's shared values by
    short key; `reports` is (ids, mask of the batch's reports), by place in the sheet. `weights` sets from how
    many holders a value links only neighbours.
    """
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
    """Return the slice of rows of each value, in order; `keys` is the key of each row, sorted."""
    size = len(keys)
    new = np.append(True, keys[1:] != keys[:-1]) if size else np.zeros(0, np.bool_)
    return [slice(*ends) for ends in pairwise([*np.flatnonzero(new).tolist(), size])]
