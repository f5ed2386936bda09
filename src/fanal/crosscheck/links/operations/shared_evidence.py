"""Joins dossiers that several uncertain links connect with certainty, before the similarity search.

The strongest link between them becomes certain, with the reason TOGETHER. It stays so until one of its values
changes its weight, or a person separates the dossiers.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection

from fanal.accounts.domain.policy import require
from fanal.crosscheck.domain.cards import read_card
from fanal.crosscheck.domain.records import (
    OTHER,
    JudgementAct,
    LinkReason,
    pack_reasons,
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
    suspects_of,
)
from fanal.db import sql
from fanal.db.sql import uuid_array
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
_PROMOTE = (
    "UPDATE crosscheck_link SET score = %s, reasons = %s"
    " WHERE report_id = %s AND other_id = %s AND rule_version = %s"
)
_SEPARATING = frozenset({JudgementAct.UNLINK, JudgementAct.SPLIT, JudgementAct.REJECT})
Stored = tuple[UUID, UUID, tuple[LinkReason, ...]]


def join_by_shared_evidence(*, actor: Actor, reports: Collection[UUID], now: datetime) -> int:
    """Join dossiers of `reports` with others, where the uncertain links between two make a certain one.

    Returns the number of links that became certain. Runs in the caller's transaction, and holds the advisory
    lock of dossiers until its end if there are any.

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
    assemble({end for one, two, _, _ in joined for end in (one, two)}, now=now)
    ledger.record_batch(
        actor=actor,
        action="report.crosscheck",
        at=now,
        kind="report",
        items=[(one, b"together") for one in sorted({one for one, _, _, _ in joined})],
        detail={"together": len(joined)},
    )
    return len(joined)


def _certain(reports: Collection[UUID]) -> list[tuple[UUID, UUID, tuple[LinkReason, ...], float]]:
    """Return the links to make certain: both reports, the reasons, and the points that other links add."""
    weights = load_weights()
    inside = dossiers.co_members(reports).union(reports)
    links = {(one.bytes, two.bytes): (one, two, told) for one, two, told in _across(inside)}
    members = inside.union(*((one, two) for one, two, _ in links.values()))
    members |= dossiers.co_members(members)
    home = _dossier_of(members) if links else {}
    found = certain_together(
        [_uncertain(pair, link[2], weights) for pair, link in links.items()],
        {report.bytes: head.bytes for report, head in home.items()},
        _suspects(home),
        weights,
    )
    homes = home | homes_of_erased(home) if found else home
    judged = effective(dossiers.judgements_about(homes)) if found else []
    return [
        (one, two, told, points - link.points)
        for link, points in found
        for one, two, told in (links[link.one, link.two],)
        if not _is_separated({home[one], home[two]}, homes, judged)
    ]


def _across(reports: Iterable[UUID]) -> list[Stored]:
    """Return the suggested links of the current rule from `reports` to reports of other dossiers."""
    weights = load_weights()
    told = {
        "ids": uuid_array(reports),
        "version": weights.version,
        "least": weights.doubtful - 1e-6,
        "strong": weights.strong - 1e-6,
    }
    statement = " UNION ".join(_ACROSS.format(side=side) for side in ("report_id", "other_id"))
    return [(one, two, unpack_reasons(content)) for one, two, content in sql.rows(statement, told)]


def _dossier_of(reports: set[UUID]) -> dict[UUID, UUID]:
    """Return the anchor of each report's dossier; a report in none is its own."""
    anchors = dossiers.standing_of(reports).anchors
    return {report: anchors.get(report, report) for report in reports}


def _suspects(home: Mapping[UUID, UUID]) -> dict[bytes, Suspects]:
    """Return the names and dates of birth of suspects by dossier; `home` is the dossier of each report."""
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
    pair: tuple[bytes, bytes], reasons: Sequence[LinkReason], weights: Weights
) -> Uncertain[bytes]:
    return Uncertain(*pair, points_of(reasons, weights), list(_values(reasons, weights)))


def _values(reasons: Sequence[LinkReason], weights: Weights) -> Iterable[Evidence]:
    for reason in reasons:
        if is_of_value(reason) and reason.side != OTHER and reason.weight > 0:
            family = weights.mark[mark_of_reason(reason)].family
            yield family, (reason.kind, reason.value), reason.weight


def _is_separated(
    heads: set[UUID], homes: Mapping[UUID, UUID], judged: Iterable[Judgement]
) -> bool:
    """Return whether a person's judgement separates reports of two dossiers, `heads`.

    `homes` is the dossier of each report, of erased ones too. `judged` are the judgements in force.
    """
    return any(
        judgement.act in _SEPARATING
        and heads <= {homes[i] for i in (*judgement.left, *judgement.right) if i in homes}
        for judgement in judged
    )


def _promote(
    joined: Iterable[tuple[UUID, UUID, tuple[LinkReason, ...], float]], weights: Weights
) -> None:
    """Make links certain by the points that the other links of their two dossiers add."""
    roles = ("SUSPECT", "SUSPECT")
    with connection.cursor() as cursor:
        for one, two, reasons, more in joined:
            together = LinkReason(kind="TOGETHER", value="", weight=round(more, 4), roles=roles)
            told = sorted((*reasons, together), key=lambda r: (-r.weight, r.kind, r.value))
            score = round(score_of(points_of(told, weights) / weights.certain), 4)
            cursor.execute(_PROMOTE, [score, pack_reasons(told), one, two, weights.version])
