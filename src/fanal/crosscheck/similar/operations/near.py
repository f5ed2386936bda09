"""Finds reports similar to newly linked ones, some at a time, while no other work is queued.

A new report changes the similar pairs of itself and of every report that shares a key or a picture with it.
The pure rule (`domain/pairs.py`) recomputes all of these, so the pairs depend on the set of reports and not
on their order.
"""

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from typing import TypeVar
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.records import pack_reasons
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.operations import lock
from fanal.crosscheck.links.operations.shared_evidence import join_by_shared_evidence
from fanal.crosscheck.similar.domain.pairs import (
    NearReport,
    NearWorld,
    holders_of,
    joined,
    near_of,
    near_pages,
    spelled_of,
)
from fanal.crosscheck.similar.domain.rules import NearRules, load_near_rules
from fanal.crosscheck.similar.domain.sketch import Sketch, Sketcher, Trait, going_round, rejected
from fanal.crosscheck.similar.domain.suggestions import Resemblance
from fanal.crosscheck.similar.operations import store
from fanal.crosscheck.similar.queries import answers_about
from fanal.db import sql
from fanal.db.sql import plain_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.kernel.actors import Actor
from fanal.kernel.failpoints import failpoint
from fanal.ledger import operations as ledger
from fanal.vault import keyring

# Resemblances found by the trained linkage model; a new run replaces the earlier one.

_WRITE = (
    "INSERT INTO crosscheck_resemblance"
    " (report_id, other_id, desk_id, other_desk_id, score, model, reasons)"
    " SELECT r.report_id, r.other_id, r.desk_id, r.other_desk_id, r.score, %s, decode(r.reasons, 'hex')"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::int[], %s::int[], %s::real[], %s::text[])"
    " AS r (report_id, other_id, desk_id, other_desk_id, score, reasons)"
)


def keep_resemblances(
    *, actor: Actor, found: Sequence[Resemblance], model: str, now: datetime
) -> int:
    """Replace the stored model suggestions with the pairs not already in one dossier; return their number.

    `found` are all pairs that the model found; reports unknown to cross-check are left out. `model` is the
    version of the linkage model, stored with each pair.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        lock()
        ends = {end for one in found for end in (one.report_id, one.other_id)}
        anchors = dossiers.standing_of(ends).anchors
        desks = dossiers.desks_of_reports(ends)
        kept = [
            one
            for one in found
            if one.report_id in desks
            and one.other_id in desks
            and (
                one.report_id not in anchors or anchors[one.report_id] != anchors.get(one.other_id)
            )
        ]
        sql.run("DELETE FROM crosscheck_resemblance")
        _write(kept, desks, model)
        ledger.record(
            actor=actor,
            action="crosscheck.rebuild",
            at=now,
            objects=[],
            detail={"resemblances": len(kept), "model": model},
        )
    return len(kept)


def _write(kept: Sequence[Resemblance], desks: Mapping[UUID, int], model: str) -> None:
    if not kept:
        return
    sql.run(
        _WRITE,
        [
            model,
            uuid_array(one.report_id for one in kept),
            uuid_array(one.other_id for one in kept),
            plain_array(str(desks[one.report_id]) for one in kept),
            plain_array(str(desks[one.other_id]) for one in kept),
            plain_array(str(one.score()) for one in kept),
            plain_array(pack_reasons(one.reasons()).hex() for one in kept),
        ],
    )


AT_ONCE = 100
"""Reports of one portion: some tenths of a second, one transaction."""
_PURPOSE = "crosscheck.near"
T = TypeVar("T")
log = logging.getLogger("fanal.crosscheck")


def renew_near(*, actor: Actor, now: datetime, most: int = AT_ONCE) -> int:
    """Recompute the similar pairs of the next `most` queued reports and of all affected reports.

    Affected are the reports that share a text passage or another key, a similar picture or a similar
    identifier with them. Before and after the search, dossiers that uncertain links and similar reports
    connect with certainty are joined (`links/operations/shared_evidence.py`): before it those of the queued
    reports, whose links are new, after it those of reports with similar ones. If the process ends between
    the two, or another worker takes the lock, the next call joins them. Returns the number of reports taken
    from the queue: 0 where it is empty or another worker holds the lock.

    Raises:
        Refused: the actor is not the system.
        KeyMissing: this process holds no key for digests.
    """
    require(actor, "pipeline.run")
    rules = load_near_rules()
    with transaction.atomic():
        # Apart from the search, since a batch holds the lock of dossiers while it queues reports.
        if store.hold():
            reports = {*store.next_of(most), *store.take_unjoined()}
            join_by_shared_evidence(actor=actor, reports=reports, now=now)
    with transaction.atomic():
        ids = store.take(most) if store.hold() else []
        if not ids:
            return 0
        sketcher = Sketcher(keyring.current().digest(_PURPOSE, b""), rules)
        records = harmonised.get_records(actor=actor, report_ids=ids)
        store.write_sketches(ids, _made(records, sketcher.sketch))
        spelt = store.write(ids, _made(records, partial(spelled_of, sketcher=sketcher)), sketcher)
        touched, world = _world({*ids, *store.later_of(ids), *spelt}, rules)
        found = _found(actor, touched, world, sketcher)
        for report_id, more in store.find(actor, touched, sketcher).items():
            found.setdefault(report_id, []).extend(more)
        pairs = {report_id: joined(ways) for report_id, ways in found.items()}
        written = store.write_near(touched, pairs)
        store.leave_unjoined(written)
        failpoint("near.written")
        if written:
            ledger.record_batch(
                actor=actor,
                action="report.crosscheck",
                at=now,
                kind="report",
                items=[(i, b"near %d" % n) for i, n in sorted(written.items())],
                detail={"near": sum(written.values())},
            )
    failpoint("near.committed")
    if written:
        with transaction.atomic():
            if store.hold():
                join_by_shared_evidence(actor=actor, reports=store.take_unjoined(), now=now)
    return len(ids)


def stop_near(*, actor: Actor, most: int) -> tuple[list[UUID], bool]:
    """Record that a call of `renew_near` with this `most` took too long and was stopped.

    Returns its reports, and whether they were dropped from the queue. Several reports are retried one by one;
    a single report is dropped, and gets no similar reports until the next rebuild. Dossiers that were still
    to be joined after a search are left to the next search of one of their reports.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    with transaction.atomic():
        return store.stop(most)


def wait_again() -> int:
    """Delete all similarity data and queue every linked report; runs in the transaction of a rebuild.

    Returns the number of reports queued.
    """
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM crosscheck_near")
        cursor.execute("DELETE FROM crosscheck_sketch")
        cursor.execute("DELETE FROM crosscheck_spelling")
        cursor.execute("DELETE FROM crosscheck_worn")
        cursor.execute("DELETE FROM crosscheck_unjoined")
        cursor.execute(
            "INSERT INTO crosscheck_waiting SELECT report_id FROM crosscheck_card"
            " ON CONFLICT DO NOTHING"
        )
        return int(cursor.rowcount)


def _made(
    records: Mapping[UUID, HarmonisedReport], make: Callable[[HarmonisedReport], T]
) -> dict[UUID, T]:
    """Return `make(record)` by report; a record on which it fails is logged and left out."""
    made = {}
    for report_id, record in records.items():
        try:
            made[report_id] = make(record)
        except Exception as failure:  # noqa: BLE001 - any error is this report's own
            log.error("%s has no sketch: %s", report_id, type(failure).__name__)
    return made


def _world(ids: Collection[UUID], rules: NearRules) -> tuple[set[UUID], NearWorld]:
    """Return the reports whose similar pairs may change with `ids`, the queued reports, and the data to
    search them.

    The data are the sketches (digests) of these reports and of all that share a key with them, the similar
    pictures, and the stop keys. Keys held by more reports than `rules` allow become stop keys on the way:
    they no longer make reports similar.
    """
    worn: set[int] = set()
    sketches = store.sharing(store.sketches_of(ids), worn)
    _wear(sketches, worn, rules)
    near = store.near_pictures(_pictures(sketches, ids), {})
    touched = {*ids, *sketches}
    for held in near.values():
        if len(held) <= 2 * rules.holders.picture:  # beyond that, all were too frequent before
            touched |= {report for report, _, _ in held}
    # The pairs of touched reports depend in turn on everything that shares a key with them.
    sketches |= store.sharing(store.sketches_of(touched), worn)
    near = store.near_pictures(_pictures(sketches, touched), near)
    around = {pdq for held in near.values() for _, pdq, _ in held}
    near = store.near_pictures(around, near)
    return touched, NearWorld(sketches=sketches, worn=frozenset(worn), near=near)


def _wear(sketches: Mapping[UUID, Sketch], worn: set[int], rules: NearRules) -> None:
    """Find new stop keys, store them, and add them to `worn`, the stop keys known so far.

    They are keys held by too many of `sketches`, and text passages common to many rejected pairs of
    reports.
    """
    answers = answers_about(store.answered_among(sketches))
    pairs = [(sketches[one], sketches[two]) for (one, two), a in answers.items() if not a.accepted]
    fresh = (going_round(sketches.values(), rules) | rejected(pairs, rules)) - worn
    store.note_worn(fresh)
    worn |= fresh


def _pictures(sketches: Mapping[UUID, Sketch], ids: Iterable[UUID]) -> set[bytes]:
    return {pdq for i in ids if i in sketches for pdq in sketches[i].pictures}


def _found(
    actor: Actor, touched: Collection[UUID], world: NearWorld, sketcher: Sketcher
) -> dict[UUID, list[NearReport]]:
    """Return the similar earlier reports of each touched report, by report id.

    Sketches (digests of a report's parts) and pictures come from `world`; page addresses are read from the
    records. A report without sketch is absent.
    """
    rules = load_near_rules()
    ids = [report_id for report_id in touched if report_id in world.sketches]
    found = near_of(ids, world, rules)
    held = holders_of(
        {i: s.of(Trait.MIRROR, Trait.FAMILY) for i, s in world.sketches.items()}, world.worn
    )
    telling = sorted({report_id for holders in held.values() for report_id in holders})
    records = harmonised.get_records(actor=actor, report_ids=telling)
    pages = {i: list(sketcher.pages(record)) for i, record in records.items()}
    for report_id in found.keys() & pages.keys():
        found[report_id] += near_pages(report_id, pages, held, rules)
    return found
