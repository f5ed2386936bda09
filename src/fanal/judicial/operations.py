"""Write operations on referrals to prosecutors and on intelligence sheets.

Their transitions are recorded through `casework.operations`.
"""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.analyse.payments.domain.scoring import Payer
from fanal.casework.domain.records import ActDraft, Opening
from fanal.casework.operations.acts import amend_act, open_act
from fanal.judicial.domain.kinds import REFERRAL, SHEET, read_referral, read_sheet
from fanal.judicial.domain.letters import read_facts
from fanal.judicial.domain.records import (
    ADDRESSEES,
    ReferralDocument,
    SheetDocument,
    SheetFacts,
    SheetReport,
)
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.orient.domain.records import Track
from fanal.reference import Body

# Referrals: drafted with a decision, amended by judicial officers.

MAX_SUMMARY = 50_000


def open_from_decision(*, actor: Actor, opening: Opening, now: datetime) -> tuple[UUID, ...]:
    """Draft the referral to a prosecutor that a decision orders; return its id in a tuple.

    `opening` holds the decision and its report; the draft is part of the decision's transaction. If the
    decision names no authority, the referral is addressed to the national office (OFMIN), which may redirect
    it.

    Raises:
        Refusal: NOT_THE_DECISION (not the actor's, or without the track JUDICIAL).
        Refused: the actor may not decide at that desk.
    """
    decision = opening.decision
    if Track.JUDICIAL not in decision.tracks or decision.author_id != actor.person_id:
        raise Refusal("referral", "NOT_THE_DECISION")
    draft = ActDraft(
        desk_id=decision.desk_id,
        subject_id=decision.report_id,
        report_ids=(decision.report_id,),
        decision_id=decision.id,
        addressee=decision.body or "OFMIN",
        basis=msgspec.json.encode(decision.bases),
        level=opening.level,
        content=msgspec.json.encode(ReferralDocument(facts=read_facts(opening.report))),
    )
    return (open_act(actor=actor, lifecycle=REFERRAL, draft=draft, now=now),)


def amend_referral(
    *, actor: Actor, referral_id: UUID, body: str, summary: str, now: datetime
) -> None:
    """Change addressee and summary of an unsent referral; it becomes a draft again.

    `body` is the code of the addressed authority, `summary` the officer's account of the facts.

    Raises:
        ActUnknown: no referral has this id.
        Refusal: UNKNOWN_BODY (no such authority), EMERGENCY_BODY (it is called, not written to),
            SUMMARY_UNREADABLE (too long, or characters that cannot be stored), EXPIRED (its document was
            erased).
        TransitionRefused: it was sent or withdrawn.
        Refused: the actor may not write referrals at that desk.
    """
    if len(summary) > MAX_SUMMARY or UNSTORABLE.search(summary):
        raise Refusal("referral", "SUMMARY_UNREADABLE")
    known = reference.load().by_code(Body, body, paris_day(now))
    if known is None or known.value.role == "EMERGENCY":
        raise Refusal("referral", "UNKNOWN_BODY" if known is None else "EMERGENCY_BODY")

    def amended(content: bytes) -> bytes:
        said = msgspec.structs.replace(read_referral(content), summary=summary.strip())
        return msgspec.json.encode(said)

    amend_act(
        actor=actor,
        lifecycle=REFERRAL,
        act_id=referral_id,
        addressee=body,
        amend=amended,
        now=now,
    )


# Intelligence sheets: drafted by the system at a person's request, amended and sent by judicial officers.

MAX_WORDS = 20_000


def draft_sheet(
    *,
    actor: Actor,
    payer: Payer,
    reports: tuple[SheetReport, ...],
    linked: tuple[SheetReport, ...],
    body: str,
    now: datetime,
) -> UUID:
    """Draft an intelligence sheet on a payer from the data known now, and return its id.

    `reports` contain the payer's transfers, `linked` are other reports linked to those; `body` is the code of
    the addressed authority.

    Raises:
        Refusal: UNKNOWN_BODY (this authority receives no intelligence sheets); NOT_SUSPECTED, the payer's
            score reaches no payment typology.
        Refused: the actor may not decide at that desk.
    """
    require(actor, SHEET.proposes, Resource(desk_id=payer.desk_id))
    if not payer.score.suspected:
        raise Refusal("sheet", "NOT_SUSPECTED")
    _require_body(body, now)
    facts = SheetFacts(
        payer=payer.payer, score=payer.score, reports=reports, linked=linked, drafted_at=now
    )
    draft = ActDraft(
        desk_id=payer.desk_id,
        subject_id=payer.payer,
        report_ids=tuple(report.report_id for report in reports),
        addressee=body,
        basis=hashlib.sha256(msgspec.json.encode(facts)).digest(),
        content=msgspec.json.encode(SheetDocument(facts=facts)),
    )
    return open_act(actor=actor, lifecycle=SHEET, draft=draft, now=now)


def amend_sheet(*, actor: Actor, sheet_id: UUID, body: str, summary: str, now: datetime) -> None:
    """Change addressee and assessment (`summary`) of an unsent intelligence sheet; it becomes a draft again.

    `body` is the code of the addressed authority.

    Raises:
        ActUnknown: no sheet has this id.
        Refusal: UNKNOWN_BODY (this authority receives no intelligence sheets), TEXT_UNREADABLE (too long, or
            characters that cannot be stored), EXPIRED (its document was erased).
        TransitionRefused: it was sent or withdrawn.
        Refused: the actor may not write referrals at that desk.
    """
    if len(summary) > MAX_WORDS or UNSTORABLE.search(summary):
        raise Refusal("sheet", "TEXT_UNREADABLE")
    _require_body(body, now)

    def amended(content: bytes) -> bytes:
        return msgspec.json.encode(
            msgspec.structs.replace(read_sheet(content), summary=summary.strip())
        )

    amend_act(actor=actor, lifecycle=SHEET, act_id=sheet_id, addressee=body, amend=amended, now=now)


def _require_body(body: str, now: datetime) -> None:
    known = reference.load().by_code(Body, body, paris_day(now))
    if body not in ADDRESSEES or known is None:
        raise Refusal("sheet", "UNKNOWN_BODY")
