"""A decision and everything that it opens, in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.casework import operations as casework
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.judicial.domain.kinds import REFERRAL
from fanal.judicial.domain.records import RecordedDecision
from fanal.judicial.operations.referrals import open_from_decision
from fanal.kernel.actors import Actor
from fanal.measures import operations as measures
from fanal.measures.domain.drafting import Target
from fanal.measures.domain.records import Addressee
from fanal.measures.notice import acts as notices
from fanal.measures.notice.kind import NOTICE
from fanal.orient import operations as orient, queries as orient_queries
from fanal.orient.domain.records import Choice, Track


def record_decision(
    *,
    actor: Actor,
    report: HarmonisedReport,
    choice: Choice,
    claim_token: int,
    now: datetime,
    addressees: Mapping[str, Addressee] | None = None,
) -> RecordedDecision:
    """Write a decision with its drafts: removal requests, notices, a referral; all or nothing.

    What earlier decisions on the report drafted and nobody was sent yet is withdrawn: it rests on nothing.

    `addressees` (by host name) complete a removal request, which then goes to its second person at once.

    Raises:
        CaseNotHeld, DecisionRefused: from `orient.operations.decide`.
        MeasureRefused, Refusal: a draft cannot be made.
        Refused: the policy refuses.
    """
    with transaction.atomic():
        decision = orient.decide(
            actor=actor,
            report_id=report.report_id,
            choice=choice,
            claim_token=claim_token,
            now=now,
        )
        measures.withdraw_replaced(
            actor=actor, report_id=report.report_id, decision_id=decision.id, now=now
        )
        casework.withdraw_replaced(
            actor=actor,
            lifecycles=[REFERRAL, NOTICE],
            report_id=report.report_id,
            decision_id=decision.id,
            now=now,
        )
        case = orient_queries.get_case(actor=actor, report_id=report.report_id)
        level = case.level if case else "NORMAL"
        measure_ids: tuple[UUID, ...] = ()
        if Track.MEASURES in decision.tracks:
            measure_ids = measures.open_from_decision(
                actor=actor,
                decision=decision,
                targets=_targets(report),
                level=level,
                now=now,
                addressees=addressees,
            )
        notice_ids: tuple[UUID, ...] = ()
        if Track.NOTICE in decision.tracks:
            notice_ids = notices.open_from_decision(
                actor=actor, decision=decision, targets=_targets(report), level=level, now=now
            )
        referral_id = None
        if Track.JUDICIAL in decision.tracks:
            referral_id = open_from_decision(
                actor=actor, decision=decision, report=report, level=level, now=now
            )
    return RecordedDecision(
        decision=decision, measure_ids=measure_ids, referral_id=referral_id, notice_ids=notice_ids
    )


def record_decisions(
    *,
    actor: Actor,
    report: HarmonisedReport,
    folded: Sequence[HarmonisedReport],
    choice: Choice,
    claim_token: int,
    now: datetime,
) -> RecordedDecision:
    """Write a decision on a report and the same one on some of those folded into it; all or nothing.

    Each gets a decision, drafts and a ledger entry of its own; what is not named comes back to the queue.

    Raises:
        NotFolded: one of them is not folded into the report any more.
        CaseNotHeld, DecisionRefused, MeasureRefused, Refusal, Refused: as `record_decision`.
    """
    with transaction.atomic():
        claims = orient.claim_folded(
            actor=actor,
            head_id=report.report_id,
            report_ids=[other.report_id for other in folded],
            now=now,
        )
        tokens = {claim.report_id: claim.token for claim in claims}
        for other in folded:
            record_decision(
                actor=actor,
                report=other,
                choice=choice,
                claim_token=tokens[other.report_id],
                now=now,
            )
        return record_decision(
            actor=actor, report=report, choice=choice, claim_token=claim_token, now=now
        )


def _targets(report: HarmonisedReport) -> tuple[Target, ...]:
    """Return the exact addresses of a report that have a host."""
    return tuple(
        Target(address=url.canonical, host=url.host)
        for url in report.urls
        if url.canonical and url.host
    )
