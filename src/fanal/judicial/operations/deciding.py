"""A decision and everything that it opens, in one transaction."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.db import transaction

from fanal.harmonise.domain.records import HarmonisedReport
from fanal.judicial.domain.records import RecordedDecision
from fanal.judicial.operations.referrals import open_from_decision
from fanal.kernel.actors import Actor
from fanal.measures import operations as measures
from fanal.measures.domain.drafting import Target
from fanal.measures.domain.records import Addressee
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
    """Write a decision with its removal drafts and its referral draft; all or nothing.

    `addressees` (by host name) complete a removal request, which then goes to its second person at once.

    Raises:
        CaseNotHeld, DecisionRefused: from `orient.operations.decide`.
        MeasureRefused, ReferralRefused: a draft cannot be made.
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
        referral_id = None
        if Track.JUDICIAL in decision.tracks:
            referral_id = open_from_decision(
                actor=actor, decision=decision, report=report, level=level, now=now
            )
    return RecordedDecision(decision=decision, measure_ids=measure_ids, referral_id=referral_id)


def _targets(report: HarmonisedReport) -> tuple[Target, ...]:
    """Return the exact addresses of a report that have a host."""
    return tuple(
        Target(address=url.canonical, host=url.host)
        for url in report.urls
        if url.canonical and url.host
    )
