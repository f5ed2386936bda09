"""Intelligence sheets: drafted by the system when a person asks, amended and sent by judicial officers."""

import hashlib
from datetime import datetime
from uuid import UUID

import msgspec

from fanal import reference
from fanal.accounts.domain.policy import Resource, require
from fanal.analyse.domain.payers import Payer
from fanal.casework import operations as casework
from fanal.casework.domain.records import ActDraft
from fanal.judicial.domain.kinds import SHEET, read_sheet
from fanal.judicial.domain.sheets import ADDRESSEES, SheetDocument, SheetFacts, SheetReport
from fanal.kernel.actors import Actor
from fanal.kernel.calendar import paris_day
from fanal.kernel.refusal import Refusal
from fanal.orient.domain.deciding import UNSTORABLE
from fanal.reference import Body

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
    """Draft a sheet on a payer as known now, and return its id.

    Raises:
        Refusal: UNKNOWN_BODY; NOT_SUSPECTED, no typology reaches what is worth showing.
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
    return casework.open_act(actor=actor, lifecycle=SHEET, draft=draft, now=now)


def amend_sheet(*, actor: Actor, sheet_id: UUID, body: str, summary: str, now: datetime) -> None:
    """Change addressee and words of a sheet that was not sent; it is a draft again.

    Raises:
        Refusal: UNKNOWN_BODY, TEXT_UNREADABLE.
        TransitionRefused: it was sent or withdrawn.
        Refused: the actor writes no referrals at that desk.
    """
    if len(summary) > MAX_WORDS or UNSTORABLE.search(summary):
        raise Refusal("sheet", "TEXT_UNREADABLE")
    _require_body(body, now)

    def amended(content: bytes) -> bytes:
        return msgspec.json.encode(
            msgspec.structs.replace(read_sheet(content), summary=summary.strip())
        )

    casework.amend_act(
        actor=actor, lifecycle=SHEET, act_id=sheet_id, addressee=body, amend=amended, now=now
    )


def _require_body(body: str, now: datetime) -> None:
    known = reference.load().by_code(Body, body, paris_day(now))
    if body not in ADDRESSEES or known is None:
        raise Refusal("sheet", "UNKNOWN_BODY")
