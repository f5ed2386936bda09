"""Feedback to providers: given by a person or derived from a decision, sent under a standing instruction."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction

from fanal.accounts.domain.instructions import InstructionKind
from fanal.accounts.domain.policy import Resource, require
from fanal.accounts.queries.instructions import standing_id
from fanal.accounts.queries.people import partner_names
from fanal.db import sql
from fanal.kernel.actors import Actor
from fanal.kernel.ids import new_id
from fanal.ledger import operations as ledger
from fanal.ledger.domain.records import ObjectRef
from fanal.orient.domain.records import Track
from fanal.orient.feedback.domain import (
    Feedback,
    FeedbackOrigin,
    FeedbackVerdict,
    checked_lacks,
    of_decision,
)
from fanal.orient.models import Case

NEWEST = UUID(int=2**128 - 1)
"""Greater than every feedback id: start of a page in descending order."""
_NOBODY = UUID(int=0)
_SETTLED = timedelta(seconds=30)
"""Feedback is sent only once older than any transaction that may write it, so that a cursor skips none."""


class NoInstruction(Exception):
    """Error: no standing instruction in force allows feedback to this provider."""


class NothingToJudge(LookupError):
    """Error: feedback is not possible, since there is no such report, or no provider sent it."""


def give_feedback(
    *,
    actor: Actor,
    report_id: UUID,
    verdict: FeedbackVerdict,
    lacks: tuple[str, ...] = (),
    now: datetime,
) -> UUID:
    """Store a person's feedback on a provider's report; return the id of the feedback. The newest counts.

    `lacks`: the codes of the missing data, with the verdict LACKS_DATA only.

    Raises:
        NothingToJudge: no such report, or no provider sent it.
        Refused: the actor may not give feedback at that desk.
        Refusal: VERDICT, UNKNOWN_FIELD, NO_FIELD, FIELDS_UNASKED, as `checked_lacks`.
    """
    case = Case.objects.filter(report_id=report_id).first()
    if case is None or case.sender_id == _NOBODY:
        raise NothingToJudge
    require(actor, "feedback.give", Resource(desk_id=case.desk_id))
    codes = checked_lacks(verdict, lacks)
    with transaction.atomic():
        return _write(actor, case, verdict, lacks=codes, origin=FeedbackOrigin.PERSON, now=now)


def derive_feedback(
    *, actor: Actor, case: Case, tracks: tuple[Track, ...], now: datetime
) -> UUID | None:
    """Store the feedback that follows from a decision, in its transaction; return its id, or None for none.

    `case`: that of the decided report, `tracks`: those of the decision. Existing feedback on the report takes
    precedence, unless withdrawn.
    """
    verdict = of_decision(tracks)
    if verdict is None or case.sender_id == _NOBODY:
        return None
    said = _newest(case)
    if said is not None and said[0] != FeedbackVerdict.WITHDRAWN:
        return None
    return _write(actor, case, verdict, lacks=(), origin=FeedbackOrigin.DECISION, now=now)


def withdraw_derived(*, actor: Actor, case: Case, now: datetime) -> None:
    """Withdraw the feedback that followed from a decision of a report that is reopened, in its transaction.

    `case`: that of the report. A person's feedback, or that of a fold, stays.
    """
    if _newest(case) == (FeedbackVerdict.USEFUL, FeedbackOrigin.DECISION):
        verdict, origin = FeedbackVerdict.WITHDRAWN, FeedbackOrigin.DECISION
        _write(actor, case, verdict, lacks=(), origin=origin, now=now)


def _newest(case: Case) -> tuple[str, str] | None:
    """Return (verdict, origin) of the newest feedback on a report, as codes; None without any."""
    return sql.row(
        "SELECT verdict, origin FROM orient_feedback WHERE report_id = %s ORDER BY id DESC LIMIT 1",
        [case.report_id],
    )


def send_feedback(
    *,
    actor: Actor,
    after: UUID | None = None,
    before: UUID | None = None,
    report_id: UUID | None = None,
    limit: int = 100,
    now: datetime,
) -> list[Feedback]:
    """Return feedback on the actor's own reports given after the id `after`, oldest first, as sent to it.

    With `before` instead: feedback given before that id, newest first; start from `NEWEST`. `report_id`
    restricts the first order to the feedback on that report; `limit` is the most returned. Feedback of the
    last thirty seconds is left for later. Feedback is sent only under a standing instruction for this
    provider. The ledger entry cites the instruction and is written before anything is returned.

    Raises:
        NoInstruction: none is in force.
        Refused: the actor is no partner.
    """
    require(actor, "report.status", Resource(partner_id=actor.partner_id))
    body = actor.partner_id or _NOBODY
    name = partner_names(partner_ids=[body]).get(body)
    instruction = standing_id(kind=InstructionKind.FEEDBACK, scope=name, now=now)
    if instruction is None:
        raise NoInstruction
    with transaction.atomic():
        if before is not None:
            found = _fetch("orient_newest_feedback", [body, before, now - _SETTLED, limit])
        else:
            bounds = [body, report_id, after or _NOBODY, now - _SETTLED, limit]
            found = _fetch("orient_feedback_for", bounds)
        if found:
            reports = {item.report_id for item in found}
            ledger.record(
                actor=actor,
                action="feedback.send",
                at=now,
                objects=[
                    *(ObjectRef(kind="report", id=one) for one in sorted(reports)),
                    ObjectRef(kind="instruction", id=instruction),
                ],
                detail={"instruction": str(instruction), "count": len(found)},
            )
    return found


def _fetch(function: str, bounds: Sequence[UUID | datetime | int | None]) -> list[Feedback]:
    places = ", ".join(["%s"] * len(bounds))
    found = sql.rows(
        "SELECT id, report_id, reference, wire_id, verdict, lacks, given_at"  # noqa: S608 - ours
        f" FROM {function}({places})",
        list(bounds),
    )
    return [
        Feedback(
            id=row[0],
            report_id=row[1],
            reference=row[2],
            wire_id=row[3],
            verdict=FeedbackVerdict(row[4]),
            lacks=tuple(row[5]),
            given_at=row[6],
        )
        for row in found
    ]


def _write(
    actor: Actor,
    case: Case,
    verdict: FeedbackVerdict,
    *,
    lacks: tuple[str, ...],
    origin: FeedbackOrigin,
    now: datetime,
) -> UUID:
    made = new_id(now)
    sql.run(
        "INSERT INTO orient_feedback (id, report_id, desk_id, sender_id, verdict, lacks, origin,"
        " author_id, given_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
        [
            made,
            case.report_id,
            case.desk_id,
            case.sender_id,
            verdict,
            list(lacks),
            origin,
            actor.person_id,
            now,
        ],
    )
    ledger.record_report(
        actor=actor,
        action="feedback.give",
        at=now,
        report_id=case.report_id,
        detail={"verdict": verdict, "origin": origin, "lacks": len(lacks)},
    )
    return made
