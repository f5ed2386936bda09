"""Links a batch of reports to all reports that share evidence with it, and proposes dossiers.

Batches run one at a time under an advisory lock. Each sees the comparable data ("cards") of all earlier
batches, so that no pair is missed and all are weighted with the same frequencies. Earlier links are
reweighted after a change of a value's document frequency or the removal of a shared value.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import msgspec
import numpy as np
from django.db import connection, transaction

from fanal.accounts.domain.policy import require
from fanal.accounts.row_scope import together
from fanal.analyse.domain.records import KinFacts
from fanal.crosscheck.domain.records import Link, pack_reasons, unpack_reasons
from fanal.crosscheck.domain.weights import load_weights, score_of
from fanal.crosscheck.dossiers import queries as state
from fanal.crosscheck.dossiers.domain import Strong, connected, dossier_id, grow, still_apart
from fanal.crosscheck.dossiers.operations import OPEN_DOSSIERS, assemble, lock
from fanal.crosscheck.dossiers.ties import judged_near
from fanal.crosscheck.links.domain.document_frequency import weighed_anew
from fanal.crosscheck.links.domain.linking import ReportWords, kin_facts, link
from fanal.crosscheck.links.operations.sightings import Gathered, gather
from fanal.crosscheck.links.operations.store import (
    write_cards,
    write_kin,
    write_links,
    write_states,
)
from fanal.crosscheck.similar.operations.store import let_wait
from fanal.db import sql
from fanal.db.sql import plain_array, uuid_array
from fanal.harmonise import queries as harmonised
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.harmonise.domain.sightings import key_bytes
from fanal.intake.queries.envelopes import get_reports
from fanal.intake.queries.reviews import erased_among
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_MOST_OF_PERSON, _MOST_OF_FILE = 20_000, 5000
"""Most holders read to reweight a value. A value that names no person changes for the last time when it
passes `most_holders`, so fewer suffice."""
_SELECT = "SELECT l.report_id, l.other_id, l.score, l.reasons"
_Stored = tuple[UUID, UUID, float, memoryview]
_UPDATE = (
    "UPDATE crosscheck_link l SET score = v.score, reasons = decode(v.reasons, 'hex')"
    " FROM unnest(%s::uuid[], %s::uuid[], %s::real[], %s::text[])"
    " AS v (report_id, other_id, score, reasons)"
    " WHERE l.report_id = v.report_id AND l.other_id = v.other_id AND l.rule_version = %s"
)
_DELETE = (
    "DELETE FROM crosscheck_link l USING unnest(%s::uuid[], %s::uuid[]) AS v (report_id, other_id)"
    " WHERE l.report_id = v.report_id AND l.other_id = v.other_id AND l.rule_version = %s"
)


def move(gathered: Gathered, *, actor: Actor) -> list[tuple[UUID, UUID]]:
    """Update earlier links after a batch changed the weight of values; return the pairs no longer certain.

    The weight of a value changes when its document frequency passes a step, or when it becomes a hub
    (co-occurs with too many identities). Links left with too few points to be shown are deleted. `gathered`
    holds the batch's values with their new shares of points and the removed links. Steps and hubs only rise,
    and new reports only come between others, so no new pair appears. [] if no value changed its weight.

    Raises:
        Refused: the actor is not the system.
    """
    moved, held = gathered.moved, gathered.held
    if not moved and not gathered.parted:
        return []
    weights = load_weights()
    kept = {
        (held[k].selector.kind.value, held[k].selector.value): share for k, share in moved.items()
    }
    changed: list[tuple[UUID, UUID, float, bytes]] = []
    gone: list[tuple[UUID, UUID]] = []
    lost: list[tuple[UUID, UUID]] = []
    for one, two, score, content in _moved_links(gathered, weights.version, actor=actor):
        reasons = unpack_reasons(content)
        parted = gathered.parted.get((one, two))
        shares = kept | dict.fromkeys(parted.values) if parted else kept
        points, fresh = weighed_anew(reasons, shares, weights, has=parted.has if parted else 0)
        if fresh == reasons:
            continue
        after = round(score_of(points / weights.certain), 4)
        if points < weights.shown:
            gone.append((one, two))
        else:
            changed.append((one, two, after, pack_reasons(fresh)))
        if score >= weights.strong - 1e-6 > after:
            lost.append((one, two))
    _write_moved(changed, gone, weights.version)
    return lost


def _holders_of_moved(gathered: Gathered, actor: Actor) -> set[UUID]:
    """Return the reports that hold a value which passed a frequency step or became a hub.

    A hub is a value that co-occurs with too many identities. `gathered` names these values (`moved`) and
    the holders read so far; of a value not read in full, further holders are read, up to a limit.
    """
    moved = [gathered.held[key] for key in gathered.moved]
    ends = {report_id for one in moved for report_id in one.read}
    cut = [one for one in moved if one.holders > len(one.read)]
    marks = load_weights().mark
    for most, some in (
        (_MOST_OF_PERSON, [one for one in cut if marks[one.mark].person]),
        (_MOST_OF_FILE, [one for one in cut if not marks[one.mark].person]),
    ):
        keys = [key_bytes(one.selector.kind, one.selector.value) for one in some]
        for rows in harmonised.get_shared_rows(actor=actor, keys=keys, limit=most):
            ends.update(UUID(bytes=report) for report in {row[1] for row in rows})
    return ends


def _moved_links(gathered: Gathered, version: str, *, actor: Actor) -> list[_Stored]:
    """Return the links between holders of changed values, and those of pairs with a removed value.

    Each row is (later report, earlier report, score, packed reasons); `version` is that of the linkage rule.
    `gathered` names the values and the pairs.
    """
    ends, pairs = (
        _holders_of_moved(gathered, actor) if gathered.moved else set(),
        list(gathered.parted),
    )
    ones, twos = zip(*pairs, strict=True) if pairs else ((), ())
    return sql.rows(
        f"{_SELECT} FROM crosscheck_link l WHERE l.report_id = ANY(%(ids)s::uuid[])"
        " AND l.other_id = ANY(%(ids)s::uuid[]) AND l.rule_version = %(version)s"
        f" UNION ALL {_SELECT} FROM unnest(%(ones)s::uuid[], %(twos)s::uuid[]) AS v (one, two)"
        " JOIN crosscheck_link l ON l.report_id = v.one AND l.other_id = v.two"
        " WHERE l.rule_version = %(version)s AND NOT (v.one = ANY(%(ids)s::uuid[])"
        " AND v.two = ANY(%(ids)s::uuid[]))",
        {
            "ids": uuid_array(ends),
            "ones": uuid_array(ones),
            "twos": uuid_array(twos),
            "version": version,
        },
    )


def _write_moved(
    changed: list[tuple[UUID, UUID, float, bytes]], gone: list[tuple[UUID, UUID]], version: str
) -> None:
    with connection.cursor() as cursor:
        if changed:
            ones, twos, scores, contents = zip(*changed, strict=True)
            cursor.execute(
                _UPDATE,
                [
                    uuid_array(ones),
                    uuid_array(twos),
                    plain_array(map(str, scores)),
                    plain_array(content.hex() for content in contents),
                    version,
                ],
            )
        if gone:
            ones, twos = zip(*gone, strict=True)
            cursor.execute(_DELETE, [uuid_array(ones), uuid_array(twos), version])


# Adds newly linked reports to dossiers; the cost depends on the batch, not on the size of the dossiers.
#
# Dossiers named in a judgement are recomputed as a whole (`assemble`), the others only grow.


def propose(
    *, strong: Sequence[Strong], desks: Mapping[UUID, int], now: datetime
) -> dict[UUID, UUID]:
    """Join the reports of new certain links into dossiers; return the dossier ids by report.

    Dossiers with a report named in a person's judgement are recomputed as a whole: then the result may hold
    further reports of them, and lacks reports without dossier. `strong` are the certain links, `desks` holds
    the desk of every report. Runs in the caller's transaction, which holds the advisory lock of dossiers.
    """
    ends = {end for found in strong for end in (found.one, found.two)}
    standing = state.standing_of(ends)
    judged = judged_near(ends, standing.sizes)
    touched = connected(strong, standing.anchors, judged) if judged else set()
    growing = [s for s in strong if s.one not in touched]
    anchors = {end: anchor for end, anchor in standing.anchors.items() if end not in touched}
    held = set(anchors.values())
    sizes = {anchor: size for anchor, size in standing.sizes.items() if anchor in held}
    grown = grow(growing, anchors, sizes)
    _write(grown, anchors, desks, now)
    ids = {anchor: dossier_id(anchor) for anchor in set(grown.values())}
    found = {end: ids[grown[end]] for end in ends if end in grown}
    return found | (assemble(touched, now=now) if touched else {})


def _write(
    grown: Mapping[UUID, UUID],
    anchors: Mapping[UUID, UUID],
    desks: Mapping[UUID, int],
    now: datetime,
) -> None:
    before = set(anchors.values())
    fresh = sorted(set(grown.values()) - before)
    moved = [(anchor, grown[anchor]) for anchor in before if grown[anchor] != anchor]
    joining = sorted(report for report in grown if report not in anchors and report not in before)
    ids = {anchor: dossier_id(anchor) for anchor in {grown[r] for r in joining}}
    with together(), connection.cursor() as cursor:
        cursor.execute(
            OPEN_DOSSIERS,
            [
                now,
                uuid_array(dossier_id(a) for a in fresh),
                uuid_array(fresh),
                plain_array(str(desks[a]) for a in fresh),
            ],
        )
        if moved:
            pairs = [[dossier_id(old) for old, _ in moved], [dossier_id(new) for _, new in moved]]
            cursor.execute(
                "UPDATE crosscheck_membership m SET dossier_id = v.new, since = %s"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS v (old, new) WHERE m.dossier_id = v.old",
                [now, *pairs],
            )
            cursor.execute(
                "UPDATE crosscheck_erased_member m SET dossier_id = v.new"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS v (old, new) WHERE m.dossier_id = v.old",
                pairs,
            )
            cursor.execute(
                "UPDATE crosscheck_dossier d SET merged_into = v.new"
                " FROM unnest(%s::uuid[], %s::uuid[]) AS v (old, new) WHERE d.id = v.old",
                pairs,
            )
        cursor.execute(
            "INSERT INTO crosscheck_membership (report_id, dossier_id, desk_id, since)"
            " SELECT m.report_id, m.dossier_id, m.desk_id, %s"
            " FROM unnest(%s::uuid[], %s::uuid[], %s::int[]) AS m (report_id, dossier_id, desk_id)",
            [
                now,
                uuid_array(joining),
                uuid_array(ids[grown[r]] for r in joining),
                plain_array(str(desks[r]) for r in joining),
            ],
        )


# Dossiers to recompute after the loss of certain links: those no longer connected by other certain links.
#
# Most separated pairs stay in one dossier, since a report between them is linked to both. Recomputing a
# dossier of hundreds of reports for each such pair would cost more than all the rest of a batch.

Pair = tuple[UUID, UUID]


def loosened(lost: Sequence[Pair], strong: Sequence[Strong], gathered: Gathered) -> set[UUID]:
    """Return the reports whose dossier must be recomputed because a certain link was lost; empty if none
    was.

    `lost` are the pairs that are no longer certain, `strong` the certain links of the batch, `gathered` its
    values with the reports that have them. A pair that other certain links still connect is left out,
    unless a person's judgement names its dossier.
    """
    if not lost:
        return set()
    joins = [(found.one, found.two) for found in strong]
    apart = still_apart(lost, joins)
    if apart:
        apart = still_apart(apart, [*joins, *_certain_among(_holders(apart, gathered))])
    return _ends(apart) | _judged(_ends(lost))


def _holders(pairs: Iterable[Pair], gathered: Gathered) -> set[UUID]:
    """Return the reports that hold the values which linked these pairs, among the holders that were read.

    `gathered` holds the batch's values with their holders.
    """
    parted = (gathered.parted[pair].values for pair in pairs if pair in gathered.parted)
    values = frozenset[tuple[str, str]]().union(*parted)
    return {
        report_id
        for key, one in gathered.held.items()
        if key in gathered.moved or (one.selector.kind.value, one.selector.value) in values
        for report_id in one.read
    }


def _certain_among(reports: set[UUID]) -> list[Pair]:
    return sql.rows(
        "SELECT report_id, other_id FROM crosscheck_link WHERE report_id = ANY(%(ids)s::uuid[])"
        " AND other_id = ANY(%(ids)s::uuid[]) AND rule_version = %(version)s"
        " AND score >= %(strong)s",
        {
            "ids": uuid_array(sorted(reports)),
            "version": load_weights().version,
            "strong": load_weights().strong - 1e-6,
        },
    )


def _judged(ends: set[UUID]) -> set[UUID]:
    """Return the reports of `ends` that a person's judgement names, or whose dossier contains such a report.

    `ends` are reports of removed links.
    """
    standing = state.standing_of(ends)
    judged = judged_near(ends, standing.sizes)
    return {end for end in ends if end in judged or standing.anchors.get(end) in judged}


def _ends(pairs: Iterable[Pair]) -> set[UUID]:
    return {end for pair in pairs for end in pair}


class DeskUnknown(LookupError):
    """Error: the desk of a report cannot be determined, since neither harmonise nor intake has the report."""


def crosscheck_batch(
    *, actor: Actor, reports: Sequence[HarmonisedReport], now: datetime
) -> list[KinFacts]:
    """Link `reports` to all others that share evidence, propose dossiers, and return counts of links.

    The result has for each report, in the order given, its counts of related reports. A report that is erased
    is not linked, and has no related report. Stage 2 (harmonise) must have committed the sightings
    (occurrences of identifiers) of `reports`. A second run writes the same rows; under a new version of the
    linkage rule it adds rows and keeps the earlier ones.

    Raises:
        Refused: the actor is not the system.
        DeskUnknown: neither intake nor harmonise knows a report.
    """
    require(actor, "pipeline.run")
    if not reports:
        return []
    given = [report.report_id for report in reports]
    weights = load_weights()
    with transaction.atomic():
        lock()
        # What was erased while the batch waited is not linked: nothing would erase it again.
        erased = erased_among(report_ids=given)
        reports = [report for report in reports if report.report_id not in erased]
        if not reports:
            return kin_facts(given, [])
        ids = [report.report_id for report in reports]
        with together():
            fresh = _not_linked_before(ids)
        gathered = gather(actor=actor, reports=reports, weights=weights)
        links = _links(gathered, reports)
        desks = _desks(actor, ids, gathered)
        facts = kin_facts(ids, links)
        with together():
            write_cards(gathered.cards, desks)
            write_states(gathered.states)
            lost = move(gathered, actor=actor)
            write_links(links, desks)
            write_kin(facts, (desks, weights.version), now)
            let_wait(ids)
        strong = [_strong(found) for found in links if found.score >= weights.strong]
        gone = loosened(lost, strong, gathered)
        dossiers = _dossiers(strong, gone, (desks, len(fresh) == len(ids)), now)
        ledger.record_batch(
            actor=actor,
            action="report.crosscheck",
            at=now,
            kind="report",
            items=[(f.report_id, msgspec.json.encode(f)) for f in facts],
            detail={"links": len(links)},
        )
    found = {f.report_id: f for f in (*kin_facts(list(erased), []), *facts)}
    return [msgspec.structs.replace(found[i], dossier_id=dossiers.get(i)) for i in given]


def _links(gathered: Gathered, reports: Sequence[HarmonisedReport]) -> list[Link]:
    batch = {report.report_id for report in reports}
    fresh = np.fromiter((i in batch for i in gathered.ids), np.bool_, len(gathered.ids))
    told = ReportWords(reports, gathered.ids)
    found = link(
        gathered.sheet,
        gathered.standing,
        load_weights(),
        ids=gathered.ids,
        told=told.selector,
        fresh=fresh,
    )
    return list(found)


def _strong(found: Link) -> Strong:
    return Strong(one=found.report_id, two=found.other_id, score=found.score)


def _dossiers(
    strong: Sequence[Strong],
    loose: set[UUID],
    known: tuple[Mapping[UUID, int], bool],
    now: datetime,
) -> dict[UUID, UUID]:
    """Return the dossier of each report of `strong` and `loose`; dossiers of `loose` are recomputed.

    `strong` are certain links of the batch, `loose` reports that lost one. `known` is (desk by report,
    whether all reports of the batch are linked for the first time); if not, those of `strong` are
    recomputed too.
    """
    desks, all_new = known
    gone = set(loose)
    found: dict[UUID, UUID] = {}
    if strong and all_new:
        found = propose(strong=strong, desks=desks, now=now)
    elif strong:
        gone |= {end for each in strong for end in (each.one, each.two)}
    return found | (assemble(gone, now=now) if gone else {})


def _desks(actor: Actor, ids: Sequence[UUID], gathered: Gathered) -> dict[UUID, int]:
    """Return by report the desk of each report of the batch and of each that shares a value with it.

    `ids` are the reports of the batch, `gathered` holds the others.

    Raises:
        DeskUnknown: neither intake nor harmonise knows a report of the batch.
    """
    desks = dict(gathered.desks)
    missing = [report_id for report_id in ids if report_id not in desks]
    if missing:
        desks |= harmonised.get_desks(actor=actor, report_ids=missing)
        missing = [report_id for report_id in missing if report_id not in desks]
    if missing:
        facts = get_reports(actor=actor, report_ids=missing)
        desks |= {report_id: found.desk_id for report_id, found in facts.items()}
    for report_id in ids:
        if report_id not in desks:
            raise DeskUnknown(str(report_id))
    return desks


def _not_linked_before(ids: Sequence[UUID]) -> set[UUID]:
    found = sql.rows(
        "SELECT report_id FROM crosscheck_kin WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(ids)],
    )
    return set(ids) - {report_id for (report_id,) in found}
