"""A decision on a report and the drafts of the official acts that it opens, in one transaction.

A track is a line of action that a decision chooses (judicial, measures, notice). `config.wiring` calls
`install` to declare which kind of act each track opens: casework names no kind of act.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from django.db import transaction

from fanal.casework.domain.lifecycle import Lifecycle
from fanal.casework.domain.records import Addressee, Opening, RecordedDecision
from fanal.casework.operations.acts import has_acts, withdraw_replaced, withdraw_undone
from fanal.casework.operations.doubts import raise_doubts, reopen_report
from fanal.db import sql
from fanal.harmonise.domain.records import HarmonisedReport
from fanal.intake.operations.lifecycle import require_unerased
from fanal.kernel.actors import Actor
from fanal.kernel.refusal import Refusal
from fanal.orient import queries as oriented
from fanal.orient.answers.queries import count_unread
from fanal.orient.domain.records import Choice, Track
from fanal.orient.domain.selection import LeftOut, decided_alone
from fanal.orient.folding.operations.folding import hold_folding
from fanal.orient.folding.operations.unfolding import claim_folded
from fanal.orient.operations.decisions import decide, hold_decision
from fanal.orient.queue.operations import claim_case


class Drafting(Protocol):
    """A function that drafts the official acts of one kind, in the transaction of the decision.

    It gets the data of the decision (`Opening`) and returns the ids of the acts.
    """

    def __call__(self, *, actor: Actor, opening: Opening, now: datetime) -> tuple[UUID, ...]:
        """Draft the official acts of this kind that follow from the decision of `opening`; return the ids."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    """The kind of official act that a track opens; a track is a line of action chosen by a decision.

    `lifecycle` is the kind of act, `draft` the function that drafts such acts.
    """

    track: Track
    lifecycle: Lifecycle
    draft: Drafting


_installed: list[Opens] = []
_followed: list[Lifecycle] = []


def install(opens: Sequence[Opens], *, followed: Sequence[Lifecycle] = ()) -> None:
    """Set which official acts decisions open in this process; drafts are made in the order of `opens`.

    `followed` are further kinds of act whose unsent acts a newer decision withdraws. It replaces an earlier
    setting.
    """
    _installed[:], _followed[:] = opens, followed


def record_decision(
    *,
    actor: Actor,
    report: HarmonisedReport,
    choice: Choice,
    claim_token: int,
    now: datetime,
    addressees: Mapping[str, Addressee] | None = None,
) -> RecordedDecision:
    """Record a decision on a report and draft the official acts of its tracks, in one transaction.

    Return the decision and the ids of the acts. `choice` holds tracks, legal bases and reason; `claim_token`
    is the number of the actor's claim on the case. The unsent acts of earlier decisions on the report are
    withdrawn: their legal basis has lapsed. With `addressees` (by host name) a removal request is complete,
    and goes at once to its second person.

    Raises:
        Refusal: from `orient.operations.decisions.decide`, or a draft cannot be made.
        Refused: the access policy refuses.
    """
    with transaction.atomic():
        decision = decide(
            actor=actor,
            report_id=report.report_id,
            choice=choice,
            claim_token=claim_token,
            now=now,
        )
        # Few reports have an act, and each kind of act takes queries.
        if has_acts(report_id=report.report_id):
            withdraw_replaced(
                actor=actor,
                lifecycles=[*(one.lifecycle for one in _installed), *_followed],
                report_id=report.report_id,
                decision_id=decision.id,
                now=now,
            )
            raise_doubts(actor=actor, report_id=report.report_id, cause="NEW_DECISION", now=now)
        opened: dict[str, tuple[UUID, ...]] = {one.lifecycle.kind: () for one in _installed}
        if drafting := [one for one in _installed if one.track in decision.tracks]:
            case = oriented.get_case(actor=actor, report_id=report.report_id)
            opening = Opening(
                decision=decision,
                report=report,
                level=case.level if case else "NORMAL",
                addressees=addressees or {},
            )
            for one in drafting:
                opened[one.lifecycle.kind] = one.draft(actor=actor, opening=opening, now=now)
    return RecordedDecision(decision=decision, opened=opened)


def record_decisions(
    *,
    actor: Actor,
    report: HarmonisedReport,
    folded: Sequence[HarmonisedReport],
    choice: Choice,
    claim_token: int,
    now: datetime,
) -> RecordedDecision:
    """Record the same decision on a report and on some reports folded into it, in one transaction.

    A folded report has no row in the queue: `report` represents it. `folded` are the reports to decide too;
    others return to the queue. `choice` holds tracks, legal bases and reason; `claim_token` is the number of
    the actor's claim on `report`. Each report gets its own decision, drafts and ledger entry. Return the
    decision on `report`.

    Raises:
        NotFolded: one of them is no longer folded into the report.
        Refusal: a decision is not allowed, or a draft cannot be made; ERASED: one of the reports is erased.
        Refused: the access policy refuses.
    """
    with transaction.atomic():
        others = [other.report_id for other in folded]
        require_unerased(report_ids=[report.report_id, *others], of="decision")  # before any case
        claims = claim_folded(
            actor=actor,
            head_id=report.report_id,
            report_ids=others,
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


def close_without_action(
    *,
    actor: Actor,
    report: HarmonisedReport,
    folded: Sequence[HarmonisedReport],
    reason: str,
    now: datetime,
) -> None:
    """Claim a report and record the decision that it needs no action, in one transaction.

    The same decision applies to the reports `folded` into it. `reason` is its written reason. It serves acts
    on several reports at once, before which the person does not read each report: an urgent one is refused.

    Raises:
        CaseUnknown, CaseTaken: it cannot be claimed.
        DecidedAlone: one of them is a child in danger, or has an unread answer.
        NotFolded: one of `folded` is no longer folded into the report.
        Refusal: the reason is refused; ERASED: one of the reports is erased.
        Refused: the access policy refuses.
    """
    with sql.whole():
        ids = [report.report_id, *(one.report_id for one in folded)]
        require_unerased(report_ids=ids, of="decision")
        hold_folding()  # before any case, as in `decide`
        claim = claim_case(actor=actor, report_id=report.report_id, now=now)
        record_decisions(
            actor=actor,
            report=report,
            folded=folded,
            choice=Choice(tracks=(Track.NONE,), bases=(), reason=reason),
            claim_token=claim.token,
            now=now,
        )
        _require_nothing_new(actor, ids)


class DecidedAlone(Exception):
    """Error: a report must be decided by itself, not with others; `why` is the code of the reason."""

    def __init__(self, why: LeftOut) -> None:
        super().__init__(why)
        self.why = why


def _require_nothing_new(actor: Actor, report_ids: Sequence[UUID]) -> None:
    """Check that none of the reports is urgent; this transaction has changed them, so that nobody else can.

    Raises:
        DecidedAlone: one is about a child in danger, or has an unread answer.
    """
    answers = count_unread(actor=actor, report_ids=report_ids)
    for case in oriented.get_cases(actor=actor, report_ids=report_ids).values():
        if why := decided_alone(case, answers.get(case.report_id, 0)):
            raise DecidedAlone(why)


UNDO_WITHIN = timedelta(seconds=60)
"""Time within which a decision can be undone; pages offer it for ten seconds, and slow ones arrive late."""


def undo_decision(*, actor: Actor, report_id: UUID, now: datetime) -> int:
    """Undo the decision that the actor has just taken on a report: the actor claims it again.

    The unsent official acts that the decision opened are withdrawn with it, in one transaction; return their
    number. Decision and acts stay recorded. Reports folded into this one and decided with it keep their
    decisions.

    Raises:
        Refusal: NOT_UNDOABLE: the newest decision is not the actor's, no longer in force, or older than
            `UNDO_WITHIN`; ALREADY_SENT: one of its acts was sent; ERASED: the report is erased.
        Refused: the access policy refuses.
    """
    with transaction.atomic():
        require_unerased(report_ids=[report_id], of="decision")  # before the case
        decisions = oriented.decisions_of(actor=actor, report_ids=[report_id]).get(report_id, ())
        if not decisions:
            raise Refusal("decision", "NOT_UNDOABLE")
        newest = decisions[-1]
        own = newest.author_id == actor.person_id and now - newest.decided_at <= UNDO_WITHIN
        if not own or not hold_decision(actor=actor, report_id=report_id, decision_id=newest.id):
            raise Refusal("decision", "NOT_UNDOABLE")
        count = withdraw_undone(
            actor=actor,
            lifecycles=[*(one.lifecycle for one in _installed), *_followed],
            report_id=report_id,
            decision_id=newest.id,
            now=now,
        )
        reopen_report(actor=actor, report_id=report_id, now=now)
        claim_case(actor=actor, report_id=report_id, now=now)
    return count
