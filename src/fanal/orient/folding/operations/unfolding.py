"""Removal of reports from a fold (group of duplicates): by a person, by a decision, for new urgency."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import connection, transaction

from fanal.accounts.domain.policy import Resource, require
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.intake.operations.lifecycle import require_unerased
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.kernel.texts import stripped
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.orient.domain.deciding import MAX_REASON, UNSTORABLE
from fanal.orient.domain.records import CaseClaim
from fanal.orient.domain.states import CASE_STATES, CaseState
from fanal.orient.folding.operations.folding import fold_again, hold_folding, settle_duplicates
from fanal.orient.models import Case
from fanal.orient.queue.operations import LEASE


class NotFolded(LookupError):
    """Error: the report is no folded duplicate, or not of the given head (the report shown in its place)."""


def unfold(*, actor: Actor, report_id: UUID, reason: str, now: datetime) -> None:
    """Return a folded report to the queue: a person judged that it is no duplicate; it never folds again.

    The judgement is an append-only row; its text (`reason`) expires. Reports folded into this one at a
    stronger level are folded again.

    Raises:
        NotFolded: no such report, or it is not folded.
        Refusal: NO_REASON (blank), REASON_TOO_LONG (over `MAX_REASON` characters), REASON_UNREADABLE (a NUL
            or lone surrogate), ERASED (the report is erased).
        Refused: the actor may not decide at that desk.
    """
    words = _checked(reason)
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="decision")
        hold_folding()
        case = Case.objects.select_for_update().filter(report_id=report_id).first()
        if case is None or case.state != CaseState.FOLDED or case.head_id is None:
            raise NotFolded(str(report_id))
        require(actor, "report.decide", Resource(desk_id=case.desk_id))
        CASE_STATES.apply(CaseState(case.state), "unfold")
        _judge(actor, case, words, now)
        behind = _let_go([report_id])
        settle_duplicates(actor=actor, report_ids=[report_id, *behind], now=now)
        ledger.record(
            actor=actor,
            action="report.unfold",
            at=now,
            objects=[
                ObjectRef(kind="report", id=report_id),
                ObjectRef(kind="report", id=case.head_id),
            ],
        )


def claim_folded(
    *, actor: Actor, head_id: UUID, report_ids: Sequence[UUID], now: datetime
) -> list[CaseClaim]:
    """Take duplicates out of the group of a head and claim them for the actor, to decide on each
    separately.

    `head_id`: the report shown for the group, `report_ids`: those folded into it. It does not check that
    the actor holds the head. The result is in order of report id, each claim with the token 1; it is empty
    without `report_ids`.

    Raises:
        NotFolded: a report is not, or no longer, folded into that head.
        Refused: the actor may not decide at that desk.
    """
    until, ids = now + LEASE, sorted(set(report_ids))
    if not ids:
        return []
    with transaction.atomic():
        hold_folding()
        cases = list(
            Case.objects.select_for_update()
            .filter(report_id__in=ids, head_id=head_id, state=CaseState.FOLDED)
            .order_by("report_id")
        )
        if [case.report_id for case in cases] != ids:
            raise NotFolded(str(head_id))
        for case in cases:
            require(actor, "report.decide", Resource(desk_id=case.desk_id))
        CASE_STATES.apply(CaseState.FOLDED, "claim_folded")
        _let_go(ids)
        Case.objects.filter(report_id__in=ids).update(
            state=CaseState.CLAIMED, claimed_by=actor.person_id, lease_until=until, claim_token=1
        )
        ledger.record(
            actor=actor,
            action="case.claim",
            at=now,
            objects=[ObjectRef(kind="report", id=report_id) for report_id in ids],
            detail={"folded": len(ids)},
        )
    return [
        CaseClaim(report_id=report_id, person_id=actor.person_id, token=1, lease_until=until)
        for report_id in ids
    ]


def surface(*, actor: Actor, report_ids: Sequence[UUID], now: datetime) -> None:
    """Show folded reports (duplicates) that may no longer be hidden (now urgent, escalated …) in the queue.

    They never fold again. Reports that are not folded are skipped.
    """
    if not report_ids:
        return
    hold_folding()
    ids = list(
        Case.objects.filter(report_id__in=report_ids, state=CaseState.FOLDED)
        .order_by("report_id")
        .values_list("report_id", flat=True)
    )
    if ids:
        behind = _let_go(ids)
        settle_duplicates(actor=actor, report_ids=[*ids, *behind], now=now)
        ledger.record_batch(
            actor=actor,
            action="report.unfold",
            at=now,
            kind="report",
            items=[(report_id, b"") for report_id in ids],
            detail={"count": len(ids)},
        )


def refresh_heads(report_ids: Sequence[UUID]) -> None:
    """Recompute the queue rows of the heads of `report_ids`: priority, deadline, number of folded reports.

    The head is the report shown for its folded duplicates.
    """
    sql.run(
        "SELECT orient_refresh_heads(ARRAY(SELECT DISTINCT coalesce(head_id, report_id)"
        " FROM orient_case WHERE report_id = ANY (%s::uuid[])"
        " AND (head_id IS NOT NULL OR folded > 0)))",
        [uuid_array(report_ids)],
    )


def _let_go(report_ids: Sequence[UUID]) -> list[UUID]:
    """Show folded reports (hidden duplicates) and delete their keys; return the reports folded into them.

    These are grouped again, among the other reports, before the function returns.
    """
    ids = uuid_array(report_ids)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT head_id FROM orient_case WHERE report_id = ANY (%s::uuid[])"
            " AND head_id IS NOT NULL",
            [ids],
        )
        heads = [row[0] for row in cursor.fetchall()]
        cursor.execute("DELETE FROM orient_fold WHERE report_id = ANY (%s::uuid[])", [ids])
        cursor.execute(
            "UPDATE orient_fold SET level = 0, parent = NULL WHERE parent = ANY (%s::uuid[])"
            " RETURNING report_id",
            [ids],
        )
        behind = [row[0] for row in cursor.fetchall()]
        cursor.execute(
            "UPDATE orient_case SET state = 'TO_ASSESS', head_id = NULL"
            " WHERE report_id = ANY (%s::uuid[]) AND state = 'FOLDED'",
            [uuid_array([*report_ids, *behind])],
        )
        cursor.execute("SELECT orient_refresh_heads(%s::uuid[])", [uuid_array(heads)])
    fold_again(behind)
    return behind


def _judge(actor: Actor, case: Case, words: str, now: datetime) -> None:
    judgement_id = new_id(now)
    digest = keyed_digest(kind="unfolding", object_id=judgement_id, content=words.encode())
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO orient_unfolding (id, report_id, desk_id, head_id, author_id, judged_at, digest)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s)",
            [
                judgement_id, case.report_id, case.desk_id, case.head_id, actor.person_id, now, digest,
            ],
        )  # fmt: skip
        cursor.execute(
            "INSERT INTO orient_unfolding_words (unfolding_id, words) VALUES (%s, %s)",
            [judgement_id, words],
        )


def _checked(reason: str) -> str:
    words = stripped(reason)
    if not words:
        raise Refusal("decision", "NO_REASON")
    if len(words) > MAX_REASON:
        raise Refusal("decision", "REASON_TOO_LONG")
    if UNSTORABLE.search(words):
        raise Refusal("decision", "REASON_UNREADABLE")
    return words
