"""Queries on referrals to prosecutors, and on intelligence sheets on payers."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

import msgspec

from fanal import reference
from fanal.casework import queries as casework
from fanal.casework.domain.inbox import Inbox
from fanal.casework.domain.records import Act, ActFile
from fanal.judicial.domain.kinds import REFERRAL, SHEET, read_referral, read_sheet
from fanal.judicial.domain.letters import referral_text
from fanal.judicial.domain.records import (
    Referral,
    ReferralFacts,
    ReferralFile,
    ReferralState,
    Sheet,
    SheetFile,
    SheetState,
    sheet_of,
)
from fanal.kernel.actors import Actor
from fanal.kernel.figures import Counted
from fanal.orient.domain.clocks import desk_deadline
from fanal.orient.domain.records import Basis

# Referrals with their texts and steps.

_BEFORE_SENDING = (ReferralState.DRAFT, ReferralState.READY)
_REMINDED = (ReferralState.SENT, ReferralState.ACKNOWLEDGED)
"""States in which the desk asks again; once an investigation is open, its outcome has no deadline."""


def _deadline(state: str, level: str, start: datetime) -> datetime | None:
    """Return the desk's deadline to send a referral or sheet, or to send a reminder; None once taken up."""
    if state == ReferralState.TAKEN_UP:
        return None
    stage = "REMIND" if state in _REMINDED else "REFER"
    return desk_deadline(catalogue=reference.load(), stage=stage, level=level, start=start)


REFERRALS = Inbox(
    lifecycle=REFERRAL,
    awaited=frozenset({*map(str, _REMINDED), str(ReferralState.TAKEN_UP)}),
    deadline=_deadline,
)
SHEETS = Inbox(lifecycle=SHEET, awaited=frozenset({str(SheetState.SENT)}), deadline=_deadline)
"""Inboxes of the two judicial acts; a returned referral is to be sent again."""


def referrals_of(*, actor: Actor, report_ids: Sequence[UUID]) -> dict[UUID, tuple[Referral, ...]]:
    """Return the referrals of each report, by report id, at the desks whose reports the actor may read.

    Those of a report are in order of creation. Their texts are not included (`get_referral` returns them, to
    those who may read referrals). Reports without any have no key.
    """
    found = casework.acts_on(
        actor=actor, lifecycle=REFERRAL, subject_ids=report_ids, right="report.read"
    )
    return {
        report_id: tuple(read_act(act=act) for act in acts) for report_id, acts in found.items()
    }


def get_referral(*, actor: Actor, referral_id: UUID) -> ReferralFile | None:
    """Return a referral with its texts and recorded transitions; None if unknown or not readable.

    Once its document has expired, facts are None and the texts empty.
    """
    found = casework.get_act(actor=actor, lifecycle=REFERRAL, act_id=referral_id)
    return None if found is None else read_file(file=found)


def read_file(*, file: ActFile) -> ReferralFile:
    """Convert an official act of the kind `referral`, with its document, into a referral with its texts.

    `file` is the act with its document, steps and approvals.
    """
    referral = read_act(act=file.act)
    said = None if file.content is None else read_referral(file.content)
    facts, summary = (said.facts, said.summary) if said else (None, "")
    return ReferralFile(
        referral=referral,
        facts=facts,
        summary=summary,
        text_fr=_text(referral, facts, summary, lang="fr"),
        text_en=_text(referral, facts, summary, lang="en"),
        steps=file.steps,
    )


def count_referrals(*, actor: Actor, since: datetime, until: datetime) -> list[Counted]:
    """Count the referrals created from `since` to `until` (excluded), by day and outcome.

    The rows are (day in Paris, outcome, "", number); the third value, a second category, is not used here. A
    referral without an outcome is counted under its state.

    Raises:
        Refused: the actor may not read statistics.
    """
    return casework.count_acts(actor=actor, lifecycle=REFERRAL, since=since, until=until)


def count_unsent(*, actor: Actor) -> int:
    """Count the referrals that are drafts or ready to be sent, at all desks.

    Raises:
        Refused: the actor may not read statistics.
    """
    return casework.count_in(actor=actor, lifecycle=REFERRAL, states=_BEFORE_SENDING)


def _text(referral: Referral, facts: ReferralFacts | None, summary: str, *, lang: str) -> str:
    if facts is None:
        return ""
    return referral_text(
        facts,
        referral_id=referral.id,
        body=referral.body,
        bases=referral.bases,
        summary=summary,
        catalogue=reference.load(),
        lang=lang,
    )


def read_act(*, act: Act) -> Referral:
    """Convert an official act of the kind `referral` into a referral, with the desk's deadline to send it.

    Raises:
        ValueError: the act follows no decision (no operation creates such a referral).
    """
    state = ReferralState(act.state)
    due = None
    if state in _BEFORE_SENDING:
        due = desk_deadline(
            catalogue=reference.load(), stage="REFER", level=act.level, start=act.created_at
        )
    if act.decision_id is None:
        raise ValueError("a referral follows a decision")
    return Referral(
        id=act.id,
        desk_id=act.desk_id,
        report_id=act.subject_id,
        decision_id=act.decision_id,
        state=state,
        body=act.addressee,
        bases=msgspec.json.decode(act.basis, type=tuple[Basis, ...]),
        level=act.level,
        author_id=act.author_id,
        created_at=act.created_at,
        sent_at=act.sent_at,
        due_at=due,
        outcome=act.outcome or None,
    )


# Intelligence sheets with their facts, assessment and steps.


def sheets_on(*, actor: Actor, payer: UUID) -> tuple[Sheet, ...]:
    """Return the intelligence sheets on a payer (by id) at the desks whose reports the actor may read.

    Oldest first. Their facts and texts are not included (`get_sheet` returns them).
    """
    found = casework.acts_on(actor=actor, lifecycle=SHEET, subject_ids=[payer], right="report.read")
    return tuple(map(sheet_of, found.get(payer, ())))


def get_sheet(*, actor: Actor, sheet_id: UUID) -> SheetFile | None:
    """Return an intelligence sheet with its facts and steps; None if unknown or not readable by the actor.

    Once its document has expired, facts are None and the summary empty.
    """
    found = casework.get_act(actor=actor, lifecycle=SHEET, act_id=sheet_id)
    return None if found is None else read_sheet_file(file=found)


def read_sheet_file(*, file: ActFile) -> SheetFile:
    """Convert an official act of the kind `sheet`, with its document, into an intelligence sheet.

    The result has facts, texts and recorded transitions. Once the document has expired, facts are None and
    the summary is "".
    """
    said = None if file.content is None else read_sheet(file.content)
    return SheetFile(
        sheet=sheet_of(file.act),
        facts=said.facts if said else None,
        summary=said.summary if said else "",
        steps=file.steps,
    )
