"""Recomputes all links, document frequencies and dossiers from the records and people's judgements."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from uuid import UUID

import numpy as np
from django.db import connection, transaction
from msgspec import Struct

from fanal.accounts.domain.policy import require
from fanal.crosscheck.all_reports import Joined, Whole, whole_of
from fanal.crosscheck.domain.cards import MARKS, beginning_of, card_of, pack_card, signed
from fanal.crosscheck.domain.records import Link
from fanal.crosscheck.domain.weights import Weights, load_weights
from fanal.crosscheck.dossiers import queries as state
from fanal.crosscheck.dossiers.domain import dossier_id
from fanal.crosscheck.dossiers.operations import (
    former_anchors,
    lead_merged,
    lock,
    write_membership,
)
from fanal.crosscheck.dossiers.ties import all_erased_members, all_ties, write_erased_members
from fanal.crosscheck.engine.domain.rule import weigh
from fanal.crosscheck.engine.domain.sheet import share_kept
from fanal.crosscheck.links.domain.document_frequency import companion
from fanal.crosscheck.links.domain.linking import Explainer, ReportWords
from fanal.crosscheck.links.domain.reasons import ValueState, step_of
from fanal.crosscheck.links.operations.store import (
    kept_states,
    write_cards,
    write_links,
    write_states,
)
from fanal.crosscheck.similar.operations.near import wait_again
from fanal.db import sql
from fanal.harmonise import queries as harmonised
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_AT_ONCE = 2000


class Rebuilt(Struct, frozen=True, kw_only=True):
    """Counts of a rebuild: all `reports` and `links`, how many of the links are `certain`, and the
    `dossiers`.

    `members` is the number of reports in a dossier.
    """

    reports: int
    links: int
    certain: int
    members: int
    dossiers: int


def rebuild(*, actor: Actor, now: datetime) -> Rebuilt:
    """Recompute all links and dossiers in one transaction; readers see the old state until it commits.

    Stored related-report counts (`KinFacts`) keep their values from the time of ranking. All similarity data
    is deleted, and every report is queued for the similarity search.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    weights = load_weights()
    with transaction.atomic():
        lock()
        _refresh_cards(actor, weights)
        ids, desks, cards = _cards()
        whole = whole_of(cards, weights, kept=_still_held(actor, kept_states()))
        _empty()
        write_states(_states(whole, weights))
        joined = Joined(len(ids))
        links = 0
        for part in _links(_Words(actor, ids), whole, joined, weights):
            write_links(part, desks)
            links += len(part)
        ties = all_ties()
        anchors = joined.anchors(ids, state.judgements(), weights, ties.links)
        members = _dossiers(ids, desks, anchors, now)
        wait_again()
        done = Rebuilt(
            reports=len(ids),
            links=links,
            certain=joined.certain,
            members=len(members),
            dossiers=len(set(members.values())),
        )
        ledger.record(
            actor=actor,
            action="crosscheck.rebuild",
            at=now,
            objects=[],
            detail={"reports": done.reports, "links": done.links, "version": weights.version},
        )
    return done


def _links(words: "_Words", whole: Whole, joined: Joined, weights: Weights) -> Iterator[list[Link]]:
    """Yield all links, some thousands at a time, and unite the reports of certain pairs in `joined`.

    `words` loads the records that the reasons need; `whole` are all reports as columns, `weights` the points
    and limits of the rule.
    """
    kept = share_kept(whole.sheet.rows.mark, whole.standing, weights)
    parts = weigh(whole.sheet, whole.standing, weights, at_once=_AT_ONCE, seated=whole.seated)
    for pairs in parts:
        joined.add(pairs, weights)
        words.read(np.unique(pairs.later).tolist())
        found = Explainer(whole.sheet, pairs, kept, words.selector, weights).links(words.ids)
        while part := list(islice(found, _AT_ONCE)):
            yield part


def _refresh_cards(actor: Actor, weights: Weights) -> None:
    """Recompute the comparable data ("cards") that are missing or were made under another linkage rule.

    The current version is that of `weights`.
    """
    stale = sql.rows(
        "SELECT DISTINCT k.report_id, k.desk_id FROM crosscheck_kin k LEFT JOIN crosscheck_card c"
        " ON c.report_id = k.report_id WHERE c.version IS DISTINCT FROM %s ORDER BY k.report_id",
        [weights.version],
    )
    for start in range(0, len(stale), _AT_ONCE):
        desks = dict(stale[start : start + _AT_ONCE])
        records = harmonised.get_records(actor=actor, report_ids=list(desks))
        write_cards({i: pack_card(card_of(record)) for i, record in records.items()}, desks)


def _cards() -> tuple[list[UUID], dict[UUID, int], list[bytes]]:
    rows = sql.rows("SELECT report_id, desk_id, card FROM crosscheck_card ORDER BY report_id")
    return (
        [row[0] for row in rows],
        {row[0]: row[1] for row in rows},
        [bytes(row[2]) for row in rows],
    )


def _still_held(actor: Actor, kept: dict[int, ValueState]) -> dict[int, ValueState]:
    """Return the states kept by erasures of values that a report still holds, and delete the others."""
    octets = {beginning_of(key): key for key in kept}
    held = harmonised.held_beyond(actor=actor, beginnings=list(octets), report_ids=[])
    gone = [signed(key) for one, key in octets.items() if one not in held]
    sql.run("DELETE FROM crosscheck_value WHERE key = ANY(%s::bigint[])", [gone])
    return {octets[one]: kept[octets[one]] for one in held}


def _empty() -> None:
    """Delete all links of every linkage rule, and all frequency states of values that no erasure has kept."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crosscheck_link")
        cursor.execute("DELETE FROM crosscheck_value WHERE NOT kept")


def _states(whole: Whole, weights: Weights) -> dict[int, ValueState]:
    """Return by short key the states of hubs, of values past a frequency step, and of values with companions.

    Companions are the identities that co-occur with a value. `weights` holds the steps.
    """
    rows, groups = whole.sheet.rows, whole.groups
    beside: dict[int, set[bytes]] = {}
    for group, mark, key in zip(*(column.tolist() for column in groups.beside), strict=True):
        beside.setdefault(group, set()).add(companion(mark, key))
    marks, keys = rows.mark[groups.start].tolist(), rows.key[groups.start].tolist()
    holders = whole.standing.holders[groups.start].tolist()
    states: dict[int, ValueState] = {}
    for place, (mark, key, number, hub) in enumerate(
        zip(marks, keys, holders, groups.hub.tolist(), strict=True)
    ):
        step = step_of(MARKS[mark], number, weights)
        if hub:
            states[key] = ValueState(step, hub=True)
        elif step or place in beside:
            states[key] = ValueState(step, companions=frozenset(beside.get(place, ())))
    return states


class _Words(ReportWords):
    """Records of all reports, of which only some are in memory at a time."""

    def __init__(self, actor: Actor, ids: Sequence[UUID]) -> None:
        super().__init__([], ids)
        self._actor, self.ids = actor, ids

    def read(self, places: Iterable[int]) -> None:
        """Read the records of some reports, and drop all others; `places` are their positions in `ids`."""
        self.forget()
        wanted = {self.ids[place]: place for place in places}
        records = harmonised.get_records(actor=self._actor, report_ids=list(wanted))
        self._records = {wanted[report_id]: record for report_id, record in records.items()}


def _dossiers(
    ids: Sequence[UUID], desks: dict[UUID, int], anchors: dict[UUID, UUID], now: datetime
) -> dict[UUID, UUID]:
    """Store the dossier of each report of `ids`, and return the dossier ids by report.

    `anchors` maps reports to the earliest report of their dossier. It holds erased reports too: they are in
    no dossier, but may be the earliest report of one. `desks` maps the reports of `ids` to their desks.
    """
    living = {report: anchors[report] for report in ids if report in anchors}
    known = desks | state.desks_of_reports(anchors.keys() - living.keys())
    for start in range(0, len(ids), _AT_ONCE):
        part = set(ids[start : start + _AT_ONCE])
        write_membership(part, {i: living[i] for i in part & living.keys()}, known, now)
    lead_merged(anchors, living, among=former_anchors() | anchors.keys())
    erased = {report: dossier_id(anchors[report]) for report in anchors.keys() - living.keys()}
    write_erased_members(dict.fromkeys(all_erased_members()) | erased, known)
    return {report: dossier_id(anchor) for report, anchor in living.items()}
