"""Join dossiers that uncertain links and similarities connect with enough evidence, taken together.

The strongest pair of reports between the two dossiers gets a certain link, with the reason TOGETHER. The
link stays certain until one of its values changes its weight, or a person separates the dossiers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from msgspec import structs

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.cards import read_card
from fanal.crosscheck.domain.records import (
    OTHER,
    JudgementAct,
    Link,
    LinkReason,
    unpack_reasons,
)
from fanal.crosscheck.domain.weights import Weights, load_weights, score_of
from fanal.crosscheck.dossiers import queries as dossiers
from fanal.crosscheck.dossiers.domain import Judgement, effective
from fanal.crosscheck.dossiers.operations import assemble, homes_of_erased, lock
from fanal.crosscheck.links.domain.linking import is_of_value, mark_of_reason, points_of
from fanal.crosscheck.links.domain.shared_evidence import (
    Evidence,
    Suspects,
    Uncertain,
    certain_together,
    equal_names,
    suspects_of,
)
from fanal.crosscheck.links.operations.store import write_links
from fanal.db import sql
from fanal.db.sql import bytes_array, uuid_array
from fanal.kernel.actors import Actor
from fanal.ledger import operations as ledger

_ACROSS = (
    "SELECT l.report_id, l.other_id, l.reasons FROM crosscheck_link l"
    " LEFT JOIN crosscheck_membership a ON a.report_id = l.report_id"
    " LEFT JOIN crosscheck_membership b ON b.report_id = l.other_id"
    " WHERE l.{side} = ANY(%(ids)s::uuid[]) AND l.rule_version = %(version)s"
    " AND l.score >= %(least)s AND l.score < %(strong)s"
    " AND (a.dossier_id IS NULL OR a.dossier_id IS DISTINCT FROM b.dossier_id)"
)
_SIMILAR = (
    "SELECT n.report_id, n.other_id, n.reasons FROM crosscheck_near n"
    " LEFT JOIN crosscheck_membership a ON a.report_id = n.report_id"
    " LEFT JOIN crosscheck_membership b ON b.report_id = n.other_id"
    " WHERE n.{side} = ANY(%(ids)s::uuid[])"
    " AND (a.dossier_id IS NULL OR a.dossier_id IS DISTINCT FROM b.dossier_id)"
)
_STORED = (
    "SELECT l.report_id, l.other_id, l.reasons FROM crosscheck_link l"
    " JOIN unnest(%s::uuid[], %s::uuid[]) AS p (one, two)"
    " ON l.report_id = p.one AND l.other_id = p.two WHERE l.rule_version = %s"
)
_MOST_NAMED = 1000
# One range of an index in each month; the name is the first eight bytes of a card.
_FREQUENT = (
    "SELECT wanted.name FROM unnest(%s::bytea[]) AS wanted (name) WHERE %s <"
    " (SELECT count(DISTINCT coalesce(m.dossier_id, c.report_id)) FROM"
    " (SELECT report_id FROM crosscheck_card WHERE substring(card FROM 1 FOR 8) = wanted.name"
    " AND substring(card FROM 1 FOR 8) <> '\\x0000000000000000'"
    " ORDER BY report_id DESC LIMIT %s) c"
    " LEFT JOIN crosscheck_membership m ON m.report_id = c.report_id)"
)
_SEPARATING = frozenset({JudgementAct.UNLINK, JudgementAct.SPLIT, JudgementAct.REJECT})
Reasons = tuple[LinkReason, ...]
Pair = tuple[UUID, UUID]


class _Certain(NamedTuple):
    """A pair of reports, the later first, whose link becomes certain.

    `points` are those of all evidence between their dossiers, `similar` the similarities of the pair
    itself.
    """

    one: UUID
    two: UUID
    points: float
    similar: Reasons


def join_by_shared_evidence(*, actor: Actor, reports: Collection[UUID], now: datetime) -> int:
    """Join the dossiers of `reports` with other dossiers if their uncertain links and similarities are
    enough together.

    Returns the number of links that became certain. Runs in the caller's transaction; if any link became
    certain, the advisory lock of dossiers is held until its end.

    Raises:
        Refused: the actor is not the system.
    """
    require(actor, "pipeline.run")
    if not _certain(reports):  # the usual case, without the lock
        return 0
    lock()
    joined = _certain(reports)
    if not joined:
        return 0
    _promote(joined, load_weights())
    assemble({end for each in joined for end in (each.one, each.two)}, now=now)
    ledger.record_batch(
        actor=actor,
        action="report.crosscheck",
        at=now,
        kind="report",
        items=[(one, b"together") for one in sorted({each.one for each in joined})],
        detail={"together": len(joined)},
    )
    return len(joined)


def _certain(reports: Collection[UUID]) -> list[_Certain]:
    """Return the pairs of reports whose link becomes certain by all evidence between their two dossiers.

    One of the two dossiers holds a report of `reports`. Pairs that a person's judgement separates are left
    out.
    """
    weights = load_weights()
    inside = dossiers.co_members(reports=reports).union(reports)
    bounds = {
        "version": weights.version,
        "least": weights.doubtful - 1e-6,
        "strong": weights.strong - 1e-6,
    }
    links = _read(_ACROSS, inside, bounds)
    similar = _read(_SIMILAR, inside, {})
    members = inside.union(*links, *similar)
    members |= dossiers.co_members(reports=members)
    if any(reason.kind == "NEAR_LINE" for each in similar.values() for reason in each):
        # Whoever else had these lines: where they differ, the line is no one's.
        similar |= _read(_SIMILAR, members, {})
        members = members.union(*similar)
        members |= dossiers.co_members(reports=members)
    pairs = links.keys() | similar.keys()
    home = _dossier_of(members) if pairs else {}
    heads = {report.bytes: head.bytes for report, head in home.items()}
    evidence = [
        _uncertain(pair, links.get(pair, ()), similar.get(pair, ()), weights) for pair in pairs
    ]
    suspects = _suspects(home)
    found = certain_together(evidence, heads, suspects, weights)
    if frequent := _frequent(equal_names(found, heads, suspects), weights):
        found = certain_together(evidence, heads, suspects, weights, frequent)
    near = {home[report].bytes for report in inside if report in home}
    found = [each for each in found if near & {heads[each[0].one], heads[each[0].two]}]
    homes = home | homes_of_erased(home) if found else home
    judged = effective(dossiers.judgements_about(homes)) if found else []
    return [
        _Certain(one, two, points, similar.get((one, two), ()))
        for link, points in found
        for one, two in ((UUID(bytes=link.one), UUID(bytes=link.two)),)
        if not _is_separated({home[one], home[two]}, homes, judged)
    ]


def _read(
    statement: str, reports: Iterable[UUID], bounds: Mapping[str, object]
) -> dict[Pair, Reasons]:
    """Return the reasons of pairs that have one report among `reports` and the other in another dossier.

    The keys are (later report, earlier report). `statement` is `_ACROSS` (suggested links of the current
    rule; `bounds` are its version and range of scores) or `_SIMILAR`.
    """
    told = {"ids": uuid_array(reports), **bounds}
    both = " UNION ".join(statement.format(side=side) for side in ("report_id", "other_id"))
    return {(one, two): unpack_reasons(content) for one, two, content in sql.rows(both, told)}


def _dossier_of(reports: set[UUID]) -> dict[UUID, UUID]:
    """Return by report the anchor (earliest report) of its dossier; a report without dossier is its own
    anchor.
    """
    anchors = dossiers.standing_of(reports).anchors
    return {report: anchors.get(report, report) for report in reports}


def _frequent(names: Collection[int], weights: Weights) -> frozenset[int]:
    """Return those of the name digests that more than `weights.together.namesakes` dossiers give.

    Only the latest `_MOST_NAMED` reports with a name are counted; a report without dossier counts as one
    dossier.
    """
    if not names:
        return frozenset()
    asked = bytes_array(name.to_bytes(8, "little") for name in names)
    found = sql.rows(_FREQUENT, [asked, weights.together.namesakes, _MOST_NAMED])
    return frozenset(int.from_bytes(name, "little") for (name,) in found)


def _suspects(home: Mapping[UUID, UUID]) -> dict[bytes, Suspects]:
    """Return by dossier the names, dates of birth and identifiers of its suspects.

    `home` maps each report to the earliest report of its dossier; the keys of the result are ids of 16
    bytes.
    """
    cards: dict[bytes, list[memoryview]] = {head.bytes: [] for head in home.values()}
    for report_id, content in sql.rows(
        "SELECT report_id, card FROM crosscheck_card WHERE report_id = ANY(%s::uuid[])",
        [uuid_array(home)],
    ):
        cards[home[report_id].bytes].append(content)
    return {
        head: suspects_of(read_card(bytes(content)) for content in held)
        for head, held in cards.items()
    }


def _uncertain(
    pair: Pair, reasons: Sequence[LinkReason], similar: Sequence[LinkReason], weights: Weights
) -> Uncertain[bytes]:
    """Return the evidence of a pair of reports: `reasons` are those of its link, `similar` its
    similarities.
    """
    points = points_of(reasons, weights) if reasons else max(one.weight for one in similar)
    one, two = pair
    return Uncertain(
        one.bytes,
        two.bytes,
        points,
        list(_values(reasons, weights)),
        [(reason.kind, reason.value, reason.weight) for reason in similar],
    )


def _values(reasons: Sequence[LinkReason], weights: Weights) -> Iterable[Evidence]:
    for reason in reasons:
        if is_of_value(reason) and reason.side != OTHER and reason.weight > 0:
            family = weights.mark[mark_of_reason(reason)].family
            yield family, (reason.kind, reason.value), reason.weight


def _is_separated(
    heads: set[UUID], homes: Mapping[UUID, UUID], judged: Iterable[Judgement]
) -> bool:
    """Return whether a person's judgement separates reports of two dossiers.

    `heads` are the anchors (earliest reports) of the two dossiers, `homes` maps each report, erased ones
    included, to its anchor. `judged` are the judgements in force.
    """
    return any(
        judgement.act in _SEPARATING
        and heads <= {homes[i] for i in (*judgement.left, *judgement.right) if i in homes}
        for judgement in judged
    )


def _promote(joined: Sequence[_Certain], weights: Weights) -> None:
    """Write the links of `joined` pairs as certain, with the further reasons TOGETHER and similarity.

    A link that is stored already keeps its reasons; a pair without a link gets one.
    """
    stored = {
        (one, two): unpack_reasons(content)
        for one, two, content in sql.rows(
            _STORED,
            [
                uuid_array(each.one for each in joined),
                uuid_array(each.two for each in joined),
                weights.version,
            ],
        )
    }
    desks = dossiers.desks_of_reports({end for each in joined for end in (each.one, each.two)})
    links = []
    for each in joined:
        told = _reasons(each, stored.get((each.one, each.two), ()), weights)
        score = round(score_of(points_of(told, weights) / weights.certain), 4)
        links.append(
            Link(
                report_id=each.one,
                other_id=each.two,
                score=score,
                reasons=told,
                rule_version=weights.version,
            )
        )
    write_links(links, desks)


def _reasons(each: _Certain, before: Reasons, weights: Weights) -> Reasons:
    """Return the reasons of a link that becomes certain: its reasons `before`, its similarities, and
    TOGETHER.

    The similarities are written without their values, since a later search may withdraw a value. TOGETHER
    has the points that the other reasons lack to those of both dossiers.
    """
    left = each.points - points_of(before, weights)
    more: list[LinkReason] = []
    for reason in sorted(each.similar, key=lambda r: (-r.weight, r.kind, r.value)):
        weight = round(min(reason.weight, left), 4)
        if weight > 0 and reason.kind not in {one.kind for one in more}:
            more.append(structs.replace(reason, value="", weight=weight))
            left -= weight
    roles = ("SUSPECT", "SUSPECT")
    together = LinkReason(kind="TOGETHER", value="", weight=round(left, 4), roles=roles)
    return tuple(sorted((*before, *more, together), key=lambda r: (-r.weight, r.kind, r.value)))
