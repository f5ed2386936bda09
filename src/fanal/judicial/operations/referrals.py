"""Referrals: drafted with the decision, amended by judicial officers."""

from datetime import datetime
from uuid import UUID

import msgspec

from fanal import reference
from fanal.casework import operations as casework
from fanal.casework.domain.records import ActDraft
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.judicial.domain.facts import read_facts
from fanal.judicial.domain.kinds import REFERRAL, read_referral
from fanal.judicial.domain.records import ReferralDocument
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import Decision, Track
from fanal.reference import Body

MAX_SUMMARY = 50_000


def open_from_decision(
    *, actor: Actor, decision: Decision, report: HarmonisedReport, level: str, now: datetime
) -> UUID:
    """Draft the referral of a decision and return its id (called in the decision's transaction).

    Without a body in the decision, it is addressed to the national office, which may redirect it.

    Raises:
        Refusal: NOT_THE_DECISION.
        Refused: the actor may not decide at that desk.
    """
    if Track.JUDICIAL not in decision.tracks or decision.author_id != actor.person_id:
        raise Refusal("referral", "NOT_THE_DECISION")
    draft = ActDraft(
        desk_id=decision.desk_id,
        subject_id=decision.report_id,
        report_ids=(decision.report_id,),
        decision_id=decision.id,
        addressee=decision.body or "OFMIN",
        basis=msgspec.json.encode(decision.bases),
        level=level,
        content=msgspec.json.encode(ReferralDocument(facts=read_facts(report))),
    )
    return casework.open_act(actor=actor, lifecycle=REFERRAL, draft=draft, now=now)


def amend_referral(
    *, actor: Actor, referral_id: UUID, body: str, summary: str, now: datetime
) -> None:
    """Change addressee and summary of a referral that was not sent; it is a draft again.

    Raises:
        Refusal: UNKNOWN_BODY, SUMMARY_UNREADABLE.
        TransitionRefused: it was sent.
        Refused: the actor writes no referrals at that desk.
    """
    if len(summary) > MAX_SUMMARY or UNSTORABLE.search(summary):
        raise Refusal("referral", "SUMMARY_UNREADABLE")
    if reference.load().by_code(Body, body, paris_day(now)) is None:
        raise Refusal("referral", "UNKNOWN_BODY")

    def amended(content: bytes) -> bytes:
        said = msgspec.structs.replace(read_referral(content), summary=summary.strip())
        return msgspec.json.encode(said)

    casework.amend_act(
        actor=actor,
        lifecycle=REFERRAL,
        act_id=referral_id,
        addressee=body,
        amend=amended,
        now=now,
    )
