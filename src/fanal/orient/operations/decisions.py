"""Decisions by people on reports: actions (tracks), reason, legal bases, and the version of the rules."""

import secrets
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec
from django.db import transaction

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.db import sql
from fanal.db.sql import uuid_array
from fanal.harmonise import queries as harmonised
from fanal.intake.operations.lifecycle import require_unerased
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.ids import new_id
from fanal.kernel.refusal import Refusal
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.ledger.operations import keyed_digest
from fanal.orient.domain.clocks import due_at
from fanal.orient.domain.deciding import check_decision, reason_digest
from fanal.orient.domain.records import Basis, Choice, Decision, Track
from fanal.orient.domain.states import CASE_STATES, DECIDED_STATES, CaseState
from fanal.orient.feedback.operations import derive_feedback, withdraw_derived
from fanal.orient.folding.operations.folding import fold_again, hold_folding
from fanal.orient.models import Case, DecisionReason, StoredDecision
from fanal.orient.operations.batch import note_assessed


def decide(
    *,
    actor: Actor,
    report_id: UUID,
    choice: Choice,
    claim_token: int,
    now: datetime,
) -> Decision:
    """Store a decision on a claimed report and change its state; return the decision.

    `choice`: the person's input; `claim_token`: the fencing token of the claim. With the track MEASURES the
    report awaits the approval of a second person (TO_SECOND). `casework.operations.record_decision` creates
    the drafts that follow from the decision, in the same transaction.

    Raises:
        Refusal: CASE_NOT_HELD: the actor holds no valid lease under that token; ERASED (the report is
            erased); or as `check_decision`.
        Refused: the actor may not decide at that desk.
    """
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="decision")
        hold_folding()  # before the rows of cases: who folds takes them in this order
        case = _held_case(actor, report_id, claim_token=claim_token, now=now)
        require(actor, "report.decide", Resource(desk_id=case.desk_id))
        bases = check_decision(choice, catalogue=reference.load(), on=paris_day(now))
        stored = _write(actor, case, choice=choice, bases=bases, now=now)
        move = "decide_with_measure" if Track.MEASURES in choice.tracks else "decide"
        folded = list(Case.objects.filter(head_id=report_id).values_list("report_id", flat=True))
        _move(case, move, decided_at=now)
        # A trigger released the reports folded into this case, to which the decision does not apply: fold
        # them again.
        fold_again(folded)
        ledger.record(
            actor=actor,
            action="decision.take",
            at=now,
            objects=_objects(stored),
            detail={"move": move, "proposal_revision": stored.proposal_revision},
        )
        derive_feedback(actor=actor, case=case, tracks=choice.tracks, now=now)
        for report in harmonised.get_records(actor=actor, report_ids=[report_id]).values():
            note_assessed(report=report, desk_id=case.desk_id)
    return stored.record(reason=choice.reason)


def settle_case(*, actor: Actor, report_id: UUID, now: datetime) -> None:
    """Move a report from TO_SECOND (removal requests await approval) to DECIDED; no effect in other states.

    The measures package calls it after a step on the measure for which it has checked the actor's right.
    """
    with transaction.atomic():
        case = Case.objects.select_for_update().filter(report_id=report_id).first()
        if case is None or "settle" not in CASE_STATES.moves_from(CaseState(case.state)):
            return
        _move(case, "settle", decided_at=case.decided_at)
        ledger.record_report(
            actor=actor,
            action="decision.second",
            at=now,
            report_id=report_id,
        )


def hold_decision(*, actor: Actor, report_id: UUID, decision_id: UUID) -> bool:
    """Lock a report's queue row for the transaction and return whether a decision is in force on the
    report.

    A decision is in force while it is the newest and the report was not reopened; False also for an unknown
    report. Lock order: the queue row before the caller's own rows, as in `decide`. The caller checks the
    actor's right.
    """
    del actor  # the caller checks the right to act on what depends on the decision
    case = Case.objects.select_for_update().filter(report_id=report_id).first()
    if case is None or case.state not in DECIDED_STATES:
        return False
    newest = StoredDecision.objects.filter(report_id=report_id).order_by("-claim_token").first()
    return newest is not None and newest.id == decision_id


def reopen_case(*, actor: Actor, report_id: UUID, now: datetime) -> None:
    """Return a decided or handed-over report to the queue; its decisions stay.

    The feedback to the provider that followed from the decision is withdrawn.

    Raises:
        TransitionRefused: the case is in another state.
        Refusal: ERASED: the report is erased, so that nothing is left to decide on.
        Refused: the actor may not decide at that desk.
        Case.DoesNotExist: the report has no case.
    """
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="decision")
        case = _change(actor, report_id, move="reopen", action="case.reopen", now=now)
        withdraw_derived(actor=actor, case=case, now=now)


def close_case(*, actor: Actor, report_id: UUID, now: datetime) -> None:
    """Close the case (queue row) of a report on which the desk has decided.

    Raises:
        TransitionRefused: the case is not decided.
        Refusal: ERASED: the report is erased.
        Refused: the actor may not decide at that desk.
        Case.DoesNotExist: the report has no case.
    """
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="decision")
        _change(actor, report_id, move="close", action="case.close", now=now)


def _change(actor: Actor, report_id: UUID, *, move: str, action: str, now: datetime) -> Case:
    with transaction.atomic():
        case = Case.objects.select_for_update().get(report_id=report_id)
        require(actor, "report.decide", Resource(desk_id=case.desk_id))
        _move(case, move, decided_at=case.decided_at)
        ledger.record_report(
            actor=actor,
            action=action,
            at=now,
            report_id=report_id,
        )
    return case


def _held_case(actor: Actor, report_id: UUID, *, claim_token: int, now: datetime) -> Case:
    case = Case.objects.select_for_update().filter(report_id=report_id).first()
    if case is None or case.claim_token != claim_token or case.claimed_by != actor.person_id:
        raise Refusal("decision", "CASE_NOT_HELD")
    if case.state != CaseState.CLAIMED or case.lease_until is None or now >= case.lease_until:
        raise Refusal("decision", "CASE_NOT_HELD")
    return case


def _move(case: Case, name: str, *, decided_at: datetime | None) -> None:
    """Apply the transition `name` to a report's locked queue row, end its claim and recompute its deadline.

    `name` is such as `reopen`; `decided_at`: the date of the case's last decision.
    """
    case.state = CASE_STATES.apply(CaseState(case.state), name)
    case.decided_at = decided_at
    case.claimed_by, case.lease_until = None, None
    case.due_at = due_at(
        catalogue=reference.load(),
        state=CaseState(case.state),
        level=case.level,
        received_at=case.received_at,
        decided_at=decided_at,
        taken=True,
    )
    case.save(update_fields=["state", "decided_at", "claimed_by", "lease_until", "due_at"])


def _write(
    actor: Actor,
    case: Case,
    *,
    choice: Choice,
    bases: tuple[Basis, ...],
    now: datetime,
) -> StoredDecision:
    decision_id, salt = new_id(now), secrets.token_bytes(32)
    earlier = (
        StoredDecision.objects.filter(report_id=case.report_id).order_by("-claim_token").first()
    )
    stored = StoredDecision.objects.create(
        id=decision_id,
        report_id=case.report_id,
        desk_id=case.desk_id,
        tracks=[track.value for track in dict.fromkeys(choice.tracks)],
        body=msgspec.json.encode(bases),
        competent=choice.body or "",
        proposal_revision=case.proposal_revision,
        rule_version=reference.load().version,
        author_id=actor.person_id,
        claim_token=case.claim_token,
        decided_at=now,
        digest=reason_digest(salt=salt, decision_id=decision_id, reason=choice.reason),
        supersedes=earlier.id if earlier else None,
    )
    DecisionReason.objects.create(decision_id=decision_id, salt=salt, words=choice.reason)
    return stored


def _objects(stored: StoredDecision) -> list[ObjectRef]:
    content = msgspec.json.encode([stored.tracks, bytes(stored.body).decode(), stored.digest.hex()])
    digest = keyed_digest(kind="decision", object_id=stored.id, content=content)
    return [
        ObjectRef(kind="report", id=stored.report_id),
        ObjectRef(kind="decision", id=stored.id, digest=digest),
    ]


# Cases that somebody holds, decided or urgent (danger) stay unchanged.
_HAND_OVER = """
UPDATE orient_case SET state = 'HANDED_OVER', head_id = NULL, claimed_by = NULL, lease_until = NULL
WHERE report_id = ANY (%s::uuid[]) AND level <> 'DANGER' AND NOT urgent
  AND (state IN ('TO_ASSESS', 'FOLDED') OR state = 'CLAIMED' AND lease_until <= %s)
RETURNING report_id
"""


def hand_over(
    *, actor: Actor, report_ids: Sequence[UUID], package_id: UUID, now: datetime
) -> list[UUID]:
    """Hand over reports that another desk has accepted; return the reports removed from this desk's queue,
    by id.

    A report in danger, under a valid claim or decided stays in the queue. Duplicates folded into a report
    that is handed over are folded again among the other reports. The distribution package calls this
    function with the package whose opening was acknowledged, after it has checked the actor's right.
    """
    if not report_ids:
        return []
    ids = uuid_array(report_ids)
    with transaction.atomic():
        hold_folding()
        behind = list(
            Case.objects.filter(head_id__in=report_ids).values_list("report_id", flat=True)
        )
        gone = sorted(row[0] for row in sql.rows(_HAND_OVER, [ids, now]))
        fold_again(behind)
        if gone:
            ledger.record_batch(
                actor=actor,
                action="case.hand_over",
                at=now,
                kind="report",
                items=[(report_id, package_id.bytes) for report_id in gone],
                detail={"package": str(package_id), "count": len(gone)},
            )
    return gone
